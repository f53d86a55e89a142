/// Which states a definition leads to, and which tasks may be open in them.
package struct ProcessFlow: Sendable {
    /// How many tasks of a kind may be open: none is no entry, then one, then more.
    private enum Number: Int, Comparable, Sendable {
        case one = 1, many

        static func < (a: Number, b: Number) -> Bool { a.rawValue < b.rawValue }
    }

    private typealias OpenTasks = [String: Number]

    /// States that can be reached, with the kinds of tasks that may be open there.
    package private(set) var reached: [String: Set<String>] = [:]
    /// Actions that somebody may be able to take.
    package private(set) var taken: Set<String> = []
    /// Actions that may enter a final state with tasks open, and their kinds.
    package private(set) var leftOpen: [String: Set<String>] = [:]
    /// Ways from state to state.
    package private(set) var edges: [Edge] = []

    package struct Edge: Sendable, Hashable {
        package let from: String
        package let action: String
        package let to: String
    }

    private let process: Process
    private var open: [String: OpenTasks] = [:]

    package init(_ process: Process) {
        self.process = process
        open[process.begin.state] = [:]
        var waiting = [process.begin.state]
        while let state = waiting.popLast() {
            for action in process.actions where action.from.contains(state) {
                for (entered, tasks) in take(action, in: state) where add(tasks, to: entered) {
                    waiting.append(entered)
                }
            }
        }
        reached = open.mapValues { Set($0.keys) }
        var known: Set<Edge> = []
        for state in process.states where open[state.id] != nil {
            for action in process.actions where action.from.contains(state.id) && taken.contains(action.id) {
                for target in action.enters where target != state.id {
                    let edge = Edge(from: state.id, action: action.id, to: target)
                    if known.insert(edge).inserted { edges.append(edge) }
                }
            }
        }
    }

    /// States from which a final one can be reached.
    package func statesLeadingToFinal() -> Set<String> {
        var leading = Set(process.states.filter(\.isFinal).map(\.id))
        while true {
            let more = edges.filter { leading.contains($0.to) && !leading.contains($0.from) }
            if more.isEmpty { return leading }
            leading.formUnion(more.map(\.from))
        }
    }

    /// Whether anything was new.
    private mutating func add(_ tasks: OpenTasks, to state: String) -> Bool {
        guard process.state(state) != nil else { return false }
        guard let known = open[state] else {
            open[state] = tasks
            return true
        }
        let merged = known.merging(tasks) { max($0, $1) }
        open[state] = merged
        return merged != known
    }

    /// What may come of an action in a state.
    private mutating func take(_ action: Process.Action, in state: String) -> [(String, OpenTasks)] {
        var tasks = open[state] ?? [:]
        if let on = action.on, !action.onClosed {
            guard tasks[on] != nil else { return [] }
        }
        taken.insert(action.id)
        for condition in action.need { Self.learn(condition, &tasks) }
        // A task that the action works on is open, whatever else is known of its kind.
        if let on = action.on, !action.onClosed, tasks[on] == nil { tasks[on] = .one }
        let outcomes = run(action.effects[...], action, [(state, tasks)])
        for (entered, tasks) in outcomes
        where process.state(entered)?.isFinal == true && !action.after && !tasks.isEmpty {
            leftOpen[action.id, default: []].formUnion(tasks.keys)
        }
        return outcomes
    }

    /// What a condition tells of open tasks.
    private static func learn(_ condition: Process.Condition, _ tasks: inout OpenTasks) {
        guard case .tasks(let kind, let lead, let quantity, let state) = condition else { return }
        switch (quantity, state) {
        // Of the lead's alone, or the helpers' alone, some may be left.
        case (.all, .closed), (.none, .open): tasks[kind] = lead == nil ? nil : tasks[kind].map { _ in .one }
        default: break
        }
    }

    private func run(
        _ effects: ArraySlice<Process.Effect>, _ action: Process.Action, _ before: [(String, OpenTasks)]
    ) -> [(String, OpenTasks)] {
        var ways = before
        for effect in effects {
            ways = ways.flatMap { state, tasks -> [(String, OpenTasks)] in
                var tasks = tasks
                switch effect {
                case .enter(let next): return [(next, tasks)]
                case .open(let kind, let unit, let isLead, _):
                    var isOne = unit == nil || isLead
                    if case .input(let id) = unit, action.ask.contains(where: { $0.id == id && $0.kind == .units }) {
                        isOne = false
                    }
                    tasks[kind] = tasks[kind] == nil && isOne ? .one : .many
                case .fork(let kind): tasks[kind] = .many
                case .close(let kind, _):
                    if let kind {
                        tasks[kind] = nil
                    } else if let on = action.on, tasks[on] == .one {
                        tasks[on] = nil
                    }
                case .when(let conditions, let inner):
                    var met = tasks
                    for condition in conditions { Self.learn(condition, &met) }
                    return [(state, tasks)] + run(inner[...], action, [(state, met)])
                default: break
                }
                return [(state, tasks)]
            }
        }
        return ways
    }
}
