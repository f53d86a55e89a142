import ArgumentParser
import CMS
import Ferry
import Forms
import Foundation
import Hummingbird
import LaneService
import PortalBase
import SiteBundle
import Submissions

@main
struct FormsAPI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "formsapi",
        abstract: "Takes citizens' forms in the internet buffer zone and seals them for the core.",
        version: "0.1.0",
        subcommands: [
            Serve.self, Check.self, Migrate.self, BackUp.self, Restore.self, FerryOut.self, FerryIn.self,
            LaneCommand<FormsAPI>.self,
        ])
}

struct ConfigurationOption: ParsableArguments {
    @Option(name: .customLong("config"), help: "Configuration file (YAML).")
    var path: String

    func load() throws -> Configuration { try Self.load(path) }

    static func load(_ path: String) throws -> Configuration {
        do {
            return try Configuration.load(path)
        } catch let error as ConfigurationError {
            throw ValidationError(error.description)
        }
    }
}

extension FormsAPI: LaneOwner {
    static let program = "formsapi"

    /// The edge sends e2c and receives c2e.
    static func openLanes(_ path: String) throws -> OwnedLanes {
        try lanes(of: ConfigurationOption.load(path))
    }

    static func lanes(of configuration: Configuration) throws -> OwnedLanes {
        guard let ferry = configuration.ferry else { throw ValidationError("the configuration has no ferry part") }
        let store = try SubmissionDatabase(
            location: configuration.database, siteDrop: configuration.siteDrop, random: systemRandomBytes)
        return OwnedLanes(
            settings: ferry,
            lanes: store.laneStore(sealSigners: try ferry.signerKeys().union(configuration.formerSealSigners())),
            sends: (SubmissionDatabase.sendLane, .edgeToCore),
            receives: (SubmissionDatabase.receiveLane, .coreToEdge), now: { configuration.now() },
            beforeRun: {
                guard let path = configuration.siteState, FileSystem.kind(path) == .file,
                    let state = SiteState(try FileSystem.read(path, limit: 4_096))
                else { return }
                try store.report(state, at: configuration.now())
            },
            afterRun: {
                let purged = try store.purge(at: configuration.now(), keepDelivered: ferry.keepDelivered)
                return (purged.delivered > 0 ? ["purged \(purged.delivered)"] : [])
                    + (try configuration.seals.map { try store.publishSeals(to: $0, at: configuration.now()) } ?? [])
            })
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
    @Flag(help: "Leaves out the lanes' keys, which the service's own user must not be able to read.")
    var withoutFerry = false

    func run() throws {
        let configuration = try configurationOption.load()
        _ = try buildApplication(configuration)
        try checkRecipients(configuration)
        try checkScanner(configuration)
        if !withoutFerry, configuration.ferry != nil { _ = try FormsAPI.lanes(of: configuration).station() }
        print("ok")
    }

    private func checkScanner(_ configuration: Configuration) throws {
        guard let scanner = configuration.scanner else { return }
        let forms = FormRuntime(folder: configuration.runtime, site: configuration.site).forms()
        let largest = forms.flatMap(\.fields).compactMap(\.files?.maxBytes).max() ?? configuration.maxUpload
        let warning: String
        switch try ScannerCheck.result(scanner, bytes: largest) {
        case .looks: return
        case .silent: warning = "\(scanner.text) does not answer: every file is refused until it does"
        case .refuses:
            warning = "\(scanner.text) gives no verdict on files of \(largest >> 20) MB: each of them is refused"
        case .knowsNoTest: warning = "\(scanner.text) does not know the EICAR test file: its limits cannot be checked"
        case .passesOver:
            throw ConfigurationError(
                diagnostics: [
                    Diagnostic(
                        "scanner", SourcePosition(path: configurationOption.path),
                        problem: Bilingual(
                            zh: "查毒程序把 \(largest >> 20) MB 的文件不检查就当作干净",
                            en: "the scanner calls files of \(largest >> 20) MB clean without looking into them"),
                        remedy: Bilingual(
                            zh: "请在 clamd.conf 里设 AlertExceedsMax yes，并调大 MaxFileSize、MaxScanSize",
                            en: "set `AlertExceedsMax yes` in clamd.conf, and raise MaxFileSize and MaxScanSize"))
                ])
        }
        FileHandle.standardError.write(Data("warning: \(warning)\n".utf8))
    }

    /// What is sealed for somebody else than the desk can never be taken back.
    private func checkRecipients(_ configuration: Configuration) throws {
        guard let ferry = configuration.ferry else { return }
        let (trust, now) = (try ferry.trust(), configuration.now())
        for path in configuration.recipients + ferry.recipients {
            do {
                let certificate = try Certificate(pem: FileSystem.read(path))
                try trust.verify(certificate, for: .keyAgreement, at: now, revokedBy: now)
            } catch let error as CryptoError where withoutFerry && error.code == .revocationListOutdated {
                // The lanes stand still until a new list comes; citizens need not.
                FileHandle.standardError.write(Data("warning: \(path): \(error)\n".utf8))
            } catch {
                throw ConfigurationError(
                    diagnostics: [
                        Diagnostic(
                            "recipient", SourcePosition(path: path),
                            problem: Bilingual(
                                zh: "不能为这个证书加密：\(error)", en: "nothing may be sealed for this certificate: \(error)"),
                            remedy: Bilingual(
                                zh: "请在 recipients 中换上有效的密钥协商证书",
                                en: "name a valid certificate for key agreement in `recipients`"))
                    ])
            }
        }
    }
}

struct Migrate: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Makes or upgrades the database.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        _ = try SubmissionDatabase(location: configurationOption.load().database, random: systemRandomBytes)
    }
}

struct BackUp: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copies the database into a new folder, while forms come in.")
    @OptionGroup var configurationOption: ConfigurationOption
    @Option(help: "New folder for the backup.") var out: String

    func run() throws {
        let configuration = try configurationOption.load()
        print(
            try Backup.write(
                configuration.database, of: FormsAPI.program, to: out, at: configuration.now()
            ).text)
    }
}

struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts a backup in the place of a lost database.",
        discussion:
            "Stop the service and the lanes first. Submissions that crossed since are safe in the core; those that did not are lost with the old database. An operator then begins the lanes anew."
    )
    @OptionGroup var configurationOption: ConfigurationOption
    @Option(help: "The backup's folder.") var from: String

    func run() throws {
        let configuration = try configurationOption.load()
        let backup = try Backup(from, of: FormsAPI.program)
        print(backup.text)
        try backup.restore(to: configuration.database)
        print(try Backup.nextSteps(FormsAPI.lanes(of: configuration)))
    }
}

struct FerryOut: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ferry-out", abstract: "Seals what waits into batches in the outbox, and reads acknowledgements.")
    @OptionGroup var configurationOption: ConfigurationOption
    @Flag(help: "Stays, and seals by time and size.") var watch = false
    @Flag(help: "Offers again whatever is not acknowledged.") var again = false

    func run() throws {
        let runner = LaneRunner(try FormsAPI.openLanes(configurationOption.path))
        if watch { try runner.sendForEver() }
        try runner.sendOnce(again: again)
    }
}

struct FerryIn: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ferry-in", abstract: "Takes in batches from the inbox and acknowledges them.")
    @OptionGroup var configurationOption: ConfigurationOption
    @Flag(help: "Stays, and takes in what comes.") var watch = false

    func run() throws {
        let runner = LaneRunner(try FormsAPI.openLanes(configurationOption.path))
        if watch { try runner.receiveForEver() }
        try runner.receiveOnce()
    }
}
