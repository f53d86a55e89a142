/// A database that keeps what it has acknowledged: SQLite in a file, or PostgreSQL and what speaks its protocol.
///
/// Statements are written once for both: `?` for values, `ON CONFLICT`, no functions of one engine alone. Calls block,
/// but for `commit`.
package protocol SQLDatabase: Sendable {
    /// A consistent view; nothing that `body` writes stays.
    func read<T: Sendable>(_ body: (any SQLConnection) throws -> T) throws -> T

    /// One transaction, on the disk when this returns; undone when `body` throws.
    @discardableResult
    func write<T: Sendable>(_ body: (any SQLConnection) throws -> T) throws -> T

    /// As `write`, together with whatever else waits to be written: one sync of the disk serves them all. Each is
    /// undone alone when its `body` throws, and none is acknowledged when the common transaction fails.
    @discardableResult
    func commit<T: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> T) async throws -> T

    /// A statement of a schema, which is written in SQLite's words, in this engine's.
    func schema(_ statement: String) -> String

    /// Statements after which no row of a table can be changed or taken away.
    func appendOnly(_ table: String) -> [String]

    /// Statements in a transaction of `write` after which nobody else has an uncommitted row of a table.
    func quiesce(_ table: String) -> [String]

    /// Takes what was deleted out of the files of these tables, for good.
    ///
    /// - Returns: false where somebody still reads an older state: the next call finds more.
    func removeRemains(of tables: [String]) throws -> Bool
}

/// A connection inside a transaction; not to be kept or passed on.
package protocol SQLConnection: AnyObject {
    /// - Returns: how many rows changed.
    @discardableResult
    func execute(_ statement: String, values: [SQLValue]) throws(SQLError) -> Int
    func rows(_ query: String, values: [SQLValue]) throws(SQLError) -> [SQLRow]
    /// False after a failure that undid everything, such as a full disk.
    var isInTransaction: Bool { get }
}

extension SQLConnection {
    @discardableResult
    package func execute(_ statement: String, _ values: (any SQLBindable)?...) throws(SQLError) -> Int {
        try execute(statement, values: values.map { $0?.sqlValue ?? .null })
    }

    package func rows(_ query: String, _ values: (any SQLBindable)?...) throws(SQLError) -> [SQLRow] {
        try rows(query, values: values.map { $0?.sqlValue ?? .null })
    }

    /// The first row.
    package func row(_ query: String, _ values: (any SQLBindable)?...) throws(SQLError) -> SQLRow? {
        try rows(query, values: values.map { $0?.sqlValue ?? .null }).first
    }

    /// The first column of every row.
    package func column<T: SQLReadable>(_ query: String, _ values: (any SQLBindable)?...) throws(SQLError) -> [T] {
        try column(query, values: values)
    }

    package func column<T: SQLReadable>(_ query: String, values: [(any SQLBindable)?]) throws(SQLError) -> [T] {
        var out: [T] = []
        for row in try rows(query, values: values.map { $0?.sqlValue ?? .null }) { try out.append(row[0]) }
        return out
    }

    /// The first column of the first row; nil where there is no row, or nothing in it.
    package func value<T: SQLReadable>(_ query: String, _ values: (any SQLBindable)?...) throws(SQLError) -> T? {
        guard let row = try rows(query, values: values.map { $0?.sqlValue ?? .null }).first, row.values[0] != .null
        else {
            return nil
        }
        return try row[0]
    }

    /// Inserts many rows with few statements; rows that are there already are left alone.
    ///
    /// - Returns: how many were inserted.
    @discardableResult
    package func insert(into table: String, _ columns: [String], _ rows: [[SQLValue]]) throws(SQLError) -> Int {
        // Few sizes, so that each is prepared once.
        let sizes = [32, 8, 1]
        let row = "(" + columns.map { _ in "?" }.joined(separator: ", ") + ")"
        var (added, place) = (0, 0)
        for size in sizes {
            let rowsOfOne = [String](repeating: row, count: size).joined(separator: ", ")
            let statement =
                "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES \(rowsOfOne) ON CONFLICT DO NOTHING"
            while rows.count - place >= size {
                added += try execute(statement, values: rows[place..<(place + size)].flatMap { $0 })
                place += size
            }
        }
        return added
    }

    /// Undone alone when `body` throws.
    package func savepoint(_ body: () throws -> Void) throws {
        try execute("SAVEPOINT inner_step")
        do {
            try body()
            try execute("RELEASE SAVEPOINT inner_step")
        } catch {
            guard isInTransaction else { throw error }
            try execute("ROLLBACK TO SAVEPOINT inner_step")
            try execute("RELEASE SAVEPOINT inner_step")
            throw error
        }
    }
}

/// What a database refused. `detail` names codes and statements, never a value: it may be logged.
package struct SQLError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// Locked, or in conflict with another transaction: trying again may help.
        case busy
        /// No room on the disk.
        case full
        /// A rule of the schema.
        case constraint
        /// Cannot be reached, or cannot read or write.
        case unavailable
        /// A statement or a value that does not fit the schema: a fault of ours.
        case fault
    }

    package let code: Code
    package let detail: String

    package init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    package var description: String { "database \(code.rawValue): \(detail)" }
}

/// Opens a database whose commits survive power loss.
///
/// - Parameters:
///   - location: a file's path, or `postgresql://…`.
///   - isReadOnly: only looks at a database that is there.
package func openDatabase(_ location: String, isReadOnly: Bool = false) throws -> any SQLDatabase {
    isPostgreSQL(location)
        ? try PostgreSQLDatabase(location) : try SQLiteDatabase(path: location, isReadOnly: isReadOnly)
}

package func isPostgreSQL(_ location: String) -> Bool {
    location.hasPrefix("postgresql://") || location.hasPrefix("postgres://")
}
