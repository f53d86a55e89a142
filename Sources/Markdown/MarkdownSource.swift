/// What one look over a body tells before cmark reads it: whether it stays within bounds, and which extensions of the
/// parser could find anything in it.
///
/// An extension that is not attached costs nothing; a body in which its first byte does not occur reads the same with it
/// and without (`MarkdownEngineTests` compares both over the specification's examples and random bodies).
struct MarkdownSource {
    enum Extension: String, CaseIterable { case table, strikethrough, autolink, tagfilter, tasklist }

    /// Bytes that matter, as bits.
    struct Marks: OptionSet {
        let rawValue: UInt16
        /// `*` or `~`, which full-width punctuation may stand beside.
        static let delimiters = Marks(rawValue: 1)
        /// `[` or `<`, without which there is neither link nor image nor raw HTML.
        static let brackets = Marks(rawValue: 2)
        static let pipe = Marks(rawValue: 4)
        static let tilde = Marks(rawValue: 8)
        static let squareBracket = Marks(rawValue: 32)
        static let colon = Marks(rawValue: 64)
        /// What may begin a directive, or look like a visibility mark.
        static let directive = Marks(rawValue: 128)
        static let visibilityMark = Marks(rawValue: 256)
    }

    /// Why a body is not parsed; lines count from 0.
    enum Refusal: Equatable {
        case tooWide(line: Int)
        case tooDeep(line: Int)
        case control(line: Int)
    }

    /// Bounds that keep one document from taking the machine: cmark needs 31 s for one table of 1,000 columns.
    static let maxTableColumns = 100
    static let maxQuoteDepth = 60

    let extensions: [Extension]
    let refusal: Refusal?
    private let marks: Marks

    func has(_ marks: Marks) -> Bool { !self.marks.isDisjoint(with: marks) }

    /// 1 for bytes that mean something here; all others are passed over.
    private static let classes: [UInt8] = {
        var table = [UInt8](repeating: 0, count: 256)
        for byte in 0..<0x20 { table[byte] = 1 }
        for byte in "|>-: \t~*[<@w".utf8 { table[Int(byte)] = 1 }
        // Begins the full-width colon.
        table[0xEF] = 1
        return table
    }()

    init(_ source: [UInt8]) {
        var marks: Marks = []
        var refusal: Refusal?
        var hasAddress = false
        source.withUnsafeBufferPointer { bytes in
            Self.classes.withUnsafeBufferPointer { classes in
                refusal = Self.scan(bytes, classes, &marks, &hasAddress)
            }
        }
        self.marks = marks
        self.refusal = refusal
        var extensions: [Extension] = []
        // A table of one column may do without pipes: `:-` under its heading.
        if !marks.isDisjoint(with: [.pipe, .colon]) { extensions.append(.table) }
        if marks.contains(.tilde) { extensions.append(.strikethrough) }
        if hasAddress { extensions.append(.autolink) }
        if marks.contains(.squareBracket) { extensions.append(.tasklist) }
        self.extensions = extensions
    }

    /// Whether the colon belongs to `<scheme://address>`, which needs no extension.
    private static func isBracketed(_ bytes: UnsafeBufferPointer<UInt8>, _ colon: Int) -> Bool {
        var start = colon
        while start > 0, colon - start < 12, bytes[start - 1] | 0x20 >= 0x61, bytes[start - 1] | 0x20 <= 0x7A {
            start -= 1
        }
        guard start > 0, bytes[start - 1] == UInt8(ascii: "<"), start < 2 || bytes[start - 2] != UInt8(ascii: "\\"),
            colon - start > 1
        else { return false }
        var end = colon
        while end < bytes.count, bytes[end] > 0x20, bytes[end] != UInt8(ascii: "<"), bytes[end] != UInt8(ascii: ">") {
            end += 1
        }
        return end < bytes.count && bytes[end] == UInt8(ascii: ">")
    }

    private static func scan(
        _ bytes: UnsafeBufferPointer<UInt8>, _ classes: UnsafeBufferPointer<UInt8>, _ marks: inout Marks,
        _ hasAddress: inout Bool
    ) -> Refusal? {
        var line = 0
        var pipes = 0
        var quotes = 0
        // Whether nothing but marks stood in the line so far: only such lines delimit tables and nest quotes.
        var isMarksOnly = true
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            if classes[Int(byte)] == 0 {
                isMarksOnly = false
                i += 1
                continue
            }
            switch byte {
            case 0x0A:
                if isMarksOnly, pipes > maxTableColumns { return .tooWide(line: line) }
                line += 1
                pipes = 0
                quotes = 0
                isMarksOnly = true
            case UInt8(ascii: "|"):
                pipes += 1
                marks.insert(.pipe)
            case UInt8(ascii: ">"):
                quotes += 1
                if isMarksOnly, quotes > maxQuoteDepth { return .tooDeep(line: line) }
            case UInt8(ascii: ":"):
                if DirectiveScanner.mayBegin(bytes, i) { marks.insert(.directive) }
                if VisibilityMarks.mayFollow(bytes, i + 1) { marks.insert(.visibilityMark) }
                if i + 1 < bytes.count, bytes[i + 1] == UInt8(ascii: "/"), !isBracketed(bytes, i) { hasAddress = true }
                if i + 1 < bytes.count, bytes[i + 1] == UInt8(ascii: "-") { marks.insert(.colon) }
                if i > 0, bytes[i - 1] == UInt8(ascii: "-") { marks.insert(.colon) }
            case UInt8(ascii: "-"), 0x20, 0x09, 0x0D: break
            case 0..<0x20: return .control(line: line)
            default:
                isMarksOnly = false
                switch byte {
                case UInt8(ascii: "*"): marks.insert(.delimiters)
                case UInt8(ascii: "~"): marks.formUnion([.delimiters, .tilde])
                case UInt8(ascii: "["): marks.formUnion([.brackets, .squareBracket])
                case UInt8(ascii: "<"): marks.insert(.brackets)
                case UInt8(ascii: "@"): hasAddress = true
                case 0xEF:
                    if i + 2 < bytes.count, bytes[i + 1] == 0xBC, bytes[i + 2] == 0x9A,
                        VisibilityMarks.mayFollow(bytes, i + 3)
                    {
                        marks.insert(.visibilityMark)
                    }
                default:
                    if byte == UInt8(ascii: "w"), i + 1 < bytes.count, bytes[i + 1] == byte { hasAddress = true }
                }
            }
            i += 1
        }
        return nil
    }
}
