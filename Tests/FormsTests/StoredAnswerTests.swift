import Forms
import Foundation
import PortalBase
import PositionedYAML
import Testing

/// What citizens type and programs send, as it is stored.
@Suite struct StoredAnswerTests {
    private static let form: FormDefinition = {
        var diagnostics: [Diagnostic] = []
        let yaml = """
            id: all
            kind: hotline
            title: 全
            lists: {colours: [{value: red, label: 红}, {value: blue, label: 蓝}]}
            pages:
              - id: p
                title: 页
                fields:
                  - {id: phone, type: phone, label: 电话}
                  - {id: email, type: email, label: 邮箱}
                  - {id: size, type: number, label: 面积, min: 0, max: 1000, decimals: 2}
                  - {id: count, type: number, label: 数, min: -5, max: 10}
                  - {id: day, type: date, label: 日期}
                  - {id: idno, type: idnumber, label: 身份证}
                  - {id: uscc, type: uscc, label: 代码}
                  - {id: text, type: text, label: 文, max: 5}
                  - {id: colours, type: multiple, label: 颜色, list: colours}
                  - {id: agree, type: declaration, label: 声明}
            """
        let node = YAMLNode.parse(yaml, path: "f.yaml", diagnostics: &diagnostics)!
        return FormDefinition(node, diagnostics: &diagnostics)!
    }()

    private func stored(_ field: String, _ text: String) -> String {
        switch Self.form.validate([field: [text]]) {
        case .success(let answers):
            switch answers.values[field] {
            case .string(let text)?: return text
            case .integer(let number)?: return String(number)
            case nil: return ""
            case let other?: return other.canonicalText
            }
        case .failure(let failure): return failure.errors.map { "\($0.code)" }.joined(separator: " ")
        }
    }

    @Test(arguments: [
        ("phone", "１３８ ００００　００００", "138 0000 0000"), ("phone", "(0371) 6981–2345", "(0371) 6981-2345"),
        ("phone", "1", "notPhone"),
        ("email", " Ａ＠b.example ", "A@b.example"), ("email", "a@b@c.example", "notEmail"),
        ("email", "a..b@c.example", "notEmail"),
        ("email", "a@-b.example", "notEmail"), ("email", "x\u{200B}@b.example", "x@b.example"),
        ("email", "..@..", "notEmail"),
        ("size", "１２．５０", "12.5"), ("size", "80", "80"), ("size", "1,000", "1000"),
        ("size", "1.005", "notNumber"),
        ("size", "1000.01", "tooLarge"), ("count", "1.5", "notNumber"), ("count", "－3", "-3"),
        ("count", "-6", "tooSmall"),
        ("count", "99999999999999999999999999", "notNumber"), ("day", "2026年9月1日", "2026-09-01"),
        ("day", "2026/9/1", "2026-09-01"),
        ("day", "2026-02-30", "notDate"), ("idno", "11010519491231002x", "11010519491231002X"),
        ("idno", "１１０１０５ 19491231 002Ｘ", "11010519491231002X"), ("uscc", "91350100m000100y43", "91350100M000100Y43"),
        ("text", "\u{3164}\u{2800}", ""), ("text", "👨‍👩‍👧‍👦", "tooLong"), ("text", "一二三四五", "一二三四五"),
    ])
    func answersAreReadAsTheyWereMeant(_ field: String, _ typed: String, _ wanted: String) {
        let found = stored(field, typed)
        #expect(found == wanted, "\(typed): \(found)")
        // What is stored reads as itself.
        if !wanted.hasPrefix("not"), !wanted.hasPrefix("too"), !wanted.isEmpty {
            #expect(stored(field, wanted) == wanted)
        }
    }

    /// Bounds come before the work of normalising: a hostile text costs no more than a plain one of its length.
    @Test func longRunsOfMarksAreRefused() {
        let text = "a" + String(repeating: "\u{301}\u{316}", count: 100_000)
        #expect(stored("text", text) == "tooLong" || stored("text", text) == "characters")
    }

    /// U+0958 is two characters in NFC: what is stored must keep the rule that it is read by.
    @Test func whatIsStoredKeepsTheRuleOfWhatIsRead() {
        let text = "\u{958}" + String(repeating: "\u{301}", count: 30)
        #expect(PublishableText.forbidden(in: text) == nil)
        #expect(stored("text", text).hasPrefix("t") || stored("text", text) == "characters")
        guard case .failure = FormDefinition.stored(words: text, allowsBreaks: true) else {
            Issue.record("stored")
            return
        }
    }

    @Test func wrongTypesOfProgramsAreErrors() {
        for (field, value) in [
            ("size", JSON.bool(true)), ("phone", .array([])), ("text", .object([:])), ("colours", .integer(1)),
            ("colours", .array([.string("red"), .integer(2)])), ("day", .integer(20_260_901)), ("agree", .integer(1)),
        ] {
            #expect(Self.form.input(json: [field: value]).errors.map(\.code) == [.wrongType], "\(field)")
        }
        let good = Self.form.input(json: [
            "size": .integer(80), "agree": .bool(true), "text": .null, "colours": .array([.string("red")]),
        ])
        #expect(good.errors.isEmpty)
        #expect(good.input == ["size": ["80"], "agree": ["yes"], "text": [], "colours": ["red"]])
    }
}
