import Authority
import Cases
import Forms
import PortalBase
import Procedures
import Templates
import Workflow

/// A case in an officer's words.
struct CaseText {
    private let view: CaseStore.View
    private let surroundings: Surroundings
    private let form: FormDefinition?

    init(_ view: CaseStore.View, _ surroundings: Surroundings) {
        self.view = view
        self.surroundings = surroundings
        form = surroundings.configuration.definition(view.subject.form)
    }

    /// The answer that the form calls its title.
    var title: String {
        let field = form?.fields.first(where: \.isTitle)
        let text = field.flatMap { view.file.answers[$0.id]?.string } ?? view.process.title.text("zh")
        return text.unicodeScalars.count > 80 ? String(text.unicodeScalars.prefix(80)) + "…" : text
    }

    var state: String { stateName(view.file.state) }

    private func stateName(_ id: String) -> String { view.process.state(id)?.label.text("zh") ?? id }

    /// The end of the clock that the citizen waits for, or else of the first that runs.
    var clock: ClockRun? {
        let running = view.file.clocks.filter(\.isRunning)
        return running.last { view.process.clock($0.clock)?.isTold == true } ?? running.first
    }

    var due: String { clock.map { DueText.text($0, in: view.world) } ?? "" }
    var isOverdue: Bool { clock?.isOverdue(in: view.world) ?? false }

    /// A line of a list.
    var line: Value {
        .fields([
            "id": .text(view.subject.id), "number": .number(view.subject.number),
            "kind": .text(view.process.title.text("zh")), "subject": .text(title),
            "received": .text(view.subject.received.minuteText(in: .shanghai)), "due": .text(due),
            "overdue": .flag(isOverdue), "department": .text(view.file.lead.map(surroundings.unitName) ?? ""),
            "state": .text(state),
        ])
    }

    /// Answers in the form's order with its labels, as the citizen saw them.
    var answers: Value {
        .list(
            (form?.fields ?? []).compactMap { field in
                guard let answer = view.file.answers[field.id] else { return nil }
                var shown = field.text(answer, "zh")
                if let position = answer["position"]?.string { shown += "（定位 \(position)：经度、纬度、误差米）" }
                return .fields(["label": .text(field.label.text("zh")), "value": .text(shown)])
            })
    }

    var files: [Value] {
        view.file.files.map { file in
            .fields([
                "caseID": .text(view.subject.id), "position": .number(file.number), "name": .text(file.name),
                "label": .text(form?.fields.first { $0.id == file.field }?.label.text("zh") ?? ""),
                "size": .text("\(max(1, file.bytes >> 10)) KB"), "type": .text(file.type),
            ])
        }
    }

    var tasks: [Value] {
        view.file.tasks.map { task in
            let due = task.due(in: view.world)
            let isOverdue = if case .at(let end) = due { task.isOpen && end < view.world.now } else { false }
            return .fields([
                "kind": .text(
                    (view.process.task(task.kind)?.label.text("zh") ?? task.kind) + (task.isLead ? "（主办）" : "")),
                "unit": .text(surroundings.unitName(task.unit)), "assignee": .text(task.assignee ?? ""),
                "due": .text(due.map { DueText.text($0, view.world.calendar) } ?? ""), "overdue": .flag(isOverdue),
                "outcome": .text(task.outcome.map { view.process.label($0, "zh") } ?? "办理中"),
            ])
        }
    }

    var clocks: [Value] {
        view.file.clocks.filter(\.isRunning).map { run in
            .fields([
                "name": .text(view.process.clock(run.clock)?.label.text("zh") ?? run.clock),
                "due": .text(DueText.text(run, in: view.world)), "overdue": .flag(run.isOverdue(in: view.world)),
            ])
        }
    }

    /// What is counted and flagged, in the definition's order of names.
    var marks: [Value] {
        let counts = view.file.counts.sorted { $0.key < $1.key }.map { name, count in
            view.process.label(name, "zh") + (count > 1 ? " \(count) 次" : "")
        }
        let flags = view.file.flags.sorted().map { flag in
            flag == Arrivals.untrustedClock ? "收件时间不可信，按导入时间起算" : view.process.label(flag, "zh")
        }
        return (counts + flags).map { .fields(["mark": .text($0)]) }
    }

    // MARK: What happened

    var events: [Value] {
        view.events.map { event in
            let words = event.inputs.keys.sorted(by: { order($0, event) < order($1, event) }).compactMap { id in
                event.inputs[id].map { "\(label(id, event))：\(text($0, id))" }
            }
            // What came with the case stands above.
            let shown = event.action == Procedures.Process.EventName.begin ? [] : words
            return .fields([
                "at": .text(event.at.minuteText(in: .shanghai)), "officer": .text(actor(event.actor)),
                "action": .text(action(event.action)),
                "facts": .text(event.facts.compactMap(fact).joined(separator: "；")),
                "words": .list(shown.map { .fields(["line": .text($0)]) }),
            ])
        }
    }

