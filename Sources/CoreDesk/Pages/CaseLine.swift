import Cases
import Forms
import PortalBase
import Procedures
import Templates
import Workflow

/// A line of a list, in an officer's words.
struct CaseLine {
    private let line: CaseStore.Line
    private let surroundings: Surroundings
    private let now: Instant
    /// Names of persons, by their numbers.
    private let people: [String: String]

    init(_ line: CaseStore.Line, _ surroundings: Surroundings, people: [String: String], at now: Instant) {
        self.people = people
        self.line = line
        self.surroundings = surroundings
        self.now = now
    }

    var value: Value {
        let form = surroundings.configuration.definition(line.subject.form)
        let (due, isOverdue) = end
        return .fields([
            "id": .text(line.subject.id), "number": .number(line.subject.shownNumber),
            "kind": .text(form?.title.text("zh") ?? line.process.title.text("zh")),
            "subject": .text(title),
            "received": .text(line.subject.received.minuteText(in: .shanghai)), "due": .text(due),
            "overdue": .flag(isOverdue), "department": .text(line.lead.map(surroundings.unitName) ?? ""),
            "state": .text(line.process.state(line.state)?.label.text("zh") ?? line.state),
        ])
    }

    private var title: String {
        let title = line.title ?? line.process.title.text("zh")
        return people[title] ?? title
    }

    /// Whom lines are about, where they are about persons.
    static func persons(in lines: [CaseStore.Line]) -> Set<String> {
        Set(lines.filter { $0.process.begin.input(.person)?.isTitle == true }.compactMap(\.title))
    }

    /// Empty where no clock runs; where the form's definition is missing, its page says so.
    private var end: (text: String, isOverdue: Bool) {
        guard let clock = line.clock,
            let world = try? surroundings.world(form: line.subject.form, answers: [:], now: now, carried: nil)
        else { return ("", false) }
        return (DueText.text(clock, in: world), clock.isOverdue(in: world))
    }
}
