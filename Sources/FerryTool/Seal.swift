import ArgumentParser
import CMS
import Ferry
import PortalBase

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
        let loaders = all.map { folder in { () throws -> FerryItem in try Self.item(folder) } }
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
            items: loaders, into: Directory(making: out))
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
        let folder = try Directory(making: out)
        try folder.replaceDurably(record.stem + ".p7s", signature)
        try folder.replaceDurably(record.stem + ".ep", record.bytes)
        print("\(out)/\(record.stem).ep")
    }
}
