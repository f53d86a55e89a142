import CCMarkGFM
import PortalBase
import Testing

@testable import Markdown

/// The renderer beside cmark's own, which passes the suites of CommonMark and GFM.
@Suite struct DocumentRendererTests {
    private static let pieces =
        MarkdownSourceTests.pieces.filter { !$0.hasPrefix("<b") && !$0.hasPrefix("<s") } + [
            "## ", "\n===\n", "\n\n---\n\n", "- ", "\n- ", "\n  - ", "\n\n  ", "7. ", "\n8) ", "> > ", "\n```swift x\n",
            "\n```\n",
            "\n~~~\n", "![", "![a](b.png \"t\")", "[b](<c d> 't')", "  \n", "\\\n", "\"", "'", "&lt;", "\t", "^", "。",
            "“",
            "\n\n[^n]: 注 ", "[^n]", "[^n]", "a | b\n:-: | --:\n1 | 2\n3 | 4\n\n", "~~删~~", "# ", "\n# ",
        ]

    /// cmark also leads back to references that it has left out, in notes that nothing refers to.
    private static var backReference: Regex<(Substring, Substring?)> {
        #/ ?<a href="#fnref"[^>]*>↩(<sup class="footnote-ref">[0-9]+<\/sup>)?<\/a>/#
    }

    /// - Returns: nil for raw HTML, which we write as text.
    private func render(_ source: [UInt8]) -> (own: String, theirs: String)? {
        CMarkPool.shared.withCopy { cmark in
            let tree = CMarkTree(source, with: cmark, options: CMARK_OPT_FOOTNOTES)
            var renderer = DocumentRenderer(
                cmark: cmark, findings: BodyFindings(body: CutBody(uncut: source, firstLine: 1), path: "a.md"),
                directives: [], rawHTML: .error, backLabel: "Back to content", countsCharacters: true, capacity: 16)
            let document = renderer.document(tree)
            guard renderer.diagnostics.isEmpty else { return nil }
            // Addresses that ran into full-width punctuation are mended in the tree.
            return (plain(document), plain(tree.withHTML { Array($0) }))
        }
    }

    /// Without the addresses of links, images and notes, and without anchors.
    private func plain(_ document: MarkdownDocument) -> String {
        var out: [UInt8] = []
        var copied = 0
        for (offset, slot) in document.slots {
            out += document.html[copied..<offset]
            copied = offset
            switch slot {
            case .linkOpen(_, let title, _, _): out += "<a\(escapedTitle(title))>".utf8
            case .linkClose: out += "</a>".utf8
            case .image(_, let alternative, let title, _):
                out += "<img alt=\"\(escaped(alternative))\"\(escapedTitle(title)) />".utf8
            default: Issue.record("a directive from nowhere")
            }
        }
        out += document.html[copied...]
        return String(decoding: out, as: UTF8.self)
            .replacing(#/<h([1-6]) id="[^"]*">/#) { "<h\($0.output.1)>" }
            .replacing(#/(#|id=")fn(ref)?:[0-9]+(-[0-9]+)?"/#) { "\($0.output.1)fn\($0.output.2 ?? "")\"" }
            .replacing(Self.backReference, with: "")
    }

    private func plain(_ html: [UInt8]) -> String {
        String(decoding: html, as: UTF8.self)
            .replacing(#/(#|id=")fn(ref)?-(n|1)(-[0-9]+)?"/#) { "\($0.output.1)fn\($0.output.2 ?? "")\"" }
            .replacing(Self.backReference, with: "")
            .replacing(#/<a href="[^"]*"( title="[^"]*")?>/#) { "<a\($0.output.1 ?? "")>" }
            .replacing(#/<img src="[^"]*" alt="([^"]*)"( title="[^"]*")? \/>/#) {
                "<img alt=\"\($0.output.1)\"\($0.output.2 ?? "") />"
            }
    }

    private func escaped(_ text: String) -> String { escapedHTML(text).replacing("&#39;", with: "'") }
    private func escapedTitle(_ title: String) -> String { title.isEmpty ? "" : " title=\"\(escaped(title))\"" }

    @Test func writesWhatTheReferenceRendererWrites() {
        var generator = Numbers(state: 23)
        var compared = 0
        for _ in 0..<4_000 {
            let text = (0..<Int.random(in: 1...24, using: &generator)).map { _ in
                Self.pieces.randomElement(using: &generator)!
            }.joined()
            let source = Array(text.utf8)
            guard MarkdownSource(source).refusal == nil else { continue }
            guard let (own, theirs) = render(source) else { continue }
            compared += 1
            if own != theirs { Issue.record("\(text.debugDescription)\n\(own)\n\(theirs)") }
        }
        #expect(compared > 3_000)
    }

    private func html(_ text: String) -> (html: String, document: MarkdownDocument, rules: [String]) {
        var diagnostics: [Diagnostic] = []
        let document = MarkdownEngine(containers: ["notice"], leaves: []).render(
            CutBody(uncut: Array(text.utf8), firstLine: 1), path: "a.md", diagnostics: &diagnostics)
        return (String(decoding: document.html, as: UTF8.self), document, diagnostics.map(\.rule))
    }

    /// Back references count uses in notes, which may come before and after the note they lead to.
    @Test func notesLeadBackToEveryUse() {
        let (html, _, _) = html("[^1]: 见[^2]\n[^2]: 又见[^1]\n\n甲[^1]，乙[^2]，丙[^1]\n")
        func holds(_ text: String) -> Int { html.split(separator: text, omittingEmptySubsequences: false).count - 1 }
        for place in ["1", "1-2", "2", "2-2", "2-3"] {
            #expect(holds("id=\"fnref:\(place)\"") == 1, "\(place)")
            #expect(holds("href=\"#fnref:\(place)\"") == 1, "\(place)")
        }
        #expect(holds("href=\"#fn:2\"") == 3)
        #expect(holds("id=\"fn:2\"") == 1)
    }

    @Test func aHandWrittenDirectiveMarkIsRawHTML() {
        let forged = html("<!--xm-directive:0-->\n")
        #expect(forged.rules == ["raw-html"])
        #expect(forged.html == "<p>&lt;!--xm-directive:0--&gt;\n</p>\n")
        // It takes the place of one that is there, which is reported in its turn.
        let both = html("<!--xm-directive:0-->\n\n:::notice\nh\n:::\n")
        #expect(both.rules == ["raw-html"])
        #expect(both.document.slots.count == 2)
    }

    @Test func controlCharactersDoNotComeInByReference() {
        let (html, document, rules) = html("# 甲&#1;乙\n\n丙&#x1f;`丁`&#13;\n")
        #expect(rules == ["control-character"])
        #expect(html == "<h1 id=\"甲乙\">甲乙</h1>\n<p>丙<code>丁</code></p>\n")
        #expect(document.headings.map(\.text) == ["甲乙"])
        #expect(document.characters == 4)
        let link = self.html("[戊](x&#1;y.md \"己&#2;\") ![庚&#3;](z&#4;.png)\n")
        #expect(link.rules == ["control-character"])
        let written = link.document.slots.map { "\($0.slot)" }.joined()
        #expect(written.contains("xy.md") && written.contains("z.png") && !written.contains("\\u{"), "\(written)")
    }

    @Test func longTextAndManyReferencesFit() {
        let text = String(repeating: "<&\"文>", count: 20_000)
        #expect(
            html("`\(text)`").html
                == "<p><code>\(String(repeating: "&lt;&amp;&quot;文&gt;", count: 20_000))</code></p>\n")
    }
}
