package import PortalBase
package import Procedures

/// Whose turn it is, and what a list says of a case without opening it.
extension Process {
    /// Roles, and roles of a unit, for which a case waits: those who may act on an open task, or, where none is open, bring the case
    /// on. Persons who may not act, since they took the step before, and actions that need time to pass are
    /// counted in; a page asks `offers` again.
    package func turns(of file: Case, in world: World) -> Set<Viewer> {
        var viewers: Set<Viewer> = []
        let open = file.tasks.filter(\.isOpen)
        for action in actions
        where !file.isErased && action.from.contains(file.state) && !action.after && !action.reopens {
            if let kind = action.on {
                guard !action.onClosed else { continue }
                for task in open where task.kind == kind { add(action, task) }
            } else if open.isEmpty, !action.enters.isEmpty, state(file.state)?.isResting != true {
                add(action, nil)
            }
        }
        func add(_ action: Action, _ task: Case.Task?) {
            let wasTaken = file.acts.contains { $0.action == action.id && $0.task == task?.id }
            let conditions = Conditions(process: self, file: file, task: task, world: world)
            guard !(action.once && wasTaken), action.need.allSatisfy(conditions.mayHold) else { return }
            for case .role(let role, let scope, _, let only, _) in action.by where only.isEmpty {
                switch scope {
                case .any: viewers.insert(.role(role))
                case .task: if let unit = task?.unit { viewers.insert(.post(role: role, unit: unit)) }
                case .lead: if let unit = file.lead { viewers.insert(.post(role: role, unit: unit)) }
                case .own: if let unit = ownUnit(of: file) { viewers.insert(.post(role: role, unit: unit)) }
                }
            }
        }
        return viewers
    }

    /// Those offers for which a case waits: to work on an open task, or, where nobody has one, to bring it on.
    package func turn(_ offers: [Offer], of file: Case) -> [Offer] {
        let isAtWork = file.tasks.contains(where: \.isOpen) || state(file.state)?.isResting == true
        return offers.filter { offer in
            guard let action = action(offer.action), !action.after, !action.reopens,
                !action.by.allSatisfy(\.isOfActor)
            else { return false }
            return offer.task != nil ? !action.onClosed : !isAtWork && !action.enters.isEmpty
        }
    }

    /// What officers said who began a subject, by the inputs' ids; nothing of a case.
    package func said(in file: Case) -> [String: JSON] {
        var said: [String: JSON] = [:]
        for input in begin.ask { said[input.id] = file.answers[input.id] }
        return said
    }

    /// The clock whose end a list shows: that which the citizen waits for, or else the first that runs.
    package func shownClock(of file: Case) -> ClockRun? {
        let running = file.clocks.filter(\.isRunning)
        return running.last { clock($0.clock)?.isTold == true } ?? running.first
    }
}

extension Process {
    /// When the first limit of an open case runs out: that of the clock that a list shows, of an open task, or until somebody signs for
    /// one. Nil where none has a known end.
    ///
    /// - Parameter units: whose tasks count; nil for all.
    package func firstEnd(of file: Case, units: Set<String>? = nil, in world: World) -> Instant? {
        firstEnd(of: file, clock: shownClock(of: file)?.end(in: world), in: world) { units?.contains($0) != false }
    }

    /// The same for the order in which cases wait for somebody: without the tasks of other units, and with an estimate of the clock's
    /// end where it is unknown.
    package func firstEnd(of file: Case, for viewer: Viewer, in world: World) -> Instant? {
        firstEnd(of: file, clock: shownClock(of: file)?.estimate(in: world), in: world, unit: viewer.mayBe)
    }

    /// - Parameter counts: whether the tasks of a unit do.
    private func firstEnd(
        of file: Case, clock: Instant?, in world: World, unit counts: (String) -> Bool
    ) -> Instant? {
        let tasks = file.tasks.filter { $0.isOpen && counts($0.unit) }
        return (tasks.flatMap { ownLimits(of: $0, in: world).map(\.end) } + [clock].compactMap { $0 }).min()
    }
}

extension FormFacts {
    /// Characters of a title in a list.
    private static let mostShown = 80

    /// The answer that the form calls its title; nil where it has none.
    package func title(of answers: [String: JSON]) -> String? {
        guard let text = title.flatMap({ answers[$0]?.string }) else { return nil }
        let scalars = text.unicodeScalars
        return scalars.count > Self.mostShown ? String(scalars.prefix(Self.mostShown)) + "…" : text
    }
}

extension ClockRun {
    /// All that its end follows from.
    package var ledger: JSON {
        .object([
            "budget": budget.map { .string($0.description) } ?? .null, "clock": .string(clock),
            "extensions": .array(extensions.map { .string($0.description) }), "instance": .integer(instance),
            "pauses": .array(
                pauses.map { .array([.integer($0.from.seconds), $0.to.map { .integer($0.seconds) } ?? .null]) }),
            "since": .integer(since.seconds),
        ])
    }

    package init?(ledger: JSON) {
        guard let clock = ledger["clock"]?.string, let instance = ledger["instance"]?.integer,
            let since = ledger["since"]?.integer
        else { return nil }
        self.init(
            clock: clock, instance: instance, since: Instant(seconds: since),
            budget: ledger["budget"]?.string.flatMap { Process.Limit($0) })
        extensions = (ledger["extensions"]?.array ?? []).compactMap { $0.string.flatMap { Process.Limit($0) } }
        pauses = (ledger["pauses"]?.array ?? []).compactMap { pause in
            guard let span = pause.array, span.count == 2, let from = span[0].integer else { return nil }
            return Pause(ground: "", from: Instant(seconds: from), to: span[1].integer.map(Instant.init(seconds:)))
        }
    }
}
