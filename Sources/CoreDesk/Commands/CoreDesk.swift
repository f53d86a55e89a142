import ArgumentParser
import CMS
import Cases
import Ferry
import Glibc
import Hummingbird
import LaneService
import PortalBase
import Procedures
import SQL
import SiteBundle

@main
struct CoreDesk: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coredesk", abstract: "Hotline requests and parallel approvals in the core network.",
        version: "0.1.0",
        subcommands: [
            Initialize.self, Serve.self, Migrate.self, Clock.self, Audit.self, Retention.self, BackUp.self,
            BackUpKeys.self, RotateKey.self, Restore.self, Import.self, Export.self, Release.self,
            Assess.self, MakePapers.self, Render.self, Sign.self, Calendar.self, People.self, ProcessCommand.self,
            LaneCommand<CoreDesk>.self,
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
            throw ValidationError(error.text)
        }
    }
}

struct Initialize: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Makes the master key and the database of a new installation.",
        discussion: "Back the key up apart from the database: without it no case can be read, with it every backup can."
    )
    @OptionGroup var configurationOption: ConfigurationOption
    @Option(
        help: "The first people with posts and certificates (YAML): administrators at least, who appoint the others.")
    var people: String?
    @Flag(
        help:
            "Lets the people of --people in beside those on record, who appoint others and hold no other post: for when too few of these can sign in. It stays on record."
    )
    var recover = false
    @Option(
        help:
            "With --recover: key and certificate of one of them, a path without extension, or a key in a token. Each of them shows one, two at least."
    )
    var identity: [String] = []

    func validate() throws {
        if recover, people == nil { throw ValidationError("--recover needs --people") }
        if !recover, !identity.isEmpty { throw ValidationError("--identity goes with --recover") }
    }

    func run() throws {
        let configuration = try configurationOption.load()
        let path = configuration.masterKey
        if !recover, FileSystem.kind(path) == nil {
            if !isPostgreSQL(configuration.database), FileSystem.kind(configuration.database) != nil {
                throw ValidationError(
                    "\(configuration.database) is there without its master key \(path): bring that back from its backup"
                )
            }
            try configuration.masterKeyFile.write(MasterKeyFile.make(systemRandomBytes), to: path)
            try ErasureRecord(path: configuration.erasureList).make()
            print("made the master key \(path): back it up apart from the database")
        }
        let desk = try Desk(configuration, random: systemRandomBytes, recover ? .existing : .new)
        guard let people else { return }
        let founders = try FirstPeople.read(people, desk.surroundings)
        do {
            if recover {
                try showKeys(of: founders, desk)
                try desk.cases.recoverPeople(founders, at: configuration.now())
            } else {
                try desk.cases.recordFirstPeople(founders, at: configuration.now())
            }
        } catch CaseStore.Failure.running {
            throw ValidationError(
                "people are on record already: they appoint others with `coredesk people`, or, where too few of them can sign in, with --recover"
            )
        } catch CaseStore.Failure.unprepared(let text) {
            throw ValidationError(text)
        } catch CaseStore.Failure.keyReused {
            throw ValidationError("\(people): a post stands there twice; nothing was recorded")
        } catch CaseStore.Failure.refused(let refusal) {
            throw ValidationError(
                "\(people): \(refusal): a person or a certificate stands there twice, an id or a name is not one, or posts exclude each other; nothing was recorded"
            )
        }
        print("recorded \(founders.count) people")
        if recover { print("certificates that were lost stay trusted: end them with `coredesk people end`") }
    }

    /// Throws unless there are two founders at least, each shows a key, and none gets a post that does not appoint others.
    private func showKeys(of founders: [CaseStore.Founder], _ desk: Desk) throws {
        let appointing = desk.surroundings.library.processes.appointingRoles
        func refuse(_ reason: String) -> CommandRefused {
            CommandRefused(description: "\(people ?? ""): \(reason); nothing was recorded")
        }
        let now = desk.configuration.now()
        let shown = Set(
            try identity.map { try Administrator.shownKey($0, of: desk, at: now).certificate.publicKeyDigest })
        for founder in founders {
            guard founder.appointsOnly(by: appointing) else {
                let roles = appointing.sorted().joined(separator: " or ")
                throw refuse(
                    "\(founder.person) must be of level 3 and \(roles), and nothing else: others are appointed afterwards"
                )
            }
            guard shown.contains(founder.key) else {
                throw refuse("\(founder.person) must be there with the key: give --identity for each of them")
            }
        }
        guard founders.count >= 2 else { throw refuse("two people must be there with their keys") }
    }
}

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serves the staff pages on a Unix socket behind nginx.")
    @OptionGroup var configurationOption: ConfigurationOption

    /// Seconds.
    private static let patience = 10

    func run() async throws {
        let configuration = try configurationOption.load()
        let lock = try Self.lock(configuration)
        defer { withExtendedLifetime(lock) {} }
        try await buildApplication(configuration).runService()
    }

    /// One process has a socket; one that is ending is waited for.
    private static func lock(_ configuration: Configuration) throws -> FileLock {
        do throws(FileError) {
            return try FileLock.waiting(for: configuration.socket + ".lock", patience: patience, mode: 0o660)
        } catch {
            guard error.code == EWOULDBLOCK else { throw error }
            throw CommandRefused(description: "another `coredesk serve` has the socket \(configuration.socket)")
        }
    }
}

