package import SQL

/// Replaces the master key.
extension CaseStore {
    /// Subjects of one statement.
    private static let rewrappedAtOnce = 1_000

    /// Wraps the key of every subject by another master key, in a transaction of the caller's, and empties the index, whose tokens
    /// follow from the master key: `rebuild` of a store with the next key fills it.
    ///
    /// - Returns: the number of keys. Throws `damaged` where a key does not open: the caller's transaction must end there.
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
                    again = try next.wrap(keys.unwrap(wrapped, of: id), of: id)
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
