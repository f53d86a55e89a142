import Forms
import Foundation
import PortalBase
import PositionedYAML
import Testing

@Suite struct FormValidationTests {
    private func definition(_ yaml: String) -> (FormDefinition?, [Diagnostic]) {
        var diagnostics: [Diagnostic] = []
        guard let node = YAMLNode.parse(yaml, path: "f.yaml", diagnostics: &diagnostics) else {
            return (nil, diagnostics)
        }
        return (FormDefinition(node, diagnostics: &diagnostics), diagnostics)
    }

    private static let shop = """
        id: shop
        kind: hotline
        title: {zh: 店, en: Shop}
        lists: {kinds: [{value: company, label: 企业}, {value: person, label: 个人}]}
        conditions: {isCompany: {field: kind, is: company}}
        pages:
          - id: p
            title: 页
            fields:
              - {id: kind, type: single, label: 类型, list: kinds, required: true}
              - {id: uscc, type: uscc, label: 代码, when: isCompany, required: true}
              - {id: phone, type: phone, label: 电话}
              - {id: size, type: number, label: 面积, min: 1, max: 10}
              - {id: idno, type: idnumber, label: 身份证}
              - {id: text, type: text, label: 文, max: 5}
              - {id: ok, type: declaration, label: 声明, required: true}
        """

    @Test func onlyWhatWasAskedIsRequiredAndKept() throws {
        let form = try #require(definition(Self.shop).0)
        let answers = try form.validate(["kind": ["person"], "uscc": ["rubbish"], "ok": ["yes"], "text": [" é "]]).get()
        #expect(answers.values == ["kind": .string("person"), "ok": .string("yes"), "text": .string("é")])
    }

    /// The core checks again from what was accepted: both must come to the same answer whatever was posted.
    @Test func whatPassesOncePassesAgainFromItsOwnAnswers() throws {
        let form = try #require(definition(Self.shop).0)
        guard case .failure = form.validate(["kind": ["", "company"], "ok": ["yes"]]) else {
            Issue.record("an empty first value hid a condition")
            return
        }
        for kind in [["person"], ["", "person"], ["person", ""]] {
            let answers = try form.validate(["kind": kind, "uscc": ["91350100M000100Y43"], "ok": ["yes"]]).get()
            let again = try form.validate(answers.values.mapValues { [$0.string!] }).get()
            #expect(answers == again)
        }
    }

