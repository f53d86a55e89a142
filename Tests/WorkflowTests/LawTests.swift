import Authority
import Forms
import PortalBase
import PositionedYAML
import Procedures
import TestSupport
import Testing

@testable import Workflow

/// A case, everybody who may touch it, and a clock that the test moves.
struct Walk {
    let process: Process
    let form: FormFacts
    var now: Instant
    var file: Case
    var events: [Event] = []
    private(set) var told: [Int] = []

    static let calendar = WorkingCalendar(rows: [
        (CivilDate(year: 2026, month: 1, day: 1)!, "holiday"), (CivilDate(year: 2026, month: 10, day: 1)!, "holiday"),
    ])!
    static let units = UnitTree([
        "city": nil, "centre": "city", "market": "city", "fire": "city", "ecology": "city", "hotline-centre": "city",
    ])!
    static let hours = OfficeHours([510..<720, 870..<1_050])!
    static let start = Instant(iso: "2026-03-02T09:00:00+08:00", zone: .shanghai)!

    init(
        _ process: Process, answers: [String: JSON] = ["publish": .string("agree")],
        join: Process.Condition.Join = .all, least: Int? = nil,
        units: [String] = ["market", "fire"]
    ) {
        self.process = process
        let isApproval = process.id == "approval"
        form = FormFacts(
            lead: isApproval ? "market" : nil,
            branches: isApproval ? units.map { .init(unit: $0, limit: Process.Limit("15wd")!) } : [],
            join: join, least: least, legal: Process.Limit("45wd"), promised: Process.Limit("20wd"),
            fields: ["name", "place"])
        now = Self.start
        file = Case(received: Self.start)
        let begun = Command(action: Process.EventName.begin, inputs: answers.mapValues(InputValue.answer))
        record(.citizen, begun.action, nil, begun.inputs, process.begin(file, with: begun, in: world))
    }

    var world: World {
        World(
            now: now, calendar: Self.calendar, hours: Self.hours, units: Self.units, form: form,
            catalogueLimit: Process.Limit("5wd"), makesPapers: true)
    }

    mutating func record(
        _ actor: Actor, _ action: String, _ task: Int?, _ inputs: [String: InputValue], _ facts: [Fact]
    ) {
        let event = Event(
            version: file.version + 1, at: now, actor: actor, action: action, task: task, inputs: inputs, facts: facts)
        file.apply(event)
        events.append(event)
    }

    mutating func take(
        _ action: String, as actor: Actor, task: Int? = nil, _ inputs: [String: InputValue] = [:]
    ) throws(Refusal) {
        let command = Command(action: action, task: task, inputs: inputs)
        record(actor, action, task, inputs, try process.decide(command, on: file, as: actor, in: world))
    }

    /// Moves the clock and passes every rung that falls due on the way.
    mutating func wait(days: Int) {
        now = now.adding(seconds: days * 86_400)
        while let firing = process.due(on: file, in: world).first,
            let fired = try? process.fire(firing, on: file, in: world)
        {
            record(.clock, fired.action, nil, [:], fired.facts)
        }
        #expect(process.due(on: file, in: world) == [], "a rung that does not pass")
    }

    static func officer(_ person: String, _ role: String, _ unit: String, level: Int = 4) -> Actor {
        .officer(Officer(post: Post(person: person, role: role, unit: unit, from: Instant(seconds: 0)), level: level))
    }

    /// One person for each role in each unit.
    static let everybody: [Actor] =
        [.citizen, officer("handler of ecology", "handler", "ecology")]
        + ["operator", "dispatcher", "handler", "reviewer", "leader", "publisher", "caller", "discipline"].flatMap {
            role in
            ["city", "hotline-centre", "market", "fire"].map { officer("\(role) of \($0)", role, $0) }
        }

