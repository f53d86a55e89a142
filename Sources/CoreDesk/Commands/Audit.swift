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
        guard breaks.isEmpty else {
            // What is made out of the log may be all that still says what is missing.
            print("\(breaks.count) breaks; nothing was made anew")
            throw ExitCode(1)
        }
        let (changed, damaged) = try desk.rebuild()
        for id in damaged { print("UNREADABLE \(id)") }
        print("0 breaks, \(changed) rows were other than the log says, \(damaged.count) cases cannot be read")
        if changed > 0 || !damaged.isEmpty { throw ExitCode(1) }
    }
}
