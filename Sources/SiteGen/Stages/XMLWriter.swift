import PortalBase

/// XML that is being written, piece by piece.
struct XMLWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 4096) { bytes.reserveCapacity(capacity) }

    /// What stands in this program.
    mutating func markup(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Text that needs no escape: addresses, dates, language tags.
    mutating func plain(_ text: String) {
        var text = text
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// Anything else.
    mutating func text(_ text: String) { appendEscapedHTML(text, to: &bytes) }

    mutating func element(_ open: StaticString, plain content: String, _ close: StaticString) {
        markup(open)
        plain(content)
        markup(close)
    }

    mutating func element(_ open: StaticString, text content: String, _ close: StaticString) {
        markup(open)
        text(content)
        markup(close)
    }
}
