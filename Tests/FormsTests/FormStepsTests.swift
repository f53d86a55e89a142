import Forms
import PortalBase
import PositionedYAML
import Testing

@Suite struct FormStepsTests {
    private static let form: FormDefinition = {
        var diagnostics: [Diagnostic] = []
        let node = YAMLNode.parse(
            """
            id: shop
            kind: hotline
            title: {zh: 店, en: Shop}
            steps: true
            lists:
              kinds: [{value: company, label: 企业}, {value: person, label: 个人}]
              units: [{value: north, label: {zh: 北街, en: North}}]
            conditions: {isCompany: {field: kind, is: company}}
            pages:
              - {id: who, title: 谁, fields: [{id: kind, type: single, label: 类型, list: kinds, required: true}]}
              - {id: company, title: 企业, when: isCompany, fields: [{id: name, type: text, label: 名称, required: true}]}
              - id: where
                title: 地点
                fields:
                  - {id: place, type: address, label: 地址, list: units, required: true}
                  - {id: plan, type: attachment, label: 图纸, accept: [pdf], max: 2, megabytes: 1, required: true}
            """, path: "f.yaml", diagnostics: &diagnostics)!
        return FormDefinition(node, diagnostics: &diagnostics)!
    }()

    private func plan(_ name: String = "图.pdf", type: String = "application/pdf", bytes: Int = 9)
        -> AttachmentDescription
    {
        AttachmentDescription(
            field: "plan", name: name, type: type, bytes: bytes, digest: SHA256Digest(of: Array(name.utf8)))
    }

    @Test func pagesWhoseConditionDoesNotHoldAreLeftOut() {
        let form = Self.form
        #expect(form.step(after: "who", ["kind": ["company"]], files: []) == .page("company"))
        #expect(form.step(after: "who", ["kind": ["person"]], files: []) == .page("where"))
        #expect(form.step(before: "where", ["kind": ["person"]], files: []) == "who")
        #expect(form.step(before: "where", ["kind": ["company"], "name": ["x"]], files: []) == "company")
        #expect(form.step(before: "who", [:], files: []) == "who")
        let input = ["kind": ["person"], "place.unit": ["north"]]
        #expect(form.step(after: "where", input, files: [plan()]) == .review)
    }

    /// Whoever skips a page by changing hidden fields is led back to it.
    @Test func earlierPagesAreCheckedAgain() {
        guard
            case .mistakes("who", let errors) = Self.form.step(
                after: "where", ["place.unit": ["north"]], files: [plan()])
        else {
            Issue.record("passed without an answer")
            return
        }
        #expect(errors.map(\.field) == ["kind"])
    }

    @Test func anAddressIsOneAnswerOfSeveralInputs() throws {
        let input = [
            "kind": ["person"], "place.unit": ["north"], "place.village": [" 王村 "], "place.rest": ["3组"],
            "place.position": ["113.3726500,34.5,12"],
        ]
        let answers = try Self.form.validate(input, files: [plan()]).get()
        #expect(
            answers.values["place"]
                == .object([
                    "unit": .string("north"), "village": .string("王村"), "rest": .string("3组"),
                    "position": .string("113.3726500,34.5,12"),
                ]))
        let again = try Self.form.validate(Self.form.input(of: answers.values), files: answers.files).get()
        #expect(again == answers)
        #expect(Self.form.fields[2].text(answers.values["place"]!, "zh") == "北街王村3组")
    }

    @Test(arguments: [
        (["place.unit": ["south"]], FieldError.Code.notListed), (["place.rest": ["3组"]], .required),
        ([:], .required), (["place.unit": ["north", "north"]], .notListed),
        (["place.unit": ["north"], "place.rest": [String(repeating: "长", count: 121)]], .tooLong),
        (["place.unit": ["north"], "place.village": ["a\u{1}b"]], .characters),
    ])
    func addressesAreChecked(_ input: [String: [String]], _ code: FieldError.Code) {
        let result = Self.form.validate(input.merging(["kind": ["person"]]) { $1 }, files: [plan()])
        guard case .failure(let failure) = result else {
            Issue.record("accepted")
            return
        }
        #expect(failure.errors.map(\.code) == [code])
    }

    /// A place that a device gave is not dropped because the rest is empty.
    @Test func aPositionAloneIsNoAddress() throws {
        guard case .failure(let failure) = Self.form.validate(["place.position": ["113.38,34.53,5"]]) else {
            Issue.record("the position is lost")
            return
        }
        #expect(failure.errors.contains { $0.field == "place" && $0.message.en.contains("town") })
    }

    /// The name of a file that did not come is no file.
    @Test func aTextIsNoFile() throws {
        guard case .failure(let failure) = Self.form.validate(["plan": ["图.pdf"]]) else {
            Issue.record("the file is lost")
            return
        }
        #expect(failure.errors.contains { $0.field == "plan" && $0.code == .wrongType })
    }

    @Test(arguments: ["here", "200,10,1", "1,95,1", "1,1", "1,1,-4", "180.5,1,1"])
    func aPositionThatCannotBeIsSaid(_ position: String) throws {
        let input = ["kind": ["person"], "place.unit": ["north"], "place.position": [position]]
        guard case .failure(let failure) = Self.form.validate(input, files: [plan()]) else {
            Issue.record("accepted")
            return
        }
        #expect(failure.errors.map(\.code) == [.notPosition])
    }

    @Test func aPositionFinerThanAnyReceiverIsRounded() throws {
        let input = ["kind": ["person"], "place.unit": ["north"], "place.position": ["1.12345678,1,1"]]
        let answers = try Self.form.validate(input, files: [plan()]).get()
        #expect(answers.values["place"] == .object(["unit": .string("north"), "position": .string("1.1234568,1,1")]))
    }

    @Test func filesAreChecked() {
        let input = ["kind": ["person"], "place.unit": ["north"]]
        func codes(_ files: [AttachmentDescription]) -> [FieldError.Code] {
            guard case .failure(let failure) = Self.form.validate(input, files: files) else { return [] }
            return failure.errors.map(\.code)
        }
        #expect(codes([]) == [.required])
        #expect(codes([plan("1"), plan("2"), plan("3")]) == [.tooManyFiles])
        #expect(codes([plan(type: "image/png")]) == [.fileType])
        #expect(codes([plan(bytes: 2 << 20)]) == [.fileTooLarge])
        #expect(codes([plan("1"), plan("2")]) == [])
    }

    @Test func kindsAreToldByContent() {
        #expect(AttachmentType(head: Array("%PDF-1.7".utf8)) == .pdf)
        #expect(AttachmentType(head: [0xFF, 0xD8, 0xFF, 0xE0]) == .jpeg)
        #expect(AttachmentType(head: Array("RIFFxxxxWEBPVP8 ".utf8)) == .webp)
        #expect(AttachmentType(head: [0, 0, 0, 24] + Array("ftypheic".utf8)) == .heic)
        for other in ["PK\u{3}\u{4}", "MZ", "<html>", "", "%PDF", "GIF89a", "RIFFxxxxWAVE"] {
            #expect(AttachmentType(head: Array(other.utf8)) == nil)
        }
    }
}
