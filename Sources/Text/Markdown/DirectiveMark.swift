import PortalBase

/// What stands for a directive in the text that cmark reads.
enum DirectiveMark {
    /// Before the target of a `:ref`.
    static let conditionalScheme = "xm-ref:"
    private static let start = "<!--xm-directive:"

    /// A line that cmark keeps as a block of its own.
    static func line(_ index: Int) -> String { "\(start)\(index)-->\n" }

    /// The directive's number, if `text` is such a line.
    static func index(in text: String) -> Int? {
        guard text.hasPrefix(start),
            let index = decimal(text.dropFirst(start.count).utf8.prefix { $0 >= 0x30 && $0 <= 0x39 }),
            text == line(index)
        else { return nil }
        return index
    }
}
