import Foundation
import Markdown
import PortalBase
import PositionedYAML
import Testing

@testable import CoreDesk

@Suite struct AnswerPageTests {
    /// Marks of visibility apart, which the desk refuses: whatever a citizen writes, the page shows those words and does nothing else.
    @Test(arguments: [
        "<script>alert(1)</script>",
        "[a](javascript:b) ![c](http://d/e.png)",
        "# 大标题\n- 列\n1. 一\n> 引", "    code", "a@b.example www.example.com https://example.com", "---\ntitle: x\n---",
        "| a |\n|---|", "[^1]\n\n[^1]: x",
        "路灯坏了:：：请修", "甲:∷乙", "比分 1:：2", "时间：9:00–17:00",
        "`a` ``` ~~b~~ **c** _d_", "\u{1}0\u{2}", "&lt;b&gt;", "a\\", "[x]: http://y",
    ])
    func outsideWordsStayWords(_ words: String) throws {
        let page = AnswerPage(
            number: 1, date: CivilDate(iso: "2026-09-01")!, question: words, answer: words, title: words)
        let parts = page.text.components(separatedBy: "---\n")
        var diagnostics: [Diagnostic] = []
        let head = try #require(YAMLNode.parse(parts[1], path: "p", diagnostics: &diagnostics))
        #expect(head.pairs?.map(\.key) == ["title", "date", "source", "tags", "visibility"])
        let start = page.text.range(
            of: "\n---\n", range: page.text.index(page.text.startIndex, offsetBy: 4)..<page.text.endIndex)!.upperBound
        let tagged = TaggedBody(Array(page.text[start...].utf8), path: "p", firstLine: 1, diagnostics: &diagnostics)
        let cut = tagged.cut(admits: { $0 == "public" }, diagnostics: &diagnostics)
        let document = MarkdownEngine(containers: ["notice"], leaves: ["table"]).render(
            cut, path: "p", diagnostics: &diagnostics)
        #expect(diagnostics == [])
        #expect(document.slots.isEmpty)
        #expect(document.headings.map(\.text) == ["诉求", "答复"])
        let html = String(decoding: document.html, as: UTF8.self)
        for tag in [
            "<a ", "<ul", "<ol", "<li", "<table", "<code", "<pre", "<del", "<em", "<strong", "<blockquote", "<script",
            "<img",
        ] {
            #expect(!html.contains(tag), "\(tag) in \(html)")
        }
    }
}
