package import Authority
import Forms
package import PortalBase
package import Procedures

/// What somebody wants done (操作).
package struct Command: Sendable, Equatable {
    package let action: String
    /// The task that it works on; nil for an action on the case.
    package let task: Int?
    package var inputs: [String: InputValue]
    /// Files that come with it.
    package let files: [CaseDocument]

    package init(
        action: String, task: Int? = nil, inputs: [String: InputValue] = [:], files: [CaseDocument] = []
    ) {
        self.action = action
        self.task = task
        self.inputs = inputs
        self.files = files
    }
}

/// Something that somebody may do now.
package struct Offer: Sendable, Hashable {
    package let action: String
    package let task: Int?
    /// The level that is needed and not reached yet; nil where it can be done at once.
    package let stepUp: Int?
}

/// Why an action is refused.
package enum Refusal: Error, Sendable, Equatable {
    case unknownAction
    /// The case is in a state from which the action does not start.
    case state
    /// There is no such task, or it is closed already, or still open.
    case task
    case officer(Verdict.Reason)
    /// The same person may when they are known more strongly.
    case level(Int)
    /// It was taken already, and is taken once.
    case once
    /// Its time is over.
    case late
    /// What it needs does not hold.
    case condition
    case input(String, InputProblem)
    /// A text that would be published leads to a person.
    case masking(input: String, Masking.Finding)
    /// A unit that the definition names by place is not known of this case.
    case unit
    /// The rung is not due, or was passed already.
    case rung
    /// The person holds a post that nobody holds beside this one.
    case excluded
    /// Somebody has this number, or this key, already.
    case taken
    /// The person holds this post already.
    case held
    /// No such person works here.
    case nobody
    /// Fewer than two people would be left who can appoint others.
    case lastTwo

    package enum InputProblem: String, Sendable {
        case missing, unknown, wrongType, outOfRange, tooLong
        /// It would be published and holds what no page may hold: a character that nobody sees, or a visibility mark.
        case character, mark
        /// A material was not looked at, or is not in order where all must be.
        case incomplete
    }
}

extension Process {
    // MARK: Beginning

    /// What happens when a case comes in. Nothing refuses a citizen's words here.
    ///
    /// - Parameter command: the answers, and the files that came with them.
    package func begin(_ file: Case, with command: Command, in world: World) -> [Fact] {
        var decision = Decision(process: self, world: world, file: file, inputs: command.inputs)
        decision.begin(command)
        return decision.facts
    }

    /// Why somebody may not begin a subject; nil where they may. What they say of it is not judged.
    package func refusal(ofBeginning command: Command, as actor: Actor, at now: Instant, in world: World) -> Refusal? {
        var unit: [String: JSON] = [:]
        if let input = begin.input(.unit), case .text(let said) = command.inputs[input.id] {
            unit[input.id] = .string(said)
        }
        return refusal(of: opening, task: nil, on: Case(received: now, answers: unit), as: actor, in: world)
    }

    /// What an officer says who begins a subject, as its answers: whether they may begin it is not asked.
    package func answers(of command: Command, at now: Instant, in world: World) throws(Refusal) -> [String: JSON] {
        try InputCheck(action: opening, file: Case(received: now), world: world).check(command)
        if subject == .post, let last = begin.input(.date), case .text(let day) = command.inputs[last.id],
            let date = CivilDate(iso: day), date < now.date(in: .shanghai)
        {
            throw .input(last.id, .outOfRange)
        }
        return command.inputs.compactMapValues(\.answer)
    }

    /// A subject that the installation itself brings: what somebody would have to confirm is in force at once.
    package func founding(_ file: Case, with command: Command, in world: World) throws(Refusal) -> [Fact] {
        var decision = Decision(process: self, world: world, file: file, inputs: command.inputs)
        decision.begin(command)
        if let confirming { try decision.run(confirming, Command(action: confirming.id), .clock) }
        return decision.facts
    }

    // MARK: Deciding

