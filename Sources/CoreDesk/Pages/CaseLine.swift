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

    init(_ line: CaseStore.Line, _ surroundings: Surroundings, at now: Instant) {
        self.line = line
        self.surroundings = surroundings
        self.now = now
    }

    var value: Value {
        let form = surroundings.configuration.definition(line.subject.form)
        let (due, isOverdue) = end
        return .fields([
            "id": .text(line.subject.id), "number": .number(line.subject.number),
            "kind": .text(form?.title.text("zh") ?? line.process.title.text("zh")),
            "subject": .text(line.title ?? line.process.title.text("zh")),
            "received": .text(line.subject.received.minuteText(in: .shanghai)), "due": .text(due),
            "overdue": .flag(isOverdue), "department": .text(line.lead.map(surroundings.unitName) ?? ""),
            "state": .text(line.process.state(line.state)?.label.text("zh") ?? line.state),
        ])
    }

    /// Empty where no clock runs; where the form's definition is missing, its page says so.
    private var end: (text: String, isOverdue: Bool) {
        guard let clock = line.clock,
            let world = try? surroundings.world(form: line.subject.form, answers: [:], now: now, carried: nil)
        else { return ("", false) }
        return (DueText.text(clock, in: world), clock.isOverdue(in: world))
    }
}
