/// What a name in a template stands for.
///
/// Trust is in the type: `text` is escaped wherever it is written, `html` was made by code that escapes.
package enum Value: Sendable {
    case nothing
    case flag(Bool)
    case number(Int)
    case text(String)
    case html([UInt8])
    case list([Value])
    case scope(any Scope)

    /// Whether a section over this value renders.
    var isTruthy: Bool {
        switch self {
        case .nothing: false
        case .flag(let value): value
        case .number, .scope: true
        case .text(let text): !text.isEmpty
        case .html(let bytes): !bytes.isEmpty
        case .list(let items): !items.isEmpty
        }
    }
}

/// Something with named members. A class, so that a value is two words and passing it on costs one count.
package protocol Scope: AnyObject, Sendable {
    /// The member's value; nil when this scope has no such name, so that an outer scope is asked.
    /// A member that exists but is empty answers `.nothing`.
    func value(_ key: Key) -> Value?
}

/// Members by name.
package final class Fields: Scope {
    package let members: [String: Value]

    package init(_ members: [String: Value]) { self.members = members }

    package func value(_ key: Key) -> Value? { members[key.name] }
}

extension Value {
    package static func fields(_ fields: [String: Value]) -> Value { .scope(Fields(fields)) }

    /// An equal value of objects of its own; scopes that make their members as they are asked for are shared.
    package func unshared() -> Value {
        switch self {
        case .html(let bytes): .html(bytes.withUnsafeBufferPointer { Array($0) })
        case .list(let values): .list(values.map { $0.unshared() })
        case .scope(let scope):
            (scope as? Fields).map { .fields($0.members.mapValues { $0.unshared() }) } ?? self
        default: self
        }
    }

    /// Text, or nothing where there is none.
    package static func optional(_ text: String?) -> Value { text.map(Value.text) ?? .nothing }

    func member(_ key: Key) -> Value? {
        if case .scope(let scope) = self { scope.value(key) } else { nil }
    }
}
