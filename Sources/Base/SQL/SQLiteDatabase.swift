import Foundation
import GRDB

/// Copies a consistent snapshot of a SQLite file, without its free pages; readers and writers go on meanwhile.
///
/// - Parameter copy: an empty file.
package func copySQLite(_ path: String, to copy: String) throws {
    do {
        try DatabaseQueue(path: path).writeWithoutTransaction { db in
            try db.execute(sql: "VACUUM INTO ?", arguments: [copy])
        }
    } catch let error as DatabaseError {
        throw error.asSQLError
    }
}

/// SQLite in a file: write-ahead log, `synchronous = FULL`, foreign keys.
package final class SQLiteDatabase: SQLDatabase {
    /// Microseconds between two looks at a lock, and how many looks make 20 seconds.
    private static let pause: UInt32 = 2_000
    private static let patience = 10_000
    private let pool: any DatabaseWriter
    private let committer = GroupCommitter()

    /// GRDB sets `synchronous` itself while it opens a pool, so the pragma is set on the open writer and read back.
    package init(path: String, isReadOnly: Bool = false) throws {
        var configuration = Configuration()
        configuration.readonly = isReadOnly
        // SQLite's own waits grow to 100 ms and miss the moments between the transactions of another process.
        configuration.busyMode = .callback { tries in
            usleep(Self.pause)
            return tries < Self.patience
        }
        configuration.foreignKeysEnabled = true
        configuration.prepareDatabase { db in
            // Deleted keys and words are overwritten; a row that replaces another fires the triggers of a deletion.
            try db.execute(sql: "PRAGMA secure_delete = ON")
            try db.execute(sql: "PRAGMA recursive_triggers = ON")
        }
        do {
            if isReadOnly {
                pool = try DatabaseQueue(path: path, configuration: configuration)
                return
            }
            // SQLite itself would let everybody read it and only its owner write it. The files beside it follow this one.
            let made = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o660)
            if made >= 0 { close(made) }
            pool = try DatabasePool(path: path, configuration: configuration)
            let level = try pool.writeWithoutTransaction { db -> Int in
                try db.execute(sql: "PRAGMA synchronous = FULL")
                return try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? 0
            }
            guard level == 2 else { throw SQLError(.fault, "synchronous is \(level), not FULL") }
        } catch let error as DatabaseError {
            throw error.asSQLError
        }
    }

    package func read<T: Sendable>(_ body: (any SQLConnection) throws -> T) throws -> T {
        try translating { try pool.read { try body(SQLiteConnection($0)) } }
    }

    package func write<T: Sendable>(_ body: (any SQLConnection) throws -> T) throws -> T {
        try translating { try pool.write { try body(SQLiteConnection($0)) } }
    }

    package func commit<T: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> T) async throws -> T {
        try await committer.commit(in: self, body)
    }

    package func appendOnly(_ table: String) -> [String] {
        ["UPDATE", "DELETE"].map { change in
            """
            CREATE TRIGGER \(table)_no_\(change.lowercased()) BEFORE \(change) ON \(table)
                BEGIN SELECT RAISE(ABORT, 'rows of \(table) are append-only'); END
            """
        }
    }

    // One transaction writes at a time.
    package func quiesce(_ table: String) -> [String] { [] }

    // Pages are overwritten as rows go (`secure_delete`); older ones stand in the write-ahead log until it is cut.
    package func removeRemains(of tables: [String]) throws -> Bool {
        try translating {
            try pool.writeWithoutTransaction { db in
                try Int.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)") == 0
            }
        }
    }

    package func schema(_ statement: String) -> String { statement }

    private func translating<T>(_ body: () throws -> T) throws -> T {
        do { return try body() } catch let error as DatabaseError { throw error.asSQLError }
    }
}

private final class SQLiteConnection: SQLConnection {
    private let db: Database

    init(_ db: Database) {
        self.db = db
    }

    var isInTransaction: Bool { db.isInsideTransaction }

    func execute(_ statement: String, values: [SQLValue]) throws(SQLError) -> Int {
        try translating {
            try db.cachedStatement(sql: statement).execute(arguments: arguments(values))
            return db.changesCount
        }
    }

    func rows(_ query: String, values: [SQLValue]) throws(SQLError) -> [SQLRow] {
        try translating {
            let statement = try db.cachedStatement(sql: query)
            let columns = statement.columnNames
            return try Row.fetchAll(statement, arguments: arguments(values)).map { row in
                SQLRow(columns: columns, values: row.databaseValues.map(SQLValue.init))
            }
        }
    }

    private func arguments(_ values: [SQLValue]) -> StatementArguments {
        StatementArguments(
            values.map { value -> (any DatabaseValueConvertible)? in
                switch value {
                case .null: nil
                case .integer(let number): number
                case .text(let text): text
                case .blob(let bytes): Data(bytes)
                }
            })
    }

    private func translating<T>(_ body: () throws -> T) throws(SQLError) -> T {
        do {
            return try body()
        } catch let error as DatabaseError {
            throw error.asSQLError
        } catch {
            throw SQLError(.fault, "\(type(of: error))")
        }
    }
}

extension SQLValue {
    fileprivate init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let number): self = .integer(Int(number))
        case .double(let number): self = .text("\(number)")
        case .string(let text): self = .text(text)
        case .blob(let data): self = .blob([UInt8](data))
        }
    }
}

extension DatabaseError {
    fileprivate var asSQLError: SQLError {
        let code: SQLError.Code =
            switch resultCode {
            case .SQLITE_BUSY, .SQLITE_LOCKED: .busy
            case .SQLITE_FULL: .full
            case .SQLITE_CONSTRAINT: .constraint
            case .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_CORRUPT, .SQLITE_NOTADB: .unavailable
            default: .fault
            }
        return SQLError(code, "\(extendedResultCode)\(sql.map { " in: \($0)" } ?? "")")
    }
}
