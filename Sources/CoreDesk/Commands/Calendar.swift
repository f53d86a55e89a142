import ArgumentParser
import Cases
import Forms
import PortalBase
import Procedures
import Workflow

/// Takes the State Council's next notice of holidays into the working calendar.
struct Calendar: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes the next notice of holidays, and says which open cases' last days it moves.",
        discussion: """
            FILE is CSV: date,kind,name. `kind` is holiday (放假) or workday-adjusted (上班); dates as 2027-01-01 or 2027年1月1日. \
            Its days are added to those of the calendar; nothing is written where a line is wrong or contradicts them. Restart `coredesk serve` \
            afterwards.
            """)
    @OptionGroup var configurationOption: ConfigurationOption
    @Argument(help: "The notice as CSV; without it the calendar's end is told.") var file: String?
    @Flag(help: "A day that both have is taken from the notice.") var replace = false
    @Flag(help: "Says what would change, and writes nothing.") var dryRun = false

    func run() throws {
        let configuration = try configurationOption.load()
        let today = configuration.now().date(in: .shanghai)
        let current = try configuration.calendar()
        guard let file else {
            let left = current.daysLeft(on: today)
            print("the calendar ends on \(current.last.text), in \(left) days")
            if left <= WorkingCalendar.warningDays { throw ExitCode(1) }
            return
        }
        let new: [WorkingCalendar.Row]
        let merged: [WorkingCalendar.Row]
        do {
            let old = try WorkingCalendar.rows(csv: FileSystem.read(configuration.workdays, limit: 16 << 20))
            new = try WorkingCalendar.rows(csv: FileSystem.read(file, limit: 16 << 20))
            merged = try WorkingCalendar.merged(old, with: new, replaces: replace)
        } catch let problem as WorkingCalendar.Problem {
            let isChinese = operatorLanguage(environment: environmentVariable) == "zh"
            let place = problem.line > 0 ? "\(file):\(problem.line): " : "\(file): "
            throw ValidationError(place + (isChinese ? problem.text.zh : problem.text.en))
        }
        guard !new.isEmpty, let next = WorkingCalendar(rows: merged.map { ($0.date, $0.kind) }) else {
            throw ValidationError("\(file) holds no days")
        }
        try checkYears(current, next)
        let moved = try moved(configuration, from: current, to: next)
        for line in moved { print(line) }
        print("\(new.count) days; the calendar ends on \(next.last.text); \(moved.count) last days move")
        if dryRun { return }
        try FileSystem.replaceDurably(configuration.workdays, with: WorkingCalendar.csv(merged))
        // Read anew: when the next rung may be due is another day now.
        let damaged = try Desk(configuration, random: systemRandomBytes).rebuild().damaged
        for id in damaged { print("UNREADABLE \(id): its days are those of the old calendar") }
        if !damaged.isEmpty { throw ExitCode(1) }
    }

    /// A year without a schedule between two with one would be taken for a year without holidays.
    private func checkYears(_ current: WorkingCalendar, _ next: WorkingCalendar) throws {
        guard next.last.year <= current.last.year + 1 else {
            throw ValidationError(
                "\(next.last.year) does not follow \(current.last.year): a year between them is missing")
        }
    }

    /// Running clocks whose end is another with the new calendar.
    private func moved(
        _ configuration: Configuration, from current: WorkingCalendar, to next: WorkingCalendar
    ) throws -> [String] {
        let desk = try Desk(configuration, random: systemRandomBytes)
        let now = configuration.now()
        var lines: [String] = []
        for id in try desk.cases.running() {
            let view = try desk.cases.view(id, at: now)
            let other = try desk.surroundings.world(
                form: view.subject.form, answers: view.file.answers, now: now, carried: nil, calendar: next)
            for run in view.file.clocks where run.isRunning {
                let (old, new) = (run.due(in: view.world), run.due(in: other))
                guard old != new else { continue }
                let name = view.process.clock(run.clock)?.label.text("zh") ?? run.clock
                lines.append(
                    "\(view.subject.shownNumber) \(name): \(DueText.text(old, current)) -> \(DueText.text(new, next))")
            }
        }
        return lines
    }
}
