import CCMarkGFM
import Testing

@testable import Markdown

@Suite struct MarkdownSourceTests {
    private func html(_ source: [UInt8], _ extensions: [MarkdownSource.Extension]) -> [UInt8] {
        CMarkPool.shared.withCopy { cmark in
            CMarkTree(source, with: cmark, options: CMARK_OPT_FOOTNOTES, extensions: extensions).withHTML { Array($0) }
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
            let chosen = html(source, MarkdownSource(source).extensions)
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
