package import PortalBase
package import Procedures

/// A rung of a clock that is due.
package struct Firing: Sendable, Hashable {
    package let clock: String
    /// Run of the clock; the task's number where it is one of a task's own time limits.
    package let instance: Int
    /// How often the clock had been extended.
    package let extensions: Int
    package let rung: Int
    /// How often the case had been brought to another definition: rungs have other places since.
    package let adoptions: Int
}

extension Process {
    /// Rungs that are due and were not passed yet, by the order of their moments.
    package func due(on file: Case, in world: World) -> [Firing] {
        rungs(of: file, in: world).filter { $0.at < ($0.acts ? min(world.now, world.carried) : world.now) }.map(
            \.firing)
    }

    /// Rungs that are due and wait until everything is here that came to the edge before.
    package func waiting(on file: Case, in world: World) -> [Firing] {
        rungs(of: file, in: world).filter { $0.acts && $0.at < world.now && $0.at >= world.carried }.map(\.firing)
    }

    /// When the next rung may be due; nil where none is to come. 0 where a running clock's end is unknown.
    package func nextRung(of file: Case, in world: World) -> Instant? {
        let isUnknown = file.clocks.contains { $0.isRunning && $0.due(in: world) == .unknown }
        return isUnknown ? Instant(seconds: 0) : rungs(of: file, in: world).first?.at
    }

    /// Rungs that were not passed yet and whose moment is known, in their order.
    private func rungs(of file: Case, in world: World) -> [(at: Instant, firing: Firing, acts: Bool)] {
        var due: [(at: Instant, firing: Firing, acts: Bool)] = []
        for run in file.clocks where run.isRunning {
            guard let clock = clock(run.clock) else { continue }
            for (number, rung) in clock.ladder.enumerated() {
                let fired = ClockRun.Fired(rung: number, extensions: run.extensions.count)
                guard !run.fired.contains(fired),
                    case .at(let moment) = run.moment(percent: rung.percent, later: rung.later, in: world)
                else { continue }
                let firing = Firing(
                    clock: run.clock, instance: run.instance, extensions: fired.extensions, rung: number,
                    adoptions: file.adoptions)
                due.append((moment, firing, rung.act != nil))
            }
        }
        for task in file.tasks where task.isOpen {
            for (clock, end) in ownLimits(of: task, in: world) where !task.passed.contains(clock) {
                due.append(
                    (
                        end, Firing(clock: clock, instance: task.id, extensions: 0, rung: 0, adoptions: file.adoptions),
                        false
                    ))
            }
        }
        return due.sorted { ($0.at, $0.firing.rung) < ($1.at, $1.firing.rung) }
    }

    /// Until when somebody has to sign for a task; nil where nobody has to any more.
    package func signing(of task: Case.Task, in world: World) -> Due? {
        guard task.isOpen, task.assignee == nil, let limit = self.task(task.kind)?.sign else { return nil }
        return TimeBudget(world: world).end(of: limit, from: task.opened).map(Due.at) ?? .unknown
    }

    /// Ends of a task's own limits: until somebody signs for it (签收), and until it is done. At either its unit is reminded.
    func ownLimits(of task: Case.Task, in world: World) -> [(clock: String, end: Instant)] {
        [(Self.signing, signing(of: task, in: world)), (Self.working, task.due(in: world))].compactMap { clock, due in
            if case .at(let end) = due { (clock, end) } else { nil }
        }
    }

    /// What a rung does: it reminds and counts; an action that it names is taken where the case still allows it.
    ///
    /// - Returns: the action that was taken, or `clock`, and the facts.
    package func fire(
        _ firing: Firing, on file: Case, in world: World
    ) throws(Refusal) -> (action: String, facts: [Fact]) {
        guard due(on: file, in: world).contains(firing) else { throw .rung }
        var decision = Decision(process: self, world: world, file: file, inputs: [:])
        if Self.ownClocks.contains(firing.clock), let task = file.task(firing.instance) {
            decision.add(.fired(clock: firing.clock, instance: task.id, rung: 0))
            decision.add(.notified(units: [task.unit]))
            return (EventName.clock, decision.facts)
        }
        guard let rung = clock(firing.clock)?.ladder[firing.rung] else { throw .rung }
        decision.add(.fired(clock: firing.clock, instance: firing.instance, rung: firing.rung))
        decision.remind(rung.remind)
        if let count = rung.count { decision.add(.counted(count)) }
        if let act = rung.act, let action = action(act),
            refusal(of: action, task: nil, on: file, as: .clock, in: world) == nil
        {
            var further = decision
            do {
                try further.run(action, Command(action: act), .clock)
                return (act, further.facts)
            } catch {
                // What stands in the way of the action leaves the reminder.
            }
        }
        return (EventName.clock, decision.facts)
    }
}

