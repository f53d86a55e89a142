import Ferry
package import PortalBase
package import SQL

/// Up to when everything that was sent is here.
extension LaneDatabase {
    /// A migration of the owner's, after `tables`.
    package static let carriedColumns = ["ALTER TABLE lane_incoming ADD COLUMN created INTEGER NOT NULL DEFAULT 0"]

    /// When the newest batch was sealed before which none is missing, by the sender's clock; nil where none came.
    ///
    /// A refused batch is missing until one came that was sealed after the refusal: its items are sent again.
    package static func carried(_ db: any SQLConnection, lane: String) throws -> Instant? {
        guard let (id, _) = try epoch(db, lane) else { return nil }
        let seconds: Int? = try db.value(
            """
            SELECT max(b.created) FROM lane_incoming b
            WHERE b.lane = ? AND b.epoch = ? AND b.result = 'committed'
                AND b.seq = (SELECT count(*) FROM lane_incoming a
                    WHERE a.lane = b.lane AND a.epoch = b.epoch AND a.seq <= b.seq
                        AND (a.result = 'committed' OR (a.result = 'rejected' AND a.at <= b.created)))
            """, lane, id.epoch)
        return seconds.map(Instant.init(seconds:))
    }
}
