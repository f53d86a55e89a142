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

/// Finds links and pictures by their spelling, before Markdown reads the body for any audience.
///
/// Only what is surely a link counts, since each makes the file that it names public: not code, not an example behind a
/// backslash, not a definition that nothing uses. A link that is missed here leaves its file unnamed, which is told.
struct FileReferenceScanner {
    /// One that names a file, seen by whoever sees all of the places.
    struct Found: Equatable {
        /// Byte offsets: of the link, or of a use and of its definition.
        let places: [Int]
        let text: String
    }

    private let source: [UInt8]
    /// Fenced blocks, in order.
    private let fences: [Range<Int>]
    private var open: [Int] = []
    private var found: [Found] = []
    private var definitions: [(label: String, place: Int, text: String)] = []
    private var uses: [(label: Range<Int>, place: Int)] = []

    /// Attributes of directives that name files.
    static let attributes: Set<String> = ["src", "captions", "poster", "to"]

    static func references(in source: [UInt8]) -> [Found] {
        // Without one of these there is no link.
        let mayLink = source.withUnsafeBufferPointer { bytes -> Bool in
            var start = 0
            while let bracket = bytes.find(UInt8(ascii: "]"), from: start), bracket + 1 < bytes.count {
                if "(:".utf8.contains(bytes[bracket + 1]) { return true }
                start = bracket + 1
            }
            return false
        }
        guard mayLink else { return [] }
        var scanner = FileReferenceScanner(source)
        scanner.scan()
        return scanner.found
    }

    private init(_ source: [UInt8]) {
        self.source = source
        fences = Self.fences(of: source)
    }

    private mutating func scan() {
        var (i, fence) = (0, 0)
        while i < source.count {
            if fence < fences.count, i >= fences[fence].lowerBound {
                i = max(i, fences[fence].upperBound)
                fence += 1
                open = []
                continue
            }
            switch source[i] {
            case UInt8(ascii: "\\") where i + 1 < source.count && Self.isPunctuation(source[i + 1]): i += 2
            case UInt8(ascii: "`"): i = codeSpanEnd(i, fence < fences.count ? fences[fence].lowerBound : source.count)
            case UInt8(ascii: "["):
                open.append(i)
                i += 1
            case UInt8(ascii: "]"): i = close(i)
            case 0x0A:
                i += 1
                if isBlank(i) { open = [] }
            default: i += 1
            }
        }
        guard !definitions.isEmpty else { return }
        let labels = uses.map { (label(source[$0.label]), $0.place) }
        for definition in definitions {
            for (label, place) in labels where label == definition.label {
                found.append(Found(places: [place, definition.place], text: definition.text))
            }
        }
    }

    /// What a closing bracket ends.
    ///
    /// - Returns: where to go on.
    private mutating func close(_ i: Int) -> Int {
        guard let start = open.popLast() else { return i + 1 }
        let next = i + 1 < source.count ? source[i + 1] : 0x0A
        if next == UInt8(ascii: "("), let (text, end) = destination(at: i + 2), let last = linkEnd(end) {
            if Self.mayBeFile(text) { found.append(Found(places: [start], text: text)) }
            return last + 1
        }
        if next == UInt8(ascii: ":"), begins(line: start), let (text, _) = destination(at: i + 2) {
            // `[^1]: …` is a footnote.
            if source[start + 1] != UInt8(ascii: "^"), Self.mayBeFile(text) {
                definitions.append((label(source[(start + 1)..<i]), start, text))
            }
            return i + 1
        }
        if i > start + 1 { uses.append(((start + 1)..<i, start)) }
        return i + 1
    }

    /// A label as Markdown compares it: in one case, with single spaces.
    private func label(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self).lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    private func isBlank(_ start: Int) -> Bool {
        source[min(start, source.count)...].prefix { $0 != 0x0A }.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    }

    /// Whether nothing but blanks and marks of quotes and lists stands before `i` on its line.
    private func begins(line i: Int) -> Bool {
        var k = i
        while k > 0, source[k - 1] != 0x0A {
            guard " \t>-*+".utf8.contains(source[k - 1]) else { return false }
            k -= 1
        }
        return true
    }

