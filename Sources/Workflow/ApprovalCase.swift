import PortalBase

/// One application decided by several departments at the same time (行政许可法 article 26): fork, join, one decision.
package struct ApprovalCase: Sendable, Equatable {
    package enum State: String, Sendable {
        case submitted, inParallel, joined, granted, refused, notAccepted, withdrawn
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

    package let lead: String
    package private(set) var state: State
    package private(set) var tasks: [Task]
    package private(set) var decision: String?

    package init(lead: String, tasks: [Task], state: State = .submitted, decision: String? = nil) {
        self.lead = lead
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
        guard state == .submitted || state == .inParallel || state == .joined else { throw .state }
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
