import Synchronization

/// A name in a template as a number, which is the same for the same name all through the process: asking a scope for a
/// member compares numbers, and passing a name on counts no reference.
package struct Key: Sendable, Hashable {
    package let number: Int

    private struct Names {
        var numbers: [String: Int] = [:]
        var texts: [String] = []
    }
    private static let known = Mutex(Names())

    package init(_ name: String) {
        number = Self.known.withLock { known in
            if let number = known.numbers[name] { return number }
            known.numbers[name] = known.texts.count
            known.texts.append(name)
            return known.texts.count - 1
        }
    }

    /// For messages.
    package var name: String { Self.known.withLock { $0.texts[number] } }
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
