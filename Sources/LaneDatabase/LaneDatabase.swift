package import Ferry
package import PortalBase
package import SQL

/// `LaneStore` in its owner's database. The owner says how an item is loaded and what arriving means.
package struct LaneDatabase: LaneStore {
    private let database: any SQLDatabase
    /// Makes the item that crosses out of the owner's row.
    private let load: @Sendable (any SQLConnection, _ lane: String, _ id: String) throws -> FerryItem
    /// Puts an arrived item into the owner's tables, inside the transaction that records its batch. An item that is
    /// there already is left alone; one that breaks the owner's rules throws `RejectedItem`.
    private let apply: @Sendable (any SQLConnection, FerryItem, Instant) throws -> Void

    /// An item that the owner's rules refuse.
    package struct RejectedItem: Error, Sendable {
        package let code: RejectCode

        package init(_ code: RejectCode) {
            self.code = code
        }
    }

    package init(
        _ database: any SQLDatabase, load: @escaping @Sendable (any SQLConnection, String, String) throws -> FerryItem,
        apply: @escaping @Sendable (any SQLConnection, FerryItem, Instant) throws -> Void
    ) {
        self.database = database
        self.load = load
        self.apply = apply
    }

    /// Tables of this store; part of the owner's first migration.
    package static let tables = [
        """
        CREATE TABLE lane_queue (
            position INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, item TEXT NOT NULL, seq INTEGER,
            bytes INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN ('waiting', 'batched', 'delivered', 'dead')),
            UNIQUE (lane, item))
        """,
        "CREATE INDEX lane_queue_waiting ON lane_queue (lane, state, position)",
        """
        CREATE TABLE lane_outgoing (
            lane TEXT NOT NULL, seq INTEGER NOT NULL, prev TEXT, manifest TEXT,
            state TEXT NOT NULL CHECK (state IN ('frozen', 'signed', 'acked', 'rejected')), PRIMARY KEY (lane, seq))
        """,
        """
        CREATE TABLE lane_incoming (
            lane TEXT NOT NULL, seq INTEGER NOT NULL, manifest TEXT NOT NULL, prev TEXT, result TEXT NOT NULL, code TEXT,
            detail TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (lane, seq))
        """,
        """
        CREATE TABLE lane_counter (
            lane TEXT PRIMARY KEY, ack_counter INTEGER NOT NULL, ack_state TEXT NOT NULL, seen_counter INTEGER NOT NULL)
        """,
        """
        CREATE TABLE lane_alarm (
            lane TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL, at INTEGER NOT NULL,
            cleared INTEGER NOT NULL DEFAULT 0, stops INTEGER NOT NULL DEFAULT 1)
        """,
    ]

    /// So much may wait in one batch: a batch that is far larger than what the lane carries in a day helps nobody.
    private static let maxBatchBytes = 256 << 20

    /// Queues an item, in the owner's transaction. Queueing it again does nothing.
    ///
    /// - Parameter bytes: its parts together.
    package static func enqueue(_ db: any SQLConnection, lane: String, item: String, bytes: Int) throws {
        try db.execute(
            "INSERT INTO lane_queue (lane, item, bytes, state) VALUES (?, ?, ?, 'waiting') ON CONFLICT DO NOTHING",
            lane, item, bytes)
    }

    // MARK: Sending

    package func nextBatch(lane: String, limit: Int, at now: Instant) throws -> FrozenBatch? {
        try database.write { db in
            if let row = try db.row("SELECT seq, prev FROM lane_outgoing WHERE lane = ? AND state = 'frozen'", lane) {
                return try frozen(db, lane, try row["seq"], try row["prev"])
            }
            var waiting: [String] = []
            var room = Self.maxBatchBytes
            for row in try db.rows(
                "SELECT item, bytes FROM lane_queue WHERE lane = ? AND state = 'waiting' ORDER BY position LIMIT ?",
                lane, limit)
            {
                room -= try row["bytes"]
                if room < 0, !waiting.isEmpty { break }
                waiting.append(try row["item"])
            }
            guard !waiting.isEmpty else { return nil }
            let last = try db.row(
                "SELECT seq, manifest FROM lane_outgoing WHERE lane = ? ORDER BY seq DESC LIMIT 1", lane)
            let sequence = (try last?["seq"] as Int? ?? 0) + 1
            let previous: String? = try last?["manifest"]
            try db.execute(
                "INSERT INTO lane_outgoing (lane, seq, prev, state) VALUES (?, ?, ?, 'frozen')", lane, sequence,
                previous)
            for item in waiting {
                try db.execute(
                    "UPDATE lane_queue SET state = 'batched', seq = ? WHERE lane = ? AND item = ?", sequence, lane, item
                )
            }
            return try frozen(db, lane, sequence, previous)
        }
    }

    private func frozen(_ db: any SQLConnection, _ lane: String, _ sequence: Int, _ previous: String?) throws
        -> FrozenBatch
    {
        FrozenBatch(
            sequence: sequence, previous: previous.flatMap(SHA256Digest.init(hex:)),
            itemIDs: try db.column(
                "SELECT item FROM lane_queue WHERE lane = ? AND seq = ? ORDER BY position", lane, sequence))
    }

    package func item(lane: String, id: String) throws -> FerryItem {
        try database.read { try load($0, lane, id) }
    }

    package func recordSigned(lane: String, sequence: Int, manifest: SHA256Digest) throws {
        try database.write { db in
            try db.execute(
                "UPDATE lane_outgoing SET state = 'signed', manifest = ? WHERE lane = ? AND seq = ? AND state = 'frozen'",
                manifest.hex, lane, sequence)
        }
    }

    package func offered(lane: String) throws -> [Int] {
        try database.read { db in
            try db.column("SELECT seq FROM lane_outgoing WHERE lane = ? AND state = 'signed' ORDER BY seq", lane)
        }
    }

    package func apply(_ ack: Acknowledgement) throws -> AckEffect {
        try database.write { db in
            var effect = AckEffect()
            let seen =
                try db.value("SELECT seen_counter FROM lane_counter WHERE lane = ?", ack.lane)
                ?? 0
            guard ack.counter > seen else { return effect }
            try db.execute(
                """
                INSERT INTO lane_counter (lane, ack_counter, ack_state, seen_counter) VALUES (?, 0, '', ?)
                ON CONFLICT (lane) DO UPDATE SET seen_counter = excluded.seen_counter
                """, ack.lane, ack.counter)
            let open = try db.rows(
                "SELECT seq, manifest FROM lane_outgoing WHERE lane = ? AND state = 'signed'", ack.lane)
            for row in open {
                let sequence: Int = try row["seq"]
                let manifest: String = try row["manifest"]
                if let entry = ack.entries.first(where: { $0.sequence == sequence }) {
                    // An answer to other bytes than ours is no answer.
                    guard entry.manifest.hex == manifest else { continue }
                    switch entry.result {
                    case .committed: try settle(db, ack.lane, sequence, &effect)
                    case .rejected: try giveBack(db, ack.lane, sequence, entry.rejectedItems, &effect)
                    case .needParts: effect.wanted[sequence] = entry.missing
                    }
                } else if ack.ranges.contains(where: { $0.contains(sequence) }) {
                    try settle(db, ack.lane, sequence, &effect)
                }
            }
            return effect
        }
    }

    private func settle(_ db: any SQLConnection, _ lane: String, _ sequence: Int, _ effect: inout AckEffect) throws {
        try db.execute("UPDATE lane_outgoing SET state = 'acked' WHERE lane = ? AND seq = ?", lane, sequence)
        try db.execute("UPDATE lane_queue SET state = 'delivered' WHERE lane = ? AND seq = ?", lane, sequence)
        effect.settled.append(sequence)
    }

    /// A rejected batch has used its number; its good items go out again under a new one, the bad ones are put aside.
    private func giveBack(
        _ db: any SQLConnection, _ lane: String, _ sequence: Int, _ rejected: [String: RejectCode],
        _ effect: inout AckEffect
    ) throws {
        try db.execute("UPDATE lane_outgoing SET state = 'rejected' WHERE lane = ? AND seq = ?", lane, sequence)
        if !rejected.isEmpty {
            // The other side refused what citizens sent: somebody must look, and the lane goes on meanwhile.
            let detail = rejected.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.rawValue)" }.joined(
                separator: ", ")
            try db.execute(
                "INSERT INTO lane_alarm (lane, code, detail, at, stops) VALUES (?, 'dead', ?, 0, 0)", lane, detail)
        }
        for item in rejected.keys.sorted() {
            try db.execute(
                "UPDATE lane_queue SET state = 'dead' WHERE lane = ? AND seq = ? AND item = ?", lane, sequence, item)
        }
        try db.execute(
            "UPDATE lane_queue SET state = 'waiting', seq = NULL WHERE lane = ? AND seq = ? AND state = 'batched'",
            lane, sequence)
        effect.settled.append(sequence)
    }

    // MARK: Receiving

    package func received(lane: String, sequence: Int) throws -> Acknowledgement.Entry? {
        try database.read { db in
            try db.row("SELECT * FROM lane_incoming WHERE lane = ? AND seq = ?", lane, sequence).flatMap(entry)
        }
    }

    package func commit(_ batch: BatchOpener.Verified, items: [BatchOpener.OpenedItem], at now: Instant) throws {
        try database.write { db in
            var rejected: [String: RejectCode] = [:]
            for opened in items {
                guard let item = try opened.load() else {
                    rejected[opened.id] = .schema
                    continue
                }
                do {
                    try apply(db, item, now)
                } catch let refusal as RejectedItem {
                    rejected[opened.id] = refusal.code
                }
            }
            if let first = rejected.min(by: { $0.key < $1.key }) {
                // Throwing rolls everything back: a batch is taken whole or not at all.
                throw BatchOpener.Rejection(code: first.value, items: rejected)
            }
            try put(
                db, .init(sequence: batch.manifest.sequence, manifest: batch.digest, result: .committed),
                lane: batch.manifest.lane, batch.manifest.previous, now)
        }
    }

    package func record(
        _ entry: Acknowledgement.Entry, lane: String, previous: SHA256Digest?, at now: Instant
    ) throws {
        try database.write { try put($0, entry, lane: lane, previous, now) }
    }

    package func namedPredecessor(lane: String, of sequence: Int) throws -> SHA256Digest? {
        try database.read { db in
            let prev: String? = try db.value(
                "SELECT prev FROM lane_incoming WHERE lane = ? AND seq = ?", lane, sequence)
            return prev.flatMap(SHA256Digest.init(hex:))
        }
    }

    private func put(
        _ db: any SQLConnection, _ entry: Acknowledgement.Entry, lane: String, _ previous: SHA256Digest?, _ now: Instant
    ) throws {
        let detail = JSON.object([
            "missing": .array(entry.missing.map { .integer($0) }),
            "items": .object(entry.rejectedItems.mapValues { .string($0.rawValue) }),
        ])
        try db.execute(
            """
            INSERT INTO lane_incoming (lane, seq, manifest, prev, result, code, detail, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (lane, seq) DO UPDATE SET result = excluded.result, code = excluded.code, detail = excluded.detail,
                manifest = excluded.manifest, at = excluded.at
            """, lane, entry.sequence, entry.manifest.hex, previous?.hex, entry.result.rawValue, entry.code?.rawValue,
            detail.canonicalText, now.seconds)
    }

    private func entry(_ row: SQLRow) throws -> Acknowledgement.Entry? {
        guard let digest = SHA256Digest(hex: try row["manifest"]),
            let result = Acknowledgement.Result(rawValue: try row["result"])
        else { return nil }
        // The column holds what `put` wrote; anything else reads as no detail.
        let detail = try? JSON(parsing: Array((try row["detail"] as String).utf8))
        return Acknowledgement.Entry(
            sequence: try row["seq"], manifest: digest, result: result,
            code: (try row["code"] as String?).flatMap(RejectCode.init(rawValue:)),
            missing: detail?["missing"]?.array?.compactMap(\.integer) ?? [],
            rejectedItems: (detail?["items"]?.object ?? [:]).compactMapValues {
                $0.string.flatMap(RejectCode.init(rawValue:))
            })
    }

    /// How many of the newest numbers are named one by one; older ones are in the ranges.
    private static let newest = 256

    package func acknowledgement(lane: String, epoch: String, at now: Instant) throws -> Acknowledgement? {
        try database.write { db in
            let rows = try db.rows("SELECT * FROM lane_incoming WHERE lane = ? ORDER BY seq", lane)
            guard let last = rows.last else { return nil }
            let entries = try rows.compactMap(entry)
            let newest = try rows.map { try $0["at"] as Int }.max() ?? now.seconds
            var ranges: [ClosedRange<Int>] = []
            for entry in entries where entry.result == .committed {
                if let open = ranges.last, open.upperBound + 1 == entry.sequence {
                    ranges[ranges.count - 1] = open.lowerBound...entry.sequence
                } else {
                    ranges.append(entry.sequence...entry.sequence)
                }
            }
            let highWater: Int = try last["seq"]
            let named = entries.filter { $0.result == .needParts || $0.sequence > highWater - Self.newest }
            func make(_ counter: Int) -> Acknowledgement {
                Acknowledgement(
                    lane: lane, epoch: epoch, counter: counter, highWater: highWater, ranges: ranges, entries: named,
                    at: Instant(seconds: newest))
            }
            // The counter rises only when there is news, so that re-sending gives the same bytes.
            let state = SHA256Digest(of: make(1).bytes).hex
            let row = try db.row("SELECT ack_counter, ack_state FROM lane_counter WHERE lane = ?", lane)
            if let row, try row["ack_state"] == state { return make(try row["ack_counter"]) }
            let counter = (try row?["ack_counter"] as Int? ?? 0) + 1
            try db.execute(
                """
                INSERT INTO lane_counter (lane, ack_counter, ack_state, seen_counter) VALUES (?, ?, ?, 0)
                ON CONFLICT (lane) DO UPDATE SET ack_counter = excluded.ack_counter, ack_state = excluded.ack_state
                """, lane, counter, state)
            return make(counter)
        }
    }

    package func raiseAlarm(lane: String, code: String, detail: String, at now: Instant) throws {
        try database.write { db in
            try db.execute(
                "INSERT INTO lane_alarm (lane, code, detail, at) VALUES (?, ?, ?, ?)", lane, code, detail, now.seconds)
        }
    }

    package func isStopped(lane: String) throws -> Bool {
        try database.read { db in
            try db.value("SELECT EXISTS (SELECT 1 FROM lane_alarm WHERE lane = ? AND cleared = 0 AND stops = 1)", lane)
                ?? false
        }
    }
}
