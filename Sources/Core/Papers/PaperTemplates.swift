package import PortalBase
import Templates

/// What a paper says, before it is laid out.
package struct PaperText: Sendable {
    package let title: String
    package let number: String
    package let organ: String
    package let issued: CivilDate
    /// What was applied for.
    package let matter: String
    package let answers: [(label: String, text: String)]
    /// What the officer wrote, by the inputs' ids.
    package let said: [(id: String, label: String, text: String)]
    /// What the paper is verified by, and where.
    package let code: String
    package let verifyAt: String

    package init(
        title: String, number: String, organ: String, issued: CivilDate, matter: String,
        answers: [(label: String, text: String)], said: [(id: String, label: String, text: String)], code: String,
        verifyAt: String
    ) {
        self.title = title
        self.number = number
        self.organ = organ
        self.issued = issued
        self.matter = matter
        self.answers = answers
        self.said = said
        self.code = code
        self.verifyAt = verifyAt
    }

    var context: Value {
        func lines(_ text: String) -> Value {
            .list(text.split(separator: "\n").map { .fields(["line": .text(String($0))]) })
        }
        return .fields([
            "title": .text(title), "number": .text(number), "organ": .text(organ),
            "date": .text("\(issued.year)年\(issued.month)月\(issued.day)日"), "matter": .text(matter),
            "answers": .list(answers.map { .fields(["label": .text($0.label), "text": .text($0.text)]) }),
            "said": .list(said.map { .fields(["label": .text($0.label), "lines": lines($0.text)]) }),
            "input": .fields(Dictionary(said.map { ($0.id, lines($0.text)) }) { first, _ in first }),
            "code": .text(code), "verifyAt": .text(verifyAt),
        ])
    }
}

/// Templates of papers out of `Content/papers`, compiled once.
package struct PaperTemplates: Sendable {
    private let templates: TemplateSet

    /// - Parameter names: files without `.html`; those that are lacking are told elsewhere.
    package init(folder: String, names: Set<String>) throws {
        templates = TemplateSet(
            try names.sorted().compactMap { name in
                let path = "\(folder)/\(name).html"
                guard FileSystem.kind(path) == .file else { return nil }
                return try Template(name: name, path: path, source: FileSystem.read(path, limit: 1 << 20))
            })
    }

    /// The page that a browser prints.
    package func page(_ name: String, _ text: PaperText) throws(PaperExchange.Failure) -> [UInt8] {
        do {
            return try templates.render(name, [text.context]).bytes
        } catch {
            throw .template
        }
    }
}
