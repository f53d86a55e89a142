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
    static let pieces = [
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
        // A wide row without a line end, deep quotes with text behind them, control characters behind marks.
        #expect(MarkdownSource(Array(("a\n" + wide.dropLast()).utf8)).refusal == .tooWide(line: 1))
        #expect(MarkdownSource(Array("\n\(String(repeating: ">", count: 61)) 文".utf8)).refusal == .tooDeep(line: 1))
        #expect(
            MarkdownSource(Array("\(String(repeating: ">", count: 60)) \u{1}> > 文".utf8)).refusal == .control(line: 0))
        // Many marks on many lines are no wide table and no deep quote.
        #expect(MarkdownSource(Array(String(repeating: "| a | b |\n", count: 80).utf8)).refusal == nil)
        #expect(MarkdownSource(Array(String(repeating: "> > 引文\n", count: 80).utf8)).refusal == nil)
        #expect(
            MarkdownSource(Array((String(repeating: "文", count: 40) + "\n\u{B}").utf8)).refusal == .control(line: 1))
    }

    /// What may look like a visibility mark or begin a directive, wherever it stands.
    @Test(arguments: [
        ": only[", "：intranet", ":：", "::: x", "a::b", "说明： only【", "ꓽintranet", ":ıntranet", ": ontranet", ":int",
    ])
    func marksAreSeenAtEveryPlace(mark: String) {
        for before in ["", "x", "一", "一二三四五六七八九十“", "0123456789abcdef ", "，："] {
            let look = MarkdownSource(Array((before + mark + " 其余").utf8))
            #expect(look.has(.visibilityMark) || look.has(.directive), "\(before)\(mark)")
        }
    }
}
