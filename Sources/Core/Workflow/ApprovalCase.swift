package import PortalBase

/// One application decided by several departments at the same time (行政许可法 article 26): fork, join, one decision.
package struct ApprovalCase: Sendable, Equatable {
    package enum State: String, Sendable {
        case submitted, correction, inParallel, joined, granted, refused, notAccepted, withdrawn
    }

    package enum Opinion: String, Sendable { case pending, agree, disagree }

    package struct Task: Sendable, Equatable {
        package let department: String
        package let limit: TimeLimit
        package private(set) var opinion: Opinion
        package private(set) var note: String?

        package init(department: String, limit: TimeLimit, opinion: Opinion = .pending, note: String? = nil) {
            self.department = department
            self.limit = limit
            self.opinion = opinion
            self.note = note
        }

        fileprivate mutating func give(_ opinion: Opinion, _ note: String) {
            self.opinion = opinion
            self.note = note
        }
    }

    /// 一次告知补正: everything that is missing, told once.
    package struct Notice: Sendable, Equatable {
        /// One-time token of the citizen's answer.
        package let token: String
        package let text: String
        /// Fields of the form that may be answered again.
        package let fields: [String]
        package let given: Instant
        package private(set) var answered: Instant?

        package init(token: String, text: String, fields: [String], given: Instant, answered: Instant? = nil) {
            self.token = token
            self.text = text
            self.fields = fields
            self.given = given
            self.answered = answered
        }

        fileprivate mutating func answer(at now: Instant) { answered = now }
    }

    package let lead: String
    package private(set) var state: State
    /// There is one at most: the law asks that everything is told at once (行政许可法 article 32(4)).
    package private(set) var notice: Notice?
    package private(set) var tasks: [Task]
    package private(set) var decision: String?

    package init(
        lead: String, tasks: [Task], state: State = .submitted, notice: Notice? = nil, decision: String? = nil
    ) {
        self.lead = lead
        self.notice = notice
        self.tasks = tasks
        self.state = state
        self.decision = decision
    }

    /// 受理: the fork. All departments get their task at once.
    package mutating func accept(by department: String) throws(WorkflowError) {
        guard state == .submitted else { throw .state }
        guard department == lead else { throw .notYours }
        state = .inParallel
    }

    /// 补正: what is missing, told once and all of it.
    package mutating func askForCorrection(by department: String, _ notice: Notice) throws(WorkflowError) {
        guard state == .submitted, self.notice == nil else { throw .state }
        guard department == lead else { throw .notYours }
        guard !notice.text.isEmpty, !notice.fields.isEmpty else { throw .textMissing }
        self.notice = notice
        state = .correction
    }

    /// The applicant's answer to the notice, in time or not: the lead department looks at it again.
    package mutating func supplement(token: String, fields: some Sequence<String>, at now: Instant)
        throws(WorkflowError)
    {
        guard state == .correction, let notice, notice.token == token, fields.allSatisfy(notice.fields.contains) else {
            throw .state
        }
        self.notice?.answer(at: now)
        state = .submitted
    }

    /// 不予受理, with the reason that the law asks for.
    package mutating func refuseToAccept(by department: String, reason: String) throws(WorkflowError) {
        guard state == .submitted else { throw .state }
        guard department == lead else { throw .notYours }
        guard !reason.isEmpty else { throw .textMissing }
        decision = reason
        state = .notAccepted
    }

    /// 撤回: the applicant takes it back, while nothing has been decided.
    package mutating func withdraw() throws(WorkflowError) {
        guard [.submitted, .correction, .inParallel, .joined].contains(state) else { throw .state }
        state = .withdrawn
    }

    /// One department's opinion; the last one joins. A disagreement must say why.
    package mutating func give(_ opinion: Opinion, by department: String, note: String) throws(WorkflowError) {
        guard state == .inParallel, opinion != .pending else { throw .state }
        guard let index = tasks.firstIndex(where: { $0.department == department }) else { throw .notYours }
        guard tasks[index].opinion == .pending else { throw .state }
        guard opinion == .agree || !note.isEmpty else { throw .textMissing }
        tasks[index].give(opinion, note)
        if tasks.allSatisfy({ $0.opinion != .pending }) { state = .joined }
    }

    /// The one decision. It grants only what nobody opposed.
    package mutating func decide(grant: Bool, by department: String, text: String) throws(WorkflowError) {
        if state == .inParallel { throw .notJoined }
        guard state == .joined else { throw .state }
        guard department == lead else { throw .notYours }
        guard !text.isEmpty else { throw .textMissing }
        guard !grant || tasks.allSatisfy({ $0.opinion == .agree }) else { throw .state }
        decision = text
        state = grant ? .granted : .refused
    }
}
