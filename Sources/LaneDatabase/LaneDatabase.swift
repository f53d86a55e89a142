package import Ferry
package import GRDB
package import PortalBase

/// `LaneStore` over SQLite. The owner says how an item is loaded and what arriving means.
package struct LaneDatabase: LaneStore {
    private let database: DatabasePool
    /// Makes the item that crosses out of the owner's row.
    private let load: @Sendable (Database, _ lane: String, _ id: String) throws -> FerryItem
    /// Puts an arrived item into the owner's tables, inside the transaction that records its batch. An item that is
    /// there already is left alone; one that breaks the owner's rules throws `RejectedItem`.
    private let apply: @Sendable (Database, FerryItem, Instant) throws -> Void

    /// An item that the owner's rules refuse.
    package struct RejectedItem: Error, Sendable {
        package let code: RejectCode

        package init(_ code: RejectCode) {
            self.code = code
        }
    }

    package init(
        _ database: DatabasePool, load: @escaping @Sendable (Database, String, String) throws -> FerryItem,
        apply: @escaping @Sendable (Database, FerryItem, Instant) throws -> Void
    ) {
        self.database = database
        self.load = load
        self.apply = apply
    }

    /// Tables of this store; call from the owner's first migration.
    package static func createTables(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE lane_queue (
                    position INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, item TEXT NOT NULL, seq INTEGER,
                    state TEXT NOT NULL CHECK (state IN ('waiting', 'batched', 'delivered', 'dead')), UNIQUE (lane, item));
                CREATE INDEX lane_queue_waiting ON lane_queue (lane, state, position);
                CREATE TABLE lane_outgoing (
                    lane TEXT NOT NULL, seq INTEGER NOT NULL, prev TEXT, manifest TEXT,
                    state TEXT NOT NULL CHECK (state IN ('frozen', 'signed', 'acked', 'rejected')), PRIMARY KEY (lane, seq));
                CREATE TABLE lane_incoming (
                    lane TEXT NOT NULL, seq INTEGER NOT NULL, manifest TEXT NOT NULL, prev TEXT, result TEXT NOT NULL, code TEXT,
                    detail TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (lane, seq));
                CREATE TABLE lane_counter (
                    lane TEXT PRIMARY KEY, ack_counter INTEGER NOT NULL, ack_state TEXT NOT NULL, seen_counter INTEGER NOT NULL);
                CREATE TABLE lane_alarm (
                    lane TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL, at INTEGER NOT NULL, cleared INTEGER NOT NULL DEFAULT 0,
                    stops INTEGER NOT NULL DEFAULT 1);
                """)
    }

    /// Queues an item, in the owner's transaction. Queueing it again does nothing.
    package static func enqueue(_ db: Database, lane: String, item: String) throws {
        try db.execute(
            sql: "INSERT INTO lane_queue (lane, item, state) VALUES (?, ?, 'waiting') ON CONFLICT DO NOTHING",
            arguments: [lane, item])
    }

    // MARK: Sending

    package func nextBatch(lane: String, limit: Int, at now: Instant) throws -> FrozenBatch? {
        try database.write { db in
            if let row = try Row.fetchOne(
                db, sql: "SELECT seq, prev FROM lane_outgoing WHERE lane = ? AND state = 'frozen'", arguments: [lane])
            {
                return try frozen(db, lane, row["seq"], row["prev"])
            }
            let waiting = try String.fetchAll(
                db, sql: "SELECT item FROM lane_queue WHERE lane = ? AND state = 'waiting' ORDER BY position LIMIT ?",
                arguments: [lane, limit])
            guard !waiting.isEmpty else { return nil }
            let last = try Row.fetchOne(
                db, sql: "SELECT seq, manifest FROM lane_outgoing WHERE lane = ? ORDER BY seq DESC LIMIT 1",
                arguments: [lane])
            let sequence = (last?["seq"] as Int? ?? 0) + 1
            let previous = last?["manifest"] as String?
            try db.execute(
                sql: "INSERT INTO lane_outgoing (lane, seq, prev, state) VALUES (?, ?, ?, 'frozen')",
                arguments: [lane, sequence, previous])
            for item in waiting {
                try db.execute(
                    sql: "UPDATE lane_queue SET state = 'batched', seq = ? WHERE lane = ? AND item = ?",
                    arguments: [sequence, lane, item])
            }
            return try frozen(db, lane, sequence, previous)
        }
    }

    private func frozen(_ db: Database, _ lane: String, _ sequence: Int, _ previous: String?) throws -> FrozenBatch {
        FrozenBatch(
            sequence: sequence, previous: previous.flatMap(SHA256Digest.init(hex:)),
            itemIDs: try String.fetchAll(
                db, sql: "SELECT item FROM lane_queue WHERE lane = ? AND seq = ? ORDER BY position",
                arguments: [lane, sequence]))
    }

    package func item(lane: String, id: String) throws -> FerryItem {
        try database.read { try load($0, lane, id) }
    }

    package func recordSigned(lane: String, sequence: Int, manifest: SHA256Digest) throws {
        try database.write { db in
            try db.execute(
                sql:
                    "UPDATE lane_outgoing SET state = 'signed', manifest = ? WHERE lane = ? AND seq = ? AND state = 'frozen'",
                arguments: [manifest.hex, lane, sequence])
        }
    }

    package func offered(lane: String) throws -> [Int] {
        try database.read { db in
            try Int.fetchAll(
                db, sql: "SELECT seq FROM lane_outgoing WHERE lane = ? AND state = 'signed' ORDER BY seq",
                arguments: [lane])
        }
    }

    package func apply(_ ack: Acknowledgement) throws -> AckEffect {
        try database.write { db in
            var effect = AckEffect()
            let seen =
                try Int.fetchOne(db, sql: "SELECT seen_counter FROM lane_counter WHERE lane = ?", arguments: [ack.lane])
                ?? 0
            guard ack.counter > seen else { return effect }
            try db.execute(
                sql: """
                    INSERT INTO lane_counter (lane, ack_counter, ack_state, seen_counter) VALUES (?, 0, '', ?)
                    ON CONFLICT (lane) DO UPDATE SET seen_counter = excluded.seen_counter
                    """, arguments: [ack.lane, ack.counter])
            let open = try Row.fetchAll(
                db, sql: "SELECT seq, manifest FROM lane_outgoing WHERE lane = ? AND state = 'signed'",
                arguments: [ack.lane])
            for row in open {
                let sequence: Int = row["seq"]
                let manifest: String = row["manifest"]
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

    private func settle(_ db: Database, _ lane: String, _ sequence: Int, _ effect: inout AckEffect) throws {
        try db.execute(
            sql: "UPDATE lane_outgoing SET state = 'acked' WHERE lane = ? AND seq = ?", arguments: [lane, sequence])
        try db.execute(
            sql: "UPDATE lane_queue SET state = 'delivered' WHERE lane = ? AND seq = ?", arguments: [lane, sequence])
        effect.settled.append(sequence)
    }

    /// A rejected batch has used its number; its good items go out again under a new one, the bad ones are put aside.
    private func giveBack(
        _ db: Database, _ lane: String, _ sequence: Int, _ rejected: [String: RejectCode], _ effect: inout AckEffect
    ) throws {
        try db.execute(
            sql: "UPDATE lane_outgoing SET state = 'rejected' WHERE lane = ? AND seq = ?", arguments: [lane, sequence])
        if !rejected.isEmpty {
            // The other side refused what citizens sent: somebody must look, and the lane goes on meanwhile.
            let detail = rejected.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.rawValue)" }.joined(
                separator: ", ")
            try db.execute(
                sql: "INSERT INTO lane_alarm (lane, code, detail, at, stops) VALUES (?, 'dead', ?, 0, 0)",
                arguments: [lane, detail])
        }
        for item in rejected.keys.sorted() {
            try db.execute(
                sql: "UPDATE lane_queue SET state = 'dead' WHERE lane = ? AND seq = ? AND item = ?",
                arguments: [lane, sequence, item])
        }
        try db.execute(
            sql: "UPDATE lane_queue SET state = 'waiting', seq = NULL WHERE lane = ? AND seq = ? AND state = 'batched'",
            arguments: [lane, sequence])
        effect.settled.append(sequence)
    }

    // MARK: Receiving

    package func received(lane: String, sequence: Int) throws -> Acknowledgement.Entry? {
        try database.read { db in
            try Row.fetchOne(
                db, sql: "SELECT * FROM lane_incoming WHERE lane = ? AND seq = ?", arguments: [lane, sequence]
            ).flatMap(entry)
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
            try String.fetchOne(
                db, sql: "SELECT prev FROM lane_incoming WHERE lane = ? AND seq = ?", arguments: [lane, sequence]
            ).flatMap(SHA256Digest.init(hex:))
        }
    }

    private func put(
        _ db: Database, _ entry: Acknowledgement.Entry, lane: String, _ previous: SHA256Digest?, _ now: Instant
    ) throws {
        let detail = JSON.object([
            "missing": .array(entry.missing.map { .integer($0) }),
            "items": .object(entry.rejectedItems.mapValues { .string($0.rawValue) }),
        ])
        try db.execute(
            sql: """
                INSERT INTO lane_incoming (lane, seq, manifest, prev, result, code, detail, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (lane, seq) DO UPDATE SET result = excluded.result, code = excluded.code, detail = excluded.detail,
                    manifest = excluded.manifest, at = excluded.at
                """,
            arguments: [
                lane, entry.sequence, entry.manifest.hex, previous?.hex, entry.result.rawValue, entry.code?.rawValue,
                detail.canonicalText, now.seconds,
            ])
    }

    private func entry(_ row: Row) -> Acknowledgement.Entry? {
        guard let digest = SHA256Digest(hex: row["manifest"]),
            let result = Acknowledgement.Result(rawValue: row["result"])
        else { return nil }
        // The column holds what `put` wrote; anything else reads as no detail.
        let detail = try? JSON(parsing: Array((row["detail"] as String).utf8))
        return Acknowledgement.Entry(
            sequence: row["seq"], manifest: digest, result: result,
            code: (row["code"] as String?).flatMap(RejectCode.init(rawValue:)),
            missing: detail?["missing"]?.array?.compactMap(\.integer) ?? [],
            rejectedItems: (detail?["items"]?.object ?? [:]).compactMapValues {
                $0.string.flatMap(RejectCode.init(rawValue:))
            })
    }

    /// How many of the newest numbers are named one by one; older ones are in the ranges.
    private static let newest = 256

    package func acknowledgement(lane: String, epoch: String, at now: Instant) throws -> Acknowledgement? {
        try database.write { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT * FROM lane_incoming WHERE lane = ? ORDER BY seq", arguments: [lane])
            guard let last = rows.last else { return nil }
            let entries = rows.compactMap(entry)
            var ranges: [ClosedRange<Int>] = []
            for entry in entries where entry.result == .committed {
                if let open = ranges.last, open.upperBound + 1 == entry.sequence {
                    ranges[ranges.count - 1] = open.lowerBound...entry.sequence
                } else {
                    ranges.append(entry.sequence...entry.sequence)
                }
            }
            let highWater: Int = last["seq"]
            let named = entries.filter { $0.result == .needParts || $0.sequence > highWater - Self.newest }
            func make(_ counter: Int) -> Acknowledgement {
                Acknowledgement(
                    lane: lane, epoch: epoch, counter: counter, highWater: highWater, ranges: ranges, entries: named,
                    at: Instant(seconds: entries.isEmpty ? now.seconds : rows.map { $0["at"] as Int }.max()!))
            }
            // The counter rises only when there is news, so that re-sending gives the same bytes.
            let state = SHA256Digest(of: make(1).bytes).hex
            let row = try Row.fetchOne(
                db, sql: "SELECT ack_counter, ack_state FROM lane_counter WHERE lane = ?", arguments: [lane])
            if let row, row["ack_state"] == state { return make(row["ack_counter"]) }
            let counter = (row?["ack_counter"] as Int? ?? 0) + 1
            try db.execute(
                sql: """
                    INSERT INTO lane_counter (lane, ack_counter, ack_state, seen_counter) VALUES (?, ?, ?, 0)
                    ON CONFLICT (lane) DO UPDATE SET ack_counter = excluded.ack_counter, ack_state = excluded.ack_state
                    """, arguments: [lane, counter, state])
            return make(counter)
        }
    }

    package func raiseAlarm(lane: String, code: String, detail: String, at now: Instant) throws {
        try database.write { db in
            try db.execute(
                sql: "INSERT INTO lane_alarm (lane, code, detail, at) VALUES (?, ?, ?, ?)",
                arguments: [lane, code, detail, now.seconds])
        }
    }

    package func isStopped(lane: String) throws -> Bool {
        try database.read { db in
            try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM lane_alarm WHERE lane = ? AND cleared = 0 AND stops = 1)",
                arguments: [lane])
                ?? false
        }
    }
}