    /// All that `decide` would accept, given the right inputs; what only a higher level is missing for, too.
    package func offers(on file: Case, to actor: Actor, in world: World) -> [Offer] {
        file.isErased
            ? []
            : actions.filter { $0.from.contains(file.state) }.flatMap { action -> [Offer] in
                let tasks: [Int?] =
                    action.on.map { kind in
                        file.tasks.filter { $0.kind == kind && $0.isOpen != action.onClosed }.map(\.id)
                    }
                    ?? [nil]
                return tasks.compactMap { task in
                    switch refusal(of: action, task: task, on: file, as: actor, in: world) {
                    case nil: Offer(action: action.id, task: task, stepUp: nil)
                    case .level(let level): Offer(action: action.id, task: task, stepUp: level)
                    default: nil
                    }
                }
            }
    }

    /// The facts that come of a command, or why none do. Pure: the same case and world give the same facts.
    package func decide(
        _ command: Command, on file: Case, as actor: Actor, in world: World
    ) throws(Refusal) -> [Fact] {
        guard let action = action(command.action) else { throw .unknownAction }
        if let refusal = refusal(of: action, task: command.task, on: file, as: actor, in: world) { throw refusal }
        try InputCheck(action: action, file: file, world: world).check(command)
        var decision = Decision(process: self, world: world, file: file, inputs: command.inputs)
        for document in command.files { decision.add(.filed(document)) }
        try decision.run(action, command, actor)
        return decision.facts
    }

    /// What happens to a case whose main case ends without an answer: it goes its own way again, by the action that undoes the
    /// relation. Nil where the process has none from here.
    package func parting(_ file: Case, in world: World) -> (action: String, facts: [Fact])? {
        let action = actions.first { action in
            action.from.contains(file.state)
                && action.allEffects.contains { if case .unrelate = $0 { true } else { false } }
        }
        guard let action else { return nil }
        var decision = Decision(process: self, world: world, file: file, inputs: [:])
        do {
            try decision.run(action, Command(action: action.id), .clock)
            return (action.id, decision.facts)
        } catch {
            // It needs what is not there, such as an input.
            return nil
        }
    }

    func refusal(
        of action: Action, task id: Int?, on file: Case, as actor: Actor, in world: World
    ) -> Refusal? {
        guard action.from.contains(file.state) else { return .state }
        let task = id.flatMap(file.task)
        if let kind = action.on {
            guard let task, task.kind == kind, task.isOpen != action.onClosed else { return .task }
        } else if id != nil {
            return .task
        }
        // A level that is missing is told where nothing else is: nobody signs what would be refused.
        let missing = refusal(of: action, task, file, actor, world)
        if let missing {
            guard case .level = missing else { return missing }
        }
        if action.once, file.acts.contains(where: { $0.action == action.id && $0.task == id }) { return .once }
        if let within = action.within {
            let since =
                switch within.of {
                case .opened: task?.opened
                case .state(let state): file.entered[state]
                }
            guard let since else { return .late }
            // Where the calendar does not say, nobody loses a right.
            if let end = TimeBudget(world: world).end(of: within.limit, from: since), world.now > end { return .late }
        }
        // What is not signed yet reaches nobody.
        if action.message == .delivery, file.awaitsPaper { return .condition }
        let conditions = Conditions(process: self, file: file, task: task, world: world)
        return action.need.allSatisfy(conditions.hold) ? missing : .condition
    }

    /// The unit that the subject names; nil of a case.
    func ownUnit(of file: Case) -> String? { begin.input(.unit).flatMap { file.answers[$0.id]?.string } }

