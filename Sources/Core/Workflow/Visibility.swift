package import Authority
import PortalBase
package import Procedures

/// Somebody who may see a case: all holders of a role, all in a unit whose role works on cases of its process, or those in one role of
/// one unit.
package enum Viewer: Sendable, Hashable {
    case role(String)
    case unit(String, process: String)
    case post(role: String, unit: String)

    /// Whether somebody with a post in a unit can be one of them.
    package func mayBe(in other: String) -> Bool {
        switch self {
        case .role: true
        case .unit(let unit, _), .post(_, let unit): unit == other
        }
    }

    /// As it stands in an index.
    package var name: String {
        switch self {
        case .role(let role): "role " + role
        case .unit(let unit, let process): "unit " + unit + " " + process
        case .post(let role, let unit): "post " + role + "@" + unit
        }
    }
}

extension Post {
    /// As whom somebody in this post sees cases of these processes. An administrator who has no part in one sees none of its cases,
    /// wherever the post stands (三员分立).
    package func viewers(of processes: some Sequence<Process>) -> [Viewer] {
        [.role(role), .post(role: role, unit: unit)]
            + processes.filter { $0.roles.contains(role) }.map { .unit(unit, process: $0.id) }
    }
}

extension Process {
    /// Who may see a case: roles that act on cases of any unit, and the units that have or had a task, with those above them. A
    /// case of a class (举报) is seen by the class's role, and in the units at work by the roles that work on the tasks there.
    package func viewers(of file: Case, in world: World) -> Set<Viewer> {
        let atWork = Set(file.tasks.map(\.unit) + [file.lead].compactMap { $0 })
        let roles = classes.filter { file.classes.contains($0.name) }.map { Viewer.role($0.role) }
        if !roles.isEmpty {
            var viewers = Set(roles)
            for task in file.tasks {
                for action in actions where action.on == task.kind {
                    for case .role(let role, .task, _, _, _) in action.by {
                        viewers.insert(.post(role: role, unit: task.unit))
                    }
                }
            }
            return viewers
        }
        var viewers: Set<Viewer> = []
        for action in actions {
            for case .role(let role, .any, _, _, _) in action.by { viewers.insert(.role(role)) }
            for case .role(let role, .own, _, _, _) in action.by {
                if let unit = ownUnit(of: file) { viewers.insert(.post(role: role, unit: unit)) }
            }
        }
        for var unit in atWork {
            while viewers.insert(.unit(unit, process: id)).inserted, let parent = world.units.parent(of: unit) {
                unit = parent
            }
        }
        return viewers
    }

    /// Whether somebody may see a case in this post, now.
    package func isVisible(_ file: Case, to post: Post, in world: World) -> Bool {
        post.isHeld(at: world.now) && !viewers(of: file, in: world).isDisjoint(with: post.viewers(of: [self]))
    }
}