    /// Something valid for everything that an action asks for.
    func inputs(_ action: Process.Action, _ random: inout SeededGenerator) -> [String: InputValue] {
        var inputs: [String: InputValue] = [:]
        for input in action.ask where input.required || Bool.random(using: &random) {
            inputs[input.id] =
                switch input.kind {
                case .unit: .text(["market", "fire"].randomElement(using: &random)!)
                case .units: .list([["fire"], ["market", "fire"], []].randomElement(using: &random)!)
                case .limit:
                    .limit(
                        Process.Limit(["3wd", "10d", input.max == nil ? "24h" : "2wd"].randomElement(using: &random)!)!)
                case .number: .number(input.min ?? 1)
                case .fields: .list(["name"])
                case .checklist: .list(["x=ok"])
                case .yesno: .text("yes")
                default: .text("话")
                }
        }
        return inputs
    }
}

/// The laws of CORE §9 that need no store.
@Suite struct LawTests {
    static let processes: [Process] = {
        var diagnostics: [Diagnostic] = []
        return ProcessLibrary(source: repositoryRoot, diagnostics: &diagnostics).processes
    }()

    private func process(_ id: String) throws -> Process { try #require(Self.processes.first { $0.id == id }) }

    /// Law 1, and 3: what is offered is accepted and nothing else; no task is lost, no clock runs in a final state, no rung passes
    /// twice, what is told only rises.
    @Test(arguments: ["hotline", "approval"], [UInt64(1), 2, 3])
    func whatIsOfferedIsAcceptedAndNothingElse(_ id: String, _ seed: UInt64) throws {
        let process = try process(id)
        var random = SeededGenerator(seed: seed)
        var (accepted, ends, fired) = (Set<String>(), 0, 0)
        for number in 0..<40 {
            var walk = Walk(process, join: number.isMultiple(of: 2) ? .all : .veto)
            for _ in 0..<25 {
                let (before, told) = (walk.file, walk.file.toldVersion)
                var offered: [(Actor, Offer)] = []
                // Everything is tried by three of them, what is offered by all.
                let triers = Set((0..<3).map { _ in Int.random(in: Walk.everybody.indices, using: &random) })
                for (index, actor) in Walk.everybody.enumerated() {
                    let offers = process.offers(on: walk.file, to: actor, in: walk.world)
                    offered += offers.filter { $0.stepUp == nil }.map { (actor, $0) }
                    if case .officer(let officer) = actor, !process.turn(offers, of: walk.file).isEmpty {
                        let waits = process.turns(of: walk.file, in: walk.world)
                        #expect(
                            !waits.isDisjoint(with: officer.post.viewers), "\(offers) not in \(waits)")
                    }
                    guard triers.contains(index) || !offers.isEmpty && number < 4 else { continue }
                    for action in process.actions {
                        let inputs = walk.inputs(action, &random)
                        for task in [nil] + walk.file.tasks.suffix(4).map({ Optional($0.id) }) {
                            let isOffered = offers.contains(Offer(action: action.id, task: task, stepUp: nil))
                            let command = Command(action: action.id, task: task, inputs: inputs)
                            let facts = try? process.decide(command, on: walk.file, as: actor, in: walk.world)
                            if (facts != nil) != isOffered {
                                Issue.record(
                                    "seed \(seed), case \(number): \(action.id) by \(actor) in \(walk.file.state)")
                            }
                        }
                    }
                }
                // Ways that were never gone come first, ends last.
                let fresh = offered.filter { !accepted.contains($0.1.action) }
                let onward = offered.filter { !["withdraw", "merge", "refuse", "notAccept"].contains($0.1.action) }
                let choice =
                    [fresh, onward, offered].first { !$0.isEmpty && Int.random(in: 0..<3, using: &random) > 0 }
                    ?? offered
                if let (actor, offer) = choice.randomElement(using: &random), let action = process.action(offer.action)
                {
                    try walk.take(action.id, as: actor, task: offer.task, walk.inputs(action, &random))
                    accepted.insert(action.id)
                }
                walk.wait(days: Int.random(in: 0...(id == "approval" ? 8 : 3), using: &random))
                // The fold of the log is the case.
                let folded = Case(received: before.received, events: walk.events)
                #expect(folded == walk.file)
                #expect(walk.file.toldVersion >= told)
                check(walk.file, process)
            }
            if process.state(walk.file.state)?.isFinal == true { ends += 1 }
            fired += walk.file.clocks.reduce(0) { $0 + $1.fired.count }
            let firings = walk.events.flatMap(\.facts).count { if case .fired = $0 { true } else { false } }
            // Runs from the same moment share what they passed.
            let passed = Set(
                walk.file.clocks.flatMap { run in
                    run.fired.map { "\(run.clock) \(run.since.seconds) \($0.rung) \($0.extensions)" }
                })
            let own = walk.file.tasks.reduce(0) { $0 + $1.passed.count }
            #expect(firings == passed.count + own, "a rung passed twice")
        }
        #expect(ends > 3 && fired > 3, "\(ends) ends, \(fired) rungs")
        let never = Set(process.actions.filter { $0.by != [.clock] }.map(\.id)).subtracting(accepted)
        #expect(never.count <= 9, "never taken: \(never.sorted())")
    }

