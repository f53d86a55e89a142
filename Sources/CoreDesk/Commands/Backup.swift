import ArgumentParser
import CMS
import Cases
import Ferry
import LaneDatabase
import LaneService
import Papers
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

    /// Note that names the master key with which the copy opens.
    static let masterKey = "master-key"

    func run() throws {
        let configuration = try configurationOption.load()
        guard FileSystem.kind(out) == nil else {
            throw CommandRefused(description: "\(out) is there already: a backup needs a new folder")
        }
        let desk = try Desk(configuration, random: systemRandomBytes)
        if !withoutSeal { _ = try desk.seal(at: configuration.now()) }
        let newest = try desk.cases.seals().last?.seal
        var notes = [Self.masterKey: MasterKeyFile.fingerprint(try configuration.masterKeyFile.read())]
        notes["seal"] = newest.map { "\($0.number) \($0.digest)" }
        let backup = try Backup.write(
            configuration.database, of: CoreDesk.program, to: out, notes: notes, at: configuration.now())
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
            do {
                try trust.verify(certificate, for: .keyAgreement, at: now, revokedBy: now)
            } catch {
                throw CommandRefused(
                    description:
                        "\(path): \(error): a keeper needs a certificate of the city's authority for key agreement")
            }
            return certificate
        }
        guard FileSystem.kind(out) == nil else { throw CommandRefused(description: "\(out) is there already") }
        try FileSystem.makeDirectories(out, mode: 0o700)
        let master = try configuration.masterKeyFile.read()
        let sealed = try Envelope.seal(master, for: keepers)
        try FileSystem.replaceDurably(out + "/master.key.p7m", with: sealed, mode: 0o600)
        try FileSystem.replaceDurably(
            out + "/fingerprint", with: Array((MasterKeyFile.fingerprint(master) + "\n").utf8), mode: 0o600)
        // One of before there was a list has erased nothing.
        try desk.erasures.make()
        let erased = try desk.erasures.entries()
        try FileSystem.replaceDurably(
            out + "/master.key.erased", with: FileSystem.read(desk.erasures.path), mode: 0o600)
        print(
            "the master key \(MasterKeyFile.fingerprint(master)) for \(keepers.map(\.commonName).joined(separator: ", ")), and \(erased.count) erasures"
        )
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
            "The file of seals as the edge publishes it (seals.txt), so that the next seal follows from those made since."
    )
    var published: String?
    @Flag(help: "No seal was published since the backup: the next one would contradict it.")
    var nothingPublished = false
    @Option(help: "A certificate that signed seals before the present one; may be given several times.")
    var formerSigner: [String] = []

    /// Statuses of cases to which something happened so long before the backup go out again too.
    private static let past = 90 * 86_400

    func run() throws {
        let configuration = try configurationOption.load()
        let now = configuration.now()
        // Read before a byte is copied: without them nothing below would be right.
        let master = MasterKeyFile.fingerprint(try configuration.masterKeyFile.read())
        let erased = try ErasureRecord(path: configuration.erasureList).entries()
        let seals = try published.map(SealFile.read)
        let backup = try Backup(from, of: CoreDesk.program)
        print(backup.text)
        if let other = backup.notes[BackUp.masterKey], other != master {
            throw Backup.Failure(
                "the backup was made under the master key \(other), and \(configuration.masterKey) is \(master): bring the keepers' copy of that time back (its folder says `fingerprint`), and `coredesk rotate-key` afterwards"
            )
        }
        if seals == nil, !nothingPublished, backup.notes["seal"] != nil {
            throw Backup.Failure(
                "the backup's log is sealed: give --published with seals.txt as the edge publishes it, or --nothing-published"
            )
        }
        // Until the end nobody opens the database.
        let mark = configuration.restoringMark
        var isPlaced = FileSystem.kind(mark) != nil
        try FileSystem.replaceDurably(mark, with: [], mode: 0o640)
        do {
            try bringBack(backup, configuration, &isPlaced) { desk in
                try make(good: desk, backup, erased, seals, now)
            }
        } catch {
            // Where the copy was not put in place, the database that is there is none of this restore's.
            if !isPlaced { try FileSystem.remove(mark) }
            throw error
        }
        try FileSystem.remove(mark)
        let desk = try Desk(configuration, random: systemRandomBytes)
        for line in try desk.overlay.removeUnknown() + desk.overlay.write(at: now) { print(line) }
        print(try Backup.nextSteps(CoreDesk.openLanes(configurationOption.path)))
        print("then `coredesk audit verify` goes over the whole log")
    }

    /// - Parameter isPlaced: whether the copy is where the database belongs; true at first after a restore that died.
    private func bringBack(
        _ backup: Backup, _ configuration: Configuration, _ isPlaced: inout Bool, _ make: (Desk) throws -> Void
    ) throws {
        let target = configuration.database
        if isPostgreSQL(target) {
            do {
                try backup.restore(to: target)
                isPlaced = true
            } catch let failure as Backup.Failure where isPlaced {
                print("going on with the database that is there (\(failure))")
            }
            return try make(Desk(configuration, random: systemRandomBytes, .restoring))
        }
        // It has its name when it is whole: the restore before died behind that.
        if isPlaced, FileSystem.kind(target) != nil { return }
        try Backup.checkFree(target)
        // Nobody finds it before it is whole.
        var building = configuration
        building.database = target + ".restoring"
        for file in Backup.files(of: building.database) where FileSystem.kind(file) != nil {
            try FileSystem.remove(file)
        }
        try backup.restore(to: building.database)
        try make(Desk(building, random: systemRandomBytes, .restoring))
        guard (FileSystem.size(building.database + "-wal") ?? 0) == 0 else {
            throw Backup.Failure("\(building.database)-wal still holds something: run this again")
        }
        try FileSystem.rename(building.database, target)
        try FileSystem.syncDirectory(FileSystem.parent(target))
    }

    private func make(
        good desk: Desk, _ backup: Backup, _ erased: [String: ErasureRecord.Entry], _ seals: [SignedSeal]?,
        _ now: Instant
    ) throws {
        var again = 0
        for (id, entry) in erased.sorted(by: { $0.key < $1.key })
        where try desk.cases.eraseAgain(id, entry.erasure, at: entry.at, now: now) { again += 1 }
        print("\(again) subjects erased again")
        if let seals {
            guard let adopted = try desk.cases.adopt(seals, desk.sealCheck(former: formerSigner)) else {
                throw Backup.Failure(
                    "the published seals do not follow from those of the backup, or nobody known signed them (--former-signer): this is no backup of the log that was published"
                )
            }
            print("\(adopted.count) seals taken up that were published since")
        }
        if let papers = desk.configuration.papers {
            let signed = try desk.cases.signedPapers()
            // One that never signed has none.
            let isThere = FileSystem.kind(papers.register) == .file
            guard isThere || signed == 0 else {
                throw Backup.Failure(
                    "\(papers.register) is not here: bring the signer's register back first, so that no number stands on two papers"
                )
            }
            let register = isThere ? try PaperRegister.entries(papers.register) : []
            guard signed <= register.count else {
                throw Backup.Failure(
                    "\(papers.register) has \(register.count) lines, and the backup knows of \(signed) signed papers: it is not the register of this core"
                )
            }
            for (number, entry) in register.enumerated() where !(try desk.raise(entry.number)) {
                print("\(papers.register):\(number + 1): \(entry.number) is no number of a paper and was passed over")
            }
            print("numbers go on behind \(register.count) papers that were signed")
        }
        let told = try desk.tellAgain(since: backup.at.adding(seconds: -Self.past), at: now)
        print("\(told) senders are told again")
        // So that nothing of it stays beside the file.
        guard try desk.cases.removeRemains() else {
            throw Backup.Failure("somebody else reads the database: stop the desk and the lanes, and run this again")
        }
    }
}

extension CoreDesk {
    static let program = "coredesk"
}
