package import PortalBase

/// One use of the generic-directives syntax: container `:::name[label]{…}`, leaf `::name[label]{…}`,
/// inline `:name[text]{…}`.
package struct Directive: Sendable, Equatable {
    package let name: String
    package let label: String
    package let attributes: [String: String]
    package let position: SourcePosition
}

/// A directive found in a source, with byte ranges into it.
struct DirectiveSpan {
    enum Form { case container, leaf, inline }

    let form: Form
    let directive: Directive
    /// Everything from the first colon to the end: for block forms whole lines with their line ends.
    let whole: Range<Int>
    /// What lies between the marks; empty for a leaf.
    let content: Range<Int>
}

/// Reads `{key=value key="a value"}` starting at its brace; nil when it is not well formed.
func parseAttributes(_ bytes: ArraySlice<UInt8>) -> (attributes: [String: String], end: Int)? {
    var i = bytes.startIndex + 1
    var attributes: [String: String] = [:]
    func skipSpace() { while i < bytes.endIndex, bytes[i] == 0x20 || bytes[i] == 0x09 { i += 1 } }
    while true {
        skipSpace()
        guard i < bytes.endIndex else { return nil }
        if bytes[i] == UInt8(ascii: "}") { return (attributes, i + 1) }
        let keyStart = i
        while i < bytes.endIndex, isNameByte(bytes[i]) || bytes[i] == UInt8(ascii: "_") { i += 1 }
        guard i > keyStart, i < bytes.endIndex, bytes[i] == UInt8(ascii: "=") else { return nil }
        let key = String(decoding: bytes[keyStart..<i], as: UTF8.self)
        i += 1
        guard i < bytes.endIndex else { return nil }
        let valueStart: Int
        // Two values for one key: which of them would hold is nobody's guess.
        guard attributes[key] == nil else { return nil }
        if bytes[i] == UInt8(ascii: "\"") {
            valueStart = i + 1
            guard let quote = bytes[valueStart...].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
            i = quote + 1
            attributes[key] = String(decoding: bytes[valueStart..<quote], as: UTF8.self)
        } else {
            valueStart = i
            while i < bytes.endIndex, bytes[i] != 0x20, bytes[i] != UInt8(ascii: "}"), bytes[i] != 0x0A { i += 1 }
            attributes[key] = String(decoding: bytes[valueStart..<i], as: UTF8.self)
        }
    }
}

func isNameByte(_ byte: UInt8) -> Bool {
    (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) || byte == UInt8(ascii: "-")
}
