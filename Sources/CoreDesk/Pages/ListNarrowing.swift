import Cases
import Forms
import PortalBase
import Procedures
import Templates

/// What an officer narrowed the list of cases to, out of an address; what the core does not know is passed over.
struct ListNarrowing: Sendable {
    let narrowing: CaseNarrowing
    private let surroundings: Surroundings

    private static let state = "state", unit = "unit", mark = "mark", overdue = "overdue", due = "due"
    /// The day of `due`.
    private let day: CivilDate?

    /// Whether the address asks for what is there no more, such as a state of an earlier definition.
    let isOutdated: Bool

    /// - Parameter parameters: of the address, decoded.
    init(_ parameters: [(name: String, value: String)], _ surroundings: Surroundings) {
        func value(_ name: String) -> String { parameters.first { $0.name == name }?.value ?? "" }
        /// `process/name`; the name is empty for all of a process.
        func pair(_ name: String) -> (process: Procedures.Process, name: String)? {
            let parts = value(name).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            return Self.processes(surroundings).first { $0.id == parts[0] }.map { ($0, String(parts[1])) }
        }
        let state = pair(Self.state).flatMap { $0.name.isEmpty || $0.process.state($0.name) != nil ? $0 : nil }
        let mark = pair(Self.mark).flatMap { $0.process.countNames.contains($0.name) ? $0 : nil }
        let unit = value(Self.unit)
        let day = CivilDate(iso: value(Self.due))
        self.day = day
        narrowing = CaseNarrowing(
            process: state?.process.id, state: state.flatMap { $0.name.isEmpty ? nil : $0.name },
            unit: surroundings.isUnit(unit) ? unit : nil,
            count: mark.map { .init(process: $0.process.id, name: $0.name) }, isOverdue: value(Self.overdue) == "1",
            due: day.map { $0.start(in: .shanghai)..<CivilDate(dayNumber: $0.dayNumber + 1).start(in: .shanghai) })
        isOutdated =
            !value(Self.state).isEmpty && state == nil || !value(Self.mark).isEmpty && mark == nil
            || !unit.isEmpty && narrowing.unit == nil || !value(Self.due).isEmpty && day == nil
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
    var query: String { Self.parameters(narrowing, day).map { "&" + $0 }.joined() }

    /// The list that is narrowed so; `due` is that of the day.
    static func address(_ narrowing: CaseNarrowing, due day: CivilDate? = nil) -> String {
        "/?" + parameters(narrowing, day).joined(separator: "&")
    }

    private static func parameters(_ narrowing: CaseNarrowing, _ day: CivilDate?) -> [String] {
        var parts: [(String, String)] = []
        if let process = narrowing.process { parts.append((state, process + "/" + (narrowing.state ?? ""))) }
        if let unit = narrowing.unit { parts.append((self.unit, unit)) }
        if let count = narrowing.count { parts.append((mark, count.process + "/" + count.name)) }
        if narrowing.isOverdue { parts.append((overdue, "1")) }
        if let day { parts.append((due, day.text)) }
        return parts.map { "\($0)=\(percentEncodedPath($1).replacing("&", with: "%26"))" }
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
        let marks = processes.map { process in
            (
                process.title.text("zh"),
                process.countNames.sorted().map { ("\(process.id)/\($0)", process.label($0, "zh")) }
            )
        }
        let chosenMark = narrowing.count.map { $0.process + "/" + $0.name }
        func label(_ options: [(String, String)], _ chosen: String?) -> String? {
            options.first { $0.0 == chosen }?.1
        }
        let chosenState = narrowing.process.map { $0 + "/" + (narrowing.state ?? "") }
        return [
            "choices": .list([
                Self.choice(Self.state, "状态", states, chosenState),
                Self.choice(Self.unit, "承办单位", [("", units)], narrowing.unit),
                Self.choice(Self.mark, "标记", marks, chosenMark),
            ]),
            "chosen": .optional(
                narrowing == .none
                    ? nil
                    : [
                        label(states.flatMap(\.1), chosenState), label(units, narrowing.unit),
                        label(marks.flatMap(\.1), chosenMark), narrowing.isOverdue ? "超期" : nil,
                        day.map { "\($0.text) 到期" },
                    ].compactMap { $0 }.joined(separator: "，")),
            "day": .optional(day?.text), "calendar": .optional(day.map { "/calendar?month=\($0.text.prefix(7))" }),
            "isOutdated": .flag(isOutdated), "isOverdue": .flag(narrowing.isOverdue),
            "isNarrowed": .flag(narrowing != .none),
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
