import Forms
import PortalBase
import Workflow

/// What an officer may do with a case, and what doing it means. Knows no HTTP.
struct CaseActions: Sendable {
    let configuration: Configuration
    let deadlines: CaseDeadlines

    struct Input: Sendable {
        enum Form: Sendable { case line, text, flag, choice([(value: String, label: String)]) }
        let name: String
        let label: String
        let form: Form
        var value = ""
    }

    struct Action: Sendable {
        let key: String
        let name: String
        let inputs: [Input]
    }

    /// The actions that role, department and state leave to this officer.
    func available(_ file: DeskDatabase.CaseFile, to officer: Officer) -> [Action] {
        if let ticket = file.ticket { return hotline(file, ticket, officer) }
        if let approval = file.approval { return self.approval(file, approval, officer) }
        return []
    }

    private func hotline(_ file: DeskDatabase.CaseFile, _ ticket: HotlineTicket, _ officer: Officer) -> [Action] {
        var actions: [Action] = []
        if officer.roles.contains(.dispatcher), ticket.state == .received || ticket.state == .dispatched {
            let departments = configuration.departments.sorted { $0.key < $1.key }.map {
                (value: $0.key, label: $0.value)
            }
            actions.append(
                Action(
                    key: "dispatch", name: "派单",
                    inputs: [Input(name: "department", label: "承办部门", form: .choice(departments))]))
        }
        if officer.roles.contains(.handler), ticket.state == .dispatched, ticket.department == officer.department {
            actions.append(
                Action(
                    key: "reply", name: "答复",
                    inputs: [
                        Input(name: "note", label: "内部办理情况（不公开）", form: .text),
                        Input(name: "reply", label: "公开答复内容（诉求人可见）", form: .text),
                    ]))
        }
        if officer.roles.contains(.dispatcher), ticket.state == .answered, file.answers["publish"]?.string == "agree" {
            actions.append(
                Action(
                    key: "release", name: "公开到网站",
                    inputs: [
                        Input(
                            name: "title", label: "标题（隐去姓名和号码）", form: .line,
                            value: "关于“\(file.answers["subject"]?.string ?? "")”的答复"),
                        Input(
                            name: "question", label: "诉求（隐去姓名和号码）", form: .text,
                            value: file.answers["details"]?.string ?? ""),
                        Input(name: "answer", label: "答复", form: .text, value: ticket.reply ?? ""),
                    ]))
        }
        if officer.roles.contains(.dispatcher), ticket.state == .released {
            actions.append(
                Action(
                    key: "unpublish", name: "撤回公开",
                    inputs: [Input(name: "reason", label: "撤回的原因（不公开）", form: .line)]))
        }
        return actions
    }

    private func approval(_ file: DeskDatabase.CaseFile, _ approval: ApprovalCase, _ officer: Officer) -> [Action] {
        guard officer.roles.contains(.handler) else { return [] }
        var actions: [Action] = []
        if approval.state == .submitted, officer.department == approval.lead {
            actions.append(Action(key: "accept", name: "受理", inputs: []))
            if !isPastAcceptance(file, configuration.now()), approval.notice == nil {
                let fields = configuration.definition(file.form)?.fields ?? []
                actions.append(
                    Action(
                        key: "correct", name: "一次告知补正",
                        inputs: [Input(name: "text", label: "需要补正的全部内容（申请人可见，只能告知一次）", form: .text)]
                            + fields.map {
                                Input(name: "field-\($0.id)", label: $0.label.text("zh"), form: .flag)
                            }))
            }
            if !isPastAcceptance(file, configuration.now()) {
                actions.append(
                    Action(
                        key: "decline", name: "不予受理", inputs: [Input(name: "text", label: "理由和有权受理的机关", form: .text)]))
            }
        }
        if approval.state == .inParallel,
            approval.tasks.contains(where: { $0.department == officer.department && $0.opinion == .pending })
        {
            let choices = [(value: "agree", label: "同意"), (value: "disagree", label: "不同意")]
            actions.append(
                Action(
                    key: "opinion", name: "提出意见",
                    inputs: [
                        Input(name: "opinion", label: "意见", form: .choice(choices)),
                        Input(name: "note", label: "说明", form: .text),
                    ]))
        }
        if approval.state == .joined, officer.department == approval.lead {
            let choices = [(value: "grant", label: "准予许可"), (value: "refuse", label: "不予许可")]
            actions.append(
                Action(
                    key: "decide", name: "作出决定",
                    inputs: [
                        Input(name: "decision", label: "决定", form: .choice(choices)),
                        Input(name: "text", label: "决定内容和理由", form: .text),
                    ]))
        }
        return actions
    }

