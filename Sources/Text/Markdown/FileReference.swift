import PortalBase

/// A place where a body names a file: a link, a picture, an attribute of a directive.
package struct FileReference: Sendable, Equatable {
    /// As it is written, without a fragment.
    package let destination: String
    /// Tags of the parts of the body round it: an audience sees the place when it admits all of them.
    package let tags: [String]

    package init(destination: String, tags: [String]) {
        self.destination = destination
        self.tags = tags
    }
}

/// Finds references by their spelling, before Markdown reads the body for any audience. Code is not told apart: a file
/// that an example names is named.
struct FileReferenceScanner {
    let source: [UInt8]

    /// Destinations with their places, in order.
    func destinations() -> [(offset: Int, text: String)] {
        var found: [(offset: Int, text: String)] = []
        var start = 0
        while let bracket = source.withUnsafeBufferPointer({ $0.find(UInt8(ascii: "]"), from: start) }) {
            start = bracket + 1
            guard start < source.count else { break }
            let isDefinition = source[start] == UInt8(ascii: ":")
            guard isDefinition || source[start] == UInt8(ascii: "(") else { continue }
            if let text = destination(at: start + 1), Self.mayBeFile(text) { found.append((bracket, text)) }
        }
        return found
    }

    /// `<a b.pdf>`, or up to a space or a closing parenthesis that none inside opens.
    private func destination(at start: Int) -> String? {
        var i = start
        while i < source.count, [0x20, 0x09, 0x0A].contains(source[i]) { i += 1 }
        var out: [UInt8] = []
        let isPointed = i < source.count && source[i] == UInt8(ascii: "<")
        if isPointed { i += 1 }
        var depth = 0
        // No name of a file is longer.
        let end = min(source.count, i + 4_096)
        while i < end {
            let byte = source[i]
            switch byte {
            case UInt8(ascii: "\\") where i + 1 < source.count && Self.isPunctuation(source[i + 1]):
                out.append(source[i + 1])
                i += 2
                continue
            case UInt8(ascii: ">") where isPointed: return String(decoding: out, as: UTF8.self)
            case 0x0A: return isPointed ? nil : String(decoding: out, as: UTF8.self)
            case 0x20 where !isPointed, 0x09 where !isPointed: return String(decoding: out, as: UTF8.self)
            case UInt8(ascii: "(") where !isPointed: depth += 1
            case UInt8(ascii: ")") where !isPointed:
                if depth == 0 { return String(decoding: out, as: UTF8.self) }
                depth -= 1
            default: break
            }
            out.append(byte)
            i += 1
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func isPunctuation(_ byte: UInt8) -> Bool {
        (0x21...0x2F).contains(byte) || (0x3A...0x40).contains(byte) || (0x5B...0x60).contains(byte)
            || (0x7B...0x7E).contains(byte)
    }

    /// Not a page, another server, or a place in the same page.
    static func mayBeFile(_ text: String) -> Bool {
        guard !text.isEmpty, !text.hasPrefix("#"), !text.hasSuffix("/"), !text.hasPrefix("//") else { return false }
        if text.hasSuffix(".md") || text.contains(".md#") { return false }
        return !["http:", "https:", "mailto:", "tel:"].contains { text.lowercased().hasPrefix($0) }
    }
}
