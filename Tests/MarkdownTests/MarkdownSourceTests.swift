import CCMarkGFM
import PortalBase
import Testing

@testable import Markdown

@Suite struct MarkdownSourceTests {
    private func html(
        _ source: [UInt8], _ extensions: [MarkdownSource.Extension], options: Int32 = CMARK_OPT_FOOTNOTES
    ) -> [UInt8] {
        CMarkPool.shared.withCopy { cmark in
            CMarkTree(source, with: cmark, options: options, extensions: extensions).withHTML { Array($0) }
        }
    }

    /// What extensions look for, and what stands in their way.
    private static let pieces = [
        "|", "|", ":-", "-:", "---", "-", "\n", "\n", "\n\n", "~", "~~", "~~~", "www.", "www.a.cn", "w", "http://",
        "https://a.cn/b",
        "<https://a.cn>", "<https://a b>", "\\<https://a.cn>", "`<https://a.cn`>", "<mailto:a@b.cn>", "a@b.cn",
        "xmpp:a@b.cn/c",
        "ftp://x.cn", "://", ":/", "[ ]", "[x] ", "- [x] ", "1. [ ] ", "[", "]", "](", "](http://a.cn)", "[^1]",
        "\n[^1]: ", "> ", "    ",
        "*", "**", "`", "``", "a", "b ", " c", "文", "，", "：", "&amp;", "\\", "<b>", "<script>", "# ",
        "a | b\n:-- | --\n1 | 2\n",
    ]

    @Test func leavingOutExtensionsThatFindNothingChangesNothing() {
        var generator = Numbers(state: 7)
        for _ in 0..<4_000 {
            let text = (0..<Int.random(in: 1...24, using: &generator)).map { _ in
                Self.pieces.randomElement(using: &generator)!
            }.joined()
            let source = Array(text.utf8)
            let look = MarkdownSource(source)
            let chosen = html(source, look.extensions, options: look.options)
            let all = html(source, MarkdownSource.Extension.allCases)
            if chosen != all { Issue.record("reads otherwise: \(text.debugDescription)") }
        }
    }

    @Test func hostileShapesAreRefusedBeforeTheyAreParsed() {
        let wide = String(repeating: "|-", count: 200) + "|\n"
        #expect(MarkdownSource(Array("a\n\(wide)".utf8)).refusal == .tooWide(line: 1))
        #expect(MarkdownSource(Array(String(repeating: "> ", count: 80).utf8)).refusal == .tooDeep(line: 0))
        #expect(MarkdownSource(Array("a\n\nb\u{1}".utf8)).refusal == .control(line: 2))
        #expect(MarkdownSource(Array("a | b ：c\n".utf8)).refusal == nil)
        // Many marks on many lines are no wide table and no deep quote.
        #expect(MarkdownSource(Array(String(repeating: "| a | b |\n", count: 80).utf8)).refusal == nil)
        #expect(MarkdownSource(Array(String(repeating: "> > 引文\n", count: 80).utf8)).refusal == nil)
        #expect(
            MarkdownSource(Array((String(repeating: "文", count: 40) + "\n\u{B}").utf8)).refusal == .control(line: 1))
    }

    /// What may look like a visibility mark or begin a directive, wherever it stands.
    @Test(arguments: [": only[", "：intranet", ":：", "::: x", "a::b", "说明： only【", ":o"])
    func marksAreSeenAtEveryPlace(mark: String) {
        for before in ["", "x", "一", "一二三四五六七八九十“", "0123456789abcdef ", "，："] {
            let look = MarkdownSource(Array((before + mark + " 其余").utf8))
            #expect(look.has(.visibilityMark) || look.has(.directive), "\(before)\(mark)")
        }
    }
}

@Suite struct TextCountTests {
    /// Letters, characters and what stands between them, of every length in bytes.
    private static let pieces = [
        "文", "件", "，", "。", "、", "“", "”", "—", "·", "a", "b", "Z", "9", " ", "\n", "-", "'", "é", "ß", "Ж", "ก", "한",
        "か",
        "々", "〇", "〈", "㐀", "䶿", "䷀", "䷿", "一", "鿿", "ꀀ", "豈", "﫿", "！", "𠀀", "😀", "&amp;", "&lt;", "</b>", "<b>",
        mark, "\u{7F}", "\u{85}",
    ]

    private static let mark = String(decoding: FullWidthEmphasis.mark, as: UTF8.self)

    /// Chinese characters, and words of other scripts up to U+1FFF, a scalar at a time.
    private func plainCount(_ text: String) -> Int {
        var rest = text
        for (reference, meant) in [("&amp;", "&"), ("&lt;", "<"), ("</b>", ""), ("<b>", ""), (Self.mark, "")] {
            rest = rest.replacing(reference, with: meant)
        }
        var characters = 0
        var inWord = false
        for scalar in rest.unicodeScalars {
            let isWord =
                scalar.isASCII
                ? scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                : (0xC0...0x1FFF).contains(scalar.value)
            if isHan(scalar.value) || isWord && !inWord { characters += 1 }
            inWord = isWord && !isHan(scalar.value)
        }
        return characters
    }

    @Test func blocksAndSingleBytesCountAlike() {
        var generator = Numbers(state: 11)
        // The first words are the excerpt's, and read a character at a time.
        let first = String(repeating: "引", count: 130)
        for round in 0..<4_000 {
            // Short lists of pieces give long stretches of one kind.
            let kinds = (0..<Int.random(in: 1...(round % 4 == 0 ? 40 : 4), using: &generator)).map { _ in
                Self.pieces.randomElement(using: &generator)!
            }
            let text = (0..<Int.random(in: 0...90, using: &generator)).map { _ in
                kinds.randomElement(using: &generator)!
            }
            .joined()
            let html = Array("<p>\(first)\(text)</p>\n".utf8)
            let count = html.withUnsafeBufferPointer { bytes in
                var reader = RenderedHTML(bytes, slots: [])
                reader.read()
                return reader.characters
            }
            let expected = plainCount(first + text)
            if count != expected { Issue.record("\(count) instead of \(expected): \(text.debugDescription)") }
        }
    }
}

/// A generator with a start of its own, so that a failure comes again.
private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
