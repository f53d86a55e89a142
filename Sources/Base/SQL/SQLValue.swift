/// What a column holds.
package enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int)
    case text(String)
    case blob([UInt8])
}

package protocol SQLBindable {
    var sqlValue: SQLValue { get }
}

package protocol SQLReadable {
    init?(_ value: SQLValue)
}

extension SQLValue: SQLBindable {
    package var sqlValue: SQLValue { self }
}

extension Int: SQLBindable, SQLReadable {
    package var sqlValue: SQLValue { .integer(self) }

    package init?(_ value: SQLValue) {
        guard case .integer(let number) = value else { return nil }
        self = number
    }
}

extension Bool: SQLBindable, SQLReadable {
    package var sqlValue: SQLValue { .integer(self ? 1 : 0) }

    package init?(_ value: SQLValue) {
        guard case .integer(let number) = value else { return nil }
        self = number != 0
    }
}

extension String: SQLBindable, SQLReadable {
    package var sqlValue: SQLValue { .text(self) }

    package init?(_ value: SQLValue) {
        guard case .text(let text) = value else { return nil }
        self = text
    }
}

extension [UInt8]: SQLBindable, SQLReadable {
    package var sqlValue: SQLValue { .blob(self) }

    package init?(_ value: SQLValue) {
        guard case .blob(let bytes) = value else { return nil }
        self = bytes
    }
}

extension Optional: SQLReadable where Wrapped: SQLReadable {
    package init?(_ value: SQLValue) {
        if value == .null {
            self = .none
        } else {
            guard let wrapped = Wrapped(value) else { return nil }
            self = wrapped
        }
    }
}

package struct SQLRow: Sendable {
    let columns: [String]
    package let values: [SQLValue]

    /// Throws `fault` where the column is missing or holds another type.
    package subscript<T: SQLReadable>(_ column: String) -> T {
        get throws(SQLError) {
            guard let place = columns.firstIndex(of: column) else { throw SQLError(.fault, "no column \(column)") }
            return try self[place]
        }
    }

    subscript<T: SQLReadable>(_ place: Int) -> T {
        get throws(SQLError) {
            guard let value = T(values[place]) else {
                throw SQLError(.fault, "column \(columns[place]) does not hold \(T.self)")
            }
            return value
        }
    }
}