    private func isPastAcceptance(_ file: DeskDatabase.CaseFile, _ now: Instant) -> Bool {
        deadlines.acceptance(file).isOverdue(on: now.date(in: .shanghai))
    }

    /// What must not be published: every personal answer but the story itself, which the officer rewrites.
    private func secrets(_ file: DeskDatabase.CaseFile) -> [Masking.Secret] {
        let personal =
            configuration.definition(file.form)?.fields.filter { $0.privacy != .none && $0.type != .longtext } ?? []
        return personal.flatMap { field -> [Masking.Secret] in
            guard let answer = file.answers[field.id] else { return [] }
            let label = field.label.text("zh")
            // Of an address, the unit is no secret.
            if let text = answer.string { return [Masking.Secret(label: label, text: text)] }
            return [("village", "村（社区）"), ("rest", "详细地址")].compactMap { part, name in
                answer[part]?.string.map { Masking.Secret(label: name, text: $0) }
            }
        }
    }

    /// Why a text that an officer typed is not taken.
    enum TextRefusal: Error, Sendable, Equatable {
        case tooLong(label: String, most: Int)
        case forbidden(label: String, character: String)
        /// It looks like a visibility mark, which the site would refuse.
        case mark(label: String)
    }

    private static let mostCharacters = 4_000

    /// A text as it is stored; nothing of it is cut.
    private static func stored(_ text: String, label: String) throws -> String {
        guard text.utf8.count <= 4 * mostCharacters * 2 else {
            throw TextRefusal.tooLong(label: label, most: mostCharacters)
        }
        switch FormDefinition.stored(words: text, allowsBreaks: true) {
        case .failure(let found): throw TextRefusal.forbidden(label: label, character: found.name)
        case .success(let stored):
            guard stored.unicodeScalars.count <= mostCharacters else {
                throw TextRefusal.tooLong(label: label, most: mostCharacters)
            }
            return stored
        }
    }

    /// What the site's generator would refuse is refused here, where somebody can mend it.
    private static func checkPublishable(_ text: String, label: String, isLine: Bool) throws {
        if let found = PublishableText.forbidden(in: text, allowsBreaks: !isLine) {
            throw TextRefusal.forbidden(label: label, character: found.name)
        }
        if VisibilityMarks.count(in: text.utf8) > 0 { throw TextRefusal.mark(label: label) }
    }

    /// Does an action. Every action is checked against the same list that the page was made from.
    /// - Returns: what the citizen now reads; nil where nothing changes for them.
    func perform(
        _ action: String, _ input: [String: String], on file: inout DeskDatabase.CaseFile, by officer: Officer,
        at now: Instant
    ) throws -> CitizenStatus? {
        guard let offered = available(file, to: officer).first(where: { $0.key == action }) else {
            throw WorkflowError.state
        }
        var texts: [String: String] = [:]
        for field in offered.inputs {
            texts[field.name] = try Self.stored(input[field.name, default: ""], label: field.label)
        }
        func text(_ name: String) -> String { texts[name, default: ""] }
        /// One of the choices that the page offered; anything else is no decision.
        func choice(_ name: String, _ yes: String, _ no: String) throws -> Bool {
            guard [yes, no].contains(text(name)) else { throw WorkflowError.textMissing }
            return text(name) == yes
        }
        func status(_ state: CitizenStatus.State, _ text: String, due: Deadline? = nil) -> CitizenStatus {
            CitizenStatus(
                state: state, text: text, received: file.received, due: due.map(CaseDeadlines.text), updated: now)
        }
        switch action {
        case "dispatch":
            guard configuration.departments[text("department")] != nil else { throw WorkflowError.textMissing }
            try file.ticket?.dispatch(to: text("department"))
            return status(.accepted, "", due: deadlines.due(file).deadline)
        case "reply":
            try file.ticket?.answer(by: officer.department, note: text("note"), reply: text("reply"))
            return status(.answered, text("reply"))
        case "release":
            let page = AnswerPage(
                number: file.number, date: now.date(in: .shanghai), question: text("question"), answer: text("answer"),
                title: text("title"))
            let secrets = secrets(file)
            for (text, label) in [(page.title, "标题"), (page.question, "诉求"), (page.answer, "答复")] {
                try Self.checkPublishable(text, label: label, isLine: label == "标题")
                if let finding = Masking.finding(in: text, secrets: secrets) { throw finding }
            }
            try file.ticket?.release(
                agreed: file.answers["publish"]?.string == "agree", texts: [page.title, page.question, page.answer],
                secrets: secrets)
            file.publication = page
            return nil
        case "unpublish":
            try file.ticket?.takeBack()
            file.takesBack = true
            return nil
        case "accept":
            try file.approval?.accept(by: officer.department)
            // Not told within the limit is accepted from the day of receipt (行政许可法 article 32(4)).
            file.accepted = isPastAcceptance(file, now) ? deadlines.start(file) : now
            return status(.accepted, "", due: deadlines.due(file).deadline)
        case "correct":
            let wanted = (configuration.definition(file.form)?.fields ?? []).map(\.id).filter {
                text("field-\($0)") == "yes"
            }
            let notice = ApprovalCase.Notice(
                token: hexText(systemRandomBytes(16)), text: text("text"), fields: wanted, given: now)
            try file.approval?.askForCorrection(by: officer.department, notice)
            var shown = status(.correction, notice.text)
            shown.correction = .object([
                "notice": .string(notice.token), "form": .string(file.form),
                "id": .string(configuration.definition(file.form)?.id ?? ""),
                "fields": .array(wanted.map { .string($0) }),
            ])
            return shown
        case "decline":
            try file.approval?.refuseToAccept(by: officer.department, reason: text("text"))
            return status(.notAccepted, text("text"))
        case "opinion":
            let agrees = try choice("opinion", "agree", "disagree")
            try file.approval?.give(
                agrees ? .agree : .disagree, by: officer.department, note: text("note"))
            return nil
        case "decide":
            let grant = try choice("decision", "grant", "refuse")
            try file.approval?.decide(grant: grant, by: officer.department, text: text("text"))
            return status(grant ? .granted : .refused, text("text"))
        default: throw WorkflowError.state
        }
    }
}

