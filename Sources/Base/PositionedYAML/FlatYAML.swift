import PortalBase

/// Reads the kind of YAML that nearly every page's head is: `key: value` lines, with lists of plain values, nothing
/// nested and nothing spread over lines.
///
/// Whatever is not plainly of that kind gives nil and goes to the parser of the whole language, which also words all
/// errors; what is read here is read the same, positions included (`FlatYAMLTests` compares the two).
struct FlatYAML {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let path: String
    private let firstLine: Int
    private var i = 0
    private var line = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>, path: String, firstLine: Int) {
        self.bytes = bytes
        self.path = path
        self.firstLine = firstLine
    }

    static func parse(_ text: ArraySlice<UInt8>, path: String, firstLine: Int) -> YAMLNode? {
        text.withUnsafeBufferPointer { bytes in
            guard isPlain(bytes) else { return nil }
            var reader = FlatYAML(bytes, path: path, firstLine: firstLine)
            return reader.read()
        }
    }

    /// No tab, no anchor, and none of the characters beyond ASCII that end lines or may not stand in YAML.
    private static func isPlain(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        for i in bytes.indices {
            switch bytes[i] {
            case 0x09, 0x0D, UInt8(ascii: "&"), 0x7F: return false
            case 0xC2 where i + 1 < bytes.count && bytes[i + 1] < 0xA0: return false
            case 0xE2 where i + 2 < bytes.count && bytes[i + 1] == 0x80 && (bytes[i + 2] & 0xFE) == 0xA8: return false
            case 0xEF
            where i + 1 < bytes.count && (bytes[i + 1] == 0xBB || bytes[i + 1] == 0xBF || bytes[i + 1] == 0xB7):
                return false
            default: continue
            }
        }
        return true
    }

    private func position(_ offset: Int, lineStart: Int) -> SourcePosition {
        // Columns count characters here, as in the other parser.
        var column = 1
        for k in lineStart..<offset where bytes[k] & 0xC0 != 0x80 { column += 1 }
        return SourcePosition(path: path, line: firstLine + line, column: column)
    }

    private func lineEnd(_ start: Int) -> Int {
        var end = start
        while end < bytes.count, bytes[end] != 0x0A { end += 1 }
        return end
    }

    private mutating func read() -> YAMLNode? {
        var pairs: [YAMLNode.Pair] = []
        pairs.reserveCapacity(8)
        var start: SourcePosition?
        while i < bytes.count {
            let end = lineEnd(i)
            if isBlank(i, end) {
                advance(to: end)
                continue
            }
            guard let colon = keyEnd(i, end) else { return nil }
            let key = string(i..<colon)
            guard !pairs.contains(where: { $0.key == key }) else { return nil }
            let keyPosition = position(i, lineStart: i)
            start = start ?? keyPosition
            let lineStart = i
            var valueStart = colon + 1
            while valueStart < end, bytes[valueStart] == 0x20 { valueStart += 1 }
            let value: YAMLNode?
            if valueStart == end {
                advance(to: end)
                value = blockList()
            } else {
                value =
                    bytes[valueStart] == UInt8(ascii: "[")
                    ? flowList(valueStart, end, lineStart) : scalar(valueStart, end, lineStart)
                advance(to: end)
                // A value that goes on in the next line.
                if i < bytes.count, bytes[i] == 0x20, !isBlank(i, lineEnd(i)) { return nil }
            }
            guard let value else { return nil }
            pairs.append(.init(key: key, keyPosition: keyPosition, value: value))
        }
        guard let start else { return nil }
        return YAMLNode(value: .map(pairs), position: start)
    }

    private mutating func advance(to end: Int) {
        i = end + 1
        line += 1
    }

    /// Nothing, or a comment.
    private func isBlank(_ start: Int, _ end: Int) -> Bool {
        var k = start
        while k < end, bytes[k] == 0x20 { k += 1 }
        return k >= end || bytes[k] == UInt8(ascii: "#")
    }

    /// The colon behind a key of ASCII letters at the start of a line.
    private func keyEnd(_ start: Int, _ end: Int) -> Int? {
        var k = start
        while k < end, Self.isKeyByte(bytes[k]) { k += 1 }
        guard k > start, k - start < 128, k < end, bytes[k] == UInt8(ascii: ":"), k + 1 == end || bytes[k + 1] == 0x20,
            bytes[start] | 0x20 >= 0x61
        else { return nil }
        return k
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || (byte >= 0x30 && byte <= 0x39) || byte == UInt8(ascii: "_")
    }

    private func string(_ range: Range<Int>) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    }

    /// `- value` lines of one indent; nil where anything else follows a key without a value.
    private mutating func blockList() -> YAMLNode? {
        var items: [YAMLNode] = []
        var place: SourcePosition?
        var indent: Int?
        while i < bytes.count {
            let end = lineEnd(i)
            if isBlank(i, end) {
                advance(to: end)
                continue
            }
            var dash = i
            while dash < end, bytes[dash] == 0x20 { dash += 1 }
            guard bytes[dash] == UInt8(ascii: "-") else {
                // A line of its own ends the list; anything indented belongs to it in a way not read here.
                if dash > i { return nil }
                break
            }
            guard dash + 2 < end, bytes[dash + 1] == 0x20, indent == nil || indent == dash - i else { return nil }
            indent = dash - i
            var valueStart = dash + 2
            while valueStart < end, bytes[valueStart] == 0x20 { valueStart += 1 }
            guard valueStart < end, let item = scalar(valueStart, end, i) else { return nil }
            place = place ?? position(dash, lineStart: i)
            items.append(item)
            advance(to: end)
        }
        guard let place else { return nil }
        return YAMLNode(value: .list(items), position: place)
    }

    /// A value that fills the rest of its line.
    private func scalar(_ start: Int, _ end: Int, _ lineStart: Int) -> YAMLNode? {
        let place = position(start, lineStart: lineStart)
        let first = bytes[start]
        if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") {
            guard let close = quoteEnd(start, end), isBlankAfter(close + 1, end) else { return nil }
            return YAMLNode(value: .scalar(string((start + 1)..<close), quoted: true), position: place)
        }
        guard !Self.indicators.contains(first) else { return nil }
        var last = end
        while last > start, bytes[last - 1] == 0x20 { last -= 1 }
        for k in start..<last {
            if bytes[k] == UInt8(ascii: ":"), k + 1 == last || bytes[k + 1] == 0x20 { return nil }
            if bytes[k] == UInt8(ascii: "#"), bytes[k - 1] == 0x20 { return nil }
        }
        return YAMLNode(value: .scalar(string(start..<last), quoted: false), position: place)
    }

    private static let indicators = Set("-?:,[]{}#&*!|>'\"%@`=<~".utf8)

    /// The closing quote of a text without escapes.
    private func quoteEnd(_ start: Int, _ end: Int) -> Int? {
        var k = start + 1
        while k < end, bytes[k] != bytes[start] {
            if bytes[k] == UInt8(ascii: "\\"), bytes[start] == UInt8(ascii: "\"") { return nil }
            k += 1
        }
        return k < end ? k : nil
    }

    private func isBlankAfter(_ start: Int, _ end: Int) -> Bool { (start..<end).allSatisfy { bytes[$0] == 0x20 } }

    /// `[a, "b"]` on one line.
    private func flowList(_ start: Int, _ end: Int, _ lineStart: Int) -> YAMLNode? {
        var items: [YAMLNode] = []
        var k = start + 1
        func skipSpaces() { while k < end, bytes[k] == 0x20 { k += 1 } }
        skipSpaces()
        if k < end, bytes[k] == UInt8(ascii: "]"), isBlankAfter(k + 1, end) {
            return YAMLNode(value: .list([]), position: position(start, lineStart: lineStart))
        }
        while true {
            skipSpaces()
            guard k < end else { return nil }
            let place = position(k, lineStart: lineStart)
            if bytes[k] == UInt8(ascii: "\"") || bytes[k] == UInt8(ascii: "'") {
                guard let close = quoteEnd(k, end) else { return nil }
                items.append(YAMLNode(value: .scalar(string((k + 1)..<close), quoted: true), position: place))
                k = close + 1
                skipSpaces()
            } else {
                guard !Self.indicators.contains(bytes[k]) else { return nil }
                let begin = k
                while k < end, bytes[k] != UInt8(ascii: ","), bytes[k] != UInt8(ascii: "]") {
                    // What means something within brackets.
                    if "[{}:?#\"'".utf8.contains(bytes[k]) { return nil }
                    k += 1
                }
                var last = k
                while last > begin, bytes[last - 1] == 0x20 { last -= 1 }
                items.append(YAMLNode(value: .scalar(string(begin..<last), quoted: false), position: place))
            }
            guard k < end else { return nil }
            if bytes[k] == UInt8(ascii: "]") { break }
            guard bytes[k] == UInt8(ascii: ",") else { return nil }
            k += 1
        }
        guard isBlankAfter(k + 1, end) else { return nil }
        return YAMLNode(value: .list(items), position: position(start, lineStart: lineStart))
    }
}
