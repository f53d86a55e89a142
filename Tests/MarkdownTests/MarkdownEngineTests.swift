import Markdown
import PortalBase
import Testing

@Suite struct MarkdownEngineTests {
    private let engine = MarkdownEngine(containers: ["notice"], leaves: ["table"])

    private func render(_ text: String) -> (MarkdownDocument, [Diagnostic]) {
        var diagnostics: [Diagnostic] = []
        let tagged = TaggedBody(Array(text.utf8), path: "a.md", firstLine: 5, diagnostics: &diagnostics)
        let body = tagged.cut(admits: { $0 == "public" }, diagnostics: &diagnostics)
        return (engine.render(body, path: "a.md", diagnostics: &diagnostics), diagnostics)
    }

    @Test func headingsGetAnchorsThatStayForChinese() {
        let (document, _) = render("# 总则\n\n## 第一条 范围\n\n## 第一条 范围\n\n## A & B\n")
        #expect(document.headings.map(\.anchor) == ["总则", "第一条-范围", "第一条-范围-1", "a-b"])
        #expect(String(decoding: document.html, as: UTF8.self).contains("<h2 id=\"第一条-范围-1\">"))
    }

    @Test(arguments: [
        ("见 https://a.cn/b（示例），以及", "https://a.cn/b", "见 https://a.cn/b（示例），以及"),
        ("www.a.cn。下文", "http://www.a.cn", "www.a.cn。下文"), ("[文（a）](https://a.cn/（b）)", "https://a.cn/（b）", "文（a）"),
    ])
    func anAddressEndsAtFullWidthPunctuation(_ source: String, _ wanted: String, _ text: String) {
        let (document, diagnostics) = render(source)
        #expect(diagnostics == [])
        #expect(String(decoding: document.html, as: UTF8.self) == "<p>\(text)</p>\n")
        guard case .linkOpen(let destination, _, _, _)? = document.slots.first?.slot else {
            Issue.record("no link in \(source)")
            return
        }
        #expect(destination == wanted)
    }

    @Test func linksImagesAndDirectivesBecomeSlots() {
        let (document, diagnostics) = render(
            "[a](b.md) ![c](d.png \"t\") :ref[e]{to=f.md}\n\n:::notice[g]{kind=warning}\nh\n:::\n\n::table{src=x.csv}\n"
        )
        #expect(diagnostics == [])
        let kinds = document.slots.map { slot in
            switch slot.slot {
            case .linkOpen(let destination, _, let conditional, _): "link \(destination) \(conditional)"
            case .linkClose: "close"
            case .image(let source, let alternative, let title, _): "image \(source) \(alternative) \(title)"
            case .directiveOpen(let d): "open \(d.name) \(d.label) \(d.attributes["kind"] ?? "")"
            case .directiveClose(let name): "end \(name)"
            case .directiveLeaf(let d): "leaf \(d.name) \(d.attributes["src"] ?? "")"
            }
        }
        #expect(
            kinds == [
                "link b.md false", "close", "image d.png c t", "link f.md true", "close", "open notice g warning",
                "end notice", "leaf table x.csv",
            ])
    }

    @Test func rawHTMLIsAnErrorWithItsLine() {
        let (document, diagnostics) = render("ok\n\n<script>x</script>\n\ntext <b>y</b>\n")
        #expect(diagnostics.filter { $0.rule == "raw-html" }.map(\.position.line) == [7, 9, 9])
        #expect(!String(decoding: document.html, as: UTF8.self).contains("<script>"))
    }

    @Test func aMarkThatOnlyLooksLikeADirectiveNeverShowsWhatItHides() {
        for text in [
            "- item\n\n  :::intranet\n  secret\n  :::\n", "> :::intranet\n> secret\n> :::\n",
            "：：：intranet\nsecret\n：：：\n", "a：intranet[secret]\n",
        ] {
            let (document, diagnostics) = render(text)
            #expect(
                diagnostics.hasErrors || !String(decoding: document.html, as: UTF8.self).contains("secret"), "\(text)")
        }
    }

    @Test func anUnknownDirectiveIsReportedWithAHint() {
        let (_, diagnostics) = render("a\n\n:::notise\nx\n:::\n")
        #expect(diagnostics.map(\.rule) == ["unknown-directive"])
        #expect(diagnostics[0].remedy.en.contains("notice"))
        #expect(diagnostics[0].position.line == 7)
    }

    @Test func linesCountThroughACut() {
        let (_, diagnostics) = render("a\n\n:::intranet\nx\n\ny\n:::\n\n<b>\n")
        #expect(diagnostics.map(\.position.line) == [13])
    }

    @Test func tablesWithoutBoundAreRefused() {
        let row = String(repeating: "|a", count: 200) + "|\n"
        let rule = String(repeating: "|-", count: 200) + "|\n"
        #expect(render(row + rule).1.map(\.rule) == ["table-too-wide"])
    }

    @Test func imagesInsideLinksAndLinksInsideAlternativesAreSafe() {
        let (document, _) = render("[![a](b.png)](c.md) ![x [y](z.md) w](v.png)\n")
        #expect(document.slots.count == 4)
    }

    /// Debian's library corrupts pages silently when two threads share a copy: all extensions, all cores, compared.
    @Test func rendersTheSameOnAllCoresAsOnOne() {
        let bodies = (0..<64).map { n in
            "# 标题 \(n) ~~删~~\n\nwww.example\(n).com user\(n)@example.com ~~a\(n)~~ **重点**[^1]\n\n| a | b |\n|---|:-:|\n| \(n) | ~~x~~ |\n\n- [x] done\n- [ ] open \(n)\n\nhttps://example.org/\(n)?q=~~z~~\n\n[^1]: 注 \(n) `code` www.x\(n).org\n"
        }
        let engine = engine
        @Sendable func html(_ index: Int) -> [UInt8] {
            var diagnostics: [Diagnostic] = []
            let body = CutBody(uncut: Array(bodies[index % bodies.count].utf8), firstLine: 1)
            return engine.render(body, path: "x.md", diagnostics: &diagnostics).html
        }
        let expected = (0..<bodies.count).map(html)
        let all = parallelMap(6_000, jobs: 8) { index, _ in html(index) == expected[index % bodies.count] }
        #expect(all.allSatisfy { $0 })
    }
}

