import Forms
import PortalBase

extension Process {
    /// The definition in words, one line each: what `coredesk process show` prints.
    package func text(_ language: String) -> String {
        var lines = ["\(id)  \(title.text(language))  \(digest.hex.prefix(12))"]
        func heading(_ zh: String, _ en: String) { lines.append("\n" + (language == "en" ? en : zh)) }
        let flow = ProcessFlow(self)
        heading("状态", "States")
        for state in states {
            let open = flow.reached[state.id, default: []].sorted().joined(separator: ", ")
            lines.append(
                "  \(state.id)  \(state.label.text(language))  → \(state.citizen?.rawValue ?? "-")"
                    + (state.isFinal ? (language == "en" ? "  final" : "  终结") : "")
                    + (open.isEmpty ? "" : "  [\(open)]"))
        }
        heading("时限", "Clocks")
        for clock in clocks {
            let rungs = clock.ladder.map { rung in
                "\(rung.percent)%" + (rung.later.map { "+\($0)" } ?? "") + (rung.act.map { " → \($0)" } ?? "")
            }
            lines.append("  \(clock.id)  \(clock.label.text(language))  \(rungs.joined(separator: ", "))")
        }
        heading("任务", "Tasks")
        for task in tasks {
            lines.append("  \(task.id)  \(task.label.text(language))  \(task.outcomes.joined(separator: " | "))")
        }
        heading("操作", "Actions")
        for action in actions {
            let who = action.by.map { actor in
                switch actor {
                case .citizen: "citizen"
                case .clock: "clock"
                case .role(let role, let unit, let not, let only, let level):
                    role + (unit == .any ? "" : "@\(unit.rawValue)") + (level > 2 ? " L\(level)" : "")
                        + (not.isEmpty ? "" : " ≠ " + not.joined(separator: " ≠ "))
                        + (only.isEmpty ? "" : " = " + only.joined(separator: " = "))
                }
            }
            let to = action.enters.isEmpty ? "" : " → " + action.enters.joined(separator: " | ")
            lines.append(
                "  \(action.id)  \(action.label.text(language))  \(action.from.joined(separator: ", "))\(to)  (\(who.joined(separator: ", ")))"
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
