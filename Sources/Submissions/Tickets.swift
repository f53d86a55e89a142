import CMS
package import PortalBase
import SQL

extension SubmissionDatabase {
    private static let ticketLifetime = 15 * 60

    /// The name of a one-page address for receipt and code: 128 random bits, good for 15 minutes.
    package func newTicket() -> String { hexText(random(16)) }

    package func issue(ticket: String, _ credentials: Credentials, at now: Instant) async throws {
        let box = try Self.ticketBox(credentials, ticket, random)
        try await database.commit { try addTicket($0, ticket, box, now) }
    }

    package func redeem(ticket: String, at now: Instant) throws -> Credentials? {
        let key = Array(ticket.utf8)
        let box: [UInt8]? = try database.read { db in
            try db.value(
                "SELECT box FROM ticket WHERE ticket = ? AND expires > ?", SHA256Digest(of: key).bytes, now.seconds)
        }
        guard let box else { return nil }
        return Credentials(try AEAD.open(box, key: Self.boxKey(key, "ticket"), associated: []))
    }

    static func ticketBox(
        _ credentials: Credentials, _ ticket: String, _ random: (Int) -> [UInt8]
    ) throws -> [UInt8] {
        try AEAD.seal(
            credentials.bytes, key: boxKey(Array(ticket.utf8), "ticket"), nonce: random(12), associated: [])
    }

    func addTicket(_ db: any SQLConnection, _ ticket: String, _ box: [UInt8], _ now: Instant) throws {
        try db.execute(
            "INSERT INTO ticket (ticket, box, expires) VALUES (?, ?, ?)", SHA256Digest(of: Array(ticket.utf8)).bytes,
            box, now.seconds + Self.ticketLifetime)
    }
}
