import ArgumentParser
import CMS
import Ferry
import LaneDatabase
import PortalBase

/// Batches by hand: for auditors, and for an operator who must look. Never moves a lane.
@main
struct FerryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ferry", abstract: "Seals, opens and verifies batch files by hand.", version: "0.1.0",
        subcommands: [Seal.self, Open.self, Verify.self, Status.self])
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

    func pinned() throws -> Set<SHA256Digest> {
        Set(try signer.map { try Certificate(pem: FileSystem.read($0)).publicKeyDigest })
    }
}

/// Reads a `.mf` with its `.p7s`.
private func readBatch(_ path: String) throws -> (manifest: BatchManifest, bytes: [UInt8], signature: [UInt8]) {
    guard path.hasSuffix(".mf") else { throw ValidationError("\(path): name the batch's .mf file") }
    let bytes = try FileSystem.read(path, limit: 16 << 20)
    guard let manifest = BatchManifest(bytes) else {
        print("\(path): not a batch manifest")
        throw ExitCode(1)
    }
    return (manifest, bytes, try FileSystem.read(String(path.dropLast(3)) + ".p7s", limit: 1 << 20))
}

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says of each batch whether signature, signer and parts hold, and why not.")

    @OptionGroup var trust: TrustOptions
    @Argument(help: "Manifests (.mf).")
    var files: [String]

    func run() throws {
        var bad = false
        let (store, pinned) = (try trust.trust(), try trust.pinned())
        for file in files {
            do {
                let batch = try readBatch(file)
                let signer = try DetachedSignature.verify(
                    batch.signature, over: batch.bytes, trust: store, allowed: pinned, at: batch.manifest.created,
                    revokedBy: .systemNow())
                let folder = FileSystem.parent(file)
                let damaged = batch.manifest.parts.filter { part in
                    // A part that cannot be read is as bad as one that is wrong.
                    guard let bytes = try? FileSystem.read(folder + "/" + part.name, limit: part.bytes) else {
                        return true
                    }
                    return SHA256Digest(of: bytes) != part.digest
                }
                print(
                    "\(file): signed by \(signer.commonName) (\(signer.publicKeyDigest)), \(batch.manifest.items) items, \(batch.manifest.parts.count) parts"
                )
                for part in damaged { print("\(file): part \(part.name) is missing or damaged") }
                bad = bad || !damaged.isEmpty
            } catch let error as CryptoError {
                print("\(file): \(error)")
                bad = true
            } catch let error as FileError {
                print("\(file): \(error)")
                bad = true
            } catch is ExitCode {
                bad = true
            }
        }
        if bad { throw ExitCode(1) }
    }
}

struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Opens one batch into a folder; its items stay sealed for the desk.")

    @OptionGroup var trust: TrustOptions
    @Option(help: "Path without extension of the recipient's certificate and key.")
    var key: String
    @Option(help: "New folder for the bag's payload.")
    var out: String
    @Argument(help: "Manifest (.mf).")
    var file: String

    func run() throws {
        guard FileSystem.kind(out) == nil else { throw ValidationError("\(out) exists already") }
        let batch = try readBatch(file)
        let registry = batch.manifest.lane == "c2e" ? KindRegistry.coreToEdge : .edgeToCore
        let opener = BatchOpener(
            identity: try Identity(path: key), trust: try trust.trust(), allowedSigners: try trust.pinned(),
            registry: registry)
        do {
            let verified = try opener.verify(
                manifest: batch.bytes, signature: batch.signature, lane: batch.manifest.lane,
                epoch: batch.manifest.epoch,
                at: batch.manifest.created)
            try FileSystem.makeDirectories(out, mode: 0o700)
            let items = try opener.open(verified, from: FileSystem.parent(file), staging: out)
            print("signed by \(verified.signer); \(items.count) items in \(out)/data")
        } catch let noise as BatchOpener.Noise {
            print("\(file): refused: \(noise.rawValue)")
            throw ExitCode(1)
        } catch let rejection as BatchOpener.Rejection {
            try FileSystem.removeTree(out)
            print("\(file): refused: \(rejection.code.rawValue)")
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
    @Option(help: "Path without extension of the signer's certificate and key.") var sign: String
    @Option(parsing: .upToNextOption, help: "Recipients' certificates (PEM).") var to: [String]
    @Option(help: "Folder for the batch's files.") var out: String
    @Option(help: "Instant of sealing; the clock when not given.") var now: String?
    @Argument(help: "Folders, one an item, named by its id, each with item.json and its parts.")
    var items: [String]

    func run() throws {
        guard ["e2c", "c2e"].contains(lane), seq > 0 else {
            throw ValidationError("--lane is e2c or c2e, --seq 1 or more")
        }
        let registry = lane == "c2e" ? KindRegistry.coreToEdge : .edgeToCore
        let loaded = try items.map { folder -> FerryItem in
            let parts = try FileSystem.filesBelow(folder).map {
                FerryItem.Part(name: $0, bytes: try FileSystem.read(folder + "/" + $0))
            }
            let clear = parts.first { $0.name == "item.json" }
            let kind = clear.flatMap { try? JSON(parsing: $0.bytes()) }?["kind"]?.string ?? ""
            let item = FerryItem(kind: kind, id: String(folder.split(separator: "/").last ?? ""), parts: parts)
            if let refusal = try registry.refusal(of: item) {
                throw ValidationError("\(folder) may not cross: \(refusal.rawValue)")
            }
            return item
        }
        let sealer = BatchSealer(
            signer: try Identity(path: sign), recipients: try to.map { try Certificate(pem: FileSystem.read($0)) },
            registry: registry,
            random: systemRandomBytes)
        try FileSystem.makeDirectories(out)
        let created = now.flatMap { Instant(iso: $0, zone: .shanghai) } ?? .systemNow()
        let manifest = try sealer.seal(
            .init(
                lane: lane, epoch: epoch, sequence: seq, previous: prev.flatMap(SHA256Digest.init(hex:)),
                created: created,
                lifetime: 30 * 86_400),
            items: loaded.map { item in { item } }, into: out)
        print(manifest.stem)
    }
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says how the lanes of one side stand, from its owner's database.")

    @Argument(help: "The owner's database (formsapi's or coredesk's).")
    var database: String
    @Flag(help: "JSON instead of text.")
    var json = false

    func run() throws {
        guard FileSystem.kind(database) == .file else { throw ValidationError("there is no database \(database)") }
        let lanes = try LaneDatabase.status(of: database)
        if json {
            print(JSON.array(lanes.map(\.json)).canonicalText)
        } else {
            for lane in lanes { print(lane.text) }
        }
    }
}
