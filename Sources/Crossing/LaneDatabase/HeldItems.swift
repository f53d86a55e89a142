import Ferry
package import PortalBase
import SQL

/// Items that arrived and cannot be taken just now: sealed for a key, or made with a form, that this side lacks. Each is kept
/// as it came, is tried again with every run, and holds nothing else up.
extension LaneDatabase {
    /// Tables of held items; a migration of the owner's.
    package static let heldTables = [
        """
        CREATE TABLE lane_held (
            position INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL,
            reason TEXT NOT NULL, at INTEGER NOT NULL, tried INTEGER NOT NULL DEFAULT 0, UNIQUE (lane, item))
        """,
        """
        CREATE TABLE lane_held_part (
            lane TEXT NOT NULL, item TEXT NOT NULL, name TEXT NOT NULL, content BLOB NOT NULL,
            PRIMARY KEY (lane, item, name))
        """,
    ]

    /// An item that is held, as an operator sees it.
    package struct Held: Sendable, Equatable {
        package let item: String
        package let kind: String
        package let reason: String
        package let since: Instant
    }

    /// Items that one run tries again at most.
    private static let mostRetried = 200

    static func heldLine(_ item: String, _ kind: String, _ reason: String) -> String {
        "held \(item) \(kind): \(reason)"
    }

    func hold(_ db: any SQLConnection, _ item: FerryItem, lane: String, _ reason: String, _ now: Instant) throws {
        let isNew = try db.execute(
            "INSERT INTO lane_held (lane, item, kind, reason, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", lane,
            item.id, item.kind, reason, now.seconds)
        guard isNew == 1 else { return }
        for part in item.parts {
            try db.execute(
                "INSERT INTO lane_held_part (lane, item, name, content) VALUES (?, ?, ?, ?)", lane, item.id, part.name,
                part.bytes())
        }
        try Self.audit(
            db, LaneID(name: lane, epoch: ""), "held", nil, ["item": .string(item.id), "reason": .string(reason)], now)
    }

    /// Raises the alarm with the number of held items, or ends it.
    func countHeld(_ db: any SQLConnection, _ lane: String, _ now: Instant) throws {
        let count: Int = try db.value("SELECT count(*) FROM lane_held WHERE lane = ?", lane) ?? 0
        if count == 0 { return try end(db, lane, .held, now) }
        try Self.alarm(db, lane, .held, "\(count) items; `lane held` lists them", now)
    }

    package func held(lane: String) throws -> [Held] {
        try database.read { db in
            try db.rows("SELECT * FROM lane_held WHERE lane = ? ORDER BY position", lane).map { row in
                Held(
                    item: try row["item"], kind: try row["kind"], reason: try row["reason"],
                    since: Instant(seconds: try row["at"]))
            }
        }
    }

    package func retryHeld(lane: String, at now: Instant) throws -> [String] {
        let waiting: [String] = try database.read { db in
            try db.column(
                "SELECT item FROM lane_held WHERE lane = ? ORDER BY tried, position LIMIT ?", lane, Self.mostRetried)
        }
        guard !waiting.isEmpty else { return [] }
        return try waiting.compactMap { id in try retry(id, lane: lane, at: now) }
    }

    /// - Returns: a line where the item is held still.
    private func retry(_ id: String, lane: String, at now: Instant) throws -> String? {
        let held: FerryItem? = try database.read { db in
            guard let kind: String = try db.value("SELECT kind FROM lane_held WHERE lane = ? AND item = ?", lane, id)
            else {
                return nil
            }
            let parts = try db.rows(
                "SELECT name, content FROM lane_held_part WHERE lane = ? AND item = ? ORDER BY name", lane, id
            ).map { FerryItem.Part(name: try $0["name"], bytes: try $0["content"]) }
            return FerryItem(kind: kind, id: id, parts: parts)
        }
        guard let held else { return nil }
        let staged = Result { try stage(held) }
        return try database.write { db in
            let reason: String
            do {
                let item = try staged.get()
                try db.savepoint { try apply(db, item, now) }
                try remove(id, lane: lane, db)
                try Self.audit(db, LaneID(name: lane, epoch: ""), "heldTaken", nil, ["item": .string(id)], now)
                try countHeld(db, lane, now)
                return nil
            } catch let refusal as RejectedItem {
                reason = "refused: \(refusal.code.rawValue)"
            } catch {
                // A disk or a database that fails is everybody's; whatever else happens is this item's own, and stops no other.
                if let failure = error as? SQLError, [.busy, .full, .unavailable].contains(failure.code) {
                    throw error
                }
                reason = reasonToHold(error) ?? "failed: \(error)"
            }
            try db.execute(
                "UPDATE lane_held SET reason = ?, tried = ? WHERE lane = ? AND item = ?", reason, now.seconds, lane, id)
            return Self.heldLine(id, held.kind, reason)
        }
    }

    /// Gives up a held item, with a reason that the audit log keeps.
    ///
    /// - Parameter person: who gives it up; nil at a terminal.
    /// - Returns: whether it was held.
    package func drop(
        _ item: String, lane: String, because reason: String, by person: String? = nil, at now: Instant
    ) throws -> Bool {
        try database.write { db in
            guard try remove(item, lane: lane, db) else { return false }
            try Self.audit(
                db, LaneID(name: lane, epoch: ""), "heldDropped", nil,
                ["item": .string(item), "because": .string(reason), "by": person.map(JSON.string) ?? .null], now)
            try countHeld(db, lane, now)
            return true
        }
    }

    @discardableResult
    private func remove(_ item: String, lane: String, _ db: any SQLConnection) throws -> Bool {
        try db.execute("DELETE FROM lane_held_part WHERE lane = ? AND item = ?", lane, item)
        return try db.execute("DELETE FROM lane_held WHERE lane = ? AND item = ?", lane, item) == 1
    }
}
