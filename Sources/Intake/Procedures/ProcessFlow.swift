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
    package private(set) var takeable: Set<String> = []
    /// Actions that may leave tasks open in a final state, and their kinds.
    package private(set) var leftOpen: [String: Set<String>] = [:]
    /// Actions that may begin a new round of a kind while tasks of the last are open: conditions look at one round only.
    package private(set) var overtaken: [String: Set<String>] = [:]
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
        let order = Dictionary(uniqueKeysWithValues: process.states.enumerated().map { ($1.id, $0) })
        let actions = Dictionary(uniqueKeysWithValues: process.actions.enumerated().map { ($1.id, $0) })
        func place(_ edge: Edge) -> [Int] { [order[edge.from] ?? 0, actions[edge.action] ?? 0, order[edge.to] ?? 0] }
        edges.sort { place($0).lexicographicallyPrecedes(place($1)) }
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
    private mutating func take(_ action: Process.Action, in state: String) -> [String: OpenTasks] {
        var tasks = open[state] ?? [:]
        if let on = action.on, !action.onClosed {
            guard tasks[on] != nil else { return [:] }
        }
        for condition in action.need { Self.learn(condition, &tasks) }
        // What it needs denies the task that it works on.
        if let on = action.on, !action.onClosed, tasks[on] == nil { return [:] }
        takeable.insert(action.id)
        let outcomes = run(action.effects, action, [state: tasks])
        for (entered, tasks) in outcomes {
            if process.state(entered)?.isFinal == true, !tasks.isEmpty {
                leftOpen[action.id, default: []].formUnion(tasks.keys)
            }
            let edge = Edge(from: state, action: action.id, to: entered)
            if entered != state, !edges.contains(edge) { edges.append(edge) }
        }
        return outcomes
    }

    /// What a condition tells of open tasks.
    private static func learn(_ condition: Process.Condition, _ tasks: inout OpenTasks) {
        switch condition {
        case .tasks(let kind, let lead, .all, .closed), .tasks(let kind, let lead, .all, .outcome),
            .tasks(let kind, let lead, .none, .open), .not(.tasks(let kind, let lead, .any, .open)):
            switch lead {
            case nil: tasks[kind] = nil
            // The lead has one task.
            case false?: tasks[kind] = tasks[kind].map { _ in .one }
            case true?: break
            }
        case .any(let ways):
            let met = ways.map { way in
                var tasks = tasks
                learn(way, &tasks)
                return tasks
            }
            guard let first = met.first else { return }
            tasks = met.dropFirst().reduce(first) { $0.merging($1) { max($0, $1) } }
        default: break
        }
    }

    /// What may be open in each state that the effects may lead to; ways to the same state are taken together.
    private mutating func run(
        _ effects: [Process.Effect], _ action: Process.Action, _ before: [String: OpenTasks]
    ) -> [String: OpenTasks] {
        var ways = before
        for effect in effects {
            switch effect {
            case .enter(let next):
                ways = ways.values.reduce(into: [:]) { Self.merge($1, into: &$0, at: next) }
            case .when(let conditions, let inner):
                var met = ways
                for state in met.keys {
                    for condition in conditions { Self.learn(condition, &met[state, default: [:]]) }
                }
                for (state, tasks) in run(inner, action, met) { Self.merge(tasks, into: &ways, at: state) }
            default: for state in ways.keys { change(&ways[state, default: [:]], effect, action) }
            }
        }
        return ways
    }

    private static func merge(_ tasks: OpenTasks, into ways: inout [String: OpenTasks], at state: String) {
        ways[state] = (ways[state] ?? tasks).merging(tasks) { max($0, $1) }
    }

    private mutating func change(_ tasks: inout OpenTasks, _ effect: Process.Effect, _ action: Process.Action) {
        switch effect {
        case .open(let kind, let unit, let isLead, _):
            if isLead, tasks[kind] != nil { overtaken[action.id, default: []].insert(kind) }
            var isOne = true
            if case .input(let id) = unit { isOne = !action.ask.contains { $0.id == id && $0.kind == .units } }
            tasks[kind] = tasks[kind] == nil && isOne ? .one : .many
        case .fork(let kind):
            if tasks[kind] != nil { overtaken[action.id, default: []].insert(kind) }
            tasks[kind] = .many
        case .close(let kind, _):
            if let kind {
                tasks[kind] = nil
            } else if let on = action.on, tasks[on] == .one {
                tasks[on] = nil
            }
        default: break
        }
    }
}
