import Authority
import PortalBase
import PositionedYAML
import Procedures
import SQL
import TestSupport
import Testing

@testable import Cases
@testable import Workflow

/// Cases that began under an earlier definition go on by a later one, completely or not at all.
@Suite struct AdoptionTests {
    static let earlier = """
        id: small
        title: { zh: 小流程, en: Small }
        forms: [hotline]
        retention: 2y
        begin: { state: new, by: [citizen] }
        class: [{ when: { field: secret, is: "yes" }, is: secret, to: { role: leader } }]
        states:
          new: { zh: 新, en: New, citizen: received }
          work: { zh: 办, en: Work, citizen: received }
          done: { zh: 完, en: Done, citizen: answered, final: true }
        clocks:
          answer: { zh: 时限, en: Limit, budget: 10wd, since: receipt, stop: [done], ladder: [{ at: 50%, remind: [market] }, { at: 60%, remind: [do.unit] }, { at: 100%, count: late }] }
        tasks:
          do: { zh: 办理, en: Handling, unit: market, outcomes: [made, moot] }
        actions:
          give: { zh: 交办, en: Give, from: [new], by: { role: dispatcher }, ask: [{ id: words, zh: 话, en: Words, type: longtext }], do: [{ open: do }, { enter: work }] }
          make: { zh: 办结, en: Make, from: [work], on: do, by: { role: handler, unit: task, not: [give] }, do: [{ close: task, as: made }, { enter: done }, { tell: act.give.words }] }
          note: { zh: 备注, en: Note, from: [new, work], by: { role: leader }, do: [{ flag: noted }] }
          back: { zh: 收回, en: Take back, from: [work], by: { role: leader }, do: [{ close: do, as: moot }, { enter: new }] }
        labels: { late: { zh: 超期, en: Late } }
        """

