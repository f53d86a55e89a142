import Authority
import Cases
import Forms
import PortalBase
import Procedures
import Workflow

/// An act as its officer reads it before signing, at the desk and at a terminal alike.
extension Desk {
    /// Names the case and the action; for people, posts and certificates also what was proposed.
    func lines(of command: Command, on view: CaseStore.View) throws -> [ActStatement.Line] {
        let named = view.process.action(command.action)?.ask.filter { $0.kind == .case }.compactMap {
            input -> String? in
            if case .text(let id) = command.inputs[input.id] { id } else { nil }
        }
        let numbers = try (named ?? []).map { id in
            (id, "\(try cases.view(id, at: view.world.now).subject.shownNumber) 号")
        }
        let text = CaseText(
            view, surroundings, names: Dictionary(numbers) { first, _ in first },
            people: try cases.names(of: CaseText.persons(in: view)))
        let name = view.process.action(command.action)?.label.text("zh") ?? command.action
        let about = view.process.subject == .case ? [] : text.said
        return [
            .init(
                label: view.process.title.text("zh"), text: "\(view.subject.shownNumber) 号 \(text.title)"),
            .init(label: "操作", text: name),
        ]
            + (about + text.said(command.inputs, to: command.action).map { ($0.label, $0.text) }).map {
                .init(label: $0.0, text: $0.1)
            }
    }

    func lines(
        beginning process: Procedures.Process, _ inputs: [String: InputValue]
    ) throws -> [ActStatement.Line] {
        let answers = inputs.compactMapValues(\.answer)
        let person = process.begin.input(.person).flatMap { answers[$0.id]?.string }
        let people = try cases.names(of: Set([person].compactMap { $0 }))
        return [.init(label: "操作", text: "新增" + process.title.text("zh"))]
            + CaseText.said(process, answers, people, surroundings).map { .init(label: $0.label, text: $0.text) }
    }

    /// Who signs, as another officer reads it.
    func signerLine(_ member: CaseStore.Member, _ officer: Officer) -> ActStatement.Line {
        let post = surroundings.postName(officer.post.role, in: officer.post.unit)
        return .init(label: "签名人", text: "\(member.name)（\(officer.post.person)），\(post)")
    }
}
