import ArgumentParser
import CMS
import Cases
import Ferry
import LaneDatabase
import LaneService
import PortalBase
import SQL
import Seals

/// Copies the core's database while officers work.
struct BackUp: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Seals the log and copies the database into a new folder, while officers work.",
        discussion:
            "The copy is of no use without the keys, which `backup-keys` copies to another place. Keep both where this machine's end does not reach them."
    )
    @OptionGroup var configurationOption: ConfigurationOption
    @Option(help: "New folder for the backup.") var out: String
    @Flag(help: "Makes no seal before: for a user who may not read core-sign.") var withoutSeal = false

    func run() throws {
        let configuration = try configurationOption.load()
        guard FileSystem.kind(out) == nil else {
            throw ValidationError("\(out) is there already: a backup needs a new folder")
        }
        let desk = try Desk(configuration, random: systemRandomBytes)
        if !withoutSeal { _ = try desk.seal(at: configuration.now()) }
        let newest = try desk.cases.seals().last?.seal
        let backup = try Backup.write(
            configuration.database, of: CoreDesk.program, to: out,
            notes: newest.map { ["seal": "\($0.number) \($0.digest)"] } ?? [:], at: configuration.now())
        print(backup.text)
    }
}

/// Copies what opens the database: the master key, sealed for its keepers, and the list of what was erased.
struct BackUpKeys: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup-keys",
        abstract: "Seals the master key for its keepers, and copies the list of erasures beside it.",
        discussion:
            "A keeper opens it with `openssl cms -decrypt -binary -inform DER -in master.key.p7m -inkey … -out master.key`. Make a new copy after each erasure, and destroy copies older than 30 days: a database's backup holds the words of what was erased since."
    )
    @OptionGroup var configurationOption: ConfigurationOption
    @Option(help: "New folder, at another place than the backups.") var out: String
    @Option(parsing: .upToNextOption, help: "Certificates for key agreement of the keepers.") var recipient: [String]

    func run() throws {
        let configuration = try configurationOption.load()
        let desk = try Desk(configuration, random: systemRandomBytes)
        guard !recipient.isEmpty else { throw ValidationError("name a keeper at least: --recipient CERTIFICATE") }
        let (trust, now) = (try configuration.trust.store(), configuration.now())
        let keepers = try recipient.map { path in
            let certificate = try Certificate(pem: FileSystem.read(path, limit: 1 << 20))
            try trust.verify(certificate, for: .keyAgreement, at: now, revokedBy: now)
            return certificate
        }
        guard FileSystem.kind(out) == nil else { throw ValidationError("\(out) is there already") }
        try FileSystem.makeDirectories(out, mode: 0o700)
        let sealed = try Envelope.seal(MasterKey.read(configuration.masterKey), for: keepers)
        try FileSystem.replaceDurably(out + "/master.key.p7m", with: sealed, mode: 0o600)
        let erased = try desk.erasures.ids()
        try FileSystem.replaceDurably(
            out + "/master.key.erased", with: Array(erased.map { $0 + "\n" }.joined().utf8), mode: 0o600)
        print("the master key for \(keepers.map(\.commonName).joined(separator: ", ")), and \(erased.count) erasures")
    }
}

/// Brings the database back, and everything that must be true before anybody works with it.
struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Puts a backup in the place of a lost database: what was erased since is erased again, citizens are told anew, seals go on.",
        discussion:
            "Bring back the master key and its list of erasures first, and stop the desk and the lanes. The old database must be gone from its place; nothing is overwritten."
    )
    @OptionGroup var configurationOption: ConfigurationOption
    @Option(help: "The backup's folder.") var from: String
    @Option(
        help:
            "The file of seals as the edge publishes it (seals.txt): without it the next seal contradicts those made since."
    )
    var published: String?

    /// Statuses of cases to which something happened so long before the backup go out again too.
    private static let past = 90 * 86_400

    func run() throws {
        let configuration = try configurationOption.load()
        let now = configuration.now()
        // Read before a byte is copied: without the key nothing below would work.
        _ = try MasterKey.read(configuration.masterKey)
        let seals = try published.map(SealFile.read)
        let backup = try Backup(from, of: CoreDesk.program)
        print(backup.text)
        let target = configuration.database
        if isPostgreSQL(target) {
            try backup.restore(to: target)
            try make(good: Desk(configuration, random: systemRandomBytes), backup, seals, now)
        } else {
            guard FileSystem.kind(target) == nil else {
                throw Backup.Failure("\(target) is there: move it away first, nothing is overwritten")
            }
            // Nobody finds it before it is whole.
            let place = target + ".restoring"
            for suffix in ["", "-wal", "-shm"] where FileSystem.kind(place + suffix) != nil {
                try FileSystem.remove(place + suffix)
            }
            try backup.restore(to: place)
            try make(good: Desk(configuration.over(database: place), random: systemRandomBytes), backup, seals, now)
            guard (FileSystem.size(place + "-wal") ?? 0) == 0 else {
                throw Backup.Failure("\(place)-wal still holds something: run this again")
            }
            try FileSystem.rename(place, target)
            try FileSystem.syncDirectory(FileSystem.parent(target))
        }
        try Desk(configuration, random: systemRandomBytes).overlay.write(at: now)
        print(try Backup.nextSteps(CoreDesk.openLanes(configurationOption.path)))
        print("then `coredesk audit verify` goes over the whole log")
    }

    private func make(good desk: Desk, _ backup: Backup, _ seals: [SignedSeal]?, _ now: Instant) throws {
        var erased = 0
        for id in try desk.erasures.ids() where try desk.cases.eraseAgain(id, at: now) { erased += 1 }
        let isClean = try desk.cases.removeRemains()
        print("\(erased) subjects erased again\(isClean ? "" : ", whose bytes are in the write-ahead log")")
        if let seals {
            let adopted = try desk.cases.adopt(seals, desk.sealCheck(former: []))
            print("\(adopted.count) seals taken up that were published since")
        }
        let told = try desk.tellAgain(since: backup.at.adding(seconds: -Self.past), at: now)
        print("\(told) senders are told again")
        // So that nothing of it stays beside the file.
        _ = try desk.cases.removeRemains()
    }
}

extension CoreDesk {
    static let program = "coredesk"
}
