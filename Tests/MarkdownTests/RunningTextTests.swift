import PortalBase
import Testing

@testable import Markdown

@Suite struct RunningTextTests {
    /// Letters, characters and what stands between them, of every length in bytes.
    private static let pieces = [
        "文", "件", "，", "。", "、", "“", "”", "—", "·", "a", "b", "Z", "9", " ", "\n", "-", "'", "é", "ß", "Ж", "ก", "한",
        "か",
        "々", "〇", "〈", "㐀", "䶿", "䷀", "䷿", "一", "鿿", "ꀀ", "豈", "﫿", "！", "𠀀", "😀", "&", "<", "\u{7F}", "\u{85}",
    ]

    /// Chinese characters, and words of other scripts up to U+1FFF, a scalar at a time.
    private func plainCount(_ text: String) -> Int {
        var characters = 0
        var inWord = false
        for scalar in text.unicodeScalars {
            let isWord =
                scalar.isASCII
                ? scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                : (0xC0...0x1FFF).contains(scalar.value)
            if isHan(scalar.value) || isWord && !inWord { characters += 1 }
            inWord = isWord && !isHan(scalar.value)
        }
        return characters
    }

    /// White space as one space, none at the ends, and no more than the first 120 characters.
    private func plainExcerpt(_ text: String) -> String {
        var words: [Unicode.Scalar] = []
        for scalar in text.unicodeScalars {
            if scalar == " " || scalar == "\n" {
                if let last = words.last, last != " " { words.append(" ") }
            } else {
                words.append(scalar)
            }
        }
        func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
            var out = ""
            out.unicodeScalars.append(contentsOf: scalars)
            return out
        }
        if words.count > 120 { return string(words.prefix(120)) + "…" }
        while words.last == " " { words.removeLast() }
        return string(words)
    }

    @Test func blocksAndSingleBytesCountAlike() {
        var generator = Numbers(state: 11)
        for round in 0..<4_000 {
            // Short lists of pieces give long stretches of one kind.
            let kinds = (0..<Int.random(in: 1...(round % 4 == 0 ? 40 : 4), using: &generator)).map { _ in
                Self.pieces.randomElement(using: &generator)!
            }
            let parts = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                (0..<Int.random(in: 0...50, using: &generator)).map { _ in kinds.randomElement(using: &generator)! }
                    .joined()
            }
            var reader = RunningText()
            for part in parts { Array(part.utf8).withUnsafeBufferPointer { reader.add($0) } }
            let text = parts.joined()
            let expected = plainCount(text)
            if reader.characters != expected {
                Issue.record("\(reader.characters) instead of \(expected): \(parts.debugDescription)")
            }
            if !reader.firstWords.utf8.elementsEqual(plainExcerpt(text).utf8) {
                Issue.record("\(reader.firstWords): \(parts.debugDescription)")
            }
        }
    }

    @Test func whoDoesNotAskForCharactersGetsNoCount() {
        var reader = RunningText(counts: false)
        Array("第一条 one".utf8).withUnsafeBufferPointer { reader.add($0) }
        #expect(reader.characters == nil)
        #expect(reader.firstWords == "第一条 one")
    }

    @Test func whatStandsAsideIsCountedButMakesNoSummary() {
        var reader = RunningText()
        func add(_ text: String) { Array(text.utf8).withUnsafeBufferPointer { reader.add($0) } }
        reader.aside += 1
        add("总则")
        reader.aside -= 1
        reader.endLine()
        add("第一条 the")
        add("re")
        reader.endWord()
        add("by")
        reader.endLine()
        #expect(reader.characters == 2 + 3 + 1 + 1)
        #expect(reader.firstWords == "第一条 thereby")
    }
}
