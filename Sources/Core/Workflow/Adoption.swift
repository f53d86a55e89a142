import Authority
package import PortalBase
package import Procedures

/// Brings cases of an earlier definition to a later one, each completely or not at all (改用新流程).
package struct Adoption: Sendable {
    package let later: Process
    private let earlier: Process
    private let names: Renaming
    private let flow: ProcessFlow
    /// Actions of the earlier definition that are gone and on which it relied.
    private let forgotten: Set<String>

    /// Throws where the later definition does not say what every name of the earlier one becomes.
    package init(from earlier: Process, to later: Process) throws(Renaming.Problems) {
        let renaming = try Renaming(from: earlier, to: later)
        names = renaming
        self.earlier = earlier
        self.later = later
        flow = ProcessFlow(later)
        forgotten = earlier.reliedOn.filter { renaming.actions[$0] == nil && later.action($0) == nil }
    }

    /// What keeps one case with its definition: by the later one nobody could bring it to an end, or it would mean something else.
    package enum Obstacle: Error, Sendable, Hashable {
        /// The later definition does not lead to its state.
        case state(String)
        /// A task of this kind is open that the later definition never has open in its state.
        case task(String)
        /// A clock runs that is gone.
        case clock(String)
        /// A task ended with an outcome that the later definition does not know.
        case outcome(task: String, String)
        /// It counts, is asked for, or is of a class that the later definition does not know.
        case count(String), request(String), classified(String)
        /// An action was taken that is said to be gone, and on which the earlier definition relied: who took it may not take the next, or
        /// its words are told.
        case action(String)
        /// A clock is paused, a page published, or the erasure put off, and no action of the later definition ends that.
        case paused(String), published(Process.Page), legalHold
        /// The citizen would be told a result that nobody has given.
        case told(Process.CitizenState)
        /// A paper was issued that is gone, or whose number would be shown with another mark.
        case paper(String)
    }

    package struct Outcome: Sendable, Equatable {
        package let facts: [Fact]
        /// Its state by the earlier names, and by the later.
        package let from: String
        package let to: String
        /// Rungs that the later definition passes at the next look at the clocks.
        package let due: [Firing]
    }

    /// What happens to a case: it has its later names, clocks that no longer run in its state are stopped, and the citizen is told
    /// where the state says something else to them.
    ///
    /// - Parameter log: of the case, in its present names.
    package func outcome(for log: [Event], received: Instant, in world: World) throws(Obstacle) -> Outcome {
        let before = Case(received: received, events: log)
        let file = Case(received: received, events: log.map { $0.renamed(by: names) })
        try check(file)
        // What the citizen was told besides the state, such as the answer to the case that theirs was merged into, stays.
        let told = later.state(file.state)?.citizen
        let isToldOtherwise = told != earlier.state(before.state)?.citizen
        if isToldOtherwise, let told, told.isResult { throw .told(told) }
        for act in file.acts where forgotten.contains(act.action) { throw .action(act.action) }
        var decision = Decision(process: later, world: world, file: file, inputs: [:])
        decision.add(.adopted(later.digest, names))
        decision.stopClocks()
        if isToldOtherwise { decision.tellState() }
        decision.classify()
        return Outcome(
            facts: decision.facts, from: before.state, to: file.state, due: later.due(on: decision.file, in: world))
    }

    private func check(_ file: Case) throws(Obstacle) {
        guard let open = flow.reached[file.state] else { throw .state(file.state) }
        for task in file.tasks {
            if task.isOpen, !open.contains(task.kind) { throw .task(task.kind) }
            if let outcome = task.outcome, later.task(task.kind)?.outcomes.contains(outcome) != true {
                throw .outcome(task: task.kind, outcome)
            }
        }
        for run in file.clocks where run.isRunning && later.clock(run.clock) == nil { throw .clock(run.clock) }
        let counted = later.countNames
        for (name, count) in file.counts.sorted(by: { $0.key < $1.key }) where count > 0 && !counted.contains(name) {
            throw .count(name)
        }
        let requested = later.requestNames
        for request in file.requests where request.answered == nil && !requested.contains(request.name) {
            throw .request(request.name)
        }
        for name in file.classes.sorted() where !later.classes.contains(where: { $0.name == name }) {
            throw .classified(name)
        }
        try checkEndings(file)
        for paper in file.papers where later.paper(paper.document)?.mark != earlier.paper(paper.document)?.mark {
            throw .paper(paper.document)
        }
    }

    /// Throws where no action of the later definition ends what the case has begun.
    private func checkEndings(_ file: Case) throws(Obstacle) {
        let effects = later.actions.flatMap(\.allEffects)
        for run in file.clocks where run.isRunning && run.isPaused && !effects.contains(.resume(clock: run.clock)) {
            throw .paused(run.clock)
        }
        for page in file.published where !effects.contains(.retract(page)) { throw .published(page) }
        if file.isOnLegalHold, !effects.contains(.release) { throw .legalHold }
    }
}

extension Process.CitizenState {
    /// Whether it says how the case ended.
    fileprivate var isResult: Bool {
        switch self {
        case .received, .accepted, .correction: false
        case .answered, .granted, .refused, .notAccepted, .withdrawn: true
        }
    }
}

// MARK: Names

extension Sequence<Event> {
    /// The events in the names of the newest definition that the case was brought to.
    package var inPresentNames: [Event] {
        guard contains(where: { $0.renaming != nil }) else { return Array(self) }
        var present: [Event] = []
        for event in self {
            if let names = event.renaming { present = present.map { $0.renamed(by: names) } }
            present.append(event.renamed(by: .none))
        }
        return present
    }
}

extension Event {
    /// What was renamed by it; nil where nothing was.
    package var renaming: Renaming? {
        for case .adopted(_, let names) in facts where names != .none { return names }
        return nil
    }

    /// The definition to which it brought the case; nil where it brought it to none.
    package var adopted: SHA256Digest? {
        for case .adopted(let process, _) in facts { return process }
        return nil
    }

    /// The event as if it had happened by a later definition. What it renames itself counts as done.
    func renamed(by names: Renaming) -> Event {
        if names == .none, renaming == nil { return self }
        return Event(
            version: version, at: at, actor: actor, action: names.actions[action] ?? action, task: task, inputs: inputs,
            facts: facts.map { $0.renamed(by: names) }, signed: signed)
    }
}

extension Fact {
    fileprivate func renamed(by names: Renaming) -> Fact {
        func clock(_ name: String) -> String { names.clocks[name] ?? name }
        switch self {
        case .entered(let state): return .entered(state: names.states[state] ?? state)
        case .opened(let task, let kind, let unit, let isLead, let round, let budget):
            return .opened(
                task: task, kind: names.tasks[kind] ?? kind, unit: unit, isLead: isLead, round: round, budget: budget)
        case .started(let name, let since, let budget):
            return .started(clock: clock(name), since: since, budget: budget)
        case .paused(let name, let ground): return .paused(clock: clock(name), ground: ground)
        case .resumed(let name): return .resumed(clock: clock(name))
        case .extended(let name, let by): return .extended(clock: clock(name), by: by)
        case .stopped(let name): return .stopped(clock: clock(name))
        case .fired(let name, let instance, let rung) where !Process.ownClocks.contains(name):
            let places = names.rungs[clock(name)]
            return .fired(
                clock: clock(name), instance: instance,
                rung: places.map { $0.indices.contains(rung) ? $0[rung] : Renaming.noRung } ?? rung)
        case .adopted(let process, _): return .adopted(process, .none)
        default: return self
        }
    }
}
