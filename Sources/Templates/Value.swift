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

/// Something with named members.
package protocol Scope: Sendable {
    /// The member's value; nil when this scope has no such name, so that an outer scope is asked.
    /// A member that exists but is empty answers `.nothing`.
    func value(_ name: String) -> Value?
}

extension Dictionary: Scope where Key == String, Value == Templates.Value {
    package func value(_ name: String) -> Templates.Value? { self[name] }
}

extension Value {
    package static func fields(_ fields: [String: Value]) -> Value { .scope(fields) }

    /// Text, or nothing where there is none.
    package static func optional(_ text: String?) -> Value { text.map(Value.text) ?? .nothing }

    func member(_ name: String) -> Value? {
        if case .scope(let scope) = self { scope.value(name) } else { nil }
    }
}
