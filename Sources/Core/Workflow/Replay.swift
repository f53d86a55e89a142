package import Procedures

extension Process {
    /// Whether what an event did is what its action does to the case before it: states, tasks, clocks, papers, posts, keys, words told. What
    /// follows from the calendar, the dispatch catalogue or the tree of units, which may be others by now, and the store's numbers are
    /// not compared.
    package func explains(_ event: Event, on file: Case, in world: World) -> Bool {
        let command = Command(action: event.action, task: event.task, inputs: event.inputs)
        var decision = Decision(process: self, world: world, file: file, inputs: event.inputs)
        if event.isBeginning {
            decision.begin(command)
        } else {
            guard let action = action(event.action) else { return false }
            do {
                try decision.run(action, command, event.actor)
            } catch {
                return false
            }
        }
        return decision.facts.compactMap(\.lasting) == event.facts.compactMap(\.lasting)
    }
}

extension Fact {
    /// The part of it that follows from the definition, the case and the command alone; nil where none does.
    fileprivate var lasting: Fact? {
        switch self {
        case .opened(let task, let kind, let unit, let isLead, let round, _):
            .opened(task: task, kind: kind, unit: unit, isLead: isLead, round: round, budget: nil)
        case .issued(let document, let series, _, let organ):
            .issued(document: document, series: series, number: 0, organ: organ)
        case .started(let clock, let since, _): .started(clock: clock, since: since, budget: nil)
        case .begun, .entered, .answered, .filed, .classified, .closed, .assigned, .stopped, .told, .requested,
            .answeredRequest, .revoked, .published, .retracted, .related, .unrelated, .counted, .scored, .appointed,
            .paused, .resumed, .extended, .flagged, .ended, .trusted, .distrusted, .legalHold, .legalHoldEnded,
            .excused:
            self
        case .fired, .notified, .drawn, .signed, .undone, .adopted, .erased: nil
        }
    }
}
