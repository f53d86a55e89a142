import CCMarkGFM
import PortalBase

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
        /// `[^`, without which there is no footnote.
        static let footnote = Marks(rawValue: 512)
    }

    /// Why a body is not parsed; lines count from 0.
    enum Refusal: Equatable {
        case tooWide(line: Int)
        case tooDeep(line: Int)
        case control(line: Int)
        /// Openers of comments, sections, instructions and addresses: cmark looks for the end of each from the start.
        case tooManyOpeners(line: Int)
    }

    /// Bounds that keep one document from taking the machine: cmark needs 31 s for one table of 1,000 columns.
    static let maxTableColumns = 100
    static let maxQuoteDepth = 60
    static let maxOpeners = 500

    let extensions: [Extension]
    let refusal: Refusal?
    private let marks: Marks

    /// What cmark is asked for: looking for footnotes costs two walks over the tree.
    var options: Int32 { has(.footnote) ? CMARK_OPT_FOOTNOTES : 0 }

    func has(_ marks: Marks) -> Bool { !self.marks.isDisjoint(with: marks) }

    /// - Parameter isUnmarked: whether it is known to hold nothing that could be a visibility mark.
    init(_ source: [UInt8], isUnmarked: Bool = false) {
        var marks: Marks = []
        var refusal: Refusal?
        var hasAddress = false
        source.withUnsafeBufferPointer { bytes in
            Self.look(bytes, &marks, &hasAddress, isUnmarked)
            // Few bodies come near a bound; only they are gone through line by line.
            let isSuspicious =
                bytes.holdsControl || bytes.holds(UInt8(ascii: "|"), moreThan: Self.maxTableColumns)
                || bytes.holds(UInt8(ascii: ">"), moreThan: Self.maxQuoteDepth)
            if isSuspicious { refusal = Self.refusal(bytes) }
            if refusal == nil, bytes.holds(UInt8(ascii: "<"), moreThan: Self.maxOpeners) {
                refusal = Self.openers(bytes)
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

    /// Finds the bytes that matter, each for itself: most bodies hold few of them.
    private static func look(
        _ bytes: UnsafeBufferPointer<UInt8>, _ marks: inout Marks, _ hasAddress: inout Bool, _ isUnmarked: Bool
    ) {
        func has(_ byte: Unicode.Scalar) -> Bool { bytes.find(UInt8(ascii: byte)) != nil }
        if has("|") { marks.insert(.pipe) }
        if has("*") { marks.insert(.delimiters) }
        if has("~") { marks.formUnion([.delimiters, .tilde]) }
        if has("<") { marks.insert(.brackets) }
        if has("[") {
            marks.formUnion([.brackets, .squareBracket])
            if bytes.holds("[^") { marks.insert(.footnote) }
        }
        if has("@") || bytes.holds("www.") { hasAddress = true }
        var start = 0
        while let i = bytes.find(UInt8(ascii: ":"), from: start) {
            if DirectiveScanner.mayBegin(bytes, i) { marks.insert(.directive) }
            if i + 1 < bytes.count, bytes[i + 1] == UInt8(ascii: "/"), !isBracketed(bytes, i) { hasAddress = true }
            if i + 1 < bytes.count, bytes[i + 1] == UInt8(ascii: "-") { marks.insert(.colon) }
            if i > 0, bytes[i - 1] == UInt8(ascii: "-") { marks.insert(.colon) }
            start = i + 1
        }
        // Marks may be written with colons of another width.
        if !isUnmarked, VisibilityMarks.mayStand(in: bytes) { marks.formUnion([.visibilityMark, .directive]) }
    }

    private static func openers(_ bytes: UnsafeBufferPointer<UInt8>) -> Refusal? {
        var count = 0
        var start = 0
        var (close, lineEnd) = (0, 0)
        while let i = bytes.find(UInt8(ascii: "<"), from: start), i + 1 < bytes.count {
            start = i + 1
            if close < i { close = bytes.find(UInt8(ascii: ">"), from: i) ?? bytes.count }
            if lineEnd < i { lineEnd = bytes.find(0x0A, from: i) ?? bytes.count }
            // `](<address` without its end on the line.
            let isOpenAddress =
                lineEnd <= close && i >= 2 && bytes[i - 1] == UInt8(ascii: "(") && bytes[i - 2] == UInt8(ascii: "]")
            guard bytes[start] == UInt8(ascii: "!") || bytes[start] == UInt8(ascii: "?") || isOpenAddress else {
                continue
            }
            count += 1
            if count > maxOpeners { return .tooManyOpeners(line: bytes[..<i].lineFeeds) }
        }
        return nil
    }

    /// Only lines that begin with nothing but marks delimit tables and nest quotes: of all others the beginning is looked at.
    private static func refusal(_ bytes: UnsafeBufferPointer<UInt8>) -> Refusal? {
        let holdsControl = bytes.holdsControl
        var line = 0
        var start = 0
        while start < bytes.count {
            let end = bytes.find(0x0A, from: start) ?? bytes.count
            var pipes = 0
            var quotes = 0
            var i = start
            marks: while i < end {
                switch bytes[i] {
                case UInt8(ascii: "|"): pipes += 1
                case UInt8(ascii: ">"): quotes += 1
                case UInt8(ascii: ":"), UInt8(ascii: "-"), 0x20, 0x09, 0x0D: break
                default: break marks
                }
                i += 1
            }
            if quotes > maxQuoteDepth { return .tooDeep(line: line) }
            if i == end, pipes > maxTableColumns { return .tooWide(line: line) }
            if holdsControl, UnsafeBufferPointer(rebasing: bytes[i..<end]).holdsControl { return .control(line: line) }
            line += 1
            start = end + 1
        }
        return nil
    }
}
