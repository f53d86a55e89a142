package import Ferry
package import PortalBase
package import SQL

/// `LaneStore` in its owner's database. The owner says how an item is loaded and what arriving means.
package struct LaneDatabase: LaneStore {
    let database: any SQLDatabase
    /// Makes the item that crosses out of the owner's row.
    private let load: @Sendable (any SQLConnection, _ lane: String, _ id: String) throws -> FerryItem
    /// What can be done with an arrived item before the transaction, and may be done twice: so that long work holds up nobody.
    let stage: @Sendable (FerryItem) throws -> FerryItem
    /// Puts an arrived item into the owner's tables, inside the transaction that records its batch. An item that is
    /// there already is left alone; one that breaks the owner's rules throws `RejectedItem`.
    let apply: @Sendable (any SQLConnection, FerryItem, Instant) throws -> Void
    /// Why an item that could not be staged or applied is held by itself; nil for a failure of the whole batch, such as a full disk.
    let reasonToHold: @Sendable (any Error) -> String?
    /// Items of one transaction; nil for all of a batch.
    private let portion: Int?

    /// An item that the owner's rules refuse.
    package struct RejectedItem: Error, Sendable {
        package let code: RejectCode

        package init(_ code: RejectCode) {
            self.code = code
        }
    }

    package init(
        _ database: any SQLDatabase, load: @escaping @Sendable (any SQLConnection, String, String) throws -> FerryItem,
        stage: @escaping @Sendable (FerryItem) throws -> FerryItem = { $0 },
        apply: @escaping @Sendable (any SQLConnection, FerryItem, Instant) throws -> Void,
        hold: @escaping @Sendable (any Error) -> String? = { _ in nil }, portion: Int? = nil
    ) {
        self.portion = portion
        reasonToHold = hold
        self.database = database
        self.load = load
        self.stage = stage
        self.apply = apply
    }

    /// Tables of this store; part of the owner's first migration.
    package static let tables = [
        """
        CREATE TABLE lane_epoch (
            position INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, epoch TEXT NOT NULL, after TEXT,
            at INTEGER NOT NULL, UNIQUE (lane, epoch))
        """,
        // `queued` is when it was put here, `settled` when it was acknowledged.
        """
        CREATE TABLE lane_queue (
            position INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, item TEXT NOT NULL, epoch TEXT, seq INTEGER,
            bytes INTEGER NOT NULL, queued INTEGER NOT NULL, settled INTEGER,
            state TEXT NOT NULL CHECK (state IN ('waiting', 'batched', 'delivered', 'dead')), UNIQUE (lane, item))
        """,
        "CREATE INDEX lane_queue_waiting ON lane_queue (lane, state, position)",
        "CREATE INDEX lane_queue_batch ON lane_queue (lane, epoch, seq)",
        // `wanted` lists the parts that the other side asked for.
        """
        CREATE TABLE lane_outgoing (
            lane TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, prev TEXT, manifest TEXT, items INTEGER NOT NULL,
            bytes INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER, offered_at INTEGER,
            offers INTEGER NOT NULL DEFAULT 0, wanted TEXT NOT NULL DEFAULT '[]',
            state TEXT NOT NULL CHECK (state IN
                ('frozen', 'signed', 'offered', 'needParts', 'expired', 'acked', 'rejected', 'passed')),
            PRIMARY KEY (lane, epoch, seq))
        """,
        "CREATE INDEX lane_outgoing_state ON lane_outgoing (lane, epoch, state)",
        // `since` is when the number was seen first, `at` when its result was recorded.
        """
        CREATE TABLE lane_incoming (
            lane TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, manifest TEXT NOT NULL, prev TEXT,
            result TEXT NOT NULL CHECK (result IN ('committed', 'rejected', 'needParts')), code TEXT, detail TEXT NOT NULL,
            items INTEGER NOT NULL, bytes INTEGER NOT NULL, since INTEGER NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (lane, epoch, seq))
        """,
        """
        CREATE TABLE lane_counter (
            lane TEXT NOT NULL, epoch TEXT NOT NULL, ack_counter INTEGER NOT NULL DEFAULT 0, ack_state TEXT NOT NULL DEFAULT '',
            seen_counter INTEGER NOT NULL DEFAULT 0, seen_high INTEGER NOT NULL DEFAULT 0, seen_at INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (lane, epoch))
        """,
        """
        CREATE TABLE lane_alarm (
            position INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL,
            at INTEGER NOT NULL, cleared INTEGER, stops INTEGER NOT NULL)
        """,
        "CREATE INDEX lane_alarm_open ON lane_alarm (lane, cleared)",
        // One line an event, each with the digest of the line before it.
        "CREATE TABLE lane_audit (n INTEGER PRIMARY KEY, line TEXT NOT NULL)",
        "CREATE TABLE lane_audit_head (one INTEGER PRIMARY KEY, n INTEGER NOT NULL, digest TEXT)",
        "INSERT INTO lane_audit_head (one, n) VALUES (1, 0)",
    ]

    /// So much may wait in one batch: a batch that is far larger than what the lane carries in a day helps nobody.
    private static let maxBatchBytes = 256 << 20

    /// Queues an item, in the owner's transaction. Queueing it again does nothing.
    ///
    /// - Parameter bytes: its parts together.
    package static func enqueue(
        _ db: any SQLConnection, lane: String, item: String, bytes: Int, at now: Instant
    ) throws {
        try db.execute(
            """
            INSERT INTO lane_queue (lane, item, bytes, queued, state) VALUES (?, ?, ?, ?, 'waiting') ON CONFLICT DO NOTHING
            """, lane, item, bytes, now.seconds)
    }

    /// What waits to be batched: its bytes, and since when the oldest does.
    package func waiting(_ lane: String) throws -> (bytes: Int, since: Instant?) {
        try database.read { try Self.waiting($0, lane) }
    }

    static func waiting(_ db: any SQLConnection, _ lane: String) throws -> (bytes: Int, since: Instant?) {
        guard
            let row = try db.row(
                "SELECT CAST(sum(bytes) AS BIGINT) AS bytes, min(queued) AS since FROM lane_queue WHERE lane = ? AND state = 'waiting'",
                lane),
            let bytes: Int = try row["bytes"], let since: Int = try row["since"]
        else { return (0, nil) }
        return (bytes, Instant(seconds: since))
    }

    package func epoch(of lane: String) throws -> (id: LaneID, since: Instant)? {
        try database.read { try Self.epoch($0, lane) }
    }

    static func epoch(_ db: any SQLConnection, _ lane: String) throws -> (id: LaneID, since: Instant)? {
        try db.row("SELECT epoch, at FROM lane_epoch WHERE lane = ? ORDER BY position DESC LIMIT 1", lane).map {
            (LaneID(name: lane, epoch: try $0["epoch"]), Instant(seconds: try $0["at"]))
        }
    }

    // MARK: Sending

    package func nextBatch(
        _ lane: LaneID, maxItems: Int, heartbeat: Int?, at now: Instant
    ) throws -> FrozenBatch? {
        try database.write { db in
            if let row = try db.row(
                "SELECT seq, prev, bytes FROM lane_outgoing WHERE lane = ? AND epoch = ? AND state = 'frozen'",
                lane.name,
                lane.epoch)
            {
                return try frozen(db, lane, try row["seq"], try row["prev"], try row["bytes"])
            }
            let last = try db.row(
                "SELECT seq, manifest, created FROM lane_outgoing WHERE lane = ? AND epoch = ? ORDER BY seq DESC LIMIT 1",
                lane.name, lane.epoch)
            let sequence = (try last?["seq"] as Int? ?? 0) + 1
            let (taken, bytes) = try take(db, lane, sequence, maxItems: maxItems)
            if taken == 0 {
                let begun = try last?["created"] as Int? ?? Self.epoch(db, lane.name)?.since.seconds ?? now.seconds
                guard let heartbeat, now.seconds - begun >= heartbeat else { return nil }
            }
            let previous: String? = try last?["manifest"]
            try db.execute(
                """
                INSERT INTO lane_outgoing (lane, epoch, seq, prev, items, bytes, created, state)
                VALUES (?, ?, ?, ?, ?, ?, ?, 'frozen')
                """, lane.name, lane.epoch, sequence, previous, taken, bytes, now.seconds)
            return try frozen(db, lane, sequence, previous, bytes)
        }
    }

    /// Gives a number to what waits, and counts what got it: other writers commit rows meanwhile, with lower places too.
    private func take(
        _ db: any SQLConnection, _ lane: LaneID, _ sequence: Int, maxItems: Int
    ) throws -> (items: Int, bytes: Int) {
        try db.execute(
            """
            UPDATE lane_queue SET state = 'batched', epoch = ?, seq = ? WHERE position IN
                (SELECT position FROM lane_queue WHERE lane = ? AND state = 'waiting' ORDER BY position LIMIT ?)
            """, lane.epoch, sequence, lane.name, maxItems)
        var (items, bytes) = (0, 0)
        for row in try db.rows(
            "SELECT position, bytes FROM lane_queue WHERE lane = ? AND epoch = ? AND seq = ? ORDER BY position",
            lane.name, lane.epoch, sequence)
        {
            let size: Int = try row["bytes"]
            if bytes + size > Self.maxBatchBytes, items > 0 {
                try db.execute(
                    """
                    UPDATE lane_queue SET state = 'waiting', epoch = NULL, seq = NULL
                    WHERE lane = ? AND epoch = ? AND seq = ? AND position >= ?
                    """, lane.name, lane.epoch, sequence, try row["position"] as Int)
                break
            }
            items += 1
            bytes += size
        }
        return (items, bytes)
    }

    private func frozen(
        _ db: any SQLConnection, _ lane: LaneID, _ sequence: Int, _ previous: String?, _ bytes: Int
    ) throws -> FrozenBatch {
        FrozenBatch(
            sequence: sequence, previous: previous.flatMap(SHA256Digest.init(hex:)),
            itemIDs: try db.column(
                """
                SELECT item FROM lane_queue WHERE lane = ? AND epoch = ? AND seq = ? AND state = 'batched' ORDER BY position
                """, lane.name, lane.epoch, sequence),
            bytes: bytes)
    }

    package func item(lane: String, id: String) throws -> FerryItem {
        try database.read { try load($0, lane, id) }
    }

    package func setAside(_ refused: ItemRefused, in lane: LaneID, sequence: Int, at now: Instant) throws {
        try database.write { db in
            try db.execute(
                "UPDATE lane_queue SET state = 'dead', epoch = NULL, seq = NULL WHERE lane = ? AND item = ?", lane.name,
                refused.id)
            try requeue(db, lane, sequence)
            try db.execute(
                "DELETE FROM lane_outgoing WHERE lane = ? AND epoch = ? AND seq = ? AND state = 'frozen'", lane.name,
                lane.epoch, sequence)
            try Self.alarm(db, lane.name, .dead, "\(refused.id) \(refused.code.rawValue)", now)
        }
    }

    package func recordSigned(
        _ lane: LaneID, _ manifest: BatchManifest, digest: SHA256Digest, at now: Instant
    ) throws {
        try database.write { db in
            try db.execute(
                """
                UPDATE lane_outgoing SET state = 'signed', manifest = ?, expires = ?, bytes = ?
                WHERE lane = ? AND epoch = ? AND seq = ? AND state = 'frozen'
                """, digest.hex, manifest.expires.seconds, manifest.partsBytes, lane.name, lane.epoch, manifest.sequence
            )
            try Self.audit(
                db, lane, "signed", manifest.sequence,
                [
                    "mfSha256": .string(digest.hex), "items": .integer(manifest.items),
                    "bytes": .integer(manifest.partsBytes),
                ],
                now)
        }
    }

    package func outgoing(_ lane: LaneID) throws -> [OutgoingBatch] {
        try database.read { db in
            try db.rows(
                """
                SELECT * FROM lane_outgoing
                WHERE lane = ? AND epoch = ? AND state IN ('signed', 'offered', 'needParts', 'expired') ORDER BY seq
                """, lane.name, lane.epoch
            ).compactMap { row in
                guard let state = OutgoingBatch.State(rawValue: try row["state"]) else { return nil }
                let offeredAt: Int? = try row["offered_at"]
                return OutgoingBatch(
                    sequence: try row["seq"], state: state, expires: Instant(seconds: try row["expires"]),
                    offeredAt: offeredAt.map(Instant.init(seconds:)), offers: try row["offers"],
                    wanted: integers(try row["wanted"]))
            }
        }
    }

    package func recordOffered(_ lane: LaneID, sequence: Int, at now: Instant) throws {
        try database.write { db in
            try db.execute(
                """
                UPDATE lane_outgoing SET offered_at = ?, offers = offers + 1, wanted = '[]',
                    state = CASE state WHEN 'expired' THEN state ELSE 'offered' END
                WHERE lane = ? AND epoch = ? AND seq = ?
                """, now.seconds, lane.name, lane.epoch, sequence)
            try Self.audit(db, lane, "offered", sequence, [:], now)
        }
    }

    package func recordExpired(_ lane: LaneID, sequence: Int, at now: Instant) throws {
        try database.write { db in
            try setState(db, lane, sequence, "expired")
            // Offered at once under its new face.
            try db.execute(
                "UPDATE lane_outgoing SET offered_at = NULL WHERE lane = ? AND epoch = ? AND seq = ?", lane.name,
                lane.epoch, sequence)
            try requeue(db, lane, sequence)
            try Self.audit(db, lane, "expired", sequence, [:], now)
        }
    }

    package func recordPassed(_ lane: LaneID, sequence: Int, at now: Instant) throws {
        try database.write { db in
            try setState(db, lane, sequence, "passed")
            try deliver(db, lane, sequence, now)
            try Self.audit(db, lane, "passed", sequence, [:], now)
        }
    }

    private func setState(_ db: any SQLConnection, _ lane: LaneID, _ sequence: Int, _ state: String) throws {
        try db.execute(
            "UPDATE lane_outgoing SET state = ? WHERE lane = ? AND epoch = ? AND seq = ?", state, lane.name, lane.epoch,
            sequence)
    }

    private func deliver(_ db: any SQLConnection, _ lane: LaneID, _ sequence: Int, _ now: Instant) throws {
        try db.execute(
            """
            UPDATE lane_queue SET state = 'delivered', settled = ?
            WHERE lane = ? AND epoch = ? AND seq = ? AND state = 'batched'
            """, now.seconds, lane.name, lane.epoch, sequence)
    }

    /// Items of a number go out again under another.
    private func requeue(_ db: any SQLConnection, _ lane: LaneID, _ sequence: Int) throws {
        try db.execute(
            """
            UPDATE lane_queue SET state = 'waiting', epoch = NULL, seq = NULL
            WHERE lane = ? AND epoch = ? AND seq = ? AND state = 'batched'
            """, lane.name, lane.epoch, sequence)
    }

    package func apply(_ ack: Acknowledgement, at now: Instant) throws -> AckEffect {
        let lane = LaneID(name: ack.lane, epoch: ack.epoch)
        return try database.write { db in
            var effect = AckEffect()
            let seen = try db.row("SELECT * FROM lane_counter WHERE lane = ? AND epoch = ?", lane.name, lane.epoch)
            let seenAt = try seen?["seen_at"] as Int? ?? 0
            let seenCounter: Int = try seen?["seen_counter"] ?? 0
            guard ack.counter > seenCounter else {
                if ack.counter == seenCounter { try wantAgain(db, lane, ack, now) }
                // An old file says nothing. A young one with a low counter comes from a receiver that lost its memory.
                if ack.at.seconds > seenAt {
                    let detail = "its acknowledgement \(ack.counter) is younger than one with a higher counter"
                    try Self.alarm(db, lane.name, .receiverBehind, detail, now)
                    effect.alarms.append("receiverBehind: \(detail)")
                }
                return effect
            }
            let last: Int =
                try db.value("SELECT max(seq) FROM lane_outgoing WHERE lane = ? AND epoch = ?", lane.name, lane.epoch)
                ?? 0
            guard ack.highWater <= last else {
                // It knows numbers that this side does not: this database is older than what was sent from it.
                let detail = "number \(ack.highWater) was received, \(last) is the last that this side knows"
                try Self.alarm(db, lane.name, .senderBehind, detail, now)
                effect.alarms.append("senderBehind: \(detail)")
                return effect
            }
            try db.execute(
                """
                INSERT INTO lane_counter (lane, epoch, seen_counter, seen_high, seen_at) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (lane, epoch) DO UPDATE SET seen_counter = excluded.seen_counter,
                    seen_high = excluded.seen_high, seen_at = excluded.seen_at
                """, lane.name, lane.epoch, ack.counter, ack.highWater, ack.at.seconds)
            let entries = Dictionary(ack.entries.map { ($0.sequence, $0) }) { first, _ in first }
            for row in try db.rows(
                """
                SELECT seq, manifest, state FROM lane_outgoing
                WHERE lane = ? AND epoch = ? AND state IN ('signed', 'offered', 'needParts', 'expired', 'passed') ORDER BY seq
                """, lane.name, lane.epoch)
            {
                let sequence: Int = try row["seq"]
                if let entry = entries[sequence] {
                    // An answer to other bytes than ours is no answer.
                    guard entry.manifest.hex == (try row["manifest"] as String) else { continue }
                    switch entry.result {
                    case .committed: try settle(db, lane, sequence, &effect, now)
                    case .rejected: try giveBack(db, lane, sequence, entry, &effect, now)
                    case .needParts:
                        guard try row["state"] as String != "expired" else { continue }
                        try db.execute(
                            """
                            UPDATE lane_outgoing SET state = 'needParts', wanted = ? WHERE lane = ? AND epoch = ? AND seq = ?
                            """, JSON.array(entry.missing.map { .integer($0) }).canonicalText, lane.name, lane.epoch,
                            sequence)
                        try Self.audit(
                            db, lane, "needParts", sequence, ["missing": .array(entry.missing.map { .integer($0) })],
                            now)
                    }
                } else if ack.ranges.contains(where: { $0.contains(sequence) }) {
                    try settle(db, lane, sequence, &effect, now)
                }
            }
            return effect
        }
    }

    /// Seconds after which the same acknowledgement means that a part that was sent again was lost again.
    private static let partsAgain = 3_600

    /// An acknowledgement crosses again and again with the same bytes: one that still asks for parts which went out a while
    /// ago asks anew.
    private func wantAgain(
        _ db: any SQLConnection, _ lane: LaneID, _ ack: Acknowledgement, _ now: Instant
    ) throws {
        for entry in ack.entries where entry.result == .needParts {
            let isNew =
                try db.execute(
                    """
                    UPDATE lane_outgoing SET state = 'needParts', wanted = ?
                    WHERE lane = ? AND epoch = ? AND seq = ? AND manifest = ? AND state = 'offered' AND offered_at <= ?
                    """, JSON.array(entry.missing.map { .integer($0) }).canonicalText, lane.name, lane.epoch,
                    entry.sequence, entry.manifest.hex, now.seconds - Self.partsAgain) == 1
            if isNew {
                try Self.audit(
                    db, lane, "needParts", entry.sequence, ["missing": .array(entry.missing.map { .integer($0) })], now)
            }
        }
    }

    private func settle(
        _ db: any SQLConnection, _ lane: LaneID, _ sequence: Int, _ effect: inout AckEffect, _ now: Instant
    ) throws {
        try setState(db, lane, sequence, "acked")
        try deliver(db, lane, sequence, now)
        try Self.audit(db, lane, "acked", sequence, [:], now)
        try end(db, lane.name, .refused, now)
        effect.settled.append(sequence)
    }

    /// A rejected batch has used its number; its good items go out again under a new one, the bad ones are put aside.
    private func giveBack(
        _ db: any SQLConnection, _ lane: LaneID, _ sequence: Int, _ entry: Acknowledgement.Entry,
        _ effect: inout AckEffect, _ now: Instant
    ) throws {
        try setState(db, lane, sequence, "rejected")
        let rejected = entry.rejectedItems
        if !rejected.isEmpty {
            // The other side refused what citizens sent: somebody must look, and the lane goes on meanwhile.
            let detail = rejected.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.rawValue)" }.joined(
                separator: ", ")
            try Self.alarm(db, lane.name, .dead, detail, now)
            effect.alarms.append("dead \(detail)")
        }
        // A batch that came too late is no surprise; anything else will be refused again unless somebody sees to it.
        if rejected.isEmpty, let code = entry.code, code != .expired {
            let detail = "\(sequence) \(code.rawValue)"
            try Self.alarm(db, lane.name, .refused, detail, now)
            effect.alarms.append("refused \(detail)")
        }
        for item in rejected.keys.sorted() {
            try db.execute(
                "UPDATE lane_queue SET state = 'dead' WHERE lane = ? AND epoch = ? AND seq = ? AND item = ?", lane.name,
                lane.epoch, sequence, item)
        }
        try requeue(db, lane, sequence)
        try Self.audit(
            db, lane, "gaveBack", sequence,
            ["code": entry.code.map { .string($0.rawValue) } ?? .null, "dead": .integer(rejected.count)], now)
        effect.settled.append(sequence)
    }

    // MARK: Receiving

    package func received(_ lane: LaneID, sequence: Int) throws -> Acknowledgement.Entry? {
        try database.read { db in
            try db.row(
                "SELECT * FROM lane_incoming WHERE lane = ? AND epoch = ? AND seq = ?", lane.name, lane.epoch, sequence
            ).flatMap(entry)
        }
    }

    package func commit(
        _ batch: BatchOpener.Verified, items: [BatchOpener.OpenedItem], at now: Instant
    ) throws -> [String] {
        // In portions, so that nobody waits long: an item has its effect once, and after a failure, or where the batch is refused for
        // one of its items, the others come again and are there already. In one portion, a refusal undoes all of it.
        let step = portion ?? max(1, items.count)
        var (arrival, place) = (Arrival(), 0)
        while true {
            let end = min(place + step, items.count)
            let staged = try staged(items[place..<end])
            let isLast = end == items.count
            arrival = try database.write { [arrival] db in
                var arrival = arrival
                try file(staged, of: batch, &arrival, db, now)
                if isLast, arrival.rejected.isEmpty { try conclude(batch, arrival, db, now) }
                if isLast, portion == nil { try arrival.refuse() }
                return arrival
            }
            if isLast { break }
            place = end
        }
        try arrival.refuse()
        return arrival.held
    }

    /// What came of the items of a batch.
    private struct Arrival: Sendable {
        var rejected: [String: RejectCode] = [:]
        /// A line for each.
        var held: [String] = []
        var newest: Instant?

        /// Throws where an item broke the owner's rules.
        func refuse() throws {
            guard let first = rejected.min(by: { $0.key < $1.key }) else { return }
            throw BatchOpener.Rejection(code: first.value, items: rejected)
        }
    }

    private enum Staged {
        case ready(FerryItem)
        /// As it came, since it could not be staged.
        case held(FerryItem, reason: String)
        /// What its parts hold is no item.
        case refused(id: String)

        var item: FerryItem? {
            switch self {
            case .ready(let item), .held(let item, _): item
            case .refused: nil
            }
        }
    }

    /// Items with what can be done to them beforehand, by as many threads as there are processors.
    private func staged(_ items: ArraySlice<BatchOpener.OpenedItem>) throws -> [Staged] {
        let loaded = try items.map { try (id: $0.id, item: $0.load()) }
        let stage = stage
        let made = parallelMap(loaded.count, jobs: processorCount) { place, _ in
            Result { try loaded[place].item.map(stage) }
        }
        return try zip(loaded, made).map { loaded, made in
            guard let item = loaded.item else { return .refused(id: loaded.id) }
            do {
                return .ready(try made.get() ?? item)
            } catch {
                guard let reason = reasonToHold(error) else { throw error }
                return .held(item, reason: reason)
            }
        }
    }

    private func file(
        _ items: [Staged], of batch: BatchOpener.Verified, _ arrival: inout Arrival, _ db: any SQLConnection,
        _ now: Instant
    ) throws {
        func hold(_ item: FerryItem, _ reason: String) throws {
            try self.hold(db, item, lane: batch.manifest.lane, reason, now)
            arrival.held.append(Self.heldLine(item.id, item.kind, reason))
        }
        for staged in items {
            switch staged {
            case .refused(let id): arrival.rejected[id] = .schema
            case .held(let item, let reason): try hold(item, reason)
            case .ready(let item):
                do {
                    try db.savepoint { try apply(db, item, now) }
                } catch let refusal as RejectedItem {
                    arrival.rejected[item.id] = refusal.code
                } catch {
                    guard let reason = reasonToHold(error) else { throw error }
                    try hold(item, reason)
                }
            }
        }
        if !arrival.held.isEmpty { try countHeld(db, batch.manifest.lane, now) }
        arrival.newest = [arrival.newest, Self.newestReceipt(items.compactMap(\.item))].compactMap { $0 }.max()
    }

    private func conclude(
        _ batch: BatchOpener.Verified, _ arrival: Arrival, _ db: any SQLConnection, _ now: Instant
    ) throws {
        let reach = batch.manifest.items == 0 ? batch.manifest.created : arrival.newest
        try put(
            db, .init(sequence: batch.manifest.sequence, manifest: batch.digest, result: .committed), batch,
            reach: reach, now)
    }

    package func record(_ entry: Acknowledgement.Entry, of batch: BatchOpener.Verified, at now: Instant) throws {
        try database.write { try put($0, entry, batch, reach: nil, now) }
    }

    package func namedPredecessor(_ lane: LaneID, of sequence: Int) throws -> SHA256Digest? {
        try database.read { db in
            let prev: String? = try db.value(
                "SELECT prev FROM lane_incoming WHERE lane = ? AND epoch = ? AND seq = ?", lane.name, lane.epoch,
                sequence)
            return prev.flatMap(SHA256Digest.init(hex:))
        }
    }

    private func put(
        _ db: any SQLConnection, _ entry: Acknowledgement.Entry, _ batch: BatchOpener.Verified, reach: Instant?,
        _ now: Instant
    ) throws {
        let lane = LaneID(name: batch.manifest.lane, epoch: batch.manifest.epoch)
        let detail = JSON.object([
            "missing": .array(entry.missing.map { .integer($0) }),
            "items": .object(entry.rejectedItems.mapValues { .string($0.rawValue) }),
        ]).canonicalText
        let before = try db.row(
            "SELECT result, detail FROM lane_incoming WHERE lane = ? AND epoch = ? AND seq = ?", lane.name, lane.epoch,
            entry.sequence)
        if let before, try before["result"] == entry.result.rawValue, try before["detail"] == detail { return }
        try db.execute(
            """
            INSERT INTO lane_incoming
                (lane, epoch, seq, manifest, prev, result, code, detail, items, bytes, since, at, created, reach)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (lane, epoch, seq) DO UPDATE SET result = excluded.result, code = excluded.code,
                detail = excluded.detail, at = excluded.at, reach = excluded.reach
            """, lane.name, lane.epoch, entry.sequence, entry.manifest.hex, batch.manifest.previous?.hex,
            entry.result.rawValue, entry.code?.rawValue, detail, batch.manifest.items, batch.manifest.partsBytes,
            now.seconds, now.seconds, batch.manifest.created.seconds,
            reach?.seconds)
        try advanceCarried(db, lane)
        try Self.audit(
            db, lane, entry.result.rawValue, entry.sequence,
            [
                "mfSha256": .string(entry.manifest.hex), "signer": .string(batch.signer),
                "items": .integer(batch.manifest.items), "code": entry.code.map { .string($0.rawValue) } ?? .null,
                "missing": .integer(entry.missing.count),
            ], now)
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

    /// How many of the newest numbers are named one by one; older committed ones are in the ranges. A refusal is named for
    /// longer, since no range says it.
    private static let newest = (any: 256, refused: 4_096)

    package func acknowledgement(_ lane: LaneID, partsGrace: Int, at now: Instant) throws -> Acknowledgement? {
        try database.write { db in
            guard
                let high = try db.row(
                    "SELECT max(seq) AS high, max(at) AS newest FROM lane_incoming WHERE lane = ? AND epoch = ?",
                    lane.name,
                    lane.epoch), let highWater: Int = try high["high"], let newest: Int = try high["newest"]
            else { return nil }
            let ranges = try db.rows(
                """
                SELECT min(seq) AS low, max(seq) AS high FROM
                    (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island FROM lane_incoming
                        WHERE lane = ? AND epoch = ? AND result = 'committed') AS numbered
                GROUP BY island ORDER BY 1
                """, lane.name, lane.epoch
            ).map { (try $0["low"] as Int)...(try $0["high"] as Int) }
            let entries = try db.rows(
                """
                SELECT * FROM lane_incoming WHERE lane = ? AND epoch = ? AND
                    (seq > ? OR (result = 'needParts') OR (result = 'rejected' AND seq > ?)) ORDER BY seq
                """, lane.name, lane.epoch, highWater - Self.newest.any, highWater - Self.newest.refused
            ).compactMap { row in
                // Parts of a young batch are still on their way.
                try row["result"] as String == "needParts" && now.seconds - (try row["since"] as Int) < partsGrace
                    ? nil : try entry(row)
            }
            func make(_ counter: Int) -> Acknowledgement {
                Acknowledgement(
                    lane: lane.name, epoch: lane.epoch, counter: counter, highWater: highWater, ranges: ranges,
                    entries: entries, at: Instant(seconds: newest))
            }
            // The counter rises only when there is news, so that re-sending gives the same bytes.
            let state = SHA256Digest(of: make(1).bytes).hex
            let row = try db.row(
                "SELECT ack_counter, ack_state FROM lane_counter WHERE lane = ? AND epoch = ?", lane.name, lane.epoch)
            if let row, try row["ack_state"] == state { return make(try row["ack_counter"]) }
            let counter = (try row?["ack_counter"] as Int? ?? 0) + 1
            try db.execute(
                """
                INSERT INTO lane_counter (lane, epoch, ack_counter, ack_state) VALUES (?, ?, ?, ?)
                ON CONFLICT (lane, epoch) DO UPDATE SET ack_counter = excluded.ack_counter, ack_state = excluded.ack_state
                """, lane.name, lane.epoch, counter, state)
            return make(counter)
        }
    }

    package func receipts(_ lane: LaneID, at now: Instant) throws -> LaneReceipts {
        try database.read { try Self.receipts($0, lane, at: now) }
    }

    static func receipts(_ db: any SQLConnection, _ lane: LaneID, at now: Instant) throws -> LaneReceipts {
        var receipts = LaneReceipts()
        receipts.gaps = try db.rows(
            """
            SELECT seq, before, since FROM
                (SELECT seq, lag(seq, 1, 0) OVER (ORDER BY seq) AS before, since FROM lane_incoming
                    WHERE lane = ? AND epoch = ?) AS pairs
            WHERE seq > before + 1 ORDER BY seq
            """, lane.name, lane.epoch
        ).map { ((try $0["before"] as Int) + 1...(try $0["seq"] as Int) - 1, Instant(seconds: try $0["since"])) }
        receipts.waiting = try db.rows(
            "SELECT seq, detail, since FROM lane_incoming WHERE lane = ? AND epoch = ? AND result = 'needParts' ORDER BY seq",
            lane.name, lane.epoch
        ).map { row in
            let detail = try? JSON(parsing: Array((try row["detail"] as String).utf8))
            return (
                try row["seq"], detail?["missing"]?.array?.compactMap(\.integer) ?? [],
                Instant(seconds: try row["since"])
            )
        }
        let newest: Int? = try db.value(
            "SELECT max(at) FROM lane_incoming WHERE lane = ? AND epoch = ? AND at <= ?", lane.name, lane.epoch,
            now.seconds)
        receipts.newest = newest.map(Instant.init(seconds:))
        return receipts
    }

    // MARK: Alarms and log

    package func raise(_ alarm: LaneAlarm, lane: String, detail: String, at now: Instant) throws {
        try database.write { try Self.alarm($0, lane, alarm, detail, now) }
    }

    package static func alarm(
        _ db: any SQLConnection, _ lane: String, _ alarm: LaneAlarm, _ detail: String, _ now: Instant
    ) throws {
        let standing: [String] = try db.column(
            "SELECT detail FROM lane_alarm WHERE lane = ? AND code = ? AND cleared IS NULL", lane, alarm.rawValue)
        if standing.contains(detail) { return }
        if alarm.isState, !standing.isEmpty {
            try db.execute(
                "UPDATE lane_alarm SET detail = ? WHERE lane = ? AND code = ? AND cleared IS NULL", detail, lane,
                alarm.rawValue)
        } else {
            try db.execute(
                "INSERT INTO lane_alarm (lane, code, detail, at, stops) VALUES (?, ?, ?, ?, ?)", lane, alarm.rawValue,
                detail,
                now.seconds, alarm.stops ? 1 : 0)
        }
        try Self.audit(
            db, LaneID(name: lane, epoch: ""), "alarm", nil,
            ["code": .string(alarm.rawValue), "detail": .string(detail)],
            now)
    }

    package func end(_ alarm: LaneAlarm, lane: String, at now: Instant) throws {
        // Read first: nearly always there is none, and a write costs a sync.
        let stands: Bool? = try database.read { db in
            try db.value(
                "SELECT EXISTS (SELECT 1 FROM lane_alarm WHERE lane = ? AND code = ? AND cleared IS NULL)", lane,
                alarm.rawValue)
        }
        guard stands == true else { return }
        try database.write { try self.end($0, lane, alarm, now) }
    }

    func end(_ db: any SQLConnection, _ lane: String, _ alarm: LaneAlarm, _ now: Instant) throws {
        try db.execute(
            "UPDATE lane_alarm SET cleared = ? WHERE lane = ? AND code = ? AND cleared IS NULL", now.seconds, lane,
            alarm.rawValue)
    }

    package func isStopped(lane: String) throws -> Bool {
        try database.read { db in
            try db.value(
                "SELECT EXISTS (SELECT 1 FROM lane_alarm WHERE lane = ? AND cleared IS NULL AND stops = 1)", lane)
                ?? false
        }
    }

    package func log(lane: String, event: String, _ fields: [String: JSON], at now: Instant) throws {
        try database.write { try Self.audit($0, LaneID(name: lane, epoch: ""), event, nil, fields, now) }
    }

    static func audit(
        _ db: any SQLConnection, _ lane: LaneID, _ event: String, _ sequence: Int?, _ fields: [String: JSON],
        _ now: Instant
    ) throws {
        var fields = fields
        fields["lane"] = .string(lane.name)
        if !lane.epoch.isEmpty { fields["epoch"] = .string(lane.epoch) }
        if let sequence { fields["seq"] = .integer(sequence) }
        try AuditLog.append(db, event: event, fields, at: now)
    }
}

private func integers(_ text: String) -> [Int] {
    (try? JSON(parsing: Array(text.utf8)))?.array?.compactMap(\.integer) ?? []
}
