import ArgumentParser
import Cases
import Forms
import PortalBase
import Procedures
import Workflow

/// Passes rungs that are due: reminders, counts, and what the clock itself does.
struct Clock: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Passes the rungs of all clocks that are due; a timer runs it every few minutes.",
        discussion:
            "A rung that acts waits until everything is here that came to the edge before it was due. Ends with 1 where a case cannot be read or rungs wait."
    )
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        let configuration = try configurationOption.load()
        let desk = try Desk(configuration, random: systemRandomBytes)
        let report = try desk.cases.tick(at: configuration.now())
        /// What officers call it.
        func name(_ id: String, _ firing: Firing) throws -> String {
            let view = try desk.cases.view(id, at: configuration.now())
            if Procedures.Process.ownClocks.contains(firing.clock) {
                let task = view.file.task(firing.instance).flatMap { view.process.task($0.kind) }
                let limit = firing.clock == Procedures.Process.signing ? "签收" : "期限"
                return "\(view.subject.shownNumber) \(task?.label.text("zh") ?? "") \(limit)"
            }
            let clock = view.process.clock(firing.clock)
            let rung = clock?.ladder[firing.rung]
            let later = rung?.later.map { "+\($0)" } ?? ""
            return
                "\(view.subject.shownNumber) \(clock?.label.text("zh") ?? firing.clock) \(rung?.percent ?? 0)%\(later)"
        }
        for (id, firing) in report.fired { print("fired \(try name(id, firing))") }
        for (id, firing) in report.waiting { print("ALARM \(try name(id, firing)) is due and waits for the lane") }
        for id in report.damaged { print("ALARM \(id) cannot be read; see `coredesk audit`") }
        print(
            "\(report.fired.count) rungs passed, \(report.waiting.count) wait, \(report.damaged.count) cases cannot be read"
        )
        if !report.waiting.isEmpty || !report.damaged.isEmpty { throw ExitCode(1) }
    }
}
