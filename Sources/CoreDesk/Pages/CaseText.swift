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
    /// Numbers of other cases that its reader may see, by id.
    private let names: [String: String]
    /// Names of persons, by their numbers.
    private let people: [String: String]

    init(
        _ view: CaseStore.View, _ surroundings: Surroundings, names: [String: String] = [:],
        people: [String: String] = [:]
    ) {
        self.names = names
        self.people = people
        self.view = view
        self.surroundings = surroundings
        form = surroundings.configuration.definition(view.subject.form)
    }

    /// The answer that the form calls its title.
    var title: String { CaseLine.title(of: view.line, people) }

    var state: String { stateName(view.file.state) }

    private func stateName(_ id: String) -> String { view.process.state(id)?.label.text("zh") ?? id }

    var clock: ClockRun? { view.process.shownClock(of: view.file) }
    var due: String { DueText.text(clock, first: firstEnd, in: view.world) }
    var isOverdue: Bool { firstEnd.map { $0 < view.world.now } ?? false }
    private var firstEnd: Instant? { view.process.firstEnd(of: view.file, in: view.world) }

    /// Answers in the form's order with its labels, as the citizen saw them.
    var answers: Value {
        guard let form else {
            return .list(said.map { .fields(["label": .text($0.label), "value": .text($0.text)]) })
        }
        return .list(
            form.fields.compactMap { field in
                guard let answer = view.file.answers[field.id] else { return nil }
                var shown = field.text(answer, "zh")
                if let position = answer["position"]?.string { shown += "（定位 \(position)：经度、纬度、误差米）" }
                return .fields(["label": .text(field.label.text("zh")), "value": .text(shown)])
            })
    }

    /// What an officer said who began it.
    var said: [(label: String, text: String)] { Self.said(view.process, view.file.answers, people, surroundings) }

    /// - Parameter people: names of persons, by their numbers.
    static func said(
        _ process: Procedures.Process, _ answers: [String: JSON], _ people: [String: String],
        _ surroundings: Surroundings
    ) -> [(label: String, text: String)] {
        process.begin.ask.compactMap { input in
            guard let answer = answers[input.id] else { return nil }
            let text = surroundings.text(answer, input.kind)
            return (input.label.text("zh"), input.kind == .person ? name(text, people) : text)
        }
    }

    private func name(_ person: String) -> String { Self.name(person, people) }

    /// A person's name with the number.
    static func name(_ person: String, _ people: [String: String]) -> String {
        people[person].map { "\($0)（\(person)）" } ?? person
    }

    var files: [Value] {
        // What came later than the case says when.
        var later: [Int: Instant] = [:]
        for event in view.events.dropFirst() {
            for case .filed(let file) in event.facts { later[file.number] = event.at }
        }
        return view.file.files.filter { !isPaper($0) }.map { file in
            let when = later[file.number].map { "，\($0.minuteText(in: .shanghai)) 补交" } ?? ""
            return .fields([
                "caseID": .text(view.subject.id), "position": .number(file.number), "name": .text(file.name),
                "label": .text(form?.fields.first { $0.id == file.field }?.label.text("zh") ?? ""),
                "size": .text("\(max(1, file.bytes >> 10)) KB\(when)"),
            ])
        }
    }

    /// Whether a file is a paper or its signature, and no material.
    private func isPaper(_ file: CaseDocument) -> Bool {
        view.file.papers.contains { $0.file == file.number || $0.signature == file.number }
    }

    var tasks: [Value] {
        view.file.tasks.map { task in
            let due = task.due(in: view.world)
            let isOverdue = if case .at(let end) = due { task.isOpen && end < view.world.now } else { false }
            return .fields([
                "kind": .text(
                    (view.process.task(task.kind)?.label.text("zh") ?? task.kind) + part(task)),
                "unit": .text(surroundings.unitName(task.unit)), "assignee": .text(worker(task)),
                "signing": .optional(
                    view.process.signing(of: task, in: view.world).map {
                        DueText.text($0, view.world.calendar, isHours: true)
                    }),
                "due": .text(
                    due.map { DueText.text($0, view.world.calendar, isHours: task.budget?.isHours ?? false) } ?? ""),
                "overdue": .flag(isOverdue),
                "outcome": .text(outcome(task)),
            ])
        }
    }

    /// Who signed for a task, or else who acted on it last.
    private func worker(_ task: Case.Task) -> String {
        let persons =
            task.assignee.map { [$0] }
            ?? view.file.acts.last { $0.task == task.id && !$0.persons.isEmpty }?.persons.sorted() ?? []
        return persons.map { people[$0] ?? $0 }.joined(separator: "、")
    }

    private func outcome(_ task: Case.Task) -> String {
        guard let outcome = task.outcome else { return "办理中" }
        let day = task.closed.map { "（\($0.date(in: .shanghai).text)）" } ?? ""
        return view.process.label(outcome, "zh") + day
    }

    /// Lead or helper, where a kind of task has both.
    private func part(_ task: Case.Task) -> String {
        let hasLead = view.file.tasks.contains { $0.kind == task.kind && $0.isLead }
        return task.isLead ? "（主办）" : hasLead ? "（协办）" : ""
    }

    /// What the applicant is asked for, and until when.
    var request: String? {
        guard let request = view.file.requests.last(where: { $0.answered == nil }) else { return nil }
        let fields = request.fields.map { id in form?.fields.first { $0.id == id }?.label.text("zh") ?? id }
        let end = DueText.text(request.due(in: view.world), view.world.calendar)
        return "等待申请人补正：\(fields.joined(separator: "、"))，期限 \(end)"
    }

    var clocks: [Value] {
        view.file.clocks.filter(\.isRunning).map { run in
            .fields([
                "name": .text(view.process.clock(run.clock)?.label.text("zh") ?? run.clock),
                "due": .text(DueText.text(run, in: view.world)), "overdue": .flag(run.isOverdue(in: view.world)),
            ])
        }
    }

    /// What is counted and flagged, by id.
    var marks: [Value] {
        let counts = view.file.counts.sorted { $0.key < $1.key }.map { name, count in
            view.process.label(name, "zh") + (count > 1 ? " \(count) 次" : "")
        }
        let flags = view.file.flags.sorted().map { flag in
            flag == Arrivals.untrustedClock ? "收件时间不可信，按导入时间起算" : view.process.label(flag, "zh")
        }
        return (counts + flags).map { .fields(["mark": .text($0)]) }
    }

    /// Everybody whom it names.
    static func persons(in view: CaseStore.View) -> Set<String> {
        let named = [view.file.post?.person, view.file.credential?.person].compactMap { $0 }
        let said = view.process.begin.input(.person).flatMap { view.file.answers[$0.id]?.string }
        return Set(
            view.events.flatMap(\.actor.persons) + view.file.tasks.compactMap(\.assignee) + named
                + [said].compactMap { $0 })
    }

    /// Who reminded one of these units last, by what, and with what words; nil where nobody did.
    func lastReminder(of units: Set<String>) -> String? {
        let last = view.events.last { event in
            event.facts.contains { if case .notified(let names) = $0 { !units.isDisjoint(with: names) } else { false } }
        }
        guard let last else { return nil }
        let words = last.actor == .clock ? last.facts.compactMap(passed) : said(in: last).map(\.text)
        let told = words.joined(separator: "；")
        return "\(actor(last.actor)) \(action(last.action))" + (told.isEmpty ? "" : "：" + told.shortened(to: 80))
    }

    /// The rung that a fact says was passed; nil of other facts.
    private func passed(_ fact: Fact) -> String? { if case .fired = fact { self.fact(fact) } else { nil } }

    // MARK: What happened

    var events: [Value] {
        view.events.map { event in
            let words = said(in: event).map { "\($0.label)：\($0.text)" }
            // What came with the case stands above.
            let shown = event.action == Procedures.Process.EventName.begin ? [] : words
            return .fields([
                "at": .text(event.at.minuteText(in: .shanghai)), "officer": .text(actor(event.actor)),
                "action": .text(action(event.action)),
                "facts": .text(event.facts.compactMap(fact).joined(separator: "；")),
                "words": .list(shown.map { .fields(["line": .text($0)]) }),
                "signed": .optional(event.signed.map { _ in "/cases/\(view.subject.id)/acts/\(event.version)" }),
            ])
        }
    }

    /// What was typed and chosen, in the order in which it was asked.
    func said(in event: Event) -> [(id: String, label: String, text: String)] { said(event.inputs, to: event.action) }

    /// - Parameter action: what the inputs are of.
    func said(
        _ inputs: [String: InputValue], to action: String
    ) -> [(id: String, label: String, text: String)] {
        inputs.keys.sorted { order($0, action) < order($1, action) }.compactMap { id in
            let shown = inputs[id].map { text($0, id, action) } ?? ""
            return shown.isEmpty ? nil : (id, label(id, action), shown)
        }
    }

    /// Short answers that a paper repeats: who applied and for what. Identity numbers and telephone numbers stay out.
    var named: [(label: String, text: String)] {
        (form?.fields ?? []).compactMap { field in
            guard [.text, .number, .date, .single, .multiple, .uscc, .address].contains(field.type),
                let answer = view.file.answers[field.id]
            else { return nil }
            return (field.label.text("zh"), field.text(answer, "zh"))
        }
    }

    var formTitle: String { form?.title.text("zh") ?? view.process.title.text("zh") }

    /// Papers as far as they have come.
    var papers: [Value] {
        view.file.papers.map { paper in
            let kind = view.process.paper(paper.document)
            func file(_ number: Int?) -> Value {
                .optional(number.map { "/cases/\(view.subject.id)/files/\($0)" })
            }
            return .fields([
                "name": .text(kind?.label.text("zh") ?? paper.document),
                "number": .text(kind?.number(of: paper) ?? String(paper.number)),
                "organ": .text(surroundings.unitName(paper.organ)), "state": .text(Self.name(paper)),
                "isAwaited": .flag(paper.state == .awaited), "file": file(paper.file),
                "signature": file(paper.signature),
            ])
        }
    }

    private static func name(_ paper: Case.Paper) -> String {
        switch paper.state {
        case .awaited: paper.file == nil ? "正在制作" : "正在签章"
        case .valid: "有效"
        case .replaced: "已被新文书取代"
        case .withdrawn: "已撤销"
        }
    }

    private func paperName(_ place: Int) -> String {
        guard view.file.papers.indices.contains(place) else { return "文书" }
        let paper = view.file.papers[place]
        return view.process.paper(paper.document)?.number(of: paper) ?? String(paper.number)
    }

    private func actor(_ actor: Actor) -> String {
        switch actor {
        case .citizen: "诉求人"
        case .clock: "系统"
        case .officer(let officer) where officer.post.unit.isEmpty: "系统初始化"
        case .officer(let officer):
            "\(people[officer.post.person] ?? officer.post.person)（\(surroundings.postName(officer.post.role, in: officer.post.unit))）"
        }
    }

    private func action(_ id: String) -> String {
        switch id {
        case Procedures.Process.EventName.begin: view.process.subject == .case ? "收件" : "登记"
        case Procedures.Process.EventName.clock: "时限提醒"
        case Procedures.Process.EventName.erased: "销毁"
        case Procedures.Process.EventName.late: "迟到的消息（不改变状态）"
        case Procedures.Process.EventName.follow: "主单的答复"
        case Procedures.Process.EventName.drawn: "文书制作"
        case Procedures.Process.EventName.signed: "文书签章"
        case Procedures.Process.EventName.reissued: "号码已用于别的文书，重新编号"
        case Procedures.Process.EventName.adopted: "改按新的流程定义办理"
        case Procedures.Process.EventName.overtaken: "申请人在期限内已经办理，自动处理撤销"
        default: view.process.action(id)?.label.text("zh") ?? id
        }
    }

    private func fact(_ fact: Fact) -> String? {
        switch fact {
        case .entered(let state): stateName(state)
        case .opened(_, let kind, let unit, _, _, let budget):
            "\(view.process.task(kind)?.label.text("zh") ?? kind) → \(surroundings.unitName(unit))\(budget.map { "（\(Self.limit($0))）" } ?? "")"
        case .extended(_, let limit): "延长 \(Self.limit(limit))"
        case .paused(let clock, let ground):
            "\(clockName(clock))暂停\(ground.isEmpty ? "" : "：\(view.process.label(ground, "zh"))")"
        case .resumed(let clock): "\(clockName(clock))继续"
        case .fired(Procedures.Process.signing, let task, _): "“\(taskName(task))”任务过了签收时限，没有人签收"
        case .fired(Procedures.Process.working, let task, _): "“\(taskName(task))”任务过了期限"
        case .fired(let clock, _, let rung):
            view.process.clock(clock).flatMap { $0.ladder.indices.contains(rung) ? $0.ladder[rung] : nil }.map {
                "\(clockName(clock))到 \($0.percent)%\($0.later.map { " 又 \(Self.limit($0))" } ?? "")"
            }
        case .notified(let units): "提醒 " + units.map(surroundings.unitName).joined(separator: "、")
        case .counted(let name): "记“\(view.process.label(name, "zh"))”"
        case .issued(let document, _, let number, let organ):
            organ == nil
                ? "\(view.process.label(document, "zh"))第 \(number) 号" : "出具\(view.process.label(document, "zh"))"
        case .drawn(let place, _): "制作 \(paperName(place))"
        case .signed(let place, _): "签章 \(paperName(place))"
        case .revoked(let place): "撤销 \(paperName(place))"
        case .published: "已公开"
        case .retracted: "已撤下"
        case .legalHold: "暂停销毁"
        case .legalHoldEnded: "恢复按期销毁"
        case .erased(let ground, let person): "内容已销毁（\(Self.name(ground))），复核人 \(name(person))"
        case .related: "另有一件并入"
        case .filed(let file) where !isPaper(file): "材料 \(file.name)"
        case .appointed(let person, let role, let unit, let until):
            "\(name(person))任\(surroundings.postName(role, in: unit))"
                + (until.map { "，到 \($0.adding(seconds: -1).date(in: .shanghai).text)" } ?? "")
        case .ended: "岗位结束"
        case .trusted(let person, _, let level): "\(name(person))可以用这个证书登录（\(level) 级）"
        case .distrusted: "证书不再有效"
        case .flagged(let name) where name != Arrivals.untrustedClock: "标记“\(view.process.label(name, "zh"))”"
        default: nil
        }
    }

    private static func name(_ ground: ErasureGround) -> String {
        switch ground {
        case .term: "保存期限届满"
        case .purposeAchieved: "处理目的已实现"
        case .serviceEnded: "停止提供服务"
        case .consentWithdrawn: "撤回同意"
        case .unlawful: "违法违约处理"
        case .otherLaw: "其他法律规定"
        }
    }

    private func taskName(_ id: Int) -> String {
        view.file.task(id).map { view.process.task($0.kind)?.label.text("zh") ?? $0.kind } ?? "任务"
    }

    private func clockName(_ id: String) -> String { view.process.clock(id)?.label.text("zh") ?? id }

    /// What an event's input answers; a late message's is that of the action that would have taken it.
    private func input(_ id: String, _ action: String) -> Procedures.Process.Input? {
        if let known = view.process.action(action) { return known.ask.first { $0.id == id } }
        guard action == Procedures.Process.EventName.late else { return nil }
        return view.process.actions.lazy.filter { $0.message != nil }.flatMap(\.ask).first { $0.id == id }
    }

    private func label(_ id: String, _ action: String) -> String {
        if action == Procedures.Process.EventName.adopted { return "事由" }
        return input(id, action)?.label.text("zh") ?? form?.fields.first { $0.id == id }?.label.text("zh") ?? id
    }

    /// Place among what the action asks for.
    private func order(_ id: String, _ action: String) -> Int {
        view.process.action(action)?.ask.firstIndex { $0.id == id }
            ?? (form?.fields.firstIndex { $0.id == id } ?? 0) + 1_000
    }

    private func text(_ value: InputValue, _ id: String, _ action: String) -> String {
        let kind = input(id, action)?.kind
        switch value {
        case .number(let number): return String(number)
        case .limit(let limit): return Self.limit(limit)
        case .answer(let answer): return form?.fields.first { $0.id == id }?.text(answer, "zh") ?? ""
        case .text(let text):
            return switch kind {
            case .yesno: text == "yes" ? "是" : "否"
            case .unit: surroundings.unitName(text)
            case .case: names[text] ?? "另一件"
            default: text
            }
        case .list(let list):
            return list.map { item in
                switch kind {
                case .units: surroundings.unitName(item)
                case .fields: form?.fields.first { $0.id == item }?.label.text("zh") ?? item
                case .checklist: check(item)
                default: item
                }
            }.joined(separator: "、")
        }
    }

    /// `material=state: note`
    private func check(_ item: String) -> String {
        let (material, rest) = item.split(at: "=")
        let (state, note) = rest.split(at: ":")
        let name = form?.listedMaterials.first { $0.id == material }?.name ?? material
        let label = ActionForm.checks.first { $0.value == state }?.label ?? state
        return "\(name) \(label)" + (note.isEmpty ? "" : "（\(note.drop { $0 == " " })）")
    }

    static func limit(_ limit: Procedures.Process.Limit) -> String {
        "\(limit.count) \(ActionForm.name(limit.unit))"
    }
}

extension String {
    /// So many characters at most, with a mark where some are left out.
    fileprivate func shortened(to most: Int) -> String { count > most ? prefix(most) + "…" : self }

    /// What stands before the first `mark`, and what behind it.
    fileprivate func split(at mark: Character) -> (String, String) {
        guard let place = firstIndex(of: mark) else { return (self, "") }
        return (String(self[..<place]), String(self[index(after: place)...]))
    }
}
