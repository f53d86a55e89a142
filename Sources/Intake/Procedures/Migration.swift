package import PortalBase

extension Process {
    /// How cases that run by an earlier definition go on by this one: what has another name here, by its earlier name.
    package struct Migration: Sendable, Equatable {
        /// Of the earlier definition.
        package let from: SHA256Digest
        package let names: [Vocabulary: [String: String]]
        package let position: SourcePosition

        /// Stands for a name that is gone: no case may need it any more.
        package static let gone = "none"
    }

    /// Kinds of names that a case keeps for ever.
    package enum Vocabulary: String, Sendable, CaseIterable {
        case states, tasks, clocks, actions
    }

    package func names(_ kind: Vocabulary) -> [String] {
        switch kind {
        case .states: states.map(\.id)
        case .tasks: tasks.map(\.id)
        case .clocks: clocks.map(\.id)
        case .actions: actions.map(\.id)
        }
    }
}

/// Later names of what an earlier definition names. What has the same name is left out.
package struct Renaming: Sendable, Equatable {
    package let states: [String: String]
    package let tasks: [String: String]
    package let clocks: [String: String]
    package let actions: [String: String]
    /// By the clock's later name: for each rung of the earlier ladder its place in the later one, or `noRung`.
    package let rungs: [String: [Int]]

    /// The place of a rung that the later ladder does not have.
    package static let noRung = -1
    package static let none = Renaming(states: [:], tasks: [:], clocks: [:], actions: [:], rungs: [:])

    package init(
        states: [String: String], tasks: [String: String], clocks: [String: String], actions: [String: String],
        rungs: [String: [Int]]
    ) {
        self.states = states
        self.tasks = tasks
        self.clocks = clocks
        self.actions = actions
        self.rungs = rungs
    }

    /// Why no case of the earlier definition can go on by the later one.
    package enum Problem: Error, Sendable, Hashable {
        /// The later definition does not speak of the earlier one.
        case notSaid
        /// They are of two processes, or their subjects begin in other ways.
        case otherSubject
        /// The earlier definition has a name that the later one lacks and does not map.
        case unmapped(Process.Vocabulary, String)
        /// The later definition maps a name that the earlier one does not have.
        case unknown(Process.Vocabulary, String)
        /// Two names of the earlier definition become one.
        case joined(Process.Vocabulary, String)
        /// A name is said to be gone, and the later definition has it for something else.
        case reused(Process.Vocabulary, String)
        /// A state at which cases end becomes one at which they do not, or the other way round.
        case finality(String)
        /// The later definition uses what an action of the earlier one did not ask for.
        case input(action: String, input: String)
    }

    /// Complete, or none: every name of the earlier definition stands in the later one or is mapped.
    package init(from earlier: Process, to later: Process) throws(Problems) {
        guard let migration = later.migrations.first(where: { $0.from == earlier.digest }) else {
            let names = Process.Vocabulary.allCases.flatMap { kind in
                earlier.names(kind).filter { !later.names(kind).contains($0) }.map { Problem.unmapped(kind, $0) }
            }
            throw Problems(list: [.notSaid] + names)
        }
        var problems: [Problem] = []
        func asked(_ process: Process) -> [String] { process.begin.ask.map { "\($0.id) \($0.kind.rawValue)" }.sorted() }
        if earlier.id != later.id || earlier.subject != later.subject
            || (later.subject != .case && asked(earlier) != asked(later))
        {
            problems.append(.otherSubject)
        }
        var found: [Process.Vocabulary: [String: String]] = [:]
        for kind in Process.Vocabulary.allCases {
            let (old, new) = (earlier.names(kind), Set(later.names(kind)))
            let mapped = migration.names[kind] ?? [:]
            for name in mapped.keys.sorted() where !old.contains(name) { problems.append(.unknown(kind, name)) }
            var names: [String: String] = [:]
            var taken: Set<String> = []
            for name in old {
                guard let next = mapped[name] ?? (new.contains(name) ? name : nil) else {
                    problems.append(.unmapped(kind, name))
                    continue
                }
                guard next != Process.Migration.gone else {
                    if new.contains(name) { problems.append(.reused(kind, name)) }
                    continue
                }
                // Rounds of tasks and runs of clocks count by name; states may become one.
                if !taken.insert(next).inserted, kind != .states { problems.append(.joined(kind, next)) }
                names[name] = next
            }
            found[kind] = names
        }
        for (old, next) in (found[.states] ?? [:]).sorted(by: { $0.key < $1.key })
        where earlier.state(old)?.isFinal != later.state(next)?.isFinal { problems.append(.finality(old)) }
        let actions = found[.actions] ?? [:]
        for (action, input) in later.references {
            guard let old = earlier.actions.first(where: { actions[$0.id] == action }) else { continue }
            let kind = later.action(action)?.ask.first { $0.id == input }?.kind
            if old.ask.first(where: { $0.id == input })?.kind != kind {
                problems.append(.input(action: action, input: input))
            }
        }
        guard problems.isEmpty else { throw Problems(list: problems) }
        var rungs: [String: [Int]] = [:]
        for clock in earlier.clocks {
            guard let name = found[.clocks]?[clock.id], let next = later.clock(name), next.ladder != clock.ladder else {
                continue
            }
            rungs[name] = Self.places(of: clock.ladder, in: next.ladder, actions: actions)
        }
        func changed(_ kind: Process.Vocabulary) -> [String: String] { (found[kind] ?? [:]).filter { $0 != $1 } }
        self.init(
            states: changed(.states), tasks: changed(.tasks), clocks: changed(.clocks), actions: changed(.actions),
            rungs: rungs)
    }

    /// For each rung of a ladder its place in another one, which no two share.
    private static func places(
        of ladder: [Process.Rung], in other: [Process.Rung], actions: [String: String]
    ) -> [Int] {
        var taken: Set<Int> = []
        return ladder.map { rung in
            let act = rung.act.map { actions[$0] ?? $0 }
            let place = other.indices.first { !taken.contains($0) && other[$0].isAlike(rung, acting: act) }
            return place.map { taken.insert($0).memberAfterInsert } ?? noRung
        }
    }

    package struct Problems: Error, Sendable, Equatable {
        package let list: [Problem]
    }
}

extension Process {
    /// Actions of which it matters that they were taken, who took them, or what they said: they are taken once, another action
    /// excludes their actors or is for them alone, or tells their words.
    package var reliedOn: Set<String> {
        let who = actions.flatMap(\.by).flatMap { who -> [String] in
            if case .role(_, _, let not, let only, _) = who { not + only } else { [] }
        }
        return Set(who + references.map(\.action) + actions.filter(\.once).map(\.id))
    }

    /// Inputs of other actions that effects use, each once, in the order of the definition.
    fileprivate var references: [(action: String, input: String)] {
        var found: [(String, String)] = []
        for effect in actions.flatMap(\.allEffects) {
            let reference: Reference? =
                switch effect {
                case .tell(let reference), .relate(let reference, _), .unrelate(let reference),
                    .extend(_, let reference):
                    reference
                default: nil
                }
            if case .act(let action, let input) = reference, !found.contains(where: { $0 == (action, input) }) {
                found.append((action, input))
            }
        }
        return found
    }
}

extension Process.Rung {
    /// Whether it falls due at the same moment and counts and acts alike: once passed, it is passed, whomever it reminds.
    fileprivate func isAlike(_ other: Process.Rung, acting action: String?) -> Bool {
        percent == other.percent && later == other.later && act == action && count == other.count
    }
}
