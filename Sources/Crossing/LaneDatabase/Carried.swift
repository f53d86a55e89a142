import Ferry
package import PortalBase
package import SQL

/// Up to when everything that was sent is here, by the sender's clock.
///
/// Items are queued in the order of their receipt, so that a batch with items says no more than the newest receipt in it: older ones
/// are in it or came before. An empty batch says that nothing waited when it was sealed.
extension LaneDatabase {
    /// A migration of the owner's, after `tables`.
    package static let carriedTables = [
        "ALTER TABLE lane_incoming ADD COLUMN created INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE lane_incoming ADD COLUMN reach INTEGER",
        // How far it is known to be whole: the last number before which none is missing.
        "CREATE TABLE lane_carried (lane TEXT PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL)",
    ]

    /// Nil where nothing is known: nothing came in this epoch, or an item is held that may be older than anything.
    package static func carried(_ db: any SQLConnection, lane: String) throws -> Instant? {
        if try db.value("SELECT EXISTS (SELECT 1 FROM lane_held WHERE lane = ?)", lane) == true { return nil }
        guard let (id, _) = try epoch(db, lane) else { return nil }
        let at: Int? = try db.value("SELECT at FROM lane_carried WHERE lane = ? AND epoch = ?", lane, id.epoch)
        return at.map(Instant.init(seconds:))
    }

    /// The newest receipt that items name in their clear part.
    static func newestReceipt(_ items: [FerryItem]) -> Instant? {
        items.compactMap { item in
            guard let bytes = try? item.part("item.json"), let head = try? JSON(parsing: bytes) else { return nil }
            return head["received"]?.string.flatMap { Instant(iso: $0, zone: .shanghai) }
        }.max()
    }

    /// Seconds after which the items of a refused batch have come again, in one that was sealed later: its sender has read the
    /// refusal by then.
    private static let comesAgain = 86_400

    /// Goes on from the last known number, over those that have come since.
    func advanceCarried(_ db: any SQLConnection, _ lane: LaneID) throws {
        let known = try db.row("SELECT epoch, seq, at FROM lane_carried WHERE lane = ?", lane.name)
        let isSame = try known?["epoch"] as String? == lane.epoch
        var sequence = isSame ? try known?["seq"] ?? 0 : 0
        var at = isSame ? try known?["at"] ?? 0 : 0
        let begun = (sequence, at)
        while let row = try db.row(
            "SELECT result, reach, at FROM lane_incoming WHERE lane = ? AND epoch = ? AND seq = ?", lane.name,
            lane.epoch,
            sequence + 1)
        {
            let result: String = try row["result"]
            if result == "rejected" {
                let later: Bool? = try db.value(
                    """
                    SELECT EXISTS (SELECT 1 FROM lane_incoming
                        WHERE lane = ? AND epoch = ? AND seq > ? AND result = 'committed' AND created >= ?)
                    """, lane.name, lane.epoch, sequence + 1, try row["at"] as Int + Self.comesAgain)
                guard later == true else { break }
            } else if result != "committed" {
                break
            }
            sequence += 1
            at = max(at, try row["reach"] ?? 0)
        }
        guard !isSame || (sequence, at) != begun else { return }
        try db.execute(
            """
            INSERT INTO lane_carried (lane, epoch, seq, at) VALUES (?, ?, ?, ?)
            ON CONFLICT (lane) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, at = excluded.at
            """, lane.name, lane.epoch, sequence, at)
    }
}
