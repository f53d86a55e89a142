import PortalBase
import Procedures

/// Whether conditions hold of a case.
struct Conditions {
    let process: Process
    let file: Case
    let task: Case.Task?
    let world: World

    /// What was chosen or typed; of an address, the unit.
    static func values(_ answer: JSON?) -> [String] {
        switch answer {
        case .string(let text): [text]
        case .array(let list): list.compactMap(\.string)
        case .object(let parts): [parts["unit"]?.string].compactMap { $0 }
        default: []
        }
    }

    /// Whether a condition holds now, or may hold by the passing of time alone.
    func mayHold(_ condition: Process.Condition) -> Bool { may(condition, be: true) }

    private func may(_ condition: Process.Condition, be wanted: Bool) -> Bool {
        switch condition {
        case .clock(_, .overdue): true
        case .request(let name, overdue: true): !wanted || hold(.request(name, overdue: false))
        case .not(let inner): may(inner, be: !wanted)
        case .any(let inner):
            wanted ? inner.contains { may($0, be: true) } : inner.allSatisfy { may($0, be: false) }
        default: hold(condition) == wanted
        }
    }

    func hold(_ condition: Process.Condition) -> Bool {
        switch condition {
        case .field(let field, let test):
            let values = Self.values(file.answers[field]).filter { !$0.isEmpty }
            return switch test {
            case .isValue(let value): values.contains(value)
            case .isOneOf(let list): values.contains(where: list.contains)
            case .isEmpty: values.isEmpty
            }
        case .tasks(let kind, let lead, let quantity, let state):
            let all = file.tasks.filter { $0.kind == kind }
            let round = all.map(\.round).max() ?? 0
            let current = all.filter { $0.round == round && (lead == nil || $0.isLead == lead) }
            func isSo(_ task: Case.Task) -> Bool {
                switch state {
                case .open: task.isOpen
                case .closed: !task.isOpen
                case .outcome(let outcome): task.outcome == outcome
                }
            }
            return switch quantity {
            case .all: current.allSatisfy(isSo)
            case .any: current.contains(where: isSo)
            case .none: !current.contains(where: isSo)
            case .atLeast(let number): current.count(where: isSo) >= number
            case .asManyAsForm: world.form.least.map { current.count(where: isSo) >= $0 } ?? false
            }
        case .task(let isLead): return task?.isLead == isLead
        case .count(let name, let least): return file.counts[name, default: 0] >= least
        case .published(let isPublished): return file.published.isEmpty != isPublished
        case .held(let isHeld): return file.isOnLegalHold == isHeld
        case .join(let join): return world.form.join == join
        case .clock(let clock, .overdue): return file.clock(clock)?.isOverdue(in: world) ?? false
        case .clock(let clock, .paused): return file.clock(clock).map { $0.isRunning && $0.isPaused } ?? false
        case .clock(let clock, .running): return file.clock(clock)?.isRunning ?? false
        case .request(let name, let isOverdue):
            guard let request = file.requests.last(where: { $0.name == name }), request.answered == nil else {
                return false
            }
            guard isOverdue else { return true }
            guard let end = TimeBudget(world: world).end(of: request.within, from: request.made) else { return false }
            // What came to the edge in time may still be on its way.
            return end < min(world.now, world.carried)
        case .not(let inner): return !hold(inner)
        case .any(let inner): return inner.contains(where: hold)
        }
    }
}