    /// Who: the best of what the entries of `by` say.
    private func refusal(
        of action: Action, _ task: Case.Task?, _ file: Case, _ actor: Actor, _ world: World
    ) -> Refusal? {
        var answer: Refusal = .officer(.role)
        for entry in action.by {
            switch (entry, actor) {
            case (.citizen, .citizen), (.clock, .clock): return nil
            case (.role(let role, let scope, let not, let only, let level), .officer(let officer)):
                let unit: String?
                switch scope {
                case .any: unit = nil
                case .task: unit = task?.unit
                case .lead: unit = file.lead
                case .own: unit = ownUnit(of: file)
                }
                if scope != .any, unit == nil {
                    if case .officer(.role) = answer { answer = .officer(.unit) }
                    continue
                }
                let actors = only.reduce(into: Set<String>()) { $0.formUnion(file.persons(of: $1)) }
                if !only.isEmpty, actors.isDisjoint(with: officer.persons) {
                    if officer.post.role == role, case .officer(.role) = answer { answer = .officer(.otherPerson) }
                    continue
                }
                let excluded = not.reduce(into: Set<String>()) { $0.formUnion(file.persons(of: $1)) }
                let demand = Demand(role: role, unit: unit, excluded: excluded, level: level)
                switch Verdict(officer, demand, at: world.now) {
                case .allow: return nil
                // The lowest level that is enough.
                case .stepUp(let level):
                    if case .level(let known) = answer, known <= level { break }
                    answer = .level(level)
                case .deny(let reason):
                    if case .level = answer { break }
                    if reason != .role { answer = .officer(reason) }
                }
            default: break
            }
        }
        return answer
    }
}

/// Runs effects in order; each sees what came before it.
struct Decision {
    let process: Process
    let world: World
    private(set) var file: Case
    private(set) var facts: [Fact] = []
    private let inputs: [String: InputValue]

    init(process: Process, world: World, file: Case, inputs: [String: InputValue]) {
        self.process = process
        self.world = world
        self.file = file
        self.inputs = inputs
    }

    mutating func add(_ fact: Fact) {
        file.apply(fact, at: world.now, inputs)
        facts.append(fact)
    }

    mutating func begin(_ command: Command) {
        add(.begun(lead: world.form.lead))
        add(.answered(fields: command.inputs.keys.sorted()))
        classify()
        for document in command.files { add(.filed(document)) }
        enter(process.begin.state)
        for clock in clocks where clock.since == .receipt {
            add(.started(clock: clock.id, since: file.received, budget: limit(clock.budget, nil)))
        }
    }

    mutating func classify() {
        let conditions = Conditions(process: process, file: file, task: nil, world: world)
        for rule in process.classes where !file.classes.contains(rule.name) && rule.when.allSatisfy(conditions.hold) {
            add(.classified(rule.name))
        }
    }

    mutating func run(_ action: Process.Action, _ command: Command, _ actor: Actor) throws(Refusal) {
        for effect in action.effects { try run(effect, action, command, actor) }
    }

