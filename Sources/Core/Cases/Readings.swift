import Authority
import PortalBase
import SQL
import Synchronization

/// Writes down who read what. Lines of one writer chain: each holds the digest of the one before, so that none is taken out
/// unseen.
final class Readings: Sendable {
    private struct Head {
        var writer: String
        var n = 0
        var digest = SHA256Digest(of: [])
    }
    private let head: Mutex<Head>
    private let newWriter: @Sendable () -> String

    /// - Parameter newWriter: a name unlike any other's.
    init(newWriter: @escaping @Sendable () -> String) {
        self.newWriter = newWriter
        head = Mutex(Head(writer: newWriter()))
    }

    /// Returns when the line is on the disk.
    func record(_ post: Post, _ what: String, _ subject: String, at now: Instant, in database: any SQLDatabase) throws {
        // One after the other, so that the chain has no branch.
        try head.withLock { head in
            let line = JSON.object([
                "at": .integer(now.seconds), "n": .integer(head.n + 1), "person": .string(post.person),
                "prev": .string(head.digest.hex), "role": .string(post.role), "subject": .string(subject),
                "unit": .string(post.unit), "what": .string(what), "writer": .string(head.writer),
            ]).canonicalText
            let (writer, n) = (head.writer, head.n + 1)
            do {
                try database.write { db in
                    try db.execute("INSERT INTO access (writer, n, line) VALUES (?, ?, ?)", writer, n, line)
                }
            } catch {
                // Whether the line is there is not known: this chain ends here, and another begins.
                head = Head(writer: newWriter())
                throw error
            }
            head.n = n
            head.digest = SHA256Digest(of: Array(line.utf8))
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
