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

    static let sample = PaperText(
        title: "x", number: "x", organ: "x", issued: CivilDate(dayNumber: 20_000), matter: "x", answers: [("x", "x")],
        said: [("x", "x", "x")], code: "x", verifyAt: "x")

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

    /// Every file of the folder, of which others may be made (`{{<frame}}`); `names` are those that papers name.
    ///
    /// Throws for a template that cannot be laid out, or says a name that there is not.
    package init(folder: String, names: Set<String>) throws {
        let files = FileSystem.kind(folder) == .directory ? try FileSystem.list(folder).map(\.name) : []
        templates = TemplateSet(
            try files.filter { $0.hasSuffix(".html") }.sorted().map { file in
                let path = folder + "/" + file
                return try Template(
                    name: String(file.dropLast(5)), path: path, source: FileSystem.read(path, limit: 1 << 20))
            })
        for name in names.sorted() where templates.contains(name) {
            let sample = try templates.render(name, [PaperText.sample.context])
            guard String(decoding: sample.bytes, as: UTF8.self).contains("<head>") else {
                throw Unusable(description: "\(folder)/\(name).html: the page has no <head>")
            }
            // What an officer is asked depends on the action; all other names are known.
            if let unknown = sample.unknownNames.first(where: { !$0.problem.en.contains("input.") }) {
                throw Unusable(description: "\(unknown.position.path):\(unknown.position.line): \(unknown.problem.zh)")
            }
        }
    }

    package struct Unusable: Error, CustomStringConvertible {
        package let description: String
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
