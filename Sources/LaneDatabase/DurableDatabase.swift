package import GRDB

/// Opens a database whose commits survive power loss: write-ahead log, `synchronous = FULL`, foreign keys.
///
/// GRDB sets `synchronous` itself while it opens a pool, so the pragma is set on the open writer and read back.
package func openDurableDatabase(_ path: String) throws -> DatabasePool {
    var configuration = Configuration()
    configuration.busyMode = .timeout(5)
    configuration.foreignKeysEnabled = true
    let pool = try DatabasePool(path: path, configuration: configuration)
    let level = try pool.writeWithoutTransaction { db -> Int in
        try db.execute(sql: "PRAGMA synchronous = FULL")
        return try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? 0
    }
    guard level == 2 else {
        throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "synchronous is \(level), not FULL")
    }
    return pool
}
