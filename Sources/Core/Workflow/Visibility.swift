package import Authority
import PortalBase
package import Procedures

/// Somebody who may see a case: all holders of a role, or those in one role of one unit.
package enum Viewer: Sendable, Hashable {
    case role(String)
    case post(role: String, unit: String)

    /// Whether somebody with a post in a unit can be one of them.
    package func mayBe(in other: String) -> Bool {
        switch self {
        case .role: true
        case .post(_, let unit): unit == other
        }
    }

    /// As it stands in an index.
    package var name: String {
        switch self {
        case .role(let role): "role " + role
        case .post(let role, let unit): "post " + role + "@" + unit
        }
    }
}

extension Post {
    package var viewers: [Viewer] { [.role(role), .post(role: role, unit: unit)] }
}

extension Process {
    /// Who may see a case: roles that act on cases of any unit; in the units that have or had a task, and those above them, all roles that
    /// have a part in the process, so that an administrator of people sees no citizen's words, wherever the post stands (三员分立). A
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
        var others = self.roles
        for action in actions {
            for case .role(let role, let scope, _, _, _) in action.by {
                switch scope {
                case .any:
                    viewers.insert(.role(role))
                    others.remove(role)
                case .own: if let unit = ownUnit(of: file) { viewers.insert(.post(role: role, unit: unit)) }
                case .task, .lead: break
                }
            }
        }
        var seen: Set<String> = []
        for var unit in atWork {
            while seen.insert(unit).inserted {
                for role in others { viewers.insert(.post(role: role, unit: unit)) }
                guard let parent = world.units.parent(of: unit) else { break }
                unit = parent
            }
        }
        return viewers
    }

    /// Whether somebody may see a case in this post, now.
    package func isVisible(_ file: Case, to post: Post, in world: World) -> Bool {
        post.isHeld(at: world.now) && !viewers(of: file, in: world).isDisjoint(with: post.viewers)
    }
}