@Suite struct FullWidthEmphasisTests {
    private func html(_ source: String) -> String {
        var diagnostics: [Diagnostic] = []
        let engine = MarkdownEngine(containers: [], leaves: [])
        let document = engine.render(
            CutBody(uncut: Array(source.utf8), firstLine: 1), path: "a.md", diagnostics: &diagnostics)
        #expect(diagnostics == [])
        return String(decoding: document.html, as: UTF8.self)
    }

    @Test(arguments: [
        ("正文**「重点」**内容", "<p>正文<strong>「重点」</strong>内容</p>\n"),
        ("和**重点。**下文", "<p>和<strong>重点。</strong>下文</p>\n"),
        ("增长**98.5%**以上", "<p>增长<strong>98.5%</strong>以上</p>\n"),
        ("正文**`x`**内容", "<p>正文<strong><code>x</code></strong>内容</p>\n"), ("姓名*，电话*，地址*为必填", "<p>姓名*，电话*，地址*为必填</p>\n"),
        ("长5*（3+2）*4米", "<p>长5*（3+2）*4米</p>\n"), ("周一~（含）至周五~（含）开放", "<p>周一~（含）至周五~（含）开放</p>\n"),
        ("删~~“旧”~~新", "<p>删<del>“旧”</del>新</p>\n"),
        ("`正文**「码」**内容`", "<p><code>正文**「码」**内容</code></p>\n"),
        ("```\n正文**「码」**内容\n```", "<pre><code>正文**「码」**内容\n</code></pre>\n"),
        ("正文\\*\\*「字面」\\*\\*内容", "<p>正文**「字面」**内容</p>\n"),
        (
            "| 表**「头」**里 |\n|---|\n| 格**。**x |",
            "<table>\n<thead>\n<tr>\n<th>表<strong>「头」</strong>里</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>格<strong>。</strong>x</td>\n</tr>\n</tbody>\n</table>\n"
        ),
        ("## 节**「一」**名", "<h2 id=\"节-一-名\">节<strong>「一」</strong>名</h2>\n"),
        ("a ** b", "<p>a ** b</p>\n"), ("* 「项」\n* 项", "<ul>\n<li>「项」</li>\n<li>项</li>\n</ul>\n"),
    ])
    func emphasisBesideFullWidthPunctuationIsEmphasis(_ source: String, _ wanted: String) {
        #expect(html(source) == wanted)
    }

    @Test func lengthIsCountedAsPeopleCount() {
        var diagnostics: [Diagnostic] = []
        let body = CutBody(uncut: Array("中文 two words 2026。`码`".utf8), firstLine: 1)
        let document = MarkdownEngine(containers: [], leaves: []).render(body, path: "a.md", diagnostics: &diagnostics)
        #expect(document.characters == 6)
    }
}