    private mutating func run(
        _ effect: Process.Effect, _ action: Process.Action, _ command: Command, _ actor: Actor
    ) throws(Refusal) {
        switch effect {
        case .enter(let state): enter(state)
        case .open(let kind, let target, let isLead, let budget):
            let units = try units(target, of: kind, command)
            for unit in units { open(kind, unit, isLead, limit(budget ?? process.task(kind)?.clock, command)) }
        case .fork(let kind):
            let round = self.round(of: kind) + 1
            for branch in world.form.branches { open(kind, branch.unit, false, branch.limit, round: round) }
        case .close(let kind, let outcome):
            let closing = file.tasks.filter { task in
                task.isOpen && (kind.map { task.kind == $0 } ?? (task.id == command.task))
            }
            for task in closing { add(.closed(task: task.id, outcome: outcome)) }
        case .assign(let who):
            guard let task = command.task else { throw .task }
            switch who {
            case .me:
                if case .officer(let officer) = actor { add(.assigned(task: task, person: officer.post.person)) }
            case .input(let id):
                if let person = text(.input(id), command) { add(.assigned(task: task, person: person)) }
            }
        case .start(let clock, let fromReceipt):
            let budget = process.clock(clock).flatMap { limit($0.budget, command) }
            add(.started(clock: clock, since: fromReceipt ? file.received : world.now, budget: budget))
        case .pause(let clock, let ground):
            guard let run = file.clock(clock), run.isRunning, !run.isPaused else { return }
            let name: String
            switch ground {
            case .named(let text): name = text
            case .input(let id): name = text(.input(id), command) ?? ""
            }
            add(.paused(clock: clock, ground: name))
        case .resume(let clock):
            if let run = file.clock(clock), run.isRunning, run.isPaused { add(.resumed(clock: clock)) }
        case .extend(let clock, let by):
            if let run = file.clock(clock), run.isRunning, case .limit(let limit) = value(by, command) {
                add(.extended(clock: clock, by: limit))
            }
        case .stop(let clock): stop(clock)
        case .request(let name, let fields, let within):
            guard case .list(let list) = command.inputs[fields] else { throw .input(fields, .missing) }
            add(.requested(name: name, fields: list, within: within))
        case .fulfil(let name):
            add(.answered(fields: command.inputs.keys.sorted()))
            classify()
            add(.answeredRequest(name: name))
        case .tell(let reference):
            guard let text = text(reference, command), !text.isEmpty, let told = process.state(file.state)?.citizen
            else { return }
            add(.told(told, text: text))
        case .remind(let audience): remind([audience])
        case .issue(let document, let series):
            guard world.makesPapers, let paper = process.paper(document) else {
                add(.issued(document: document, series: series, number: 0, organ: nil))
                return
            }
            guard let organ = file.lead else { throw .condition }
            // One of its kind waits at most: what was not signed yet is given up.
            revoke(document, [.awaited])
            add(.issued(document: document, series: paper.mark, number: 0, organ: organ))
        case .revoke(let document): revoke(document, [.awaited, .valid])
        case .publish(let page): add(.published(page))
        case .retract(let page): add(.retracted(page))
        case .relate(let reference, let kind):
            if let subject = text(reference, command) { add(.related(subject, as: kind)) }
        case .unrelate(let reference): if let subject = text(reference, command) { add(.unrelated(subject)) }
        case .score(let name, .answer(let isYes)): add(.scored(name, isYes ? 1 : 0))
        case .score(let name, .input(let id)):
            if case .number(let number) = command.inputs[id] { add(.scored(name, number)) }
        case .count(let name): add(.counted(name))
        case .flag(let name): add(.flagged(name))
        case .excuse:
            guard let unit = command.task.flatMap(file.task)?.unit else { throw .task }
            add(.excused(unit: unit))
        case .hold: add(.legalHold)
        case .release: add(.legalHoldEnded)
        case .appoint: add(try appointment())
        case .end: add(.ended)
        case .trust:
            guard let person = said(.person)?.string, let key = said(.key)?.string, let level = said(.number)?.integer
            else { throw .condition }
            add(.trusted(person: person, key: key, level: level))
        case .distrust: add(.distrusted)
        case .when(let conditions, let effects):
            let test = Conditions(process: process, file: file, task: command.task.flatMap(file.task), world: world)
            guard conditions.allSatisfy(test.hold) else { return }
            for effect in effects { try run(effect, action, command, actor) }
        }
    }

    private mutating func revoke(_ document: String, _ states: Set<Case.Paper.State>) {
        for place in file.papers.indices
        where file.papers[place].document == document && states.contains(file.papers[place].state) {
            add(.revoked(paper: place))
        }
    }

    // MARK: People

    /// What was said of a kind when the subject began.
    private func said(_ kind: Process.Input.Kind) -> JSON? { process.begin.input(kind).flatMap { file.answers[$0.id] } }

    private func appointment() throws(Refusal) -> Fact {
        guard let person = said(.person)?.string, let role = said(.role)?.string, let unit = said(.unit)?.string else {
            throw .condition
        }
        var until: Instant?
        if let day = said(.date)?.string, !day.isEmpty {
            // A last day is good until it ends.
            guard let date = CivilDate(iso: day) else { throw .condition }
            until = CivilDate(dayNumber: date.dayNumber + 1).start(in: .shanghai)
        }
        return .appointed(person: person, role: role, unit: unit, until: until)
    }

    // MARK: States, tasks, clocks

    mutating func enter(_ id: String) {
        guard process.state(id) != nil else { return }
        add(.entered(state: id))
        stopClocks()
        tellState()
    }

