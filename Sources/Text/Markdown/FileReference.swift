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
    /// A link to a file; an audience sees it when it sees all of its places.
    struct Found: Equatable {
        /// Byte offsets: where the link begins and ends; of a reference also its definition, of one in a footnote also a mark.
        let places: [Int]
        let text: String
    }

    private let source: [UInt8]
    /// Blocks of code, in order.
    private let blocks: [Range<Int>]
    private var open: [Int] = []
    private var found: [Found] = []
    private var definitions: [(label: String, place: Int, text: String)] = []
    private var uses: [(label: Range<Int>, place: Int)] = []
    /// Definitions of footnotes, in order, and the places of marks that lead to one.
    private var footnotes: [(label: String, block: Range<Int>)] = []
    private var marks: [(label: String, place: Int)] = []

    /// Attributes of directives that name files.
    static let attributes: Set<String> = ["src", "captions", "poster", "to"]

    static func references(in source: [UInt8]) -> [Found] {
        // Without one of these there is no link.
        let mayLink = source.withUnsafeBufferPointer { bytes -> Bool in
            var start = 0
            while let bracket = bytes.find(UInt8(ascii: "]"), from: start), bracket + 1 < bytes.count {
                start = bracket + 1
                if bytes[start] == UInt8(ascii: ":") { return true }
                if bytes[start] == UInt8(ascii: "("), mayLeadToFile(bytes, from: start + 1) { return true }
            }
            return false
        }
        guard mayLink else { return [] }
        var scanner = FileReferenceScanner(source)
        scanner.scan()
        return scanner.found
    }

    private static let destinationEnds = ByteSet(" \t\n()<>\\".utf8)

    /// Whether what stands behind `](` may name a file, at a glance.
    private static func mayLeadToFile(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Bool {
        guard let end = bytes.find(destinationEnds, from: start), end > start, bytes[end] == UInt8(ascii: ")") else {
            return true
        }
        return mayBeFile(String(decoding: bytes[start..<end], as: UTF8.self))
    }

    private static let stops = ByteSet("\\`[]<|\n".utf8)

    private init(_ source: [UInt8]) {
        self.source = source
        blocks = Self.codeBlocks(of: source)
    }

    private mutating func scan() {
        var (i, block) = (0, 0)
        while i < source.count {
            if block < blocks.count, i >= blocks[block].lowerBound {
                i = max(i, blocks[block].upperBound)
                block += 1
                open = []
                continue
            }
            switch source[i] {
            case UInt8(ascii: "\\") where i + 1 < source.count && Self.isPunctuation(source[i + 1]): i += 2
            case UInt8(ascii: "`"): i = codeSpanEnd(i, block < blocks.count ? blocks[block].lowerBound : source.count)
            case UInt8(ascii: "["):
                open.append(i)
                i += 1
            case UInt8(ascii: "]"): i = close(i)
            case UInt8(ascii: "<"): i = autolinkEnd(i) ?? i + 1
            // No link goes over the borders of a table's cell.
            case UInt8(ascii: "|"):
                open = []
                i += 1
            case 0x0A:
                i += 1
                if !open.isEmpty, isBlank(i) || beginsBlock(i) || isHeading(lineBefore: i) { open = [] }
            default: i = source.withUnsafeBufferPointer { $0.find(Self.stops, from: i + 1) } ?? source.count
            }
        }
        // The first of a label counts for one audience, another for the next.
        let known = Dictionary(grouping: definitions, by: \.label).mapValues { $0.prefix(Self.mostOfOneLabel) }
        for use in definitions.isEmpty ? [] : uses {
            for definition in known[label(source[use.label])] ?? [] {
                found.append(Found(places: [use.place, use.label.upperBound, definition.place], text: definition.text))
            }
        }
        if !footnotes.isEmpty { leadThroughFootnotes() }
    }

    /// Adds to each link in a footnote the place of a mark that refers to the footnote: one link for each mark in the text.
    private mutating func leadThroughFootnotes() {
        let texts = Dictionary(grouping: marks.filter { note(at: $0.place) == nil }, by: \.label)
        found = found.flatMap { link -> [Found] in
            let notes = Set(link.places.compactMap(note))
            guard let own = notes.first else { return [link] }
            // One that begins in a footnote and is defined in another leads nowhere for sure.
            return (notes.count == 1 ? texts[own] ?? [] : []).prefix(Self.mostOfOneLabel).map {
                Found(places: link.places + [$0.place], text: link.text)
            }
        }
    }

    /// Label of the footnote that contains a byte offset; nil outside of footnotes.
    private func note(at place: Int) -> String? {
        var (low, high) = (0, footnotes.count)
        while low < high {
            let middle = (low + high) / 2
            if footnotes[middle].block.upperBound <= place { low = middle + 1 } else { high = middle }
        }
        return low < footnotes.count && footnotes[low].block.contains(place) ? footnotes[low].label : nil
    }

    private static let mostOfOneLabel = 8

    /// What a closing bracket ends.
    ///
    /// - Returns: where to go on.
    private mutating func close(_ i: Int) -> Int {
        guard let start = open.popLast() else { return i + 1 }
        let next = i + 1 < source.count ? source[i + 1] : 0x0A
        if next == UInt8(ascii: "("), let (text, end) = destination(at: i + 2), let last = linkEnd(end) {
            if Self.mayBeFile(text) { found.append(Found(places: [start, last], text: text)) }
            // A link holds no other; a picture may stand in one.
            if !isPicture(start) { open = open.filter(isPicture) }
            return last + 1
        }
        if source[start + 1] == UInt8(ascii: "^") {
            let name = label(source[(start + 2)..<i])
            if next == UInt8(ascii: ":"), begins(line: start) {
                footnotes.append((name, start..<footnoteEnd(i)))
            } else {
                marks.append((name, start))
            }
            return i + 1
        }
        if next == UInt8(ascii: ":"), begins(line: start), let (text, end) = destination(at: i + 2), endsLine(end) {
            // A paragraph is not broken by a definition.
            let isApart =
                isBlank(lineBefore: start) || definitions.last.map { $0.place >= lineStart(before: start) } ?? false
            if isApart, Self.mayBeFile(text) { definitions.append((label(source[(start + 1)..<i]), start, text)) }
            return i + 1
        }
        // `- [x]` is a task.
        let isTask = i == start + 2 && " xX".utf8.contains(source[start + 1]) && begins(line: start)
        if i > start + 1, !isTask { uses.append(((start + 1)..<i, start)) }
        return i + 1
    }

    /// A label as Markdown compares it: in one case, with single spaces.
    private func label(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self).lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    private func isBlank(_ start: Int) -> Bool {
        source[min(start, source.count)...].prefix { $0 != 0x0A }.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    }

    private func isPicture(_ bracket: Int) -> Bool { bracket > 0 && source[bracket - 1] == UInt8(ascii: "!") }

    private func lineStart(_ i: Int) -> Int {
        var k = i
        while k > 0, source[k - 1] != 0x0A { k -= 1 }
        return k
    }

    /// Where the line before that of `i` begins.
    private func lineStart(before i: Int) -> Int { lineStart(max(0, lineStart(i) - 1)) }

    private func isBlank(lineBefore i: Int) -> Bool { lineStart(i) == 0 || isBlank(lineStart(before: i)) }

    private func isHeading(lineBefore i: Int) -> Bool {
        source[lineStart(before: i)...].drop { $0 == 0x20 }.first == UInt8(ascii: "#")
    }

    /// Whether a line that begins at `i` begins a heading, a list item, a quote or a row of a table.
    private func beginsBlock(_ i: Int) -> Bool {
        let line = source[min(i, source.count)...].prefix { $0 != 0x0A }
        let first = line.drop { $0 == 0x20 || $0 == 0x09 }.first ?? 0
        return "#>|".utf8.contains(first) || Self.itemContent(line) != nil
    }

    /// The end of `<https://…>`.
    private func autolinkEnd(_ start: Int) -> Int? {
        let text = source[(start + 1)...].prefix(4_096)
        guard let close = text.firstIndex(of: UInt8(ascii: ">")), let colon = text.firstIndex(of: UInt8(ascii: ":")),
            colon < close,
            text[..<colon].allSatisfy(\.isASCIIAlphanumeric),
            !text[..<close].contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "<") })
        else { return nil }
        return close + 1
    }

    /// Where a footnote's definition ends: before the next, or a line that is not indented behind a blank one.
    private func footnoteEnd(_ start: Int) -> Int {
        var i = start
        while let lineFeed = source[i...].firstIndex(of: 0x0A) {
            i = lineFeed + 1
            if source[i...].starts(with: "[^".utf8) { return i }
            guard i < source.count, isBlank(i) else { continue }
            var next = i
            while next < source.count, isBlank(next), let end = source[next...].firstIndex(of: 0x0A) { next = end + 1 }
            if next >= source.count || (source[next] != 0x20 && source[next] != 0x09) { return next }
            i = next
        }
        return source.count
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
            if source[i] == 0x0A, isBlank(i + 1) || beginsBlock(i + 1) { break }
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
        var i = skipBlanks(start)
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
            case UInt8(ascii: "(") where !isPointed:
                depth += 1
                if depth > 32 { return nil }
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

    /// Behind blanks and at most one line end.
    private func skipBlanks(_ start: Int) -> Int {
        var i = start
        while i < source.count, source[i] == 0x20 || source[i] == 0x09 || source[i] == 0x0A && !isBlank(i + 1) {
            i += 1
        }
        return i
    }

    /// Whether nothing but a title stands behind a destination on its line.
    private func endsLine(_ start: Int) -> Bool {
        let i = skipBlanks(start)
        let isNextLine = source[start..<min(i, source.count)].contains(0x0A)
        return isBlank(start) || isNextLine || titleEnd(i).map { isBlank($0) } ?? false
    }

    /// No title is longer.
    private static let mostTitleBytes = 1_024

    /// Where a title that begins at `i` ends; nil for none.
    private func titleEnd(_ start: Int) -> Int? {
        guard start < source.count,
            let closing = [UInt8(ascii: "\""): "\"", UInt8(ascii: "'"): "'", UInt8(ascii: "("): ")"][source[start]]?
                .utf8.first
        else { return nil }
        var i = start + 1
        while i < source.count, i - start <= Self.mostTitleBytes {
            if source[i] == closing { return i + 1 }
            if source[i] == 0x0A && isBlank(i + 1) || closing == UInt8(ascii: ")") && source[i] == UInt8(ascii: "(") {
                return nil
            }
            i += source[i] == UInt8(ascii: "\\") ? 2 : 1
        }
        return nil
    }

    /// Where the parenthesis closes behind a destination and perhaps a title; nil where it does not.
    private func linkEnd(_ start: Int) -> Int? {
        var i = skipBlanks(start)
        if i > start, i < source.count, "\"'(".utf8.contains(source[i]) {
            guard let end = titleEnd(i) else { return nil }
            i = skipBlanks(end)
        }
        return i < source.count && source[i] == UInt8(ascii: ")") ? i : nil
    }

    private static func isPunctuation(_ byte: UInt8) -> Bool {
        (0x21...0x2F).contains(byte) || (0x3A...0x40).contains(byte) || (0x5B...0x60).contains(byte)
            || (0x7B...0x7E).contains(byte)
    }

    /// Blocks of code: fenced ones, from a line of three backticks or tildes, behind marks of quotes and lists too, to the
    /// line that closes it or to the end; and lines that stand four columns behind their list item after a blank line.
    private static func codeBlocks(of source: [UInt8]) -> [Range<Int>] {
        // Most bodies hold neither fences nor lines that stand so far in.
        let mayHold = source.withUnsafeBufferPointer { bytes in
            bytes.starts(with: "    ".utf8) || ["```", "~~~", "\n    ", "\t"].contains { bytes.find($0) != nil }
        }
        guard mayHold else { return [] }
        var blocks: [Range<Int>] = []
        var fence: (start: Int, byte: UInt8, count: Int)?
        // Column at which the text of the innermost list item begins.
        var content = 0
        var (isAfterBlank, isCode) = (true, false)
        var start = 0
        while start < source.count {
            let end = source[start...].firstIndex(of: 0x0A) ?? source.count
            defer { start = end + 1 }
            let whole = start..<min(end + 1, source.count)
            let line = Self.text(of: source[start..<end])
            let byte = line.first ?? 0
            let count = line.prefix { $0 == byte }.count
            let isFence = (byte == UInt8(ascii: "`") || byte == UInt8(ascii: "~")) && count >= 3
            if let open = fence {
                let rest = source[start..<end].drop { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: ">") }
                let run = rest.prefix { $0 == open.byte }.count
                let isEnd = rest.dropFirst(run).allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
                if run >= open.count, isEnd {
                    blocks.append(open.start..<whole.upperBound)
                    fence = nil
                }
                continue
            }
            let column = Self.column(source[start..<end])
            if column == nil {
                isAfterBlank = true
                continue
            }
            if let column, column >= content + 4, isAfterBlank || isCode {
                blocks.append(whole)
                isCode = true
                continue
            }
            isCode = false
            if isFence, byte == UInt8(ascii: "~") || !line.dropFirst(count).contains(byte) {
                fence = (start, byte, count)
            }
            if let item = Self.itemContent(source[start..<end]) {
                content = item
            } else if isAfterBlank, let column, column < content {
                content = column
            }
            isAfterBlank = false
        }
        if let fence { blocks.append(fence.start..<source.count) }
        return blocks
    }

    /// A line without the marks of quotes and lists before its text.
    private static func text(of line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = line.drop { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: ">") }
        while itemContent(rest) != nil {
            rest = rest.drop { $0 != 0x20 }.drop { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: ">") }
        }
        return rest
    }

    /// The column of a line's first character, tabs to every fourth; nil for a blank line.
    private static func column(_ line: ArraySlice<UInt8>) -> Int? {
        var column = 0
        for byte in line {
            switch byte {
            case 0x20: column += 1
            case 0x09: column += 4 - column % 4
            case 0x0D: continue
            default: return column
            }
        }
        return nil
    }

    /// The column of the text behind the mark of a list item; nil for other lines.
    private static func itemContent(_ line: ArraySlice<UInt8>) -> Int? {
        guard let column = column(line), let first = line.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }) else {
            return nil
        }
        let digits = line[first...].prefix { (0x30...0x39).contains($0) }.count
        let mark = line[(first + digits)...].first ?? 0
        guard digits > 0 ? ".)".utf8.contains(mark) : "-*+".utf8.contains(mark) else { return nil }
        let behind = line[(first + digits + 1)...].prefix { $0 == 0x20 }.count
        guard behind > 0 else { return nil }
        // Five blanks and more begin code in the item.
        return column + digits + 1 + (behind > 4 ? 1 : behind)
    }

    /// Not a page, another server, or a place in the same page.
    static func mayBeFile(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, first != UInt8(ascii: "#"), bytes.last != UInt8(ascii: "/"),
            !bytes.starts(with: "//".utf8), !bytes.suffix(3).elementsEqual(".md".utf8)
        else { return false }
        if bytes.contains(UInt8(ascii: "#")), text.contains(".md#") { return false }
        guard bytes.contains(UInt8(ascii: ":")) else { return true }
        return !["http:", "https:", "mailto:", "tel:"].contains { text.lowercased().hasPrefix($0) }
    }
}
