import PortalBase
import TestSupport
import Testing
import Workflow

@Suite struct WorkingCalendarTests {
    private func calendar() throws -> WorkingCalendar {
        try WorkingCalendar(csv: FileSystem.read(repositoryRoot + "/Content/data/workdays.csv"))
    }

    /// Vectors recomputed from the State Council's schedules.
    @Test(arguments: [
        ("2026-09-18", 20, "2026-10-22"), ("2026-02-10", 20, "2026-03-16"), ("2026-04-28", 7, "2026-05-11"),
        ("2025-12-30", 20, "2026-01-28"),
        ("2024-09-30", 20, "2024-11-01"), ("2007-04-27", 20, "2007-05-30"), ("2007-09-28", 15, "2007-10-24"),
        ("2005-12-29", 15, "2006-01-20"),
        ("2026-11-20", 20, "2026-12-18"), ("2026-02-12", 1, "2026-02-13"), ("2026-02-12", 5, "2026-02-26"),
        ("2026-02-15", 5, "2026-02-28"),
        ("2025-09-26", 5, "2025-10-10"), ("2025-12-31", 5, "2026-01-08"), ("2026-01-05", 45, "2026-03-13"),
    ])
    func workingDaysAreCountedFromTheDayAfter(_ start: String, _ days: Int, _ due: String) throws {
        let deadline = try calendar().deadline(from: CivilDate(iso: start)!, TimeLimit(days: days, working: true))
        #expect(deadline == .on(CivilDate(iso: due)!))
    }

    @Test func aDeadlineBeyondTheSchedulesIsUnknownAndNotOverdue() throws {
        let deadline = try calendar().deadline(from: CivilDate(iso: "2026-12-20")!, TimeLimit(days: 20, working: true))
        #expect(deadline == .unknown(after: CivilDate(iso: "2026-12-31")!))
        #expect(!deadline.isOverdue(on: CivilDate(iso: "2030-01-01")!))
    }

    @Test func calendarDaysRollForwardOffAHoliday() throws {
        #expect(
            try calendar().deadline(from: CivilDate(iso: "2026-09-22")!, TimeLimit(days: 10, working: false))
                == .on(CivilDate(iso: "2026-10-08")!))
    }
}

@Suite struct HotlineTicketTests {
    @Test func whatIsMissingIsToldOnceAndAnsweredOnce() throws {
        let now = Instant(seconds: 1_788_224_400)
        var application = ApprovalCase(lead: "market", tasks: [])
        let notice = ApprovalCase.Notice(token: "t", text: "缺图", fields: ["plan"], given: now)
        #expect(throws: WorkflowError.notYours) { try application.askForCorrection(by: "fire", notice) }
        try application.askForCorrection(by: "market", notice)
        #expect(throws: WorkflowError.state) { try application.accept(by: "market") }
        #expect(throws: WorkflowError.state) { try application.supplement(token: "x", fields: ["plan"], at: now) }
        #expect(throws: WorkflowError.state) { try application.supplement(token: "t", fields: ["name"], at: now) }
        try application.supplement(token: "t", fields: ["plan"], at: now.adding(seconds: 60))
        #expect(application.state == .submitted && application.notice?.answered == now.adding(seconds: 60))
        #expect(throws: WorkflowError.state) { try application.askForCorrection(by: "market", notice) }
        #expect(throws: WorkflowError.state) { try application.supplement(token: "t", fields: ["plan"], at: now) }
        try application.accept(by: "market")
    }

    @Test func itMayBeTakenBackUntilItIsAnswered() throws {
        var early = HotlineTicket()
        try early.withdraw()
        #expect(early.state == .withdrawn)
        #expect(throws: WorkflowError.state) { try early.dispatch(to: "fire") }
        var late = HotlineTicket(state: .answered, department: "fire", reply: "好了")
        #expect(throws: WorkflowError.state) { try late.withdraw() }
        var application = ApprovalCase(lead: "fire", tasks: [], state: .joined)
        try application.withdraw()
        #expect(throws: WorkflowError.state) { try application.withdraw() }
        var decided = ApprovalCase(lead: "fire", tasks: [], state: .granted)
        #expect(throws: WorkflowError.state) { try decided.withdraw() }
    }

    @Test func theLoopRunsAndNothingElseDoes() throws {
        var ticket = HotlineTicket()
        #expect(throws: WorkflowError.state) { try ticket.answer(by: "fire", note: "", reply: "x") }
        try ticket.dispatch(to: "urban")
        try ticket.dispatch(to: "fire")
        #expect(throws: WorkflowError.notYours) { try ticket.answer(by: "urban", note: "", reply: "x") }
        #expect(throws: WorkflowError.textMissing) { try ticket.answer(by: "fire", note: "", reply: "") }
        try ticket.answer(by: "fire", note: "n", reply: "r")
        #expect(throws: WorkflowError.state) { try ticket.dispatch(to: "urban") }
        #expect(throws: WorkflowError.notAgreed) { try ticket.release(agreed: false, texts: ["a"], secrets: []) }
        try ticket.release(agreed: true, texts: ["a"], secrets: [.init(label: "姓名", text: "张三")])
        #expect(ticket.state == .released)
    }

    @Test(arguments: [
        "请联系张三", "电话 138 0000 0000", "证号410183199001011234", "0371-6981-2345", "138.0013.8000", "138–0013–8000",
        "138\u{3000}0013\u{00A0}8000", "１３８００００００００",
    ])
    func namesAndNumbersAreNotPublished(_ text: String) throws {
        var ticket = HotlineTicket(state: .answered, department: "d", internalNote: nil, reply: "r")
        #expect(throws: WorkflowError.notMasked) {
            try ticket.release(agreed: true, texts: [text], secrets: [.init(label: "姓名", text: "张三")])
        }
        #expect(ticket.state == .answered)
    }
}

@Suite struct ApprovalCaseTests {
    private func application() -> ApprovalCase {
        ApprovalCase(
            lead: "a", tasks: ["a", "b", "c"].map { .init(department: $0, limit: TimeLimit(days: 10, working: true)) })
    }

    @Test func branchesRunInAnyOrderAndJoinOnce() throws {
        var approval = application()
        #expect(throws: WorkflowError.notYours) { try approval.accept(by: "b") }
        try approval.accept(by: "a")
        try approval.give(.agree, by: "c", note: "")
        #expect(throws: WorkflowError.state) { try approval.give(.agree, by: "c", note: "") }
        #expect(throws: WorkflowError.notJoined) { try approval.decide(grant: true, by: "a", text: "ok") }
        try approval.give(.agree, by: "a", note: "")
        #expect(approval.state == .inParallel)
        try approval.give(.agree, by: "b", note: "")
        #expect(approval.state == .joined)
        #expect(throws: WorkflowError.notYours) { try approval.decide(grant: true, by: "b", text: "ok") }
        try approval.decide(grant: true, by: "a", text: "ok")
        #expect(approval.state == .granted)
    }

    @Test func oneDisagreementCannotBeGranted() throws {
        var approval = application()
        try approval.accept(by: "a")
        #expect(throws: WorkflowError.textMissing) { try approval.give(.disagree, by: "b", note: "") }
        try approval.give(.disagree, by: "b", note: "通道不足")
        for department in ["a", "c"] { try approval.give(.agree, by: department, note: "") }
        #expect(throws: WorkflowError.state) { try approval.decide(grant: true, by: "a", text: "ok") }
        try approval.decide(grant: false, by: "a", text: "不符合")
        #expect(approval.state == .refused)
    }
}
