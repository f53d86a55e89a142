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

    /// Plain text where readers expect HTML, as in `description` of RSS 2.0: escaped for HTML, and that for XML.
    mutating func textAsHTML(_ text: String) {
        var html: [UInt8] = []
        appendEscapedHTML(text, to: &html)
        appendEscapedHTML(html, to: &bytes)
    }

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