    @Test func everyMistakeIsFoundInTheOrderOfTheForm() throws {
        let form = try #require(definition(Self.shop).0)
        let input = [
            "kind": ["company"], "uscc": ["91410183MA000000XX"], "phone": ["abc"], "size": ["11"],
            "idno": ["110101199001011234"],
            "text": ["一二三四五六"], "more": ["x"],
        ]
        guard case .failure(let failure) = form.validate(input) else {
            Issue.record("accepted")
            return
        }
        #expect(
            failure.errors.map(\.code) == [
                .unknownField, .notUSCC, .notPhone, .tooLarge, .notIDNumber, .tooLong, .notDeclared,
            ])
    }

    @Test func checkCharactersAreChecked() throws {
        let form = try #require(definition(Self.shop).0)
        // A well-known published example of each standard; neither belongs to a person of this project.
        let good = ["kind": ["company"], "uscc": ["91350100M000100Y43"], "idno": ["11010519491231002X"], "ok": ["yes"]]
        #expect((try? form.validate(good).get()) != nil)
    }

    /// The quick way past normalisation gives what normalisation gives, for every character alone and beside others.
    @Test func quickNormalisationIsNormalisation() throws {
        let form = try #require(definition(Self.shop).0)
        for value in (UInt32(0x21)..<0x11000) where !(0xD800...0xDFFF).contains(value) {
            let scalar = Character(Unicode.Scalar(value)!)
            for text in ["a\(scalar)", "\(scalar)b", "e\(scalar)\u{301}\u{302A}"] {
                // Twice: Foundation's first answer for U+0F73, U+0F75 and U+0F81 is not normal.
                let full = PublishableText.cleaned(text).precomposedStringWithCanonicalMapping
                    .precomposedStringWithCanonicalMapping.trimmingCharacters(in: .whitespacesAndNewlines)
                guard case .success(let answers) = form.validate(["kind": ["person"], "ok": ["yes"], "text": [text]])
                else {
                    continue
                }
                #expect(
                    Array((answers.values["text"]?.string ?? "").unicodeScalars) == Array(full.unicodeScalars),
                    "\(value)")
            }
        }
    }

    /// Whoever copies from a web page brings marks along that no reader sees; they are left out.
    @Test(arguments: ["a\u{202E}b", "\u{200B}ab\u{FEFF}", "a\u{AD}b"])
    func pastedMarksAreLeftOut(_ text: String) throws {
        let form = try #require(definition(Self.shop).0)
        let answers = try form.validate(["kind": ["person"], "ok": ["yes"], "text": [text]]).get()
        #expect(answers.values["text"] == .string("ab"))
    }

    @Test func controlCharactersAreRefused() throws {
        let form = try #require(definition(Self.shop).0)
        guard case .failure(let failure) = form.validate(["kind": ["person"], "ok": ["yes"], "text": ["a\u{1}b"]])
        else {
            Issue.record("accepted")
            return
        }
        #expect(failure.errors.map(\.code) == [.characters])
    }

    @Test func mistakesInADefinitionHaveTheirPlace() {
        let (form, diagnostics) = definition(
            "id: x\nkind: hotlin\ntitle: t\npages:\n  - id: p\n    title: t\n    fields:\n      - {id: _form, type: txt, label: l, when: nope}\n"
        )
        #expect(form == nil)
        #expect(diagnostics.map(\.position.line).sorted() == [2, 8, 8, 8])
    }

    /// All files of a form cross in one item.
    @Test func aFormWhoseFilesCannotCrossIsRefused() {
        func form(_ max: Int, _ megabytes: Int) -> (FormDefinition?, [Diagnostic]) {
            definition(
                """
                id: x
                kind: hotline
                title: t
                pages:
                  - id: p
                    title: t
                    fields:
                      - {id: a, type: attachment, label: l, accept: [pdf], max: \(max), megabytes: \(megabytes)}
                      - {id: b, type: attachment, label: l, accept: [pdf], megabytes: 199}
                """)
        }
        #expect(form(3, 200).0 != nil)
        #expect(form(4, 149).0 != nil)
        let (tooMuch, diagnostics) = form(4, 151)
        #expect(tooMuch == nil)
        #expect(diagnostics.map(\.position.line) == [5])
    }

    @Test func theDigestIsTheSameFromYAMLAndFromItsJSON() throws {
        var diagnostics: [Diagnostic] = []
        let node = try #require(YAMLNode.parse(Self.shop, path: "f", diagnostics: &diagnostics))
        let fromYAML = try #require(FormDefinition(node, diagnostics: &diagnostics))
        #expect(FormDefinition(canonicalJSON: node.json.canonicalBytes) == fromYAML)
        #expect(SHA256Digest(of: node.json.canonicalBytes).hex == fromYAML.digest)
    }

    /// How many must agree is said where it counts, and is no more than are asked.
    @Test(arguments: [
        ("join: atLeast, least: 2", []), ("join: all", []), ("join: atLeast", ["missing-key"]),
        ("join: all, least: 1", ["wrong-type"]), ("join: atLeast, least: 3", ["wrong-type"]),
        ("join: atLeast, least: 0", ["wrong-type"]),
    ])
    func aJoinSaysHowManyMustAgree(_ join: String, _ rules: [String]) throws {
        let process =
            "\nprocess: {lead: market, branches: [{dept: market, days: 5wd}, {dept: fire, days: 5wd}], \(join)}\n"
        let (form, findings) = definition(Self.shop + process)
        #expect(findings.map(\.rule) == rules)
        #expect(rules.isEmpty == (form?.process != nil))
        #expect(form?.process?.least == (join.contains("least: 2") ? 2 : nil))
    }

    /// Browsers cut what is pasted at `maxlength` without a word, and count otherwise than the server.
    @Test func nothingThatIsPastedIsCut() throws {
        let more = ["longtext", "email", "date"].map { "\n      - {id: x\($0), type: \($0), label: 文}" }
        let form = try #require(definition(Self.shop + more.joined()).0)
        let html = FormHTML(definition: form, language: "zh", prefix: "/forms", gazetteer: .empty).form()
        #expect(html.contains("name=\"idno\"") && html.contains("name=\"xlongtext\""))
        #expect(!html.lowercased().contains("maxlength"))
    }

    @Test func whatWasTypedComesBackEscapedBesideTheErrorSummary() throws {
        let form = try #require(definition(Self.shop).0)
        var filled = FormHTML.Filled()
        filled.values = ["text": ["<script>"]]
        filled.errors = [.init(field: "text", code: .tooLong, message: Bilingual(zh: "太长", en: "long"))]
        let html = FormHTML(definition: form, language: "zh", prefix: "/forms", gazetteer: .empty).form(filled)
        #expect(html.contains("value=\"&lt;script&gt;\""))
        #expect(html.contains("<a href=\"#f-text\">太长</a>"))
        #expect(html.contains("aria-invalid=\"true\""))
        #expect(!html.contains("<script>"))
    }
}
