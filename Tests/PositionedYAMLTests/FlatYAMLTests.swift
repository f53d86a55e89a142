import PortalBase
import Testing

@testable import PositionedYAML

@Suite struct FlatYAMLTests {
    private func whole(_ text: String) -> YAMLNode? {
        var diagnostics: [Diagnostic] = []
        let node = YAMLNode.parse(text, path: "p.md", firstLine: 2, diagnostics: &diagnostics)
        return diagnostics.isEmpty ? node : nil
    }

    private func flat(_ text: String) -> YAMLNode? {
        FlatYAML.parse(Array(text.utf8)[...], path: "p.md", firstLine: 2)
    }

    /// Yams names keys that are lists or maps in the order of their hashes.
    @Test func repeatedKeysAreToldTheSameEveryTime() {
        func told(_ text: String) -> [String] {
            var diagnostics: [Diagnostic] = []
            _ = YAMLNode.parse(text, path: "p.md", firstLine: 2, diagnostics: &diagnostics)
            return diagnostics.map { "\($0.position.line) \($0.problem.en)" }
        }
        #expect(told("b: 1\na: 2\nb: 3\na: 4\n") == ["3 broken YAML: duplicate key a, b"])
        let keys = ["? [a]\n", "? {b: c}\n", "? d\n", "? [e, f]\n", "? \n"].joined()
        #expect(
            told(keys + keys) == ["2 broken YAML: duplicate key , <uncovertable>, <uncovertable>, <uncovertable>, d"])
        for _ in 0..<20 {
            #expect(told("z: 0\na: 1\n!t a: 2\na: 3\n!t a: 4\n") == ["2 broken YAML: duplicate key a, a"])
        }
    }

    @Test func headsOfPagesAreReadTheQuickWay() {
        let head = """
            title: "关于供水的通知（12）"
            date: 2026-08-01T09:00:00+08:00
            # 说明
            tags:
              - "供水"
              - 民生
            summary: '含 # 和 : 的文字'
            slug: water-notice
            sites: [portal, "chaohua"]
            draft: false

            """
        #expect(flat(head) != nil)
        #expect(flat(head) == whole(head))
    }

    @Test(arguments: [
        "a: b: c\n", "a: 'x''y'\n", "a: \"x\\ny\"\n", "a: |\n  b\n", "a: {b: c}\n", "a:\n  b: c\n", "a: b\n  c\n",
        "a: *x\n", "a: &x b\n",
        "- a\n", "a: b\na: c\n", "a:\n- b\n  c\n", "a: !!str b\n", "a: [b, [c]]\n", "a: ?b\n", "a: b\u{85}c: d\n",
        "a: b\u{2028}c\n",
        "a: \"x\n", "? a\n", "a:b\n", "a: @b\n", "a: `b\n", "a\n", "a: %b\n",
    ])
    func anythingElseIsLeftToTheWholeLanguage(_ text: String) {
        if let node = flat(text) { #expect(node == whole(text)) }
    }

    /// Pieces of heads put together at random: whatever is read the quick way is read the same.
    @Test func bothReadingsAgree() {
        let pieces = [
            "a", "b", "title", ": ", ":", " ", "  ", "\n", "\n", "\n", "- ", "-", "\"", "'", "\"x\"", "'y'", "[", "]",
            ", ", ",", "#", " # c",
            "文字", "，", "：", "1", "true", "~", "null", "2026-08-01", "key: value\n", "list:\n  - a\n  - b\n",
            "tags: [a, b]\n",
            "x:\n- 1\n", "{", "}", "|", ">", "&", "*", "!", "%", "@", "\\", "\t", ".", "..", "---", "=", "<<", "?",
            "? ",
        ]
        var state: UInt64 = 11
        func number(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var quick = 0
        for _ in 0..<20_000 {
            let text = (0..<(1 + number(14))).map { _ in pieces[number(pieces.count)] }.joined()
            guard let node = flat(text) else { continue }
            quick += 1
            if node != whole(text) { Issue.record("read otherwise: \(text.debugDescription)") }
        }
        #expect(quick > 100)
    }
}
