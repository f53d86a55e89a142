import CBytes
import PortalBase

/// What a summary and a count of characters need of a document's text, read piece by piece.
struct RunningText {
    private static let excerptCharacters = 120

    /// Length as people count it: every Chinese character and every word of another script is one.
    var characters: Int? { counts ? counted : nil }
    private let counts: Bool
    private var counted = 0
    /// Depth of elements whose text is counted but makes no summary: headings, tables, footnotes.
    var aside = 0

    private var inWord = false
    private var excerpt: [UInt8] = []
    private var excerptCount = 0

    init(counts: Bool = true) { self.counts = counts }

    private var isRunning: Bool { aside == 0 && excerptCount <= Self.excerptCharacters }

    /// A word goes on over the end of emphasis, and ends with a line, a cell, a block.
    mutating func endWord() { inWord = false }

    /// The start or end of a line or block.
    mutating func endLine() {
        isBroken = false
        inWord = false
        noteSpace()
    }

    /// A line of the source ends within a paragraph: between Chinese characters nothing stands in its place.
    mutating func breakSoftly() {
        inWord = false
        isBroken = true
    }

    private var isBroken = false

    mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        if isBroken {
            isBroken = false
            // The first byte of the character that stands last.
            let last = excerpt.last { $0 & 0xC0 != 0x80 } ?? 0
            if !(beginsWideCharacter(last) && bytes.first.map(beginsWideCharacter) ?? false) { noteSpace() }
        }
        if isRunning { addToExcerpt(bytes) }
        guard counts else { return }
        var i = 0
        while true {
            i = xm_count_text(start, i, bytes.count, &inWord, &counted)
            if i >= bytes.count { return }
            i = countScalar(bytes, at: i)
        }
    }

    /// A character that `xm_count_text` leaves to `isHan`, or a letter of another script.
    ///
    /// - Returns: where the next one begins.
    private mutating func countScalar(_ bytes: UnsafeBufferPointer<UInt8>, at i: Int) -> Int {
        guard let (value, length) = bytes.scalarValue(at: i) else { return bytes.count }
        if isHan(value) {
            counted += 1
            inWord = false
        } else if value >= 0xC0, value <= 0x1FFF {
            if !inWord { counted += 1 }
            inWord = true
        } else {
            inWord = false
        }
        return i + length
    }

    private mutating func addToExcerpt(_ bytes: UnsafeBufferPointer<UInt8>) {
        // All that it can take, in one allocation.
        if excerpt.isEmpty { excerpt.reserveCapacity(4 * (Self.excerptCharacters + 2)) }
        var start = 0
        for i in bytes.indices {
            let byte = bytes[i]
            if byte == 0x20 || byte == 0x0A || byte == 0x09 {
                excerpt.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<i]))
                start = i + 1
                noteSpace()
            } else if byte & 0xC0 != 0x80 {
                excerptCount += 1
            }
            if !isRunning {
                if start <= i { excerpt.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...i])) }
                return
            }
        }
        excerpt.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...]))
    }

    private mutating func noteSpace() {
        guard isRunning, let last = excerpt.last, last != 0x20 else { return }
        excerpt.append(0x20)
        excerptCount += 1
    }

    /// The first words, with one space for any white space, cut at their bound.
    var firstWords: String {
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
}
