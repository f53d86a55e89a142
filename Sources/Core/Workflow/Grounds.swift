package import PortalBase
package import Procedures

extension Process {
    /// What somebody sees before they act: while it is the same, their page is not stale. Other tasks and notes are no part of it,
    /// so that four departments do not disturb each other.
    package func grounds(of action: Action, task id: Int?, on file: Case) -> SHA256Digest {
        let task = id.flatMap(file.task)
        let kinds = Set(action.need.flatMap(\.kindsOfTasks))
        let counted = file.tasks.filter { kinds.contains($0.kind) }
        func json(_ task: Case.Task) -> JSON {
            .array([.integer(task.id), .string(task.outcome ?? ""), .string(task.assignee ?? "")])
        }
        return SHA256Digest(
            of: JSON.array([
                .string(file.state), .string(digest.hex), task.map(json) ?? .null, .object(file.answers),
                .integer(file.files.count), .integer(file.requests.count), .array(counted.map(json)),
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
