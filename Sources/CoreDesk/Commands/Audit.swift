import ArgumentParser
import Cases
import PortalBase

/// Goes over the whole log, and over what is made out of it.
struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks the log of all cases, and makes lists and clocks anew out of it.",
        discussion:
            "Every event's digest covers the one before; columns say what bodies say; boxes open; no case, number or definition is missing; lines of readings follow one from another. Ends with 1 where something does not hold."
    )
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        let desk = try Desk(configurationOption.load(), random: systemRandomBytes)
        let breaks = try desk.cases.verify()
        for found in breaks { print("BROKEN \(found)") }
        let rebuilt = try desk.cases.rebuild()
        for id in rebuilt.damaged { print("UNREADABLE \(id)") }
        print(
            "\(breaks.count) breaks, \(rebuilt.changed) rows were other than the log says, \(rebuilt.damaged.count) cases cannot be read"
        )
        if !breaks.isEmpty || rebuilt.changed > 0 || !rebuilt.damaged.isEmpty { throw ExitCode(1) }
    }
}
