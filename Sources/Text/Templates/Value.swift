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

/// Members that are there from the start: a handful is looked through one by one, more are searched by halves.
package final class Fields: Scope {
    package typealias Member = (key: Key, value: Value)

    package let members: [Member]

    private static let handful = 8

    package init(_ members: [Member]) {
        self.members = members.count > Self.handful ? members.sorted { $0.key.number < $1.key.number } : members
    }

    package func value(_ key: Key) -> Value? {
        guard members.count > Self.handful else {
            for index in members.indices where members[index].key == key { return members[index].value }
            return nil
        }
        var (low, high) = (0, members.count)
        while low < high {
            let middle = (low + high) / 2
            if members[middle].key.number < key.number { low = middle + 1 } else { high = middle }
        }
        return low < members.count && members[low].key == key ? members[low].value : nil
    }
}

extension Value {
    package static func fields(_ fields: [String: Value]) -> Value {
        .scope(Fields(fields.map { (Key($0.key), $0.value) }))
    }

    /// An equal value of objects of its own; scopes that make their members as they are asked for stay as they are.
    package func unshared() -> Value {
        switch self {
        case .text(let text): return .text(String(decoding: Array(text.utf8), as: UTF8.self))
        case .html(let bytes): return .html(bytes.withUnsafeBufferPointer { Array($0) })
        case .list(let values): return .list(values.map { $0.unshared() })
        case .scope(let scope):
            guard let fields = scope as? Fields else { return self }
            return .scope(Fields(fields.members.map { ($0.key, $0.value.unshared()) }))
        default: return self
        }
    }

    /// Text, or nothing where there is none.
    package static func optional(_ text: String?) -> Value { text.map(Value.text) ?? .nothing }

    func member(_ key: Key) -> Value? {
        if case .scope(let scope) = self { scope.value(key) } else { nil }
    }
}
