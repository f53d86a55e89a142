import ArgumentParser
import CMS
import Ferry
import LaneDatabase
import PortalBase
import SiteBundle

/// Batches by hand: for auditors, and for an operator who must look. Never moves a lane.
@main
struct FerryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ferry", abstract: "Seals, opens and verifies batch files by hand.", version: "0.1.0",
        subcommands: [Seal.self, Open.self, Verify.self, Status.self, Epoch.self, Audit.self, Apply.self])
}

/// Whom a signature must come from.
struct TrustOptions: ParsableArguments {
    @Option(help: "Certificates of the authority (PEM).")
    var authority: String

    @Option(parsing: .upToNextOption, help: "Revocation lists (PEM).")
    var crl: [String] = []

    @Option(parsing: .upToNextOption, help: "Certificates of the allowed signers (PEM): a chain alone is not enough.")
    var signer: [String]

    func trust() throws -> TrustStore {
        try TrustStore(
            authorities: FileSystem.read(authority), revocationLists: try crl.map { try FileSystem.read($0) })
    }

    @Option(parsing: .upToNextOption, help: "Certificates of the makers of a second signature, by SM2 (PEM).")
    var sm2Signer: [String] = []

    func sm2Pinned() throws -> [Certificate] { try sm2Signer.map { try Certificate(pem: FileSystem.read($0)) } }

    func pinned() throws -> Set<SHA256Digest> {
        Set(try signer.map { try Certificate(pem: FileSystem.read($0)).publicKeyDigest })
    }
}

/// A manifest with its signatures beside it.
private struct BatchFiles {
    let manifest: BatchManifest
    let head: BatchOpener.Head
    let folder: Directory

    init(_ path: String) throws {
        guard path.hasSuffix(".mf") else { throw ValidationError("\(path): name the batch's .mf file") }
        folder = try Directory(FileSystem.parent(path))
        let stem = String(path.dropLast(3).split(separator: "/").last ?? "")
        let bytes = try folder.read(stem + ".mf", limit: 16 << 20)
        guard let manifest = BatchManifest(bytes) else { throw Refusal(reason: "not a batch manifest") }
        self.manifest = manifest
        head = .init(
            manifest: bytes, signature: try folder.read(stem + ".p7s", limit: 1 << 20),
            sm2: folder.kind(stem + ".sm2") == nil ? nil : try folder.read(stem + ".sm2", limit: 4_096))
    }

