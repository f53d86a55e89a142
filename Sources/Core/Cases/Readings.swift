import Authority
import PortalBase
import SQL
import Synchronization

/// Writes down who read what. Lines of one writer chain: each holds the digest of the one before, so that none is taken out
/// unseen.
final class Readings: Sendable {
    private let writer: String
    private struct Head { var n = 0, digest = SHA256Digest(of: []) }
    private let head = Mutex(Head())

    /// - Parameter writer: unlike any other's.
    init(writer: String) {
        self.writer = writer
    }

    /// Returns when the line is on the disk.
    func record(_ post: Post, _ what: String, _ subject: String, at now: Instant, in database: any SQLDatabase) throws {
        // One after the other, so that the chain has no branch; a line that could not be written leaves its number free.
        try head.withLock { head in
            let line = JSON.object([
                "at": .integer(now.seconds), "n": .integer(head.n + 1), "person": .string(post.person),
                "prev": .string(head.digest.hex), "role": .string(post.role), "subject": .string(subject),
                "unit": .string(post.unit), "what": .string(what), "writer": .string(writer),
            ]).canonicalText
            try database.write { db in
                try db.execute("INSERT INTO access (writer, n, line) VALUES (?, ?, ?)", writer, head.n + 1, line)
            }
            head = Head(n: head.n + 1, digest: SHA256Digest(of: Array(line.utf8)))
        }
    }

    /// Writers whose lines do not follow one from another.
    static func broken(_ db: any SQLConnection) throws -> [String] {
        var known: [String: (n: Int, digest: SHA256Digest)] = [:]
        var broken: [String] = []
        for row in try db.rows("SELECT writer, n, line FROM access ORDER BY writer, n") {
            let (writer, n, line): (String, Int, String) = (try row["writer"], try row["n"], try row["line"])
            let before = known[writer] ?? (0, SHA256Digest(of: []))
            let json = try? JSON(parsing: Array(line.utf8))
            if n != before.n + 1 || json?["n"]?.integer != n || json?["prev"]?.string != before.digest.hex
                || json?["writer"]?.string != writer, broken.last != writer
            {
                broken.append(writer)
            }
            known[writer] = (n, SHA256Digest(of: Array(line.utf8)))
        }
        return broken
    }
}
