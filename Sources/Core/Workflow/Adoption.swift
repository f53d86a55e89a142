import Authority
package import PortalBase
package import Procedures

/// Brings cases of an earlier definition to a later one, each completely or not at all (改用新流程).
package struct Adoption: Sendable {
    package let later: Process
    private let earlier: Process
    private let names: Renaming
    private let flow: ProcessFlow

    /// Throws where the later definition does not say what every name of the earlier one becomes.
    package init(from earlier: Process, to later: Process) throws(Renaming.Problems) {
        names = try Renaming(from: earlier, to: later)
        self.earlier = earlier
        self.later = later
        flow = ProcessFlow(later)
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
        /// A paper was issued that is gone, or whose number would be shown with another mark.
        case paper(String)
    }

    /// What happens to a case: it has its later names, clocks that no longer run in its state are stopped, and the citizen is told
    /// where the state says something else to them.
    package func facts(for log: [Event], received: Instant, in world: World) throws(Obstacle) -> [Fact] {
        let file = Case(received: received, events: log.inPresentNames.map { $0.renamed(by: names) })
        try check(file)
        var decision = Decision(process: later, world: world, file: file, inputs: [:])
        decision.add(.adopted(later.digest, names))
        decision.settle()
        return decision.facts
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
        for paper in file.papers where later.paper(paper.document)?.mark != earlier.paper(paper.document)?.mark {
            throw .paper(paper.document)
        }
    }
}

// MARK: Names

extension Sequence<Event> {
    /// The events with the names of the newest definition that they were brought to.
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
            facts: facts.map { $0.renamed(by: names) })
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
