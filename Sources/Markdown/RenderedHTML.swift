import CBytes
import Glibc
import PortalBase

/// Reads cmark's HTML once, from front to back: takes the slots out, gives headings their anchors, and notes what a
/// summary and a count of characters need.
///
/// All tags are cmark's own: text is escaped, and raw HTML was replaced in the tree. An address that begins with `xm:`
/// is one of ours, since every link and image was given one.
struct RenderedHTML {
    private static let slotStart: UInt8 = 1
    private static let slotEnd: UInt8 = 2
    private static let excerptCharacters = 120

    private let bytes: UnsafeBufferPointer<UInt8>
    private let slots: [MarkdownDocument.Slot]

    private(set) var html: [UInt8] = []
    private(set) var placed: [(offset: Int, slot: MarkdownDocument.Slot)] = []
    private(set) var headings: [MarkdownDocument.Heading] = []
    private(set) var characters = 0
    private(set) var isForged = false

    private var seen: [Bool]
    private var i = 0
    /// Start of what was read and not yet written.
    private var run = 0
    /// For every open link: whether it is a slot of ours; footnotes have links of their own.
    private var links: [Bool] = []
    private var anchors: [ByteText: Int] = [:]
    private var inWord = false
    /// Depth of elements whose text is no running text: headings, tables.
    private var aside = 0
    private var inFootnotes = false
    private var excerpt: [UInt8] = []
    private var excerptCount = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>, slots: [MarkdownDocument.Slot]) {
        self.bytes = bytes
        self.slots = slots
        seen = [Bool](repeating: false, count: slots.count)
    }

    mutating func read() {
        html.reserveCapacity(bytes.count + bytes.count / 16 + 64)
        placed.reserveCapacity(slots.count * 2)
        while i < bytes.count {
            // Past the excerpt, text is only counted.
            if !isRunningText { passText() }
            guard i < bytes.count else { break }
            let byte = bytes[i]
            switch byte {
            case UInt8(ascii: "<"): readTag()
            case UInt8(ascii: "&"): readReference()
            case 0x0A, 0x09, 0x20:
                inWord = false
                note(0x20)
                i += 1
            case Self.slotStart: readMark()
            case 0..<0x20:
                isForged = true
                skip(1)
            case 0xEF where isEmphasisMark(i): skip(FullWidthEmphasis.mark.count)
            case 0x21..<0x80:
                let isWord = (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || (byte >= 0x30 && byte <= 0x39)
                if isWord, !inWord { characters += 1 }
                inWord = isWord
                note(byte)
                i += 1
            default: readScalar(byte)
            }
        }
        flush()
        if seen.contains(false) { isForged = true }
    }

    // MARK: Text

    private mutating func readScalar(_ lead: UInt8) {
        let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        guard i + length <= bytes.count else {
            i = bytes.count
            return
        }
        var value = UInt32(lead) & (0x7F >> UInt32(length))
        for k in 1..<length { value = value << 6 | UInt32(bytes[i + k] & 0x3F) }
        if isHan(value) {
            characters += 1
            inWord = false
        } else if value >= 0xC0, value <= 0x1FFF {
            if !inWord { characters += 1 }
            inWord = true
        } else {
            inWord = false
        }
        if isRunningText {
            excerpt.append(contentsOf: bytes[i..<(i + length)])
            excerptCount += 1
        }
        i += length
    }

    private enum Class: UInt8 { case gap, letter, han, cjk, stop }

    /// What a byte at the start of a character means to the count.
    private static let classes: [UInt8] = {
        var table = [UInt8](repeating: Class.stop.rawValue, count: 256)
        for byte in 0x20..<0x7F { table[byte] = Class.gap.rawValue }
        table[0x0A] = Class.gap.rawValue
        for byte in "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8 {
            table[Int(byte)] = Class.letter.rawValue
        }
        for byte in "<&".utf8 { table[Int(byte)] = Class.stop.rawValue }
        // U+5000 to U+9FFF, and U+3000 to U+3FFF.
        for byte in 0xE5...0xE9 { table[byte] = Class.han.rawValue }
        table[0xE3] = Class.cjk.rawValue
        return table
    }()

    /// Goes over text up to the next byte that means more than a character: the loop that most of a page goes through.
    private mutating func passText() {
        var counted = 0
        i = xm_count_text(bytes.baseAddress!, i, bytes.count, &inWord, &counted)
        characters += counted
        var i = i
        var characters = characters
        var inWord = inWord
        Self.classes.withUnsafeBufferPointer { classes in
            while i < bytes.count {
                switch classes[Int(bytes[i])] {
                case Class.gap.rawValue:
                    inWord = false
                    i += 1
                case Class.letter.rawValue:
                    if !inWord { characters += 1 }
                    inWord = true
                    i += 1
                case Class.han.rawValue where i + 2 < bytes.count:
                    characters += 1
                    inWord = false
                    i += 3
                case Class.cjk.rawValue where i + 2 < bytes.count && bytes[i + 1] >= 0x80:
                    // From U+3400 on these are characters; 々 and 〇 stand among the punctuation.
                    let isHan = bytes[i + 1] >= 0x90 || bytes[i + 1] == 0x80 && (bytes[i + 2] | 2) == 0x87
                    if isHan { characters += 1 }
                    inWord = false
                    i += 3
                default: return
                }
            }
        }
        (self.i, self.characters, self.inWord) = (i, characters, inWord)
    }

    private var isRunningText: Bool { aside == 0 && excerptCount <= Self.excerptCharacters && !inFootnotes }

    /// A byte of running text, for the excerpt.
    private mutating func note(_ byte: UInt8) {
        guard isRunningText else { return }
        if byte == 0x20 { return noteSpace() }
        excerpt.append(byte)
        excerptCount += 1
    }

    private mutating func noteSpace() {
        guard let last = excerpt.last, last != 0x20, isRunningText else { return }
        excerpt.append(0x20)
        excerptCount += 1
    }

    /// `&amp;` and its like: cmark writes four of them.
    private mutating func readReference() {
        inWord = false
        guard let (byte, length) = reference(at: i) else {
            i += 1
            return
        }
        note(byte)
        i += length
    }

    private func reference(at start: Int) -> (byte: UInt8, length: Int)? {
        guard start + 3 < bytes.count else { return nil }
        switch (bytes[start + 1], bytes[start + 2]) {
        case (UInt8(ascii: "l"), UInt8(ascii: "t")): return (UInt8(ascii: "<"), 4)
        case (UInt8(ascii: "g"), UInt8(ascii: "t")): return (UInt8(ascii: ">"), 4)
        case (UInt8(ascii: "a"), UInt8(ascii: "m")): return (UInt8(ascii: "&"), 5)
        case (UInt8(ascii: "q"), UInt8(ascii: "u")): return (UInt8(ascii: "\""), 6)
        default: return nil
        }
    }

    private func isEmphasisMark(_ at: Int) -> Bool {
        at + 2 < bytes.count && bytes[at + 1] == FullWidthEmphasis.mark[1] && bytes[at + 2] == FullWidthEmphasis.mark[2]
    }

    /// The excerpt, cut at its bound.
    var excerptText: String {
        var text = excerpt[...]
        if excerptCount > Self.excerptCharacters {
            var count = 0
            var end = 0
            while end < excerpt.count {
                if excerpt[end] & 0xC0 != 0x80 {
                    if count == Self.excerptCharacters { break }
                    count += 1
                }
                end += 1
            }
            return String(decoding: excerpt[..<end], as: UTF8.self) + "…"
        }
        while text.last == 0x20 { text.removeLast() }
        return String(decoding: text, as: UTF8.self)
    }

    // MARK: Writing

    /// Writes what was read up to here.
    private mutating func flush() {
        if run < i { html.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[run..<i])) }
        run = i
    }

    /// Leaves some bytes out.
    private mutating func skip(_ count: Int) {
        flush()
        i += count
        run = i
    }

    private mutating func place(_ index: Int, _ slot: MarkdownDocument.Slot) {
        placed.append((html.count, slot))
        seen[index] = true
    }

    /// `\u{1}index\u{2}`: where a directive stands.
    private mutating func readMark() {
        let (number, end) = number(from: i + 1)
        guard end < bytes.count, bytes[end] == Self.slotEnd, let number, number < slots.count, !seen[number],
            isDirective(slots[number])
        else {
            isForged = true
            return skip(1)
        }
        flush()
        place(number, slots[number])
        i = end + 1
        run = i
    }

    private func isDirective(_ slot: MarkdownDocument.Slot) -> Bool {
        switch slot {
        case .directiveOpen, .directiveClose, .directiveLeaf: true
        default: false
        }
    }

    private func number(from start: Int) -> (value: Int?, end: Int) {
        var end = start
        var value = 0
        while end < bytes.count, end < start + 9, bytes[end] >= 0x30, bytes[end] <= 0x39 {
            value = value * 10 + Int(bytes[end] - 0x30)
            end += 1
        }
        return (end > start ? value : nil, end)
    }

    // MARK: Tags

    private func has(_ text: StaticString, at start: Int) -> Bool {
        start + text.utf8CodeUnitCount <= bytes.count
            && memcmp(bytes.baseAddress! + start, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    private func end(of start: Int) -> Int {
        bytes.find(UInt8(ascii: ">"), from: start).map { $0 + 1 } ?? bytes.count
    }

    private mutating func readTag() {
        guard i + 2 < bytes.count else {
            i = bytes.count
            return
        }
        switch bytes[i + 1] {
        case UInt8(ascii: "a") where bytes[i + 2] == 0x20: return readLink()
        case UInt8(ascii: "h") where bytes[i + 2] >= 0x31 && bytes[i + 2] <= 0x36 && has(">", at: i + 3):
            return readHeading()
        case UInt8(ascii: "i") where has("<img ", at: i): return readImage()
        case UInt8(ascii: "p") where has("<pre", at: i): return passElement("</pre>")
        case UInt8(ascii: "s") where has("<sup class=\"footnote-ref\">", at: i): return passElement("</sup>")
        case UInt8(ascii: "s") where has("<section class=\"footnotes\"", at: i): inFootnotes = true
        case UInt8(ascii: "t") where has("<table>", at: i): aside += 1
        case UInt8(ascii: "p"), UInt8(ascii: "l"): noteSpace()
        case UInt8(ascii: "/"):
            switch bytes[i + 2] {
            case UInt8(ascii: "a"):
                if links.popLast() ?? false {
                    flush()
                    placed.append((html.count, .linkClose))
                    i = end(of: i)
                    run = i
                    return
                }
            case UInt8(ascii: "h"): aside -= 1
            case UInt8(ascii: "t") where has("</table>", at: i): aside -= 1
            default: break
            }
        default: break
        }
        i = end(of: i)
        // A cell or line ends a word; emphasis within a word does not.
        if bytes[i - 1] == UInt8(ascii: ">"), i < bytes.count, bytes[i] == 0x0A { inWord = false }
    }

    /// Copies an element whose text counts for nothing.
    private mutating func passElement(_ close: StaticString) {
        inWord = false
        while i < bytes.count, !has(close, at: i) {
            if bytes[i] < 0x20, bytes[i] != 0x0A, bytes[i] != 0x09 {
                isForged = true
                skip(1)
            } else if bytes[i] == 0xEF, isEmphasisMark(i) {
                skip(FullWidthEmphasis.mark.count)
            } else if close.utf8CodeUnitCount == 6, bytes[i] == UInt8(ascii: "<"), has("<a ", at: i) {
                links.append(false)
                i += 1
            } else if bytes[i] == UInt8(ascii: "<"), has("</a>", at: i) {
                _ = links.popLast()
                i += 1
            } else {
                i += 1
            }
        }
        i = end(of: min(i, bytes.count))
    }

    private mutating func readLink() {
        guard has("<a href=\"xm:", at: i), let number = number(from: i + 12).value, number < slots.count,
            !seen[number], case .linkOpen = slots[number]
        else {
            links.append(false)
            i = end(of: i)
            return
        }
        links.append(true)
        flush()
        place(number, slots[number])
        i = end(of: i)
        run = i
    }

    private mutating func readImage() {
        let close = end(of: i)
        let (found, after) = number(from: i + 13)
        guard has("<img src=\"xm:", at: i), let found, found < slots.count, !seen[found],
            case .image(let source, _, let title, let position) = slots[found], has("\" alt=\"", at: after)
        else {
            isForged = true
            return skip(close - i)
        }
        flush()
        let start = after + 7
        let alternative = plainText(start..<(bytes[start..<close].firstIndex(of: UInt8(ascii: "\"")) ?? start))
        place(found, .image(source: source, alternative: alternative, title: title, position))
        i = close
        run = i
    }

    private mutating func readHeading() {
        let start = i + 4
        var close = bytes.find(UInt8(ascii: "<"), from: start) ?? bytes.count
        while close < bytes.count, !has("</h", at: close) {
            close = bytes.find(UInt8(ascii: "<"), from: close + 1) ?? bytes.count
        }
        let text = plainText(start..<close)
        let anchor = anchor(text)
        headings.append(.init(level: Int(bytes[i + 2] - 0x30), text: text, anchor: anchor))
        i += 3
        flush()
        html.append(contentsOf: " id=\"".utf8)
        appendEscapedHTML(anchor, to: &html)
        html.append(contentsOf: "\">".utf8)
        i += 1
        run = i
        aside += 1
        inWord = false
    }

    /// Text of a piece of HTML: no tags, no marks, a space for a line end.
    private func plainText(_ range: Range<Int>) -> String {
        let piece = UnsafeBufferPointer(rebasing: bytes[range])
        let isPlain = !piece.contains { byte in
            byte < 0x20 || byte == UInt8(ascii: "<") || byte == UInt8(ascii: "&") || byte == FullWidthEmphasis.mark[0]
        }
        if isPlain { return String(decoding: piece, as: UTF8.self) }
        var out: [UInt8] = []
        out.reserveCapacity(range.count)
        var k = range.lowerBound
        while k < range.upperBound {
            switch bytes[k] {
            case UInt8(ascii: "<"):
                // The number of a footnote is no part of the text.
                if has("<sup class=\"footnote-ref\">", at: k) {
                    while k < range.upperBound, !has("</sup>", at: k) { k += 1 }
                }
                k = end(of: k)
            case UInt8(ascii: "&"):
                if let (byte, length) = reference(at: k) {
                    out.append(byte)
                    k += length
                } else {
                    out.append(bytes[k])
                    k += 1
                }
            case 0x0A:
                out.append(0x20)
                k += 1
            case Self.slotStart, Self.slotEnd: k += 1
            case 0xEF where isEmphasisMark(k): k += FullWidthEmphasis.mark.count
            default:
                out.append(bytes[k])
                k += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Letters and digits of any script stay, the rest becomes single hyphens: stable while the title is.
    private mutating func anchor(_ text: String) -> String {
        var slug = PortalBase.slug(of: text)
        if slug.isEmpty { slug = "section" }
        func countOne(_ count: inout Int) -> Int {
            count += 1
            return count - 1
        }
        let count = countOne(&anchors[ByteText(slug), default: 0])
        if count == 0 { return slug }
        let numbered = "\(slug)-\(count)"
        anchors[ByteText(numbered), default: 0] += 1
        return numbered
    }
}
