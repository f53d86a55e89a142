import Authority
import PortalBase
import Procedures
import SQL
import TestSupport
import Testing
import Workflow

@testable import Cases

extension NewDesk {
    fileprivate func begin(_ id: String) throws {
        let process = try #require(CaseStoreTests.processes.first { $0.id == "hotline" })
        _ = try store.begin(id, process, ["details": .string("路灯不亮")])
    }

    fileprivate func dispatch(_ id: String, to unit: String, within limit: String) throws {
        let inputs: [String: InputValue] = [
            "lead": .text(unit), "budget": .limit(try #require(Procedures.Process.Limit(limit))),
        ]
        _ = try store.perform(
            Command(action: "dispatch", inputs: inputs), on: id,
            as: .officer(Officer(post: post("dispatcher", "hotline-centre"), level: 3)), key: "dispatch",
            at: CaseStoreTests.start,
            now: CaseStoreTests.start)
    }

    fileprivate func sign(_ id: String, _ unit: String) throws {
        _ = try store.perform(
            Command(action: "sign", task: 1), on: id, as: .officer(Officer(post: post("handler", unit), level: 3)),
            key: "sign", at: CaseStoreTests.start, now: CaseStoreTests.start)
    }
}

/// What is open, what falls due, and who read what, over both engines: every count is that of a list.
@Suite struct OverviewTests {
    private static let start = CaseStoreTests.start

    @Test(arguments: DatabaseEngine.available)
    func everyCountIsThatOfAList(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        for id in ["a", "b", "c", "d"] { try desk.begin(id) }
        try desk.dispatch("a", to: "market", within: "2wd")
        try desk.dispatch("b", to: "market", within: "4wd")
        try desk.dispatch("c", to: "fire", within: "2wd")
        for (id, unit) in [("a", "market"), ("b", "market"), ("c", "fire")] { try desk.sign(id, unit) }
        // Behind the limit of two working days, before that of the cases.
        let now = Self.start.adding(seconds: 3 * 86_400)
        let readers = [
            (desk.post("dispatcher", "hotline-centre"), 4, 2), (desk.post("handler", "market"), 2, 1),
            (desk.post("handler", "fire"), 1, 1), (desk.post("people-admin", "city"), 0, 0),
        ]
        for (post, open, late) in readers {
            func count(_ narrowing: CaseNarrowing) throws -> Int {
                try desk.store.list(.init(limit: 50, narrowing: narrowing), as: [post], at: now).lines.count
            }
            let found = try desk.store.overview(as: [post], at: now)
            #expect(found.states.map(\.open).reduce(0, +) == open, "\(post.person)")
            #expect(found.states.map(\.overdue).reduce(0, +) == late, "\(post.person)")
            for line in found.states {
                #expect(try count(.init(process: line.process, state: line.name)) == line.open)
                #expect(try count(.init(process: line.process, state: line.name, isOverdue: true)) == line.overdue)
            }
            for line in found.units {
                #expect(try count(.init(process: line.process, unit: line.name)) == line.open)
                #expect(try count(.init(process: line.process, unit: line.name, isOverdue: true)) == line.overdue)
            }
            let month = Self.start..<Self.start.adding(seconds: 30 * 86_400)
            let moments = try desk.store.dueMoments(in: month, as: [post], at: now)
            #expect(moments.count == open && moments == moments.sorted())
            for day in Set(moments.map { $0.date(in: .shanghai) }) {
                let span = day.start(in: .shanghai)..<CivilDate(dayNumber: day.dayNumber + 1).start(in: .shanghai)
                #expect(try count(.init(due: span)) == moments.filter(span.contains).count)
            }
        }
        #expect(try desk.store.verify() == [] && desk.store.rebuild() == .unchanged)
    }

    /// Of two that wait for a unit, the one whose task ends first stands first, whatever its case's clock says.
    @Test(arguments: DatabaseEngine.available)
    func aTasksLimitDecidesTheOrder(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        for id in ["a", "b"] { try desk.begin(id) }
        try desk.dispatch("a", to: "market", within: "4wd")
        try desk.dispatch("b", to: "market", within: "2wd")
        for id in ["a", "b"] { try desk.sign(id, "market") }
        let found = try desk.store.waiting(for: [desk.post("handler", "market")], after: nil, limit: 9, at: Self.start)
        #expect(found.views.map(\.view.subject.id) == ["b", "a"])
        let ends = found.views.compactMap(\.view.line.firstEnd)
        #expect(ends.count == 2 && ends == ends.sorted())
    }

    @Test(arguments: DatabaseEngine.available)
    func readingsAreFoundByPersonAndCase(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        for id in ["a", "b"] { try desk.begin(id) }
        let (reader, auditor) = (desk.post("dispatcher", "hotline-centre"), desk.post("audit-admin", "city"))
        for id in ["a", "b", "a"] { _ = try desk.store.view(id, as: [reader], at: Self.start) }
        _ = try desk.store.list(.init(limit: 9), as: [reader], at: Self.start)
        func read(
            _ person: String = "", _ number: Int? = nil, before: Int? = nil, limit: Int = 9
        ) throws -> (lines: [CaseStore.Reading], next: Int?) {
            try desk.store.readings(
                .init(person: person, number: number, before: before, limit: limit), as: [auditor], at: Self.start)
        }
        let all = try read()
        #expect(all.lines.map(\.what) == ["readings", "list", "case", "case", "case"] && all.next == nil)
        #expect(try read(reader.person).lines.map(\.number) == [nil, 1, 2, 1])
        #expect(try read("", 1).lines.map(\.person) == [reader.person, reader.person])
        #expect(try read("", 7).lines.isEmpty && read("nobody").lines.isEmpty)
        // Page by page to the end.
        var (found, before) = ([Int?](), Int?.none)
        repeat {
            let page = try read(reader.person, before: before, limit: 1)
            found += page.lines.map(\.number)
            before = page.next
        } while before != nil
        #expect(found == [nil, 1, 2, 1])
        #expect(try desk.store.verify() == [])
    }
}
