import ArgumentParser
import Cases
import PortalBase
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
        for (id, firing) in report.fired { print("fired \(id) \(firing.clock) \(firing.rung)") }
        for (id, firing) in report.waiting {
            print("ALARM \(id): \(firing.clock) \(firing.rung) is due and waits for the lane")
        }
        for id in report.damaged { print("ALARM \(id) cannot be read: coredesk audit") }
        print(
            "\(report.fired.count) rungs passed, \(report.waiting.count) wait, \(report.damaged.count) cases cannot be read"
        )
        if !report.waiting.isEmpty || !report.damaged.isEmpty { throw ExitCode(1) }
    }
}