    /// The end of a code span; behind its first marks where none match them in the paragraph.
    private func codeSpanEnd(_ start: Int, _ limit: Int) -> Int {
        let tick = UInt8(ascii: "`")
        let count = source[start...].prefix { $0 == tick }.count
        var i = start + count
        while i < limit {
            if source[i] == 0x0A, isBlank(i + 1) { break }
            guard source[i] == tick else {
                i += 1
                continue
            }
            let run = source[i...].prefix { $0 == tick }.count
            if run == count { return i + run }
            i += run
        }
        return start + count
    }

    /// `<a b.pdf>`, or up to a space or a closing parenthesis that none inside opens.
    ///
    /// - Returns: the text and where it ends; nil for none.
    private func destination(at start: Int) -> (text: String, end: Int)? {
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
            case UInt8(ascii: ">") where isPointed: return (String(decoding: out, as: UTF8.self), i + 1)
            case 0x0A where isPointed: return nil
            case 0x0A: return (String(decoding: out, as: UTF8.self), i)
            case 0x20 where !isPointed, 0x09 where !isPointed: return (String(decoding: out, as: UTF8.self), i)
            case UInt8(ascii: "(") where !isPointed: depth += 1
            case UInt8(ascii: ")") where !isPointed:
                if depth == 0 { return (String(decoding: out, as: UTF8.self), i) }
                depth -= 1
            default: break
            }
            out.append(byte)
            i += 1
        }
        return end == source.count && !isPointed ? (String(decoding: out, as: UTF8.self), end) : nil
    }

    /// Where the parenthesis closes behind a destination and perhaps a title; nil where it does not.
    private func linkEnd(_ start: Int) -> Int? {
        var i = start
        func skipBlanks() { while i < source.count, [0x20, 0x09, 0x0A].contains(source[i]) { i += 1 } }
        skipBlanks()
        guard i < source.count else { return nil }
        if i > start,
            let closing = [UInt8(ascii: "\""): "\"", UInt8(ascii: "'"): "'", UInt8(ascii: "("): ")"][source[i]]
        {
            i += 1
            while i < source.count, source[i] != closing.utf8.first {
                if source[i] == 0x0A, isBlank(i + 1) { return nil }
                i += source[i] == UInt8(ascii: "\\") ? 2 : 1
            }
            i += 1
            skipBlanks()
        }
        return i < source.count && source[i] == UInt8(ascii: ")") ? i : nil
    }

    private static func isPunctuation(_ byte: UInt8) -> Bool {
        (0x21...0x2F).contains(byte) || (0x3A...0x40).contains(byte) || (0x5B...0x60).contains(byte)
            || (0x7B...0x7E).contains(byte)
    }

    /// Fenced blocks: from a line that begins with three backticks or tildes, behind marks of quotes and lists too, to the next
    /// such line that closes it, or to the end.
    private static func fences(of source: [UInt8]) -> [Range<Int>] {
        let mayHold = source.withUnsafeBufferPointer { $0.holds("```") || $0.holds("~~~") }
        guard mayHold else { return [] }
        var fences: [Range<Int>] = []
        var current: (start: Int, byte: UInt8, count: Int)?
        var start = 0
        while start < source.count {
            let end = source[start...].firstIndex(of: 0x0A) ?? source.count
            let line = source[start..<end].drop { byte in
                " \t>-*+.)".utf8.contains(byte) || (0x30...0x39).contains(byte)
            }
            let byte = line.first ?? 0
            let count = line.prefix { $0 == byte }.count
            if byte == UInt8(ascii: "`") || byte == UInt8(ascii: "~"), count >= 3 {
                let rest = line.dropFirst(count)
                if let known = current {
                    let isClosing = rest.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
                    if byte == known.byte, count >= known.count, isClosing {
                        fences.append(known.start..<min(end + 1, source.count))
                        current = nil
                    }
                } else if byte == UInt8(ascii: "~") || !rest.contains(byte) {
                    current = (start, byte, count)
                }
            }
            start = end + 1
        }
        if let current { fences.append(current.start..<source.count) }
        return fences
    }

    /// Not a page, another server, or a place in the same page.
    static func mayBeFile(_ text: String) -> Bool {
        guard !text.isEmpty, !text.hasPrefix("#"), !text.hasSuffix("/"), !text.hasPrefix("//") else { return false }
        if text.hasSuffix(".md") || text.contains(".md#") { return false }
        return !["http:", "https:", "mailto:", "tel:"].contains { text.lowercased().hasPrefix($0) }
    }
}
