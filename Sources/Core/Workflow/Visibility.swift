package import Authority
import PortalBase
package import Procedures

/// Somebody who may see a case: all holders of a role, or of a post in a unit.
package enum Viewer: Sendable, Hashable {
    case role(String)
    case unit(String)

    /// As it stands in an index.
    package var name: String {
        switch self {
        case .role(let role): "role " + role
        case .unit(let unit): "unit " + unit
        }
    }
}

extension Post {
    package var viewers: [Viewer] { [.role(role), .unit(unit)] }
}

extension Process {
    /// Who may see a case: roles that act on cases of any unit, and the units that have or had a task, with those above them. A
    /// case of a class (举报) is seen by the class's role and the units at work alone.
    package func viewers(of file: Case, in world: World) -> Set<Viewer> {
        let atWork = Set(file.tasks.map(\.unit) + [file.lead].compactMap { $0 })
        let conditions = Conditions(process: self, file: file, task: nil, world: world)
        if let rule = classes.first(where: { $0.when.allSatisfy(conditions.hold) }) {
            return Set(atWork.map(Viewer.unit)).union([.role(rule.role)])
        }
        var viewers: Set<Viewer> = []
        for action in actions {
            for case .role(let role, .any, _, _) in action.by { viewers.insert(.role(role)) }
        }
        for var unit in atWork {
            while viewers.insert(.unit(unit)).inserted, let parent = world.units.parent(of: unit) { unit = parent }
        }
        return viewers
    }
}
