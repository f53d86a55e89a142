package import PortalBase

extension FormDefinition {
    /// Where somebody who fills in a form in steps goes next.
    package enum Step: Sendable, Equatable {
        case page(String)
        /// Back to a page with mistakes.
        case mistakes(page: String, [FieldError])
        /// All pages are answered: everything is shown once more.
        case review
    }

    /// The step after the page that was just answered; all pages up to it are checked again.
    ///
    /// - Parameter page: an id of `pages`; anything else means the first.
    package func step(
        after page: String, _ input: [String: [String]], files: [AttachmentDescription]
    ) -> Step {
        let place = pages.firstIndex { $0.id == page } ?? 0
        switch validate(input, files: files, through: pages[place].id) {
        case .failure(let failure):
            let first = failure.errors[0].field
            let wrong = pages.first { $0.fields.contains { $0.inputNames.contains(first) || $0.id == first } }
            return .mistakes(page: wrong?.id ?? pages[place].id, failure.errors)
        case .success(let answers):
            let known = marks(answers)
            let next = pages.dropFirst(place + 1).first { isAsked($0.when, known) }
            return next.map { .page($0.id) } ?? .review
        }
    }

    /// The page before; the first where there is none.
    package func step(before page: String, _ input: [String: [String]], files: [AttachmentDescription]) -> String {
        let place = pages.firstIndex { $0.id == page } ?? pages.count
        guard place > 0 else { return pages[0].id }
        let earlier = pages[..<place]
        // What is wrong further on does not matter for going back.
        let answers = try? validate(input, files: files, through: earlier.last?.id).get()
        let known = answers.map(marks) ?? input
        return (earlier.last { isAsked($0.when, known) } ?? pages[0]).id
    }

    /// The form of a correction notice: its fields alone, on one page, all of them to be answered.
    package func asking(for wanted: [String], title: Localized) -> FormDefinition {
        let named = fields.filter { wanted.contains($0.id) }.map { $0.unconditional }
        return FormDefinition(
            id: id, kind: kind, title: self.title, service: nil,
            pages: [Page(id: "correction", title: title, help: nil, when: nil, fields: named)], conditions: [:],
            process: nil, steps: false, open311: nil, digest: digest)
    }

    /// The same without its files and on one page, for somebody who asks at a telephone. Its answers are checked by the whole form.
    package var withoutFiles: FormDefinition {
        let asked = pages.map { page in
            Page(
                id: page.id, title: page.title, help: page.help, when: page.when,
                fields: page.fields.filter { $0.type != .attachment })
        }
        return FormDefinition(
            id: id, kind: kind, title: title, service: nil, pages: asked.filter { !$0.fields.isEmpty },
            conditions: conditions, process: process, steps: false, open311: nil, digest: digest)
    }

    /// Answers as conditions look at them.
    private func marks(_ answers: ValidAnswers) -> [String: [String]] {
        var known = answers.values.mapValues { value in
            value.array?.compactMap(\.string) ?? [value.string ?? value["unit"]?.string ?? ""]
        }
        for file in answers.files { known[file.field, default: []].append(file.name) }
        return known
    }
}
