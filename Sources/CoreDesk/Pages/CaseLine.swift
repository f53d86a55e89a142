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

    /// How the reader's unit was reminded of it; nil on lists that do not say it.
    private let reminder: Reminder?

    struct Reminder {
        let last: Instant
        let times: Int
        /// Who sent the last one, and what it said; nil on lists that leave that to the case.
        var words: String?
    }

    /// What the reader may do in it; nil on lists that leave that to the case.
    private let work: Work?

    struct Work {
        let actions: [(name: String, address: String)]
        /// Of the dispatch catalogue.
        let suggestion: String?
    }

    init(
        _ line: CaseStore.Line, _ surroundings: Surroundings, people: [String: String], at now: Instant,
        reminder: Reminder? = nil, work: Work? = nil
    ) {
        self.work = work
        self.people = people
        self.reminder = reminder
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
            "subject": .text(Self.title(of: line, people) + details),
            "received": .text(line.subject.received.minuteText(in: .shanghai)), "due": .text(due),
            "overdue": .flag(isOverdue), "department": .text(line.lead.map(surroundings.unitName) ?? ""),
            "state": .text(line.process.state(line.state)?.label.text("zh") ?? line.state),
            "reminder": .optional(
                reminder.map { "提醒 \($0.times) 次，最近 \($0.last.minuteText(in: .shanghai))" }),
            "reminderWords": .optional(reminder?.words), "hasWork": .flag(work != nil),
            "work": .list(
                (work?.actions ?? []).map { .fields(["name": .text($0.name), "address": .text($0.address)]) }),
            "suggestion": .optional(work?.suggestion),
        ])
    }

    /// Of a post or a certificate: which.
    private var details: String {
        let parts = line.process.begin.ask.compactMap { input -> String? in
            guard let answer = line.said[input.id] else { return nil }
            let text = surroundings.text(answer, input.kind)
            return switch input.kind {
            case .date: "到 \(text)"
            case .number: "\(text) 级"
            case .unit, .role, .id: text
            default: nil
            }
        }
        return parts.isEmpty ? "" : "（\(parts.joined(separator: "，"))）"
    }

    /// - Parameter people: names of persons, by their numbers.
    static func title(of line: CaseStore.Line, _ people: [String: String]) -> String {
        let title = line.title ?? line.process.title.text("zh")
        return isOfPerson(line) ? people[title] ?? title : title
    }

    private static func isOfPerson(_ line: CaseStore.Line) -> Bool {
        line.process.begin.input(.person)?.isTitle == true
    }

    /// Whom lines are about, where they are about persons.
    static func persons(in lines: [CaseStore.Line]) -> Set<String> {
        Set(lines.filter(isOfPerson).compactMap(\.title))
    }

    /// The end of the clock, and that of a task where it comes first. Empty where neither runs; where the form's definition is missing,
    /// its page says so.
    private var end: (text: String, isOverdue: Bool) {
        guard let world = try? surroundings.world(form: line.subject.form, answers: [:], now: now, carried: nil) else {
            return ("", false)
        }
        return (
            DueText.text(line.clock, first: line.firstEnd, in: world), line.firstEnd.map { $0 < now } ?? false
        )
    }
}
