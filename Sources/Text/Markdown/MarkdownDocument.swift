package import PortalBase

/// A rendered body: HTML with holes for what only a site can decide.
package struct MarkdownDocument: Sendable {
    /// HTML without the slots' own markup.
    package let html: [UInt8]
    /// Slots in order of `offset` into `html`.
    package let slots: [(offset: Int, slot: Slot)]
    package let headings: [Heading]
    /// The first words as plain text, at most about 120 characters, for summaries.
    package let excerpt: String
    /// Length as people count it: every Chinese character and every word of another script is one. Nil where the engine
    /// was not asked to count.
    package let characters: Int?

    package struct Heading: Sendable, Equatable {
        package let level: Int
        package let text: String
        package let anchor: String
    }

    package enum Slot: Sendable, Equatable {
        /// Start of a link. `conditional` (`:ref`) becomes plain text where the target is not shown.
        case linkOpen(destination: String, title: String, conditional: Bool, SourcePosition)
        case linkClose
        case image(source: String, alternative: String, title: String, SourcePosition)
        case directiveOpen(Directive)
        case directiveClose(name: String)
        case directiveLeaf(Directive)
    }

    package static let empty = MarkdownDocument(html: [], slots: [], headings: [], excerpt: "", characters: 0)
}

/// What raw HTML in a body means.
package enum RawHTMLPolicy: String, Sendable, CaseIterable {
    case error, escape
}
