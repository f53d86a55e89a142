import ArgumentParser
import Ferry
import Hummingbird
import PortalBase
import Submissions

@main
struct FormsAPI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "formsapi",
        abstract: "Takes citizens' forms in the internet buffer zone and seals them for the core.",
        version: "0.1.0", subcommands: [Serve.self, Check.self, Migrate.self, FerryOut.self, FerryIn.self])
}

struct ConfigurationOption: ParsableArguments {
    @Option(name: .customLong("config"), help: "Configuration file (YAML).")
    var path: String

    func load() throws -> Configuration {
        do {
            return try Configuration.load(path)
        } catch let error as ConfigurationError {
            throw ValidationError(
                DiagnosticReport.text.render(
                    error.diagnostics, language: operatorLanguage(environment: environmentVariable)))
        }
    }
}

extension ConfigurationOption {
    /// The edge's database, and the station over it.
    func openStation() throws -> (Configuration, SubmissionDatabase, Station) {
        let configuration = try load()
        let store = try SubmissionDatabase(location: configuration.database, random: systemRandomBytes)
        guard let ferry = configuration.ferry else { throw ValidationError("the configuration has no ferry part") }
        return (configuration, store, try ferry.edgeStation(store.laneStore()))
    }
}

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Answers forms over HTTP.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() async throws {
        try await buildApplication(configurationOption.load()).runService()
    }
}

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reads the configuration, certificates and forms, and says what is wrong.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        let configuration = try configurationOption.load()
        _ = try buildApplication(configuration)
        if let ferry = configuration.ferry {
            _ = try ferry.edgeStation(
                SubmissionDatabase(location: configuration.database, random: systemRandomBytes).laneStore())
        }
        print("ok")
    }
}

struct Migrate: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Makes or upgrades the database.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        _ = try SubmissionDatabase(location: configurationOption.load().database, random: systemRandomBytes)
    }
}

struct FerryOut: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ferry-out", abstract: "Seals what waits into batches in the outbox.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        let (configuration, store, station) = try configurationOption.openStation()
        print(try station.runOut(at: configuration.now()).text)
        try purge(store, configuration)
    }
}

/// What the core has acknowledged need not lie here any longer.
private func purge(_ store: SubmissionDatabase, _ configuration: Configuration) throws {
    let purged = try store.purge(at: configuration.now())
    if purged.delivered > 0 { print("purged \(purged.delivered)") }
}

struct FerryIn: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ferry-in", abstract: "Takes in batches and acknowledgements from the inbox.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        let (configuration, store, station) = try configurationOption.openStation()
        let report = try station.runIn(at: configuration.now())
        print(report.text)
        try purge(store, configuration)
        if !report.alarms.isEmpty { throw ExitCode(1) }
    }
}