    /// An adoption commits between the two statements with which an action reads a case's row and its log (READ COMMITTED): the action is
    /// decided by the definition of the log.
    @Test(arguments: DatabaseEngine.available)
    func anActionIsDecidedByTheDefinitionOfTheLog(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        let old = try desk.store(desk.earlier)
        _ = try old.begin("a", desk.earlier, ["details": .string("路灯不亮")])
        let process = try Self.read(Self.later(than: desk.earlier))
        let new = try desk.store(process)
        let subject = try #require(
            try new.earlierDefinitions(of: process, includesFinal: false).first?.subjects.first)
        _ = try new.adopt(
            Adoption(from: desk.earlier, to: process), on: subject, by: Self.officer, reason: "新规定", applies: true,
            at: Self.start)
        // The row as it was read before.
        try desk.database.write { db in try db.execute("UPDATE subject SET process = ?", desk.earlier.digest.hex) }
        try desk.act(old, "dispatch", "甲", "dispatcher")
        try desk.database.write { db in try db.execute("UPDATE subject SET process = ?", process.digest.hex) }
        #expect(try new.view("a").file.tasks.map(\.kind) == ["handle"])
        #expect(try new.verify() == [] && new.rebuild() == .unchanged)
    }

    /// Everything has another name; a rung came first, and the clock's first rung is gone.
    private static func later(than earlier: Procedures.Process, _ changes: [(String, String)] = []) -> String {
        let text = """
            id: small
            title: { zh: 小流程, en: Small }
            forms: [hotline]
            retention: 2y
            begin: { state: new, by: [citizen] }
            class: [{ when: { field: secret, is: "yes" }, is: secret, to: { role: leader } }]
            states:
              new: { zh: 新, en: New, citizen: received }
              working: { zh: 办理中, en: Working, citizen: accepted }
              done: { zh: 完, en: Done, citizen: answered, final: true }
            clocks:
              reply: { zh: 答复时限, en: Limit, budget: 10wd, since: receipt, stop: [done], ladder: [{ at: 10%, remind: [market] }, { at: 60%, remind: [handle.unit] }, { at: 100%, count: late }] }
            tasks:
              handle: { zh: 承办, en: Handling, unit: market, outcomes: [made, moot] }
            actions:
              dispatch: { zh: 派单, en: Dispatch, from: [new], by: { role: dispatcher }, ask: [{ id: words, zh: 话, en: Words, type: longtext }], do: [{ open: handle }, { enter: working }] }
              make: { zh: 办结, en: Make, from: [working], on: handle, by: { role: handler, unit: task, not: [dispatch] }, do: [{ close: task, as: made }, { enter: done }, { tell: act.dispatch.words }] }
              back: { zh: 收回, en: Take back, from: [working], by: { role: leader }, do: [{ close: handle, as: moot }, { enter: new }] }
            labels: { late: { zh: 超期, en: Late } }
            migrate:
              \(earlier.digest.hex):
                states: { work: working }
                tasks: { do: handle }
                clocks: { answer: reply }
                actions: { give: dispatch, note: none }
            """
        return changes.reduce(text) { $0.replacing($1.0, with: $1.1) }
    }

    private static let names = Procedures.Process.Names(roles: ["dispatcher", "handler", "leader"], units: ["market"])

    static func read(_ text: String) throws -> Procedures.Process {
        var diagnostics: [Diagnostic] = []
        let node = YAMLNode.parse(text, path: "small.yaml", diagnostics: &diagnostics)
        let process = node.flatMap { Procedures.Process($0, names: names, diagnostics: &diagnostics) }
        return try #require(process, "\(diagnostics)")
    }

    private static let start = CaseStoreTests.start
    private static let officer = Officer(
        post: Post(person: "丁", role: "security-admin", unit: "city", from: Instant(seconds: 0)), level: 3)

    private struct Desk {
        let folder = TemporaryFolder()
        let database: any SQLDatabase
        let earlier: Procedures.Process

        init(_ engine: DatabaseEngine) throws {
            database = try engine.core(in: folder)
            earlier = try read(AdoptionTests.earlier)
        }

        func store(_ process: Procedures.Process) throws -> CaseStore { try .testing(database, processes: [process]) }

        func act(_ store: CaseStore, _ action: String, _ person: String, _ role: String, task: Int? = nil) throws {
            let post = Post(person: person, role: role, unit: "market", from: Instant(seconds: 0))
            _ = try store.perform(
                Command(action: action, task: task, inputs: task == nil ? ["words": .text("已修好")] : [:]), on: "a",
                as: .officer(Officer(post: post, level: 4)), key: action, at: start, now: start)
        }
    }

    @Test(arguments: DatabaseEngine.available)
    func aCaseGoesOnByTheLaterNames(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        let old = try desk.store(desk.earlier)
        _ = try old.begin("a", desk.earlier, ["details": .string("路灯不亮")])
        try desk.act(old, "give", "甲", "dispatcher")
        let half = Self.start.adding(seconds: 9 * 86_400)
        #expect(try old.tick(at: half).fired.map(\.firing.rung) == [0, 1])

        let process = try Self.read(Self.later(than: desk.earlier))
        let new = try desk.store(process)
        let definitions = try new.earlierDefinitions(of: process, includesFinal: false)
        #expect(definitions.map(\.process.digest) == [desk.earlier.digest])
        let subject = try #require(definitions.first?.subjects.first)
        let adoption = try Adoption(from: desk.earlier, to: process)
        // A look changes nothing.
        let shown = try new.adopt(
            adoption, on: subject, by: Self.officer, reason: "新规定", applies: false, at: half)
        #expect(try new.view("a").process.digest == desk.earlier.digest)
        let done = try new.adopt(adoption, on: subject, by: Self.officer, reason: "新规定", applies: true, at: half)
        guard case .goesOn(let outcome, passed: 0) = done else {
            Issue.record("\(done)")
            return
        }
        #expect(done == shown && outcome.facts.contains(.told(.accepted, text: nil)) && outcome.due.map(\.rung) == [0])
        // The same again finds it done.
        #expect(
            try new.adopt(adoption, on: subject, by: Self.officer, reason: "", applies: true, at: half)
                == .movedMeanwhile)
        #expect(try new.earlierDefinitions(of: process, includesFinal: true).isEmpty)

        let view = try new.view("a")
        #expect(view.process.digest == process.digest && view.file.state == "working")
        #expect(view.file.tasks.map(\.kind) == ["handle"] && view.file.clocks.map(\.clock) == ["reply"])
        #expect(view.events.map(\.action) == ["begin", "dispatch", "clock", "clock", "adopted"])
        #expect(view.file.act("dispatch")?.inputs["words"] == .text("已修好") && view.file.told == .accepted)
        // The log, its rows and its chain agree, before and after everything is made again.
        #expect(try new.verify() == [] && new.rebuild().changed == 0)
        // The rung that is new fires, under a key that the earlier one has not taken; that which is gone does not.
        #expect(try new.tick(at: half).fired.map(\.firing.rung) == [0])
        #expect(try new.tick(at: half).fired.isEmpty && new.view("a").file.clocks[0].fired.count == 3)
        // Who took the step before by its earlier name may not take the next.
        #expect(throws: CaseStore.Failure.refused(.officer(.samePerson))) {
            try desk.act(new, "make", "甲", "handler", task: 1)
        }
        // A process that was started before works by the case's definition.
        try desk.act(old, "make", "乙", "handler", task: 1)
        let ended = try new.view("a").file
        #expect(ended.state == "done")
        #expect(ended.toldText == "已修好")
        #expect(try old.verify() == [] && old.rebuild().changed == 0)
        // The row alone can bring no case to another definition.
        try desk.database.write { db in
            try db.execute("UPDATE subject SET process = ?", desk.earlier.digest.hex)
        }
        #expect(try new.verify().map(\.what) == ["the case's row says something else: process"])
    }

    /// What the sender of a merged case was told of the main one stays told, and a result that nobody gave is not.
    @Test func whatWasToldStaysTold() throws {
        let earlier = try Self.read(Self.earlier)
        let world = try #require(CaseStoreTests.world("hotline", Self.start))
        func outcome(_ later: String, _ facts: [Fact]) throws -> Adoption.Outcome {
            let log = Event(
                version: 1, at: Self.start, actor: .clock, action: "note", task: nil, inputs: [:], facts: facts)
            return try Adoption(from: earlier, to: Self.read(later)).outcome(
                for: [log], received: Self.start, in: world)
        }
        let later = Self.later(than: earlier)
        let told = try outcome(
            later, [.begun(lead: nil), .entered(state: "new"), .told(.answered, text: "主单的答复")])
        #expect(told.facts.count == 1, "\(told.facts)")
        // The state says something else by the later definition: nobody has answered.
        #expect(throws: Adoption.Obstacle.told(.answered)) {
            try outcome(
                later.replacing("en: Working, citizen: accepted", with: "en: Working, citizen: answered"),
                [.begun(lead: nil), .entered(state: "work"), .told(.received, text: nil)])
        }
    }

    @Test func eachNameIsMappedOrItIsRefused() throws {
        let earlier = try Self.read(Self.earlier)
        func problems(_ changes: (String, String)...) throws -> [Renaming.Problem] {
            do {
                _ = try Adoption(from: earlier, to: Self.read(Self.later(than: earlier, changes)))
                return []
            } catch let error as Renaming.Problems {
                return error.list
            }
        }
        #expect(try problems() == [])
        #expect(
            try problems((earlier.digest.hex, String(repeating: "0", count: 64))) == [
                .notSaid, .unmapped(.states, "work"), .unmapped(.tasks, "do"), .unmapped(.clocks, "answer"),
                .unmapped(.actions, "give"), .unmapped(.actions, "note"),
            ])
        #expect(
            try problems(("back:", "note:")) == [.reused(.actions, "note"), .unmapped(.actions, "back")])
        #expect(try problems(("{ work: working }", "{ work: done }")) == [.finality("work")])
        #expect(try problems(("{ work: working }", "{}")) == [.unmapped(.states, "work")])
        #expect(
            try problems(("note: none", "noted: none")) == [.unknown(.actions, "noted"), .unmapped(.actions, "note")])
        #expect(try problems(("note: none", "note: dispatch")) == [.joined(.actions, "dispatch")])
        #expect(
            try problems(("id: words", "id: text"), ("act.dispatch.words", "act.dispatch.text")) == [
                .input(action: "dispatch", input: "text")
            ])
        // What a name becomes is checked with the definition.
        var findings: [Diagnostic] = []
        let text = Self.later(than: earlier, [("do: handle", "do: handel")])
        if let node = YAMLNode.parse(text, path: "small.yaml", diagnostics: &findings) {
            #expect(Procedures.Process(node, names: Self.names, diagnostics: &findings) == nil)
        }
        #expect(findings.map(\.rule) == ["process-name"])
    }

    @Test(arguments: [
        ("moot", "void", Adoption.Obstacle.outcome(task: "handle", "moot")),
        ("{ work: working }", "{ work: none }", .state("work")), ("answer: reply", "answer: none", .clock("answer")),
        ("is: secret, to", "is: hidden, to", .classified("secret")),
        (", count: late", ", remind: [market]", .count("late")),
        ("{ work: working }", "{ work: new }", .task("handle")), ("give: dispatch", "give: none", .action("give")),
    ])
    func aCaseThatCouldNotGoOnStays(_ text: String, _ other: String, _ obstacle: Adoption.Obstacle) throws {
        let earlier = try Self.read(Self.earlier)
        let later = try Self.read(Self.later(than: earlier, [(text, other)]))
        let adoption = try Adoption(from: earlier, to: later)
        let limit = Procedures.Process.Limit(count: 10, unit: .wd)
        let log = Event(
            version: 1, at: Self.start, actor: .clock, action: "give", task: nil, inputs: [:],
            facts: [
                .begun(lead: nil), .classified("secret"), .entered(state: "work"), .counted("late"),
                .opened(task: 1, kind: "do", unit: "market", isLead: false, round: 1, budget: nil),
                .closed(task: 1, outcome: "moot"),
                .opened(task: 2, kind: "do", unit: "market", isLead: false, round: 1, budget: nil),
                .started(clock: "answer", since: Self.start, budget: limit),
            ])
        let world = try #require(CaseStoreTests.world("hotline", Self.start))
        #expect(throws: obstacle) { try adoption.outcome(for: [log], received: Self.start, in: world) }
    }
}
