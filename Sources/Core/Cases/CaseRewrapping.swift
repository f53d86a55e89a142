package import SQL

/// Another master key in the place of the one of now.
extension CaseStore {
    /// Subjects of one statement.
    private static let rewrappedAtOnce = 1_000

    /// Wraps the key of every subject by another master key, in a transaction of the caller's, and forgets the index, whose tokens
    /// follow from the master key: `rebuild` of a store with the next one makes it again.
    ///
    /// - Returns: how many. Throws `damaged` where a key does not open: then nothing changes.
    package func rewrap(by next: SubjectKeys, _ db: any SQLConnection) throws -> Int {
        for statement in database.quiesce("subject") { try db.execute(statement) }
        var (count, last) = (0, Int.min)
        while true {
            let rows = try db.rows(
                "SELECT id, number, key FROM subject WHERE number > ? ORDER BY number LIMIT \(Self.rewrappedAtOnce)",
                last)
            guard let end: Int = try rows.last.map({ try $0["number"] }) else { break }
            for row in rows {
                let (id, wrapped): (String, [UInt8]?) = (try row["id"], try row["key"])
                guard let wrapped else { continue }
                let again: [UInt8]
                do {
                    again = try next.rewrapped(wrapped, from: keys, of: id)
                } catch {
                    throw Failure.damaged(subject: id, version: 0)
                }
                try db.execute("UPDATE subject SET key = ? WHERE id = ?", again, id)
                count += 1
            }
            last = end
        }
        try db.execute("DELETE FROM word")
        return count
    }
}
