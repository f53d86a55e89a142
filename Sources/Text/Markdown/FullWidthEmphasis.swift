import PortalBase

/// Lets emphasis work beside full-width punctuation.
///
/// CommonMark asks for white space or punctuation outside a delimiter that has punctuation inside, which Chinese does not
/// write: `正文**「重点」**内容` stays as asterisks. A noncharacter, which counts as a letter, goes between the delimiter
/// and the punctuation before parsing, and is taken out of everything afterwards, code included.
enum FullWidthEmphasis {
    /// U+FDD0: no source holds it (`decodeSource` refuses it), and cmark treats it as a letter.
    static let mark: [UInt8] = [0xEF, 0xB7, 0x90]

    /// - Returns: nil where nothing needs a mark, which is most pages.
    static func marked(_ bytes: [UInt8]) -> [UInt8]? { bytes.withUnsafeBufferPointer(marked) }

    private static func marked(_ source: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var out: [UInt8]?
        var copied = 0
        var i = 0
        var delimiters = Delimiters(source)
        func insert(at offset: Int) {
            if out == nil {
                out = []
                out!.reserveCapacity(source.count + 1024)
            }
            out!.append(contentsOf: source[copied..<offset])
            out!.append(contentsOf: mark)
            copied = offset
        }
        while let found = delimiters.next(from: i) {
            i = found
            let byte = source[i]
            if isEscaped(source, i) {
                i += 1
                continue
            }
            var end = i
            while end < source.count, source[end] == byte { end += 1 }
            // One alone is as often a sign (必填*，3*4) as a delimiter: it is left to CommonMark.
            if end - i > 1 {
                let (before, after) = (scalarBefore(source, i), scalarAfter(source, end))
                if isInside(before, outside: after) { insert(at: i) }
                if isInside(after, outside: before) { insert(at: end) }
            }
            i = end
        }
        out?.append(contentsOf: source[copied...])
        return out
    }

    /// The places of both kinds of delimiters, in order.
    private struct Delimiters {
        private let source: UnsafeBufferPointer<UInt8>
        private var star: Int?
        private var tilde: Int?

        init(_ source: UnsafeBufferPointer<UInt8>) {
            self.source = source
            star = source.find(UInt8(ascii: "*"))
            tilde = source.find(UInt8(ascii: "~"))
        }

        mutating func next(from start: Int) -> Int? {
            if let known = star, known < start { star = source.find(UInt8(ascii: "*"), from: start) }
            if let known = tilde, known < start { tilde = source.find(UInt8(ascii: "~"), from: start) }
            guard let star, let tilde else { return star ?? tilde }
            return min(star, tilde)
        }
    }

    /// An escaped delimiter delimits nothing; a backslash may itself be escaped.
    private static func isEscaped(_ source: UnsafeBufferPointer<UInt8>, _ i: Int) -> Bool {
        var start = i
        while start > 0, source[start - 1] == UInt8(ascii: "\\") { start -= 1 }
        return (i - start) % 2 == 1
    }

    static func stripped(_ text: String) -> String {
        guard text.utf8.contains(mark[0]) else { return text }
        return String(decoding: Array(text.utf8).withUnsafeBufferPointer(stripped), as: UTF8.self)
    }

    static func stripped(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var start = 0
        var i = 0
        while let found = bytes.find(mark[0], from: i) {
            i = found + 1
            guard found + 2 < bytes.count, bytes[found + 1] == mark[1], bytes[found + 2] == mark[2] else { continue }
            out.append(contentsOf: bytes[start..<found])
            i = found + mark.count
            start = i
        }
        out.append(contentsOf: bytes[start...])
        return out
    }

    /// Punctuation inside a delimiter that has text outside: full-width punctuation beside any letter, ASCII punctuation
    /// (`98.5%`, a closing bracket, a code span) beside a Chinese one.
    private static func isInside(_ inner: UInt32, outside outer: UInt32) -> Bool {
        switch kind(inner) {
        case .fullWidthPunctuation: kind(outer) == .letter
        case .punctuation: isHan(outer)
        default: false
        }
    }

    static func isFullWidthPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        kind(scalar.value) == .fullWidthPunctuation
    }

    private enum Kind { case space, punctuation, fullWidthPunctuation, letter }

    private static func kind(_ scalar: UInt32) -> Kind {
        switch scalar {
        case 0...0x20, 0xA0, 0x3000: .space
        case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: .punctuation
        // General punctuation, CJK symbols, vertical and small forms, full-width forms.
        case 0x2010...0x2027, 0x2030...0x205E, 0x3001...0x3003, 0x3008...0x3011, 0x3014...0x301F, 0x30FB,
            0xFE10...0xFE19, 0xFE30...0xFE6B, 0xFF01...0xFF0F, 0xFF1A...0xFF20, 0xFF3B...0xFF40, 0xFF5B...0xFF65:
            .fullWidthPunctuation
        default: .letter
        }
    }

    private static func scalarAfter(_ source: UnsafeBufferPointer<UInt8>, _ i: Int) -> UInt32 {
        i < source.count ? source.scalarValue(at: i)?.value ?? 0x20 : 0x20
    }

    private static func scalarBefore(_ source: UnsafeBufferPointer<UInt8>, _ i: Int) -> UInt32 {
        var start = i - 1
        while start >= 0, source[start] & 0xC0 == 0x80 { start -= 1 }
        return start < 0 ? 0x20 : scalarAfter(source, start)
    }
}
