import Markdown
import PortalBase
import Testing

@Suite struct AudienceCutTests {
    private func cut(_ text: String, admits: Set<String> = ["public"]) -> (text: String, rules: [String]) {
        var diagnostics: [Diagnostic] = []
        let body = TaggedBody(Array(text.utf8), path: "a.md", firstLine: 1, diagnostics: &diagnostics)
        let result = body.cut(admits: admits.contains, diagnostics: &diagnostics)
        return (String(decoding: result.bytes, as: UTF8.self), diagnostics.map(\.rule))
    }

    @Test func aHiddenBlockGoesWithItsMarks() {
        #expect(cut("a\n\n:::intranet\nsecret\n:::\n\nb\n").text == "a\n\n\nb\n")
        #expect(cut("a\n:::only{visibility=intranet}\nsecret\n:::\nb").text == "a\nb")
    }

    @Test func anAdmittedBlockLosesOnlyItsMarks() {
        #expect(cut(":::intranet\nsecret\n:::\n", admits: ["public", "intranet"]).text == "secret\n")
        #expect(cut("x :only[y]{visibility=public} z").text == "x y z")
    }

    @Test func aHiddenPhraseGoesAlsoRightAfterChinese() {
        #expect(cut("电话:intranet[分机 8021]。").text == "电话。")
        #expect(cut("a :intranet[b [c] `]` d] e").text == "a  e")
    }

    @Test func codeIsLiteral() {
        for text in ["`:intranet[x]`", "```\n:::intranet\nx\n:::\n```\n", "    :::intranet\n    x\n"] {
            #expect(cut(text) == (text, []), "\(text)")
        }
    }

    @Test func nestedDirectivesUseMoreColonsOutside() {
        #expect(cut("::::intranet\n:::notice\nx\n:::\n::::\ny").text == "y")
        #expect(cut(":::notice\n:::intranet\nx\n:::\n:::\n").rules == ["directive-nesting"])
    }

    @Test(arguments: [
        (":::intranet\nx\n", "unclosed-directive"), ("a :intranet[x\n\nb", "unclosed-directive"),
        (":::\n", "directive-close"),
        (":::only\nx\n:::\n", "visibility-missing"), ("::intranet\n", "directive-form"),
        (":::intranet{a\nx\n:::\n", "directive-syntax"),
    ])
    func mistakesAreReported(_ text: String, _ rule: String) {
        #expect(cut(text).rules.contains(rule), "\(text)")
    }

    @Test func aPartWithoutATagIsHidden() {
        #expect(!cut(":::only\nsecret\n:::\n").text.contains("secret"))
    }
}
