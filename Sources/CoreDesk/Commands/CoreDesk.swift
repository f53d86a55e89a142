import ArgumentParser
import Ferry
import Hummingbird
import PortalBase

@main
struct CoreDesk: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coredesk", abstract: "Hotline requests and parallel approvals in the core network.",
        version: "0.1.0",
        subcommands: [Serve.self, Migrate.self, Import.self, Export.self])
}

struct ConfigurationOption: ParsableArguments {
    @Option(name: .customLong("config"), help: "Configuration file (YAML).")
    var path: String

    func load() throws -> Configuration {
        do {
            return try Configuration.load(path)
        } catch let error as ConfigurationError {
            throw ValidationError(error.text)
        }
    }
}

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serves the staff pages on a Unix socket behind nginx.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() async throws {
        try await buildApplication(configurationOption.load()).runService()
    }
}

struct Migrate: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Makes or upgrades the database.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        _ = try DeskDatabase(configurationOption.load(), random: systemRandomBytes)
    }
}

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Takes in batches and acknowledgements from the inbox.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        let configuration = try configurationOption.load()
        let database = try DeskDatabase(configuration, random: systemRandomBytes)
        let report = try configuration.station(database.laneStore()).runIn(at: configuration.now())
        print(report.text)
        if !report.alarms.isEmpty { throw ExitCode(1) }
    }
}

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Seals results and the acknowledgement into the outbox; completes the overlay.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        let configuration = try configurationOption.load()
        let database = try DeskDatabase(configuration, random: systemRandomBytes)
        print(try configuration.station(database.laneStore()).runOut(at: configuration.now()).text)
        try database.writeOverlay()
    }
}