// MARK: Rungs that somebody overtakes

extension Process {
    /// The facts that take back what rungs did to a case after a citizen had acted in time: the lane had said that everything was
    /// here, and it was not.
    ///
    /// - Parameters:
    ///   - log: of the case, which came to the edge at `received`.
    ///   - world: at the moment when the command came to the edge.
    ///   - now: when the facts count.
    /// - Returns: nil where nothing is to be taken back: the case takes the command as it is, or would not have taken it then
    ///   either, or somebody has built on what the rung did.
    package func takingBack(
        for command: Command, log: [Event], received: Instant, in world: World, at now: Instant
    ) -> [Fact]? {
        func acted(_ event: Event) -> Bool { event.actor == .clock && action(event.action) != nil }
        guard let first = log.firstIndex(where: { $0.at > world.now && acted($0) }),
            log[first...].allSatisfy({
                $0.actor == .clock || [EventName.late, EventName.adopted].contains($0.action)
            })
        else { return nil }
        let before = Case(received: received, events: log[..<first])
        let file = Case(received: received, events: log)
        // Brought to a later definition since, it may not know the way back.
        guard state(before.state) != nil, before.tasks.allSatisfy({ !$0.isOpen || task($0.kind) != nil }),
            before.clocks.allSatisfy({ !$0.isRunning || clock($0.clock) != nil })
        else { return nil }
        // The clock may have been asked long after the rung was due.
        let wasInTime = rungs(of: before, in: world).allSatisfy { !$0.acts || $0.at >= world.now }
        guard wasInTime, refuses(command, on: file, in: world), !refuses(command, on: before, in: world) else {
            return nil
        }
        var later = world
        later.now = now
        var decision = Decision(process: self, world: later, file: file, inputs: [:])
        decision.takeBack(log[first...].filter(acted), to: before)
        return refuses(command, on: decision.file, in: world) ? nil : decision.facts
    }

    /// Whether a citizen's command changes nothing.
    private func refuses(_ command: Command, on file: Case, in world: World) -> Bool {
        do {
            _ = try decide(command, on: file, as: .citizen, in: world)
            return false
        } catch {
            return true
        }
    }
}

extension Decision {
    /// Brings state, tasks and clocks to where they were, with the rungs that were passed since.
    fileprivate mutating func takeBack(_ events: [Event], to before: Case) {
        for event in events {
            let flags = event.facts.compactMap { if case .flagged(let name) = $0 { name } else { nil } }
            let counts = event.facts.compactMap { if case .counted(let name) = $0 { name } else { nil } }
            add(.undone(version: event.version, flags: flags.filter { !before.flags.contains($0) }, counts: counts))
        }
        for place in file.papers.indices.dropFirst(before.papers.count) { add(.revoked(paper: place)) }
        for task in file.tasks where task.isOpen && before.task(task.id) == nil {
            add(.closed(task: task.id, outcome: "moot"))
        }
        for task in before.tasks where task.isOpen && file.task(task.id)?.isOpen == false { reopen(task) }
        enter(before.state)
        for clock in process.clocks.map(\.id).sorted() {
            let (was, now) = (before.clock(clock), file.clock(clock))
            if let now, now.isRunning, was?.isRunning != true { add(.stopped(clock: clock)) }
            guard let was, was.isRunning, now?.isRunning != true || now?.since != was.since else { continue }
            add(.started(clock: clock, since: was.since, budget: was.budget))
            if let pause = was.pauses.last(where: { $0.to == nil }) { add(.paused(clock: clock, ground: pause.ground)) }
        }
    }
}