    struct Refusal: Error { let reason: String }
}

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Says of batches, acknowledgements and epoch records whether signature, signer and parts hold, and why not.",
        discussion: "Ends with 1 when something does not hold. Reads certificates and files, and changes nothing.")

    @OptionGroup var trust: TrustOptions
    @Argument(help: "Manifests (.mf), acknowledgements (.ak) or epoch records (.ep), their signatures beside them.")
    var files: [String]

    func run() throws {
        let store = try trust.trust()
        let pinned = try trust.pinned()
        var bad = false
        for file in files {
            do {
                let lines =
                    file.hasSuffix(".mf")
                    ? try batch(file, store, pinned) : try record(file, store, pinned)
                for line in lines.text { print("\(file): \(line)") }
                bad = bad || !lines.holds
            } catch let error as CryptoError {
                print("\(file): \(error)")
                bad = true
            } catch let error as FileError {
                print("\(file): \(error)")
                bad = true
            } catch let refusal as BatchFiles.Refusal {
                print("\(file): \(refusal.reason)")
                bad = true
            }
        }
        if bad { throw ExitCode(1) }
    }

    private func signed(by signer: Certificate) -> String {
        "signed by \(signer.commonName) (\(signer.publicKeyDigest))"
    }

    private func batch(
        _ file: String, _ store: TrustStore, _ pinned: Set<SHA256Digest>
    ) throws -> (text: [String], holds: Bool) {
        let batch = try BatchFiles(file)
        let manifest = batch.manifest
        let signer = try DetachedSignature.verify(
            batch.head.signature, over: batch.head.manifest, trust: store, allowed: pinned, at: manifest.created,
            revokedBy: .systemNow())
        var lines = [
            "\(signed(by: signer)), \(manifest.lane) number \(manifest.sequence) of epoch \(manifest.epoch), \(manifest.items) items, \(manifest.parts.count) parts"
        ]
        var holds = manifest.sender == signer.publicKeyDigest
        if !holds { lines.append("the manifest names another sender: \(manifest.sender)") }
        if manifest.stem + ".mf" != file.split(separator: "/").last.map(String.init) {
            lines.append("its name should be \(manifest.stem).mf")
            holds = false
        }
        if manifest.suite == .p256SM2 {
            if let second = batch.head.sm2, !trust.sm2Signer.isEmpty {
                let signer = try SM2Signature.verify(
                    second, over: batch.head.manifest, trust: store, allowed: try trust.sm2Pinned(),
                    at: manifest.created,
                    revokedBy: .systemNow())
                lines.append("second signature (SM2, SM3) by \(signer.commonName) (\(signer.publicKeyDigest))")
            } else {
                lines.append(
                    batch.head.sm2 == nil
                        ? "the second signature is missing" : "the second signature was not looked at: no --sm2-signer")
                holds = holds && batch.head.sm2 != nil
            }
        }
        for number in BatchOpener.missingParts(manifest, in: batch.folder) {
            lines.append("part \(manifest.parts[number].name) is missing or damaged")
            holds = false
        }
        if manifest.expires < .systemNow() { lines.append("expired \(manifest.expires.rfc3339(in: .shanghai))") }
        return (lines, holds)
    }

    private func record(
        _ file: String, _ store: TrustStore, _ pinned: Set<SHA256Digest>
    ) throws -> (text: [String], holds: Bool) {
        let bytes = try FileSystem.read(file, limit: 4 << 20)
        let what: String
        let at: Instant
        if file.hasSuffix(".ak"), let ack = Acknowledgement(bytes) {
            let committed = ack.ranges.map(numbersText)
            let others = ack.entries.filter { $0.result != .committed }.map {
                "\($0.sequence) \($0.code?.rawValue ?? $0.result.rawValue)"
            }
            what =
                "acknowledgement \(ack.counter) of \(ack.lane), epoch \(ack.epoch): committed \(committed.isEmpty ? "none" : committed.joined(separator: " "))"
                + (others.isEmpty ? "" : "; \(others.joined(separator: ", "))")
            at = ack.at
        } else if file.hasSuffix(".ep"), let epoch = EpochRecord(bytes) {
            what = "epoch \(epoch.epoch) of \(epoch.lane)" + (epoch.after.map { " after \($0)" } ?? ", the first")
            at = epoch.created
        } else {
            throw BatchFiles.Refusal(reason: "not a batch, an acknowledgement or an epoch record")
        }
        guard let dot = file.lastIndex(of: ".") else { throw BatchFiles.Refusal(reason: "has no ending") }
        let signer = try DetachedSignature.verify(
            FileSystem.read(file[..<dot] + ".p7s", limit: 1 << 20), over: bytes, trust: store, allowed: pinned, at: at,
            revokedBy: .systemNow())
        return ([signed(by: signer) + ", " + what], true)
    }
}

struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Opens one batch into a folder; its items stay sealed for the desk.")

    @OptionGroup var trust: TrustOptions
    @Option(help: "Path without extension of the recipient's certificate and key, or a key in a token (pkcs11:…).")
    var key: String
    @Option(help: "New folder for the bag's payload.")
    var out: String
    @Argument(help: "Manifest (.mf).")
    var file: String

    func run() throws {
        guard FileSystem.kind(out) == nil else { throw ValidationError("\(out) exists already") }
        do {
            let batch = try BatchFiles(file)
            let opener = BatchOpener(
                identities: [try Identity(path: key)], trust: try trust.trust(), allowedSigners: try trust.pinned(),
                sm2Signers: try trust.sm2Pinned(), registry: batch.manifest.lane == "c2e" ? .coreToEdge : .edgeToCore,
                seal: batch.manifest.seal)
            let verified = try opener.verify(
                batch.head, lane: batch.manifest.lane, epoch: batch.manifest.epoch, at: batch.manifest.created)
            let folder = try Directory(out, mode: 0o700)
            do {
                let items = try opener.open(verified, from: batch.folder, staging: folder, unpacking: true)
                print("signed by \(verified.signer); \(items.count) items in \(out)/data")
            } catch {
                try FileSystem.removeTree(out)
                throw error
            }
        } catch let noise as BatchOpener.Noise {
            print("\(file): refused: \(noise.rawValue)")
            throw ExitCode(1)
        } catch let rejection as BatchOpener.Rejection {
            print("\(file): refused: \(rejection.code.rawValue)")
            throw ExitCode(1)
        } catch let missing as BatchOpener.PartMissing {
            print("\(file): part \(missing.number) is missing or damaged")
            throw ExitCode(1)
        } catch let refusal as BatchFiles.Refusal {
            print("\(file): \(refusal.reason)")
            throw ExitCode(1)
        }
    }
}

