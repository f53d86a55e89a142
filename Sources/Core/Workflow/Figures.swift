package import PortalBase
package import Procedures

/// What statistics count of a case: one limit that somebody had to keep, or one thing that was counted or scored. It holds no word.
package struct Figure: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The time until somebody signs for a task (签收), the time for a task, a clock of the case: each has a due moment.
        case signing, task, clock
        /// What the process counts and scores.
        case count, score
    }

    package let kind: Kind
    /// The kind of task, the clock, the count or the score.
    package let name: String
    /// Whose it is; for what is the case's, its lead at that time. Empty where it had none.
    package let unit: String
    /// Nil where nothing was due, or the calendar does not reach so far.
    package let due: Instant?
    /// When it was done, or happened; nil while it is open.
    package let done: Instant?
    /// Of a task, once it is closed; else empty.
    package let outcome: String
    /// The score; 1 for all else.
    package let value: Int
    /// Left out of assessments by a recorded decision.
    package let isExcused: Bool

    package init(
        kind: Kind, name: String, unit: String, due: Instant?, done: Instant?, outcome: String, value: Int,
        isExcused: Bool
    ) {
        self.kind = kind
        self.name = name
        self.unit = unit
        self.due = due
        self.done = done
        self.outcome = outcome
        self.value = value
        self.isExcused = isExcused
    }
}

/// How many figures are alike in a period.
package struct Tally: Sendable, Equatable {
    package enum What: Sendable, Equatable {
        /// They fell due; so many of them were done by then.
        case due(inTime: Int)
        /// They were done, or happened.
        case happened(value: Int)
    }

    package let kind: Figure.Kind
    package let name: String
    package let unit: String
    package let outcome: String
    package let isExcused: Bool
    package let what: What
    package let count: Int

    package init(
        kind: Figure.Kind, name: String, unit: String, outcome: String, isExcused: Bool, what: What, count: Int
    ) {
        self.kind = kind
        self.name = name
        self.unit = unit
        self.outcome = outcome
        self.isExcused = isExcused
        self.what = what
        self.count = count
    }
}

extension Process {
    /// The figures of a case, in an order that its log alone decides.
    package func figures(of file: Case, events: [Event], in world: World) -> [Figure] {
        func figure(
            _ kind: Figure.Kind, _ name: String, _ unit: String?, due: Instant?, done: Instant?,
            _ outcome: String? = nil,
            value: Int = 1
        ) -> Figure {
            Figure(
                kind: kind, name: name, unit: unit ?? "", due: due, done: done, outcome: outcome ?? "", value: value,
                isExcused: unit.map(file.excused.contains) ?? false)
        }
        func moment(_ due: Due?) -> Instant? { if case .at(let end) = due { end } else { nil } }
        var figures: [Figure] = []
        for task in file.tasks {
            if let limit = self.task(task.kind)?.sign {
                let end = TimeBudget(world: world).end(of: limit, from: task.opened)
                // Whoever closes a task has dealt with it.
                let done = [task.signed, task.closed].compactMap { $0 }.min()
                figures.append(figure(.signing, task.kind, task.unit, due: end, done: done, task.outcome))
            }
            figures.append(
                figure(.task, task.kind, task.unit, due: moment(task.due(in: world)), done: task.closed, task.outcome))
        }
        for run in file.clocks {
            // The lead when it ended is the one who had to keep it.
            let leads = file.tasks.filter { $0.isLead && $0.opened <= run.stopped ?? world.now }
            figures.append(
                figure(
                    .clock, run.clock, leads.last?.unit ?? file.lead, due: moment(run.due(in: world)), done: run.stopped
                ))
        }
        return figures + happened(events, figure: { figure($0, $1, $2, due: nil, done: $3, value: $4) })
    }

    /// Counts and scores, each with the lead of its moment; what was taken back is none.
    private func happened(
        _ events: [Event], figure: (Figure.Kind, String, String?, Instant, Int) -> Figure
    ) -> [Figure] {
        let undone = Set(
            events.flatMap(\.facts).compactMap { if case .undone(let version, _, _) = $0 { version } else { nil } })
        var (lead, figures) = (String?.none, [Figure]())
        for event in events {
            for fact in event.facts {
                switch fact {
                case .begun(let first): lead = first
                case .opened(_, _, let unit, isLead: true, _, _): lead = unit
                case .counted(let name) where !undone.contains(event.version):
                    figures.append(figure(.count, name, lead, event.at, 1))
                case .scored(let name, let value): figures.append(figure(.score, name, lead, event.at, value))
                default: break
                }
            }
        }
        return figures
    }
}
