import Synchronization

/// A name in a template, with a number that is the same for the same name all through the process: scopes that are asked
/// ten thousand times look the number up in an array instead of comparing texts.
package struct Key: Sendable, Hashable {
    package let name: String
    package let number: Int

    private static let numbers = Mutex<[String: Int]>([:])

    package init(_ name: String) {
        self.name = name
        number = Self.numbers.withLock { numbers in
            if let known = numbers[name] { return known }
            numbers[name] = numbers.count
            return numbers.count - 1
        }
    }

    package static func == (a: Self, b: Self) -> Bool { a.number == b.number }
    package func hash(into hasher: inout Hasher) { hasher.combine(number) }
}

extension CaseIterable where Self: RawRepresentable, RawValue == String {
    /// The members of a scope by the numbers of their keys. An array, so that whoever asks it looks it up by itself: a
    /// generic look-up out of this module would cost more than comparing texts.
    package static func byKey() -> [Self?] {
        let keys = allCases.map { (Key($0.rawValue).number, $0) }
        var fields = [Self?](repeating: nil, count: (keys.map(\.0).max() ?? 0) + 1)
        for (number, field) in keys { fields[number] = field }
        return fields
    }
}

/// A handful of members made on the spot, looked through one by one.
package final class FewFields: Scope {
    package let fields: [(key: Key, value: Value)]

    package init(_ fields: [(key: Key, value: Value)]) { self.fields = fields }

    package func value(_ key: Key) -> Value? {
        for field in fields where field.key == key { return field.value }
        return nil
    }
}