    /// What tells one situation from another, as far as actions go; moments and words apart.
    private func signature(_ file: Case, _ world: World) -> String {
        let tasks = file.tasks.filter(\.isOpen).map { "\($0.kind) \($0.unit) \($0.isLead)" }.sorted()
        let closed = Set(file.tasks.filter { !$0.isOpen }.map { "\($0.kind) \($0.outcome ?? "")" }).sorted()
        let clocks = file.clocks.filter(\.isRunning).map { "\($0.clock) \($0.isPaused) \($0.isOverdue(in: world))" }
            .sorted()
        return
            "\(file.state) \(tasks) \(closed) \(clocks) \(file.published) \(file.requests.map { $0.answered != nil })"
    }

    /// Law 1, breadth first: every situation to depth 8, with three units, and time that passes.
    @Test(arguments: ["hotline", "approval"], [Process.Condition.Join.all, .veto, .atLeast])
    func everySituationToDepthEightOffersWhatItAccepts(_ id: String, _ join: Process.Condition.Join) throws {
        let process = try process(id)
        // Requests know no joins.
        guard id == "approval" || join == .all else { return }
        var random = SeededGenerator(seed: 8)
        let first = Walk(
            process, join: join, least: join == .atLeast ? 2 : nil, units: ["market", "fire", "ecology"])
        var seen: Set<String> = [signature(first.file, first.world)]
        var (frontier, tried, refused) = ([first], 0, 0)
        for depth in 1...8 {
            var next: [Walk] = []
            for (place, walk) in frontier.enumerated() {
                var ways: Set<Offer> = []
                for (number, actor) in Walk.everybody.enumerated() {
                    let offers = process.offers(on: walk.file, to: actor, in: walk.world).filter { $0.stepUp == nil }
                    for offer in offers {
                        guard let action = process.action(offer.action) else { continue }
                        var further = walk
                        try further.take(action.id, as: actor, task: offer.task, walk.inputs(action, &random))
                        tried += 1
                        if ways.insert(offer).inserted, seen.insert(signature(further.file, further.world)).inserted {
                            next.append(further)
                        }
                    }
                    // Of what is not offered, each time another actor tries everything.
                    guard number == (place + depth) % Walk.everybody.count else { continue }
                    for action in process.actions {
                        for task in [nil] + walk.file.tasks.suffix(3).map({ Optional($0.id) }) {
                            guard !offers.contains(Offer(action: action.id, task: task, stepUp: nil)) else { continue }
                            let command = Command(action: action.id, task: task, inputs: walk.inputs(action, &random))
                            let facts = try? process.decide(command, on: walk.file, as: actor, in: walk.world)
                            #expect(facts == nil, "\(action.id) by \(actor) in \(walk.file.state), not offered")
                            refused += 1
                        }
                    }
                }
                var later = walk
                later.wait(days: 9)
                if seen.insert(signature(later.file, later.world)).inserted { next.append(later) }
            }
            // The widest levels are walked in part, by a fixed choice.
            frontier = Array(next.shuffled(using: &random).prefix(600))
        }
        #expect(
            seen.count > 200 && tried > 1_000 && refused > 10_000,
            "\(seen.count) situations, \(tried) taken, \(refused) refused")
        let never = Set(process.actions.flatMap(\.enters)).subtracting(
            seen.compactMap { $0.split(separator: " ").first.map(String.init) })
        #expect(never.isEmpty, "never entered: \(never)")
    }

    private func check(_ file: Case, _ process: Process) {
        guard let state = process.state(file.state) else {
            Issue.record("no state \(file.state)")
            return
        }
        for task in file.tasks where !task.isOpen {
            #expect(process.task(task.kind)?.outcomes.contains(task.outcome ?? "") == true)
        }
        guard state.isFinal else { return }
        #expect(file.tasks.allSatisfy { !$0.isOpen }, "a task is open in \(state.id)")
        for run in file.clocks where run.isRunning {
            #expect(process.clock(run.clock)?.outlives == true, "\(run.clock)")
        }
    }

    // MARK: Definitions that nobody wrote

    /// A definition by chance: a row of states, ways forward and back, tasks, clocks with rungs that remind, count and act. The checks
    /// refuse some of them.
    private static func definition(_ random: inout SeededGenerator) -> String {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        let count = Int.random(in: 2...5, using: &random)
        let kinds = (0..<Int.random(in: 0...2, using: &random)).map { "t\($0)" }
        let clocks = (0..<Int.random(in: 0...2, using: &random)).map { "c\($0)" }
        var lines = [
            "id: chance", "title: { zh: 随机, en: Chance }", "forms: [form]", "retention: 1y",
            "begin: { state: s0, by: citizen }", "states:",
        ]
        let citizen = ["received", "accepted", "accepted", "accepted", "accepted"]
        for state in 0..<count { lines.append("  s\(state): { zh: 状态, en: State, citizen: \(citizen[state]) }") }
        lines.append("  end: { zh: 终, en: End, citizen: answered, final: true }")
        if !clocks.isEmpty {
            lines.append("clocks:")
            for clock in clocks {
                var rungs = ["{ at: 80%, remind: [\(kinds.isEmpty ? "leader" : "t0.unit")] }"]
                if chance(50) { rungs.append("{ at: 100%, count: late }") }
                if chance(40) { rungs.append("{ at: 100%+2wd, act: expire }") }
                let limit = ["3wd", "5d", "30h", "20wh"].randomElement(using: &random) ?? "3wd"
                lines.append(
                    "  \(clock): { zh: 时限, en: Clock, budget: \(limit), since: receipt, stop: [end], ladder: [\(rungs.joined(separator: ", "))] }"
                )
            }
        }
        if !kinds.isEmpty {
            lines.append("tasks:")
            for kind in kinds {
                lines.append("  \(kind): { zh: 任务, en: Task, unit: centre, clock: 2wd, outcomes: [made, moot] }")
            }
        }
        lines.append("actions:")
        let over = kinds.map { "{ close: \($0), as: moot }" }
        func effects(_ list: [String]) -> String { "do: [\(list.joined(separator: ", "))]" }
        for state in 0..<count {
            let next = state + 1 < count ? "s\(state + 1)" : "end"
            var list = over
            if next != "end", let kind = kinds.randomElement(using: &random), chance(70) {
                list.append("{ open: \(kind) }")
            }
            if chance(30) { list.append("{ count: steps }") }
            lines.append(
                "  go\(state): { zh: 前进, en: Go, from: [s\(state)], by: { role: handler }, \(effects(list + ["{ enter: \(next) }"])) }"
            )
            if state > 0, chance(50) {
                lines.append(
                    "  back\(state): { zh: 退回, en: Back, from: [s\(state)], by: { role: leader, not: [go\(state - 1)] }, \(effects(over + ["{ enter: s\(state - 1) }"])) }"
                )
            }
        }
        for kind in kinds {
            lines.append(
                "  make\(kind): { zh: 办, en: Make, from: [\((0..<count).map { "s\($0)" }.joined(separator: ", "))], on: \(kind), by: { role: handler, unit: task }, do: [{ close: task, as: made }] }"
            )
        }
        for clock in clocks where chance(60) {
            lines.append(
                "  stop\(clock): { zh: 暂停, en: Pause, from: [s0], by: { role: leader }, need: { not: { clock: \(clock), paused: true } }, do: [{ pause: \(clock), ground: hearing }] }"
            )
            lines.append(
                "  run\(clock): { zh: 恢复, en: Resume, from: [s0], by: { role: leader }, need: { clock: \(clock), paused: true }, do: [{ resume: \(clock) }] }"
            )
        }
        if lines.contains(where: { $0.contains("act: expire") }) {
            let from = (0..<count).map { "s\($0)" }.joined(separator: ", ")
            lines.append(
                "  expire: { zh: 超时, en: Expire, from: [\(from)], by: clock, \(effects(over + ["{ enter: end }"])) }")
        }
        lines.append(
            "  withdraw: { zh: 撤回, en: Withdraw, from: [s0], by: citizen, \(effects(over + ["{ enter: end }"])) }")
        return lines.joined(separator: "\n") + "\n"
    }

    /// Law 3: whatever passes the checks loses no task, leaves no clock running at the end, passes no rung twice, and tells in an order
    /// that only rises; what is offered is accepted.
    @Test(arguments: [UInt64(11), 12, 13])
    func definitionsByChanceKeepTheLaws(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let names = Process.Names(roles: ["handler", "leader"], units: ["city", "centre", "market", "fire"])
        var (sound, ends, fired) = (0, 0, 0)
        for _ in 0..<120 {
            let text = Self.definition(&random)
            var diagnostics: [Diagnostic] = []
            guard let node = YAMLNode.parse(text, path: "chance.yaml", diagnostics: &diagnostics),
                let process = Process(node, names: names, diagnostics: &diagnostics), !diagnostics.hasErrors
            else { continue }
            sound += 1
            for _ in 0..<4 {
                var walk = Walk(process)
                for _ in 0..<15 {
                    let told = walk.file.toldVersion
                    let wasFinal = process.state(walk.file.state)?.isFinal == true
                    var offered: [(Actor, Offer)] = []
                    for actor in Walk.everybody + [Walk.officer("c", "handler", "centre")] {
                        offered += process.offers(on: walk.file, to: actor, in: walk.world).map { (actor, $0) }
                    }
                    #expect(!wasFinal || offered.isEmpty, "something is offered after the end\n\(text)")
                    if let (actor, offer) = offered.randomElement(using: &random) {
                        try walk.take(offer.action, as: actor, task: offer.task)
                    }
                    walk.wait(days: Int.random(in: 0...3, using: &random))
                    #expect(Case(received: walk.file.received, events: walk.events) == walk.file)
                    #expect(walk.file.toldVersion >= told)
                    check(walk.file, process)
                }
                let firings = walk.events.flatMap(\.facts).compactMap { fact -> String? in
                    if case .fired(let clock, let instance, let rung) = fact {
                        "\(clock) \(instance) \(rung)"
                    } else {
                        nil
                    }
                }
                #expect(Set(firings).count == firings.count, "a rung passed twice\n\(text)")
                fired += firings.count
                if process.state(walk.file.state)?.isFinal == true { ends += 1 }
            }
        }
        #expect(sound > 30 && ends > 30 && fired > 30, "\(sound) sound, \(ends) ends, \(fired) rungs")
    }

    // MARK: The hotline's way

    private let dispatcher = Walk.officer("派", "dispatcher", "hotline-centre")
    private let handler = Walk.officer("甲", "handler", "market")
    private let helper = Walk.officer("乙", "handler", "fire")
    private let reviewer = Walk.officer("审", "reviewer", "city")

    private func dispatched(helpers: [String] = []) throws -> Walk {
        var walk = Walk(try process("hotline"))
        try walk.take(
            "dispatch", as: dispatcher,
            ["lead": .text("market"), "helpers": .list(helpers), "budget": .limit(Process.Limit("5wd")!)])
        return walk
    }

    @Test func aRequestGoesRoundTheLoop() throws {
        var walk = try dispatched(helpers: ["fire", "market", "fire"])
        #expect(walk.file.tasks.map(\.unit) == ["market", "fire"] && walk.file.lead == "market")
        try walk.take("sign", as: handler, task: 1)
        let answer: [String: InputValue] = ["done": .text("查过"), "reply": .text("已修好")]
        // The lead waits for the helper; a stranger and the helper cannot answer.
        #expect(throws: Refusal.condition) { try walk.take("answer", as: handler, task: 1, answer) }
        #expect(throws: Refusal.officer(.unit)) { try walk.take("help", as: handler, task: 2, ["done": .text("x")]) }
        try walk.take("help", as: helper, task: 2, ["done": .text("现场已看")])
        #expect(throws: Refusal.input("reply", .missing)) {
            try walk.take("answer", as: handler, task: 1, ["done": .text("x")])
        }
        try walk.take("answer", as: handler, task: 1, answer)
        #expect(walk.file.state == "review" && walk.file.told == .accepted)
        #expect(throws: Refusal.officer(.samePerson)) {
            try walk.take(
                "approve",
                as: .officer(
                    Officer(post: Post(person: "甲", role: "reviewer", unit: "city", from: .init(seconds: 0)), level: 4))
            )
        }
        try walk.take("approve", as: reviewer)
        #expect(walk.events.last?.facts.contains(.told(.answered, text: "已修好")) == true)
        #expect(walk.file.clock("answer")?.isRunning == false)
        let caller = Walk.officer("访", "caller", "hotline-centre")
        try walk.take("satisfied", as: caller, task: 3)
        #expect(walk.file.state == "closed" && walk.file.scores["callback"] == [1])
        try walk.take("rate", as: .citizen, ["score": .number(5), "solved": .text("yes")])
        #expect(throws: Refusal.once) {
            try walk.take("rate", as: .citizen, ["score": .number(1), "solved": .text("no")])
        }
        #expect(throws: Refusal.level(3)) {
            try walk.take(
                "publish", as: Walk.officer("公", "publisher", "city", level: 2),
                ["title": .text("a"), "question": .text("b"), "reply": .text("c")])
        }
        walk.wait(days: 30)
        #expect(throws: Refusal.late) { try walk.take("reopen", as: .citizen, ["why": .text("又坏了")]) }
    }

    @Test func aWrongDispatchIsReturnedWithinADay() throws {
        var walk = try dispatched(helpers: ["fire"])
        walk.now = walk.now.adding(seconds: 23 * 3_600)
        // The helper's return leaves the lead at work.
        try walk.take("return", as: helper, task: 2, ["why": .text("不归我管")])
        #expect(walk.file.state == "handling" && walk.file.task(1)?.isOpen == true)
        try walk.take("return", as: handler, task: 1, ["why": .text("不归我管")])
        #expect(walk.file.state == "received" && walk.file.counts["returned"] == 1)
        // The case's clock went on all the time.
        #expect(walk.file.clocks.count == 1 && walk.file.clock("answer")?.since == Walk.start)
        var late = try dispatched()
        late.now = late.now.adding(seconds: 25 * 3_600)
        #expect(throws: Refusal.late) { try late.take("return", as: handler, task: 1, ["why": .text("x")]) }
    }

    @Test func rungsRemindCountAndPassOnce() throws {
        var walk = try dispatched()
        try walk.take("sign", as: handler, task: 1)
        // Monday + 5 working days is the next Monday; four fifths of it are Friday.
        walk.now = try #require(Instant(iso: "2026-03-06T23:59:59+08:00", zone: .shanghai))
        #expect(walk.process.due(on: walk.file, in: walk.world) == [])
        walk.wait(days: 1)
        #expect(
            walk.events.last?.facts == [
                .fired(clock: "answer", instance: 1, rung: 0), .notified(units: ["market", "hotline-centre"]),
            ])
        walk.wait(days: 2)
        #expect(walk.file.counts["overdue"] == nil)
        walk.wait(days: 1)
        #expect(walk.file.counts["overdue"] == 1 && walk.file.clock("answer")?.isOverdue(in: walk.world) == true)
        walk.wait(days: 2)
        #expect(walk.file.counts["overdue"] == 1 && walk.file.counts["supervised"] == 1)
        // An extension puts the ladder up anew.
        try walk.take(
            "askExtension", as: handler, task: 1, ["why": .text("难"), "more": .limit(Process.Limit("10wd")!)])
        try walk.take("grantExtension", as: Walk.officer("领", "leader", "city"), task: 2)
        #expect(walk.file.clock("answer")?.isOverdue(in: walk.world) == false)
        #expect(walk.process.due(on: walk.file, in: walk.world) == [])
    }

    /// A task nobody signs for, and one that is not done in its time, remind its unit: each once.
    @Test func tasksRemindTheirUnitsOnce() throws {
        var walk = try dispatched(helpers: ["fire"])
        walk.now = walk.now.adding(seconds: 4 * 3_600 - 1)
        #expect(walk.process.due(on: walk.file, in: walk.world) == [])
        try walk.take("sign", as: helper, task: 2)
        walk.now = walk.now.adding(seconds: 2)
        walk.wait(days: 0)
        #expect(
            walk.events.last?.facts == [.fired(clock: "sign", instance: 1, rung: 0), .notified(units: ["market"])])
        walk.wait(days: 8)
        let own = walk.events.flatMap(\.facts).compactMap { fact -> String? in
            if case .fired(let clock, let task, _) = fact, Process.ownClocks.contains(clock) {
                "\(clock) \(task)"
            } else {
                nil
            }
        }
        #expect(own.sorted() == ["sign 1", "task 1", "task 2"])
        #expect(Case(received: walk.file.received, events: walk.events) == walk.file)
    }

    // MARK: Approvals

    @Test func silenceIsAcceptanceAndTimeRunsFromReceipt() throws {
        var walk = Walk(try process("approval"))
        walk.wait(days: 10)
        #expect(walk.file.state == "inParallel" && walk.file.flags == ["deemed"])
        #expect(walk.file.clock("legal")?.since == Walk.start)
        #expect(walk.file.tasks.map(\.unit) == ["market", "fire"])
        #expect(walk.file.act("deemAccepted")?.persons == [])
    }

    @Test func aHearingStopsTheClock() throws {
        var walk = Walk(try process("approval"))
        try walk.take("accept", as: handler, ["materials": .list(["x=ok"])])
        let before = try #require(walk.file.clock("legal")).due(in: walk.world)
        walk.wait(days: 1)
        try walk.take(
            "suspend", as: handler,
            ["ground": .text("听证"), "time": .limit(Process.Limit("10wd")!), "words": .text("中止")])
        #expect(walk.file.clock("legal")?.due(in: walk.world) == .paused)
        walk.wait(days: 14)
        try walk.take("resume", as: handler)
        guard case .at(let early) = before, case .at(let late) = walk.file.clock("legal")?.due(in: walk.world) else {
            Issue.record("no due day")
            return
        }
        // Tuesday to Tuesday fortnight: ten working days' ends were covered.
        #expect(late.date(in: .shanghai).dayNumber - early.date(in: .shanghai).dayNumber == 14)
    }

    @Test func oneVetoEndsAParallelApproval() throws {
        for (join, state) in [(Process.Condition.Join.veto, "joined"), (.all, "inParallel")] {
            var walk = Walk(try process("approval"), join: join)
            try walk.take("accept", as: handler, ["materials": .list(["x=ok"])])
            try walk.take("disagree", as: helper, task: 2, ["words": .text("不符合")])
            #expect(walk.file.state == state)
        }
    }

    @Test func asManyAsTheFormSaysMustAgree() throws {
        // Three give opinions, two must agree.
        func walk(_ opinions: [String]) throws -> Walk {
            var walk = Walk(try process("approval"), join: .atLeast, least: 2, units: ["market", "fire", "ecology"])
            try walk.take("accept", as: handler, ["materials": .list(["x=ok"])])
            for (place, opinion) in opinions.enumerated() {
                let unit = try #require(walk.file.task(place + 1)?.unit)
                let officer = Walk.everybody.first { actor in
                    if case .officer(let officer) = actor {
                        officer.post.unit == unit && officer.post.role == "handler"
                    } else {
                        false
                    }
                }
                try walk.take(opinion, as: try #require(officer), task: place + 1, ["words": .text("意见")])
            }
            return walk
        }
        func isGrantable(_ walk: Walk) -> Bool {
            Walk.everybody.contains { actor in
                walk.process.offers(on: walk.file, to: actor, in: walk.world).contains { $0.action == "grant" }
            }
        }
        let early = try walk(["agree", "agree"])
        #expect(early.file.state == "joined" && early.file.tasks.map(\.outcome) == ["agree", "agree", "moot"])
        #expect(early.events.last?.facts.count { $0 == .entered(state: "joined") } == 1 && isGrantable(early))
        #expect(try walk(["disagree", "agree"]).file.state == "inParallel")
        let split = try walk(["disagree", "agree", "agree"])
        #expect(split.file.state == "joined" && isGrantable(split))
        let few = try walk(["disagree", "agree", "disagree"])
        #expect(few.file.state == "joined" && !isGrantable(few))
    }

    @Test func aCorrectionIsAskedOnceAndAnswered() throws {
        var walk = Walk(try process("approval"))
        let missing: [String: InputValue] = ["missing": .list(["name"]), "words": .text("请补")]
        #expect(throws: Refusal.input("missing", .unknown)) {
            try walk.take("requestCorrection", as: handler, ["missing": .list(["nothing"]), "words": .text("x")])
        }
        try walk.take("requestCorrection", as: handler, missing)
        #expect(walk.file.told == .correction && walk.file.clock("telling")?.isPaused == true)
        walk.wait(days: 3)
        try walk.take("supplement", as: .citizen)
        #expect(walk.file.state == "submitted" && walk.file.clock("telling")?.instance == 2)
        #expect(throws: Refusal.once) { try walk.take("requestCorrection", as: handler, missing) }
    }

    // MARK: Time

    @Test(arguments: [
        ("5wd", "2026-03-02T09:00:00+08:00", "2026-03-09T23:59:59+08:00"),
        ("3d", "2026-03-04T09:00:00+08:00", "2026-03-09T23:59:59+08:00"),
        ("24h", "2026-03-06T15:30:00+08:00", "2026-03-07T15:30:00+08:00"),
        ("2wh", "2026-03-06T17:00:00+08:00", "2026-03-09T10:00:00+08:00"),
        ("8wh", "2026-03-02T08:00:00+08:00", "2026-03-03T10:00:00+08:00"),
    ])
    func limitsEndWhereTheLawSays(_ limit: String, _ start: String, _ end: String) throws {
        let walk = Walk(try process("hotline"))
        let from = try #require(Instant(iso: start, zone: .shanghai))
        let found = TimeBudget(world: walk.world).end(of: try #require(Process.Limit(limit)), from: from)
        #expect(found?.rfc3339(in: .shanghai) == end)
    }

    @Test func aPauseIsNotCounted() throws {
        let walk = Walk(try process("hotline"))
        func instant(_ text: String) throws -> Instant {
            try #require(Instant(iso: "2026-03-0\(text):00+08:00", zone: .shanghai))
        }
        let pause = ClockRun.Pause(ground: "x", from: try instant("3T10:00"), to: try instant("3T12:00"))
        let budget = TimeBudget(world: walk.world, pauses: [pause])
        #expect(budget.end(of: Process.Limit("4h")!, from: try instant("3T09:00")) == (try instant("3T15:00")))
        #expect(budget.end(of: Process.Limit("3wh")!, from: try instant("3T09:00")) == (try instant("3T16:30")))
        // It covers the end of no day.
        #expect(budget.end(of: Process.Limit("1wd")!, from: try instant("2T09:00"))?.date(in: .shanghai).day == 3)
        // Beyond the calendar nothing is guessed.
        let late = try #require(Instant(iso: "2026-12-30T09:00:00+08:00", zone: .shanghai))
        #expect(budget.end(of: Process.Limit("5wd")!, from: late) == nil)
    }
}