struct Seal: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Seals folders of items into one batch.")

    @Option(help: "Lane, e2c or c2e.") var lane: String
    @Option(help: "Epoch of the installation.") var epoch: String
    @Option(help: "Number in the lane.") var seq: Int
    @Option(help: "SHA-256 of the lane's previous manifest.") var prev: String?
    @Option(help: "Path without extension of the signer's certificate and key, or a key in a token (pkcs11:…).")
    var sign: String
    @Option(help: "The same for a second signature, by SM2.") var sm2Sign: String?
    @Flag(help: "Parts as they are, for a gap box that looks inside; items stay sealed in themselves.") var plain =
        false
    @Option(parsing: .upToNextOption, help: "Recipients' certificates (PEM).") var to: [String]
    @Option(help: "Folder for the batch's files.") var out: String
    @Option(help: "Instant of sealing; the clock when not given.") var now: String?
    @Option(help: "A folder whose folders are all items.") var folder: String?
    @Argument(help: "Folders, one an item, named by its id, each with item.json and its parts.")
    var items: [String] = []

    func run() throws {
        guard ["e2c", "c2e"].contains(lane), seq > 0, isEpoch(epoch) else {
            throw ValidationError("--lane is e2c or c2e, --seq 1 or more, --epoch 16 hexadecimal digits or more")
        }
        let registry = lane == "c2e" ? KindRegistry.coreToEdge : .edgeToCore
        let all = try items + (folder.map { path in try FileSystem.list(path).map { path + "/" + $0.name } } ?? [])
        let loaders = all.map { folder in
            { () throws -> FerryItem in
                let item = try Self.item(folder)
                if let refusal = try registry.refusal(of: item) {
                    throw ValidationError("\(folder) may not cross: \(refusal.rawValue)")
                }
                return item
            }
        }
        let sealer = BatchSealer(
            signer: try Identity(path: sign), sm2Signer: try sm2Sign.map { try Identity(path: $0) },
            recipients: try to.map { try Certificate(pem: FileSystem.read($0)) }, registry: registry,
            seal: plain ? .none : .cms, random: systemRandomBytes)
        let created = now.flatMap { Instant(iso: $0, zone: .shanghai) } ?? .systemNow()
        let manifest = try sealer.seal(
            .init(
                lane: lane, epoch: epoch, sequence: seq, previous: prev.flatMap(SHA256Digest.init(hex:)),
                created: created,
                lifetime: 30 * 86_400),
            items: loaders, into: Directory(out))
        print(manifest.stem)
    }

    /// A folder named by an item's id, its parts read when they are needed.
    private static func item(_ path: String) throws -> FerryItem {
        let folder = try Directory(path)
        let parts = try folder.names().map { name in
            FerryItem.Part(name: name, count: folder.size(name) ?? 0) { try folder.read(name) }
        }
        let clear = try parts.first { $0.name == "item.json" }?.bytes()
        let kind = clear.flatMap { try? JSON(parsing: $0) }?["kind"]?.string ?? ""
        return FerryItem(kind: kind, id: String(path.split(separator: "/").last ?? ""), parts: parts)
    }
}

/// Database locations as the owners' configurations have them.
private func checked(_ database: String) throws -> String {
    guard database.contains("://") || FileSystem.kind(database) == .file else {
        throw ValidationError("there is no database \(database)")
    }
    return database
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says how the lanes of one side stand, from its owner's database.",
        discussion: "Ends with 1 while an alarm stands.")

    @Argument(help: "The owner's database (formsapi's or coredesk's).") var database: String
    @Flag(help: "JSON instead of text.") var json = false
    @Option(help: "Instant to count ages from; the clock when not given.") var now: String?

    func run() throws {
        let at = now.flatMap { Instant(iso: $0, zone: .shanghai) } ?? .systemNow()
        let lanes = try LaneDatabase.status(of: checked(database), at: at)
        if json {
            print(JSON.array(lanes.map(\.json)).canonicalText)
        } else {
            for lane in lanes { print(lane.text) }
        }
        if lanes.contains(where: { !$0.alarms.isEmpty }) { throw ExitCode(1) }
    }
}

