package import PortalBase
package import Procedures

/// A rung of a clock that is due.
package struct Firing: Sendable, Hashable {
    package let clock: String
    package let instance: Int
    /// How often the clock had been extended.
    package let extensions: Int
    package let rung: Int
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

    /// When the next rung may be due; nil where none is to come. The beginning of time where nobody can say.
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
                    clock: run.clock, instance: run.instance, extensions: fired.extensions, rung: number)
                due.append((moment, firing, rung.act != nil))
            }
        }
        return due.sorted { ($0.at, $0.firing.rung) < ($1.at, $1.firing.rung) }
    }

    /// What a rung does: it reminds and counts; an action that it names is taken where the case still allows it.
    ///
    /// - Returns: the action that was taken, or `clock`, and the facts.
    package func fire(
        _ firing: Firing, on file: Case, in world: World
    ) throws(Refusal) -> (action: String, facts: [Fact]) {
        guard due(on: file, in: world).contains(firing), let rung = clock(firing.clock)?.ladder[firing.rung] else {
            throw .rung
        }
        var decision = Decision(process: self, world: world, file: file, inputs: [:])
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