/// Last days of cases and tasks, computed from receipt or acceptance.
struct CaseDeadlines: Sendable {
    let calendar: WorkingCalendar
    let configuration: Configuration

    /// Five working days from receipt at the edge (as 安阳市政务服务条例 article 50 and others have it).
    private static let hotlineLimit = TimeLimit(days: 5, working: true)
    /// 一次告知 within five working days, else deemed accepted (行政许可法 article 32).
    private static let acceptanceLimit = TimeLimit(days: 5, working: true)

    /// A last day, and an estimate for sorting, which counts every weekday beyond the calendar as worked.
    typealias Due = (deadline: Deadline, estimate: CivilDate)

    /// When a request must be answered, or an application accepted or decided.
    func due(_ file: DeskDatabase.CaseFile) -> Due {
        if file.ticket != nil { return due(from: file.received, Self.hotlineLimit) }
        return approval(acceptanceStart: start(file), accepted: file.accepted, form: file.form)
    }

    /// The same of a row of a list.
    func due(_ line: DeskDatabase.Line) -> Due {
        if line.kind == "hotline" { return due(from: line.received, Self.hotlineLimit) }
        return approval(
            acceptanceStart: line.noticeAnswered ?? line.received, accepted: line.accepted, form: line.form)
    }

    func acceptance(_ file: DeskDatabase.CaseFile) -> Deadline {
        calendar.deadline(from: start(file).date(in: .shanghai), Self.acceptanceLimit)
    }

    /// When the time for accepting began: with the application, or with what was supplied after a correction notice.
    func start(_ file: DeskDatabase.CaseFile) -> Instant { file.approval?.notice?.answered ?? file.received }

    /// Before acceptance the limit for accepting; afterwards the promised limit, else the legal one.
    private func approval(acceptanceStart: Instant, accepted: Instant?, form: String) -> Due {
        guard let accepted else { return due(from: acceptanceStart, Self.acceptanceLimit) }
        let service = configuration.definition(form)?.service
        let limit = service?.promisedLimit ?? service?.legalLimit
        return due(from: accepted, TimeLimit(days: limit?.count ?? 45, working: limit?.working ?? true))
    }

    private func due(from start: Instant, _ limit: TimeLimit) -> Due {
        let day = start.date(in: .shanghai)
        return (calendar.deadline(from: day, limit), calendar.estimate(from: day, limit))
    }

    func task(_ task: ApprovalCase.Task, accepted: Instant?) -> Deadline? {
        accepted.map { calendar.deadline(from: $0.date(in: .shanghai), task.limit) }
    }

    /// For officers: an unknown deadline with its estimate, marked as one.
    static func text(_ deadline: Deadline, estimate: CivilDate) -> String {
        switch deadline {
        case .on(let day): day.text
        case .unknown(let last): "未知（放假安排只公布到 \(last.text)；预计 \(estimate.text)）"
        }
    }

    static func text(_ deadline: Deadline) -> String {
        switch deadline {
        case .on(let day): day.text
        case .unknown(let last): "未知（放假安排只公布到 \(last.text)）"
        }
    }
}
