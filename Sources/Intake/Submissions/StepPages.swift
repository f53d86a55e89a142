import CMS
package import PortalBase
import SQL

/// Pages of forms in steps while they are being filled in: what was typed so far, sealed under a ticket that stands in the
/// page's address only, so that Back and Reload fetch a page and send nothing again.
extension SubmissionDatabase {
    private static let stepLifetime = 2 * 3_600
    /// Bytes of all such pages; beyond them pages are answered without being kept.
    private static let mostStepBytes = 256 << 20

    static let stepTables = [
        "CREATE TABLE step_page (ticket BLOB PRIMARY KEY, bytes INTEGER NOT NULL, expires INTEGER NOT NULL, box BLOB NOT NULL)",
        "CREATE INDEX step_page_room ON step_page (expires, bytes)",
    ]

    /// Keeps a page for two hours.
    ///
    /// - Returns: its ticket, 128 random bits; nil where there is no room.
    package func keep(stepPage content: [UInt8], at now: Instant) async throws -> String? {
        let ticket = newTicket()
        let key = Array(ticket.utf8)
        let box = try AEAD.seal(content, key: Self.boxKey(key, "step"), nonce: random(12), associated: [])
        let isKept = try await database.commit { db in
            let used: Int? = try db.value(
                "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM step_page WHERE expires > ?", now.seconds)
            guard (used ?? 0) + box.count <= Self.mostStepBytes else { return false }
            try db.execute(
                "INSERT INTO step_page (ticket, bytes, expires, box) VALUES (?, ?, ?, ?)",
                SHA256Digest(of: key).bytes, box.count, now.seconds + Self.stepLifetime, box)
            return true
        }
        return isKept ? ticket : nil
    }

    /// A page that was kept; nil for one that is gone.
    package func stepPage(_ ticket: String, at now: Instant) throws -> [UInt8]? {
        let key = Array(ticket.utf8)
        let box: [UInt8]? = try database.read { db in
            try db.value(
                "SELECT box FROM step_page WHERE ticket = ? AND expires > ?", SHA256Digest(of: key).bytes, now.seconds)
        }
        return try box.map { try AEAD.open($0, key: Self.boxKey(key, "step"), associated: []) }
    }
}
