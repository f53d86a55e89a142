import Cases
import Forms
import PortalBase
import Procedures
import Templates

/// What an officer narrowed the list of cases to, out of an address; what the core does not know is passed over.
struct ListNarrowing: Sendable {
    let narrowing: CaseNarrowing
    private let surroundings: Surroundings

    private static let state = "state", unit = "unit", mark = "mark", overdue = "overdue"

    init(_ parameters: [(name: String, value: String)], _ surroundings: Surroundings) {
        func value(_ name: String) -> String { parameters.first { $0.name == name }?.value ?? "" }
        let parts = value(Self.state).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let process = Self.processes(surroundings).first { $0.id == parts.first }
        let (unit, mark) = (value(Self.unit), value(Self.mark))
        let isMark = Self.processes(surroundings).contains { $0.countNames.contains(mark) }
        narrowing = CaseNarrowing(
            process: process?.id, state: process.flatMap { parts.count == 2 ? $0.state(parts[1])?.id : nil },
            unit: surroundings.isUnit(unit) ? unit : nil, count: isMark ? mark : nil,
            isOverdue: value(Self.overdue) == "1")
        self.surroundings = surroundings
    }

    private static func processes(_ surroundings: Surroundings) -> [Procedures.Process] {
        surroundings.library.processes.filter { $0.subject == .case }
    }

    /// Whether it asks for cases that came to their end.
    var isOfFinal: Bool {
        let process = Self.processes(surroundings).first { $0.id == narrowing.process }
        return narrowing.state.flatMap { process?.state($0)?.isFinal } ?? false
    }

    /// The same for another page of the list, behind other parameters.
    var query: String {
        var parts: [(String, String)] = []
        if let process = narrowing.process { parts.append((Self.state, process + "/" + (narrowing.state ?? ""))) }
        if let unit = narrowing.unit { parts.append((Self.unit, unit)) }
        if let mark = narrowing.count { parts.append((Self.mark, mark)) }
        if narrowing.isOverdue { parts.append((Self.overdue, "1")) }
        return parts.map { "&\($0)=\($1)" }.joined()
    }

    /// Values of the form that narrows.
    ///
    /// - Parameter everything: address of the list that shows all.
    func fields(everything: String) -> [String: Value] {
        let processes = Self.processes(surroundings)
        let states = processes.map { process in
            let name = process.title.text("zh")
            let all = [(process.id + "/", "\(name)：全部状态")]
            return (name, all + process.states.map { ("\(process.id)/\($0.id)", $0.label.text("zh")) })
        }
        let units = surroundings.library.units.map { ($0.id, $0.name.text("zh")) }
        var marks: [(String, String)] = []
        for process in processes {
            for name in process.countNames.sorted() where !marks.contains(where: { $0.0 == name }) {
                marks.append((name, process.label(name, "zh")))
            }
        }
        func label(_ options: [(String, String)], _ chosen: String?) -> String? {
            options.first { $0.0 == chosen }?.1
        }
        let chosenState = narrowing.process.map { $0 + "/" + (narrowing.state ?? "") }
        return [
            "choices": .list([
                Self.choice(Self.state, "状态", states, chosenState),
                Self.choice(Self.unit, "承办单位", [("", units)], narrowing.unit),
                Self.choice(Self.mark, "记有", [("", marks)], narrowing.count),
            ]),
            "chosen": .optional(
                narrowing == .none
                    ? nil
                    : [
                        label(states.flatMap(\.1), chosenState), label(units, narrowing.unit),
                        label(marks, narrowing.count), narrowing.isOverdue ? "超期" : nil,
                    ].compactMap { $0 }.joined(separator: "，")),
            "isOverdue": .flag(narrowing.isOverdue), "isNarrowed": .flag(narrowing != .none),
            "everything": .text(everything),
        ]
    }

    private static func choice(
        _ name: String, _ label: String, _ groups: [(name: String, options: [(String, String)])], _ chosen: String?
    ) -> Value {
        .fields([
            "name": .text(name), "label": .text(label),
            "groups": .list(
                groups.map { group in
                    .fields([
                        "group": .optional(group.name.isEmpty ? nil : group.name),
                        "options": .list(
                            group.options.map { value, label in
                                .fields([
                                    "value": .text(value), "label": .text(label), "isChosen": .flag(value == chosen),
                                ])
                            }),
                    ])
                }),
        ])
    }
}
