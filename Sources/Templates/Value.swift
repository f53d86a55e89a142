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
    /// Members by the numbers of their keys; empty where nobody asks often enough to be worth it.
    private let byNumber: [Value?]

    package init(_ members: [String: Value]) {
        self.members = members
        byNumber = []
    }

    /// For a scope that every page asks.
    init(indexed members: [String: Value]) {
        self.members = members
        var byNumber: [Value?] = []
        for (name, value) in members {
            let number = Key(name).number
            while byNumber.count <= number { byNumber.append(nil) }
            byNumber[number] = value
        }
        self.byNumber = byNumber
    }

    package func value(_ key: Key) -> Value? {
        if byNumber.isEmpty { return members[key.name] }
        return key.number < byNumber.count ? byNumber[key.number] : nil
    }
}

extension Value {
    package static func fields(_ fields: [String: Value]) -> Value { .scope(Fields(fields)) }

    /// An equal value of objects of its own, whose scopes are quick to be asked; those in lists, which may be many, and
    /// those that make their members as they are asked for stay as they are.
    package func unshared() -> Value { unshared(inList: false) }

    private func unshared(inList: Bool) -> Value {
        switch self {
        case .text(let text): return .text(String(decoding: Array(text.utf8), as: UTF8.self))
        case .html(let bytes): return .html(bytes.withUnsafeBufferPointer { Array($0) })
        case .list(let values): return .list(values.map { $0.unshared(inList: true) })
        case .scope(let scope):
            guard let fields = scope as? Fields else { return self }
            let own = fields.members.mapValues { $0.unshared(inList: inList) }
            return .scope(inList ? Fields(own) : Fields(indexed: own))
        default: return self
        }
    }

    /// Text, or nothing where there is none.
    package static func optional(_ text: String?) -> Value { text.map(Value.text) ?? .nothing }

    func member(_ key: Key) -> Value? {
        if case .scope(let scope) = self { scope.value(key) } else { nil }
    }
}
