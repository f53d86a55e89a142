package import PortalBase
import SQL

/// What happened on the lanes of one side, line by line; each line carries the digest of the line before it, so that none can
/// be changed or taken out unseen. Whoever writes down the newest line's digest can also tell a log that was cut short.
///
/// A line is canonical JSON: `n` from 1, `at`, `event`, what the event is about, and `prev`.
package enum AuditLog {
    static func append(
        _ db: any SQLConnection, event: String, _ fields: [String: JSON], at now: Instant
    ) throws {
        // The head's row is locked first, so that two processes write one after the other.
        try db.execute("UPDATE lane_audit_head SET n = n + 1 WHERE one = 1")
        guard let head = try db.row("SELECT n, digest FROM lane_audit_head WHERE one = 1") else {
            throw SQLError(.fault, "the audit log has no head")
        }
        let number: Int = try head["n"]
        let previous: String? = try head["digest"]
        var fields = fields
        fields["n"] = .integer(number)
        fields["at"] = .string(now.rfc3339(in: .shanghai))
        fields["event"] = .string(event)
        fields["prev"] = previous.map { .string($0) } ?? .null
        let line = JSON.object(fields).canonicalText
        try db.execute("INSERT INTO lane_audit (n, line) VALUES (?, ?)", number, line)
        try db.execute("UPDATE lane_audit_head SET digest = ? WHERE one = 1", digest(of: line).hex)
    }

    /// Whoever calls this first in a transaction does the whole of it alone among those who do the same: others wait here and
    /// then see what it changed.
    static func lock(_ db: any SQLConnection) throws {
        try db.execute("UPDATE lane_audit_head SET n = n WHERE one = 1")
    }

    private static func digest(of line: String) -> SHA256Digest { SHA256Digest(of: Array(line.utf8)) }

    /// All lines, in order.
    ///
    /// - Parameter location: as for `openDatabase`.
    package static func lines(of location: String) throws -> [String] {
        try openDatabase(location, isReadOnly: true).read { try $0.column("SELECT line FROM lane_audit ORDER BY n") }
    }

    /// The first line that does not follow from the one before it, counted from 1; nil when the chain holds.
    package static func breakPoint(_ lines: [String]) -> Int? {
        var previous: JSON = .null
        for (index, line) in lines.enumerated() {
            guard let json = try? JSON(parsing: Array(line.utf8)), json["prev"] == previous,
                json["n"]?.integer == index + 1
            else { return index + 1 }
            previous = .string(digest(of: line).hex)
        }
        return nil
    }

    /// Digest of the newest line; nil of an empty log.
    package static func head(_ lines: [String]) -> SHA256Digest? { lines.last.map(digest) }
}