    mutating func stopClocks() { for clock in clocks where clock.stop.contains(file.state) { stop(clock.id) } }

    mutating func tellState() {
        if let told = process.state(file.state)?.citizen, file.told != told { add(.told(told, text: nil)) }
    }

    /// In an order that does not depend on that of the definition's file.
    private var clocks: [Process.Clock] { process.clocks.sorted { $0.id < $1.id } }

    private mutating func stop(_ clock: String) {
        if file.clock(clock)?.isRunning == true { add(.stopped(clock: clock)) }
    }

    private func round(of kind: String) -> Int { file.tasks.filter { $0.kind == kind }.map(\.round).max() ?? 0 }

    private mutating func open(
        _ kind: String, _ unit: String, _ isLead: Bool, _ budget: Process.Limit?, round given: Int? = nil
    ) {
        let round = given ?? (isLead ? self.round(of: kind) + 1 : max(1, self.round(of: kind)))
        // A helper that the lead is already, or that is named twice, has its task.
        let isThere = file.tasks.contains { $0.kind == kind && $0.isOpen && $0.round == round && $0.unit == unit }
        guard !isThere else { return }
        add(
            .opened(task: nextTask, kind: kind, unit: unit, isLead: isLead, round: round, budget: budget))
    }

    private var nextTask: Int { (file.tasks.map(\.id).max() ?? 0) + 1 }

    /// The same work once more, as a task of its own.
    mutating func reopen(_ task: Case.Task) {
        add(
            .opened(
                task: nextTask, kind: task.kind, unit: task.unit, isLead: task.isLead, round: task.round,
                budget: task.budget))
        if let person = task.assignee { add(.assigned(task: nextTask - 1, person: person)) }
    }

    private func units(_ target: Process.Target?, of kind: String, _ command: Command) throws(Refusal) -> [String] {
        switch target {
        case .input(let id):
            switch command.inputs[id] {
            case .text(let unit): return unit.isEmpty ? [] : [unit]
            case .list(let units): return units
            default: return []
            }
        case .lead:
            guard let lead = file.lead else { throw .unit }
            return [lead]
        case .parent: break
        case nil:
            switch process.task(kind)?.unit {
            case .named(let unit): return [unit]
            case .parent: break
            case nil: throw .unit
            }
        }
        guard let parent else { throw .unit }
        return [parent]
    }

    /// The unit above the lead; the lead itself where it stands on top. Nil where there is no lead.
    private var parent: String? { file.lead.map { world.units.parent(of: $0) ?? $0 } }

    mutating func remind(_ audiences: [Process.Audience]) {
        var units: [String] = []
        for unit in audiences.flatMap({ self.units(of: $0) }) where !units.contains(unit) { units.append(unit) }
        if !units.isEmpty { add(.notified(units: units)) }
    }

    private func units(of audience: Process.Audience) -> [String] {
        switch audience {
        case .lead: [file.lead].compactMap { $0 }
        case .parent, .leader: [parent].compactMap { $0 }
        case .named(let unit): [unit]
        case .unitsOf(let kind): file.tasks.filter { $0.kind == kind && $0.isOpen }.map(\.unit)
        }
    }

    private func limit(_ budget: Process.Budget?, _ command: Command?) -> Process.Limit? {
        switch budget {
        case .limit(let limit): limit
        case .catalogue: world.catalogueLimit
        case .form(.legal): world.form.legal
        case .form(.promised): world.form.promised
        case .input(let id): if case .limit(let limit) = command?.inputs[id] { limit } else { nil }
        case .branch, nil: nil
        }
    }

    // MARK: Inputs

    private func value(_ reference: Process.Reference, _ command: Command) -> InputValue? {
        switch reference {
        case .input(let id): command.inputs[id]
        case .act(command.action, let id): command.inputs[id]
        case .act(let action, let id): file.act(action)?.inputs[id]
        }
    }

    private func text(_ reference: Process.Reference, _ command: Command) -> String? {
        if case .text(let text) = value(reference, command) { text } else { nil }
    }
}