    private func actor(_ actor: Actor) -> String {
        switch actor {
        case .citizen: "诉求人"
        case .clock: "系统"
        case .officer(let officer):
            "\(officer.post.person)（\(surroundings.unitName(officer.post.unit))\(surroundings.library.roles[officer.post.role]?.text("zh") ?? officer.post.role)）"
        }
    }

    private func action(_ id: String) -> String {
        switch id {
        case Procedures.Process.EventName.begin: "收件"
        case Procedures.Process.EventName.clock: "时限提醒"
        case Procedures.Process.EventName.late: "迟到的消息（不改变状态）"
        case Procedures.Process.EventName.follow: "主单的答复"
        default: view.process.action(id)?.label.text("zh") ?? id
        }
    }

    private func fact(_ fact: Fact) -> String? {
        switch fact {
        case .entered(let state): stateName(state)
        case .opened(_, let kind, let unit, _, _, let budget):
            "\(view.process.task(kind)?.label.text("zh") ?? kind) → \(surroundings.unitName(unit))\(budget.map { "（\($0)）" } ?? "")"
        case .extended(_, let limit): "延长 \(limit)"
        case .paused(let clock, let ground):
            "\(clockName(clock))暂停\(ground.isEmpty ? "" : "：\(view.process.label(ground, "zh"))")"
        case .resumed(let clock): "\(clockName(clock))继续"
        case .fired(let clock, _, let rung):
            view.process.clock(clock).flatMap { $0.ladder.indices.contains(rung) ? $0.ladder[rung] : nil }.map {
                "\(clockName(clock))到 \($0.percent)%\($0.later.map { "+\($0)" } ?? "")"
            }
        case .notified(let units): "提醒 " + units.map(surroundings.unitName).joined(separator: "、")
        case .counted(let name): "记“\(view.process.label(name, "zh"))”"
        case .issued(let document, _, let number): "\(view.process.label(document, "zh"))第 \(number) 号"
        case .published: "已公开"
        case .retracted: "已撤下"
        case .scored(let name, let value): "\(view.process.label(name, "zh")) \(value)"
        case .filed(let file): "材料 \(file.name)"
        case .flagged(let name) where name != Arrivals.untrustedClock: "标记“\(view.process.label(name, "zh"))”"
        default: nil
        }
    }

    private func clockName(_ id: String) -> String { view.process.clock(id)?.label.text("zh") ?? id }

    private func label(_ id: String, _ event: Event) -> String {
        view.process.action(event.action)?.ask.first { $0.id == id }?.label.text("zh")
            ?? view.process.actions.lazy.flatMap(\.ask).first {
                $0.id == id && event.action == Procedures.Process.EventName.late
            }?
            .label.text("zh") ?? form?.fields.first { $0.id == id }?.label.text("zh") ?? id
    }

    /// Place among what the action asks for.
    private func order(_ id: String, _ event: Event) -> Int {
        view.process.action(event.action)?.ask.firstIndex { $0.id == id }
            ?? (form?.fields.firstIndex { $0.id == id } ?? 0) + 1_000
    }

    private func text(_ value: InputValue, _ id: String) -> String {
        switch value {
        case .number(let number): String(number)
        case .limit(let limit): limit.description
        case .answer(let answer): form?.fields.first { $0.id == id }?.text(answer, "zh") ?? ""
        case .text(let text): text == "yes" ? "是" : text == "no" ? "否" : name(text)
        case .list(let list): list.map(name).joined(separator: "、")
        }
    }

    /// A unit, a field, a case by what officers call it; words as they are.
    private func name(_ text: String) -> String {
        if let unit = surroundings.library.units.first(where: { $0.id == text }) { return unit.name.text("zh") }
        let (id, rest) = text.split(at: "=")
        if let field = form?.fields.first(where: { $0.id == id }) {
            let checks = ["ok": "齐全", "missing": "缺", "wrong": "不符合要求"]
            let state = checks.first { rest.hasPrefix($0.key) }
            return field.label.text("zh") + (state.map { " " + $0.value + rest.dropFirst($0.key.count) } ?? "")
        }
        return text
    }
}

extension String {
    /// What stands before the first `mark`, and what behind it.
    fileprivate func split(at mark: Character) -> (String, String) {
        guard let place = firstIndex(of: mark) else { return (self, "") }
        return (String(self[..<place]), String(self[index(after: place)...]))
    }
}
