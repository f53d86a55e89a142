import PortalBase

/// Why an action is refused in the state that a case is in.
package enum WorkflowError: String, Error, Sendable {
    /// The state does not allow this.
    case state
    /// Somebody else's task.
    case notYours
    /// Parallel opinions are still missing.
    case notJoined
    /// A text that the action needs is empty.
    case textMissing
    /// The text names the citizen or carries a number.
    case notMasked
    /// The citizen did not agree to publication.
    case notAgreed
}

/// One request on its way round the hotline loop: received → dispatched → answered → released or not; or withdrawn
/// before it is answered.
package struct HotlineTicket: Sendable, Equatable {
    package enum State: String, Sendable { case received, dispatched, answered, released, withdrawn }

    package private(set) var state: State
    package private(set) var department: String?
    /// What was done, for the file; never shown outside.
    package private(set) var internalNote: String?
    /// What the citizen reads.
    package private(set) var reply: String?

    package init(state: State = .received, department: String? = nil, internalNote: String? = nil, reply: String? = nil)
    {
        self.state = state
        self.department = department
        self.internalNote = internalNote
        self.reply = reply
    }

    /// 派单. A ticket can be sent elsewhere until it is answered.
    package mutating func dispatch(to department: String) throws(WorkflowError) {
        guard state == .received || state == .dispatched else { throw .state }
        self.department = department
        state = .dispatched
    }

    /// 办理 and 答复: the handling for the file and the answer for the citizen are two texts.
    package mutating func answer(by department: String, note: String, reply: String) throws(WorkflowError) {
        guard state == .dispatched else { throw .state }
        guard self.department == department else { throw .notYours }
        guard !reply.isEmpty else { throw .textMissing }
        internalNote = note
        self.reply = reply
        state = .answered
    }

    /// 撤回: the citizen takes it back, while nobody has answered yet.
    package mutating func withdraw() throws(WorkflowError) {
        guard state == .received || state == .dispatched else { throw .state }
        state = .withdrawn
    }

    /// Publication is a step of its own, after review.
    ///
    /// - Parameters:
    ///   - texts: everything that would be published.
    ///   - secrets: what must not appear in it, such as the citizen's name.
    package mutating func release(
        agreed: Bool, texts: [String], secrets: [Masking.Secret]
    ) throws(WorkflowError) {
        guard state == .answered else { throw .state }
        guard agreed else { throw .notAgreed }
        guard texts.allSatisfy({ !$0.isEmpty }) else { throw .textMissing }
        guard texts.allSatisfy({ Masking.finding(in: $0, secrets: secrets) == nil }) else { throw .notMasked }
        state = .released
    }

    /// 撤回公开: the page goes; the answer stands, and may be published again.
    package mutating func takeBack() throws(WorkflowError) {
        guard state == .released else { throw .state }
        state = .answered
    }
}
