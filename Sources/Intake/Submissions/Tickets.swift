import CMS
package import PortalBase
import SQL

extension SubmissionDatabase {
    private static let ticketLifetime = 15 * 60

    /// The name of a one-page address for receipt and code: 128 random bits, good for 15 minutes.
    package func newTicket() -> String { hexText(random(16)) }

    package func issue(
        ticket: String, _ credentials: Credentials, client: [UInt8] = [], at now: Instant
    ) async throws {
        let box = try Self.ticketBox(credentials, ticket, random)
        try await database.commit { try addTicket($0, ticket, box, client: client, now) }
    }

    /// Opens a ticket: for the client that sent the form as often as it likes, for any other once, since a telephone may
    /// change its network in between.
    package func redeem(ticket: String, client: [UInt8] = [], at now: Instant) throws -> Credentials? {
        let key = Array(ticket.utf8)
        let name = SHA256Digest(of: key).bytes
        let box: [UInt8]? = try database.write { db in
            guard
                let row = try db.row(
                    "SELECT box, holder FROM ticket WHERE ticket = ? AND expires > ?", name, now.seconds)
            else { return nil }
            let holder: [UInt8]? = try row["holder"]
            if holder.map({ equalInConstantTime($0, Self.holder(ticket, client)) }) ?? true { return try row["box"] }
            let isFirst = try db.execute("UPDATE ticket SET opened = 1 WHERE ticket = ? AND opened = 0", name)
            return isFirst == 1 ? try row["box"] : nil
        }
        guard let box else { return nil }
        return Credentials(try AEAD.open(box, key: Self.boxKey(key, "ticket"), associated: []))
    }

    /// Ends a ticket before its time: somebody wrote receipt and code down.
    package func close(ticket: String) throws {
        try database.write { db in
            try db.execute("DELETE FROM ticket WHERE ticket = ?", SHA256Digest(of: Array(ticket.utf8)).bytes)
        }
    }

    /// The client under the ticket as a key: only who has the ticket can tell whether two clients are one.
    private static func holder(_ ticket: String, _ client: [UInt8]) -> [UInt8] {
        hmacSHA256(key: Array(ticket.utf8), client)
    }

    static func ticketBox(
        _ credentials: Credentials, _ ticket: String, _ random: (Int) -> [UInt8]
    ) throws -> [UInt8] {
        try AEAD.seal(
            credentials.bytes, key: boxKey(Array(ticket.utf8), "ticket"), nonce: random(12), associated: [])
    }

    func addTicket(
        _ db: any SQLConnection, _ ticket: String, _ box: [UInt8], client: [UInt8], _ now: Instant
    ) throws {
        try db.execute(
            "INSERT INTO ticket (ticket, box, expires, holder) VALUES (?, ?, ?, ?)",
            SHA256Digest(of: Array(ticket.utf8)).bytes, box, now.seconds + Self.ticketLifetime,
            Self.holder(ticket, client))
    }
}