struct Migrate: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Makes or upgrades the database.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        _ = try Desk(configurationOption.load(), random: systemRandomBytes)
    }
}

extension CoreDesk: LaneOwner {
    /// The core receives e2c and sends c2e.
    static func openLanes(_ path: String) throws -> OwnedLanes {
        let configuration = try ConfigurationOption.load(path)
        let desk = try Desk(configuration, random: systemRandomBytes)
        return OwnedLanes(
            settings: configuration.ferry, lanes: desk.laneStore(), sends: (Configuration.sendLane, .coreToEdge),
            receives: (Configuration.receiveLane, .edgeToCore), now: { configuration.now() },
            afterRun: {
                let left = try desk.overlay.write(at: configuration.now())
                try desk.releases.sweep()
                return left
            })
    }
}

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Takes in batches from the inbox and acknowledges them.")
    @OptionGroup var configurationOption: ConfigurationOption
    @Flag(help: "Stays, and takes in what comes.") var watch = false

    func run() throws {
        let runner = LaneRunner(try CoreDesk.openLanes(configurationOption.path))
        if watch { try runner.receiveForEver() }
        try runner.receiveOnce()
    }
}

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Seals results into the outbox, reads acknowledgements, and completes the overlay.")
    @OptionGroup var configurationOption: ConfigurationOption
    @Flag(help: "Stays, and seals by time and size.") var watch = false
    @Flag(help: "Offers again whatever is not acknowledged.") var again = false
    @Option(help: "Releases this built tree (…/Output/public) to the edge: what changed since what the edge has.")
    var site: String?
    @Option(
        parsing: .upToNextOption,
        help: "Identities of the release officers who sign here: paths without extension, or keys in tokens.")
    var release: [String] = []
    @Option(help: "The record that the officers signed elsewhere, as `coredesk release` wrote it.") var record: String?
    @Option(parsing: .upToNextOption, help: "Their signatures over the record.") var signature: [String] = []
    @Flag(help: "With --site: sends every file, whatever the edge has.") var full = false
    @Flag(help: "With --site: this city has no intranet variant that the public tree could be compared with.")
    var withoutIntranet = false
    @Flag(help: "With --site: leaves the sending to the service, which alone must read the keys of cases.")
    var withoutSending = false

    func run() throws {
        if let site { try publish(site) }
        if site != nil, withoutSending { return }
        let runner = LaneRunner(try CoreDesk.openLanes(configurationOption.path))
        if watch { try runner.sendForEver() }
        try runner.sendOnce(again: again)
    }

    private func publish(_ site: String) throws {
        let configuration = try configurationOption.load()
        let releases = try Desk.releases(configuration, random: systemRandomBytes)
        let builder = try BundleBuilder(docroot: site, hasIntranet: !withoutIntranet)
        guard let next = try releases.next(builder.tree, full: full, at: configuration.now()) else {
            print("the edge was sent this very site already")
            return
        }
        var chosen = next
        var signatures: [[UInt8]] = []
        if let record {
            let bytes = try FileSystem.read(record, limit: 4_096)
            guard let signed = BundleRecord(bytes), signed.target == next.target,
                signed.buildSequence == next.buildSequence
            else { throw ValidationError("\(record) is not of this site and the next number, \(next.buildSequence)") }
            chosen = signed
            signatures = try signature.map { try FileSystem.read($0, limit: 1 << 20) }
        }
        signatures += try release.map { try DetachedSignature.sign(chosen.bytes, by: Identity(path: $0)) }
        let signers = Set(
            try signatures.map { try DetachedSignature.signer(of: $0, over: chosen.bytes).publicKeyDigest })
        guard signers.count >= BundleRecord.signatures else {
            throw ValidationError("a release needs the signatures of \(BundleRecord.signatures) officers")
        }
        let made = try releases.release(chosen, builder, signatures: signatures, at: configuration.now())
        print(
            "released build \(chosen.buildSequence): \(builder.tree.files.count) files, \(made.bytes) bytes to send in \(made.items) items"
        )
    }
}

struct Release: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes the record of the next release, for officers who sign it with tools of their own.",
        discussion:
            "Each signs with `openssl cms -sign -binary -outform DER -in bundle.json -out NAME.p7s -signer … -inkey …`; then `coredesk export --site … --record bundle.json --signature …` sends it."
    )
    @OptionGroup var configurationOption: ConfigurationOption
    @Option(help: "The built tree (…/Output/public).") var site: String
    @Option(help: "File for the record.") var out: String
    @Flag(help: "Sends every file, whatever the edge has.") var full = false
    @Flag(help: "This city has no intranet variant that the public tree could be compared with.")
    var withoutIntranet = false

    func run() throws {
        let configuration = try configurationOption.load()
        let releases = try Desk.releases(configuration, random: systemRandomBytes)
        guard
            let record = try releases.next(
                BundleBuilder(docroot: site, hasIntranet: !withoutIntranet).tree, full: full, at: configuration.now())
        else {
            print("the edge was sent this very site already")
            return
        }
        try FileSystem.replaceDurably(out, with: record.bytes)
        print("build \(record.buildSequence), tree \(record.target)")
    }
}
