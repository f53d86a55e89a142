package import PortalBase
package import Procedures

extension Process {
    /// What somebody sees before they act: while it is the same, their page is not stale. The state since it was entered, their task,
    /// answers and files, tasks that the action counts or closes, and what others wrote that it tells. Other tasks and notes are no
    /// part of it, so that four departments do not disturb each other.
    package func grounds(of action: Action, task id: Int?, on file: Case) -> SHA256Digest {
        let task = id.flatMap(file.task)
        let kinds = Set(action.need.flatMap(\.kindsOfTasks) + action.effects.compactMap(\.closedKind))
        let counted = file.tasks.filter { kinds.contains($0.kind) }
        func json(_ task: Case.Task) -> JSON {
            .array([.integer(task.id), .string(task.outcome ?? ""), .string(task.assignee ?? "")])
        }
        let told = Set(action.allEffects.compactMap(\.toldAction)).sorted().map { name in
            JSON.array([.string(name), .integer(file.acts.count { $0.action == name })])
        }
        return SHA256Digest(
            of: JSON.array([
                .string(file.state), .integer(file.stateVersion), .string(digest.hex), task.map(json) ?? .null,
                .object(file.answers), .integer(file.files.count), .integer(file.requests.count),
                .array(counted.map(json)), .array(told),
            ]).canonicalBytes)
    }
}

extension Process.Condition {
    fileprivate var kindsOfTasks: [String] {
        switch self {
        case .tasks(let kind, _, _, _): [kind]
        case .not(let inner): inner.kindsOfTasks
        case .any(let list): list.flatMap(\.kindsOfTasks)
        default: []
        }
    }
}

extension Process.Effect {
    /// The kind of task that it closes whatever else holds; nil for the action's own task.
    fileprivate var closedKind: String? { if case .close(let kind, _) = self { kind } else { nil } }

    /// The action of somebody else whose words it tells or uses.
    fileprivate var toldAction: String? {
        switch self {
        case .tell(.act(let action, _)), .extend(_, .act(let action, _)), .relate(.act(let action, _), _),
            .unrelate(.act(let action, _)):
            action
        default: nil
        }
    }
}