struct Epoch: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes an operator's record that begins a lane, or begins it anew after a loss.",
        discussion: "Both sides adopt it: `formsapi lane adopt`, `coredesk lane adopt`.")

    @Option(help: "Lane, e2c or c2e.") var lane: String
    @Option(help: "The epoch that ends, as `ferry status` shows it; none for a lane's first.") var after: String?
    @Option(
        help:
            "Number of the old epoch from which on delivered items are sent again: for a receiver restored from a backup."
    )
    var resendFrom: Int?
    @Option(help: "Path without extension of the operator's certificate and key, or a key in a token (pkcs11:…).")
    var sign: String
    @Option(help: "Folder for the record and its signature.") var out: String
    @Option(help: "Instant of the record; the clock when not given.") var now: String?

    func run() throws {
        let created = now.flatMap { Instant(iso: $0, zone: .shanghai) } ?? .systemNow()
        let record = EpochRecord(
            lane: lane, epoch: hexText(systemRandomBytes(16)), after: after, resendFrom: resendFrom, created: created)
        guard EpochRecord(record.bytes) == record else {
            throw ValidationError("--lane is e2c or c2e, --after an epoch, --resend-from 1 or more")
        }
        let signature = try DetachedSignature.sign(record.bytes, by: Identity(path: sign))
        let folder = try Directory(out)
        try folder.replaceDurably(record.stem + ".p7s", signature)
        try folder.replaceDurably(record.stem + ".ep", record.bytes)
        print("\(out)/\(record.stem).ep")
    }
}

struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints the audit log of one side, or says whether its chain holds.",
        discussion: "Every line carries the SHA-256 of the line before it.")

    @Argument(help: "The owner's database, or with --verify a file of printed lines.") var source: String
    @Flag(help: "Checks the chain instead of printing it, and names the newest line's digest.") var verify = false
    @Flag(help: "The source is a file of lines.") var file = false

    func run() throws {
        let lines =
            file
            ? String(decoding: try FileSystem.read(source), as: UTF8.self).split(separator: "\n").map(String.init)
            : try AuditLog.lines(of: checked(source))
        guard verify else {
            for line in lines { print(line) }
            return
        }
        if let number = AuditLog.breakPoint(lines) {
            print("line \(number) does not follow from the one before it")
            throw ExitCode(1)
        }
        print("\(lines.count) lines hold; the newest is \(AuditLog.head(lines)?.hex ?? "none")")
    }
}

struct Apply: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts a released site in the place of the one that is served; run by the site's own user.",
        discussion:
            "`SITE/current` always leads to a whole tree. Ends with 1 when something came that may not be served.")

    @Option(help: "Folder in which the ferry leaves site bundles.") var drop: String
    @Option(help: "Folder that holds `current` and the trees.") var site: String
    @Option(help: "Certificates of the authority (PEM).") var authority: String
    @Option(parsing: .upToNextOption, help: "Revocation lists (PEM).") var crl: [String] = []
    @Option(parsing: .upToNextOption, help: "Certificates of the release officers (PEM).") var officer: [String]
    @Option(help: "Instant to judge certificates at; the clock when not given.") var now: String?

    func run() throws {
        let trust = try TrustStore(
            authorities: FileSystem.read(authority), revocationLists: try crl.map { try FileSystem.read($0) })
        let officers = Set(try officer.map { try Certificate(pem: FileSystem.read($0)).publicKeyDigest })
        let applier = BundleApplier(drop: drop, site: site, trust: trust, officers: officers)
        switch try applier.run(at: now.flatMap { Instant(iso: $0, zone: .shanghai) } ?? .systemNow()) {
        case .nothing: print("nothing to do")
        case .applied(let sequence, let files, let signers):
            print("serving build \(sequence), \(files) files, released by \(signers.joined(separator: " and "))")
        case .wantsFull(let sequence, let missing):
            print("build \(sequence): \(missing) files neither came nor are here; the core is asked for all of them")
            throw ExitCode(1)
        case .refused(let sequence, let reason):
            print("build \(sequence) refused: \(reason)")
            throw ExitCode(1)
        }
    }
}
