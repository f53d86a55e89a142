import Authority
import PortalBase
import Procedures
import SQL
import TestSupport
import Testing
import Workflow

@testable import Cases

extension NewDesk {
    @discardableResult
    fileprivate func act(
        _ action: String, on id: String, _ role: String, _ unit: String, task: Int? = nil, at now: Instant,
        _ inputs: [String: InputValue] = [:]
    ) throws -> Event {
        try store.perform(
            Command(action: action, task: task, inputs: inputs), on: id,
            as: .officer(Officer(post: post(role, unit), level: 4)),
            key: "\(action) \(task ?? 0) \(now.seconds)", at: now, now: now)
    }
}

/// Figures out of the log, over both engines.
@Suite struct FigureTests {
    private static func day(_ text: String) throws -> Instant {
        try #require(Instant(iso: text + "+08:00", zone: .shanghai))
    }

    private static func lines(_ figures: [CaseStore.CaseFigure]) -> [String] {
        figures.map { item in
            let figure = item.figure
            let state =
                figure.due == nil ? "happened" : figure.done.map { $0 <= figure.due! ? "kept" : "late" } ?? "open"
            return
                "\(item.number) \(figure.kind.rawValue) \(figure.name) \(figure.unit) \(state) \(figure.outcome)\(figure.isExcused ? " excused" : "")"
                .trimmingSpaces
        }
    }

    @Test(arguments: DatabaseEngine.available)
    func everyLimitStandsWithItsUnit(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        let hotline = try #require(CaseStoreTests.processes.first { $0.id == "hotline" })
        for id in ["a", "b"] { _ = try desk.store.begin(id, hotline, ["details": .string("路灯")]) }
        let budget = InputValue.limit(.init(count: 5, unit: .wd))
        for id in ["a", "b"] {
            try desk.act(
                "dispatch", on: id, "dispatcher", "hotline-centre", at: Self.day("2026-03-02T10:00:00"),
                ["lead": .text("market"), "budget": budget])
        }
        // One is signed for and answered in time, the other late and never signed for.
        try desk.act("sign", on: "a", "handler", "market", task: 1, at: Self.day("2026-03-02T11:00:00"))
        let answer: [String: InputValue] = ["done": .text("修好"), "reply": .text("修好")]
        try desk.act("answer", on: "a", "handler", "market", task: 1, at: Self.day("2026-03-03T11:00:00"), answer)
        try desk.act("approve", on: "a", "reviewer", "hotline-centre", at: Self.day("2026-03-04T09:00:00"))
        try desk.act("satisfied", on: "a", "caller", "hotline-centre", task: 2, at: Self.day("2026-03-04T11:00:00"))
        try desk.act("answer", on: "b", "handler", "market", task: 1, at: Self.day("2026-03-20T11:00:00"), answer)
        let march = try Self.day("2026-03-01T00:00:00")..<Self.day("2026-04-01T00:00:00")
        func figures() throws -> [String] {
            Self.lines(try desk.store.figures(of: "hotline", in: march, unit: "market", limit: 100))
        }
        #expect(
            try figures() == [
                "1 signing handle market kept answered", "1 task handle market kept answered",
                "1 clock answer market kept",
                "1 score callback market happened", "2 signing handle market late answered",
                "2 task handle market late answered", "2 clock answer market open", "2 count overdue market happened",
                "2 count supervised market happened",
            ])
        // Pages of any size hold every figure once, though a case's figures stand on several.
        for limit in 1...4 {
            var paged: [CaseStore.CaseFigure] = []
            while true {
                let page = try desk.store.figures(
                    of: "hotline", in: march, unit: "market", after: paged.last.map { ($0.number, $0.place) },
                    limit: limit)
                paged += page
                if page.count < limit { break }
            }
            #expect(Self.lines(paged) == (try figures()), "\(limit) at once")
        }
        // An objection alone changes nothing; the decision leaves the unit's part out.
        try desk.act(
            "object", on: "b", "handler", "market", task: 1, at: Self.day("2026-03-21T09:00:00"), ["why": .text("不属职责")]
        )
        #expect(try figures().contains("2 task handle market late answered"))
        #expect(throws: CaseStore.Failure.self) {
            try desk.act(
                "sustain", on: "a", "reviewer", "hotline-centre", task: 1, at: Self.day("2026-03-21T09:00:00"),
                ["why": .text("x")])
        }
        try desk.act(
            "sustain", on: "b", "reviewer", "hotline-centre", task: 1, at: Self.day("2026-03-22T09:00:00"),
            ["why": .text("属实")])
        #expect(try figures().filter { $0.hasPrefix("2 ") }.allSatisfy { $0.hasSuffix("excused") })
        let tallies = try desk.store.tallies(of: "hotline", in: march).filter {
            $0.kind == .task && $0.name == "handle"
        }
        #expect(tallies.contains { $0.what == .due(inTime: 1) && $0.count == 1 && !$0.isExcused })
        #expect(tallies.contains { $0.what == .due(inTime: 0) && $0.count == 1 && $0.isExcused })
        // Another month has none of it, and who may not see a case sees no figure of it.
        #expect(
            try desk.store.tallies(of: "hotline", in: march.upperBound..<march.upperBound.adding(seconds: 86_400))
                .isEmpty)
        let stranger = Post(person: "x", role: "handler", unit: "fire", from: Instant(seconds: 0))
        #expect(
            try desk.store.figures(
                of: "hotline", in: march, for: .init(posts: [stranger], now: march.upperBound), limit: 100
            ).isEmpty)
        #expect(try desk.store.verify() == [] && desk.store.rebuild() == .unchanged)
    }
}

extension String {
    fileprivate var trimmingSpaces: String { split(separator: " ").joined(separator: " ") }
}
