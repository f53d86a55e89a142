package import PortalBase

/// What the core swears to have on record at a moment: the root of a Merkle tree over everything that was added to its log since the
/// seal before. It names no person and no case.
package struct Seal: Sendable, Equatable {
    /// From 1, without a gap.
    package let number: Int
    /// Digest of the seal before; nil of the first.
    package let previous: SHA256Digest?
    package let at: Instant
    /// How many leaves the tree has besides the root before.
    package let leaves: Int
    package let root: SHA256Digest

    private static let format = "xinmi-seal-1"
    /// Seals beyond this number are none: a day has one or a few.
    private static let most = Int(Int32.max)

    /// The seal after `previous` over these leaves, as `SealLeaf.sorted` orders them.
    package init(after previous: Seal?, over leaves: [SealLeaf], at instant: Instant) {
        number = (previous?.number ?? 0) + 1
        self.previous = previous?.digest
        at = instant
        self.leaves = leaves.count
        root = Self.tree(after: previous?.root, leaves).root
    }

    /// The tree whose root a seal holds: the root before, then the leaves.
    package static func tree(after root: SHA256Digest?, _ leaves: [SealLeaf]) -> MerkleTree {
        let before = "root \(root?.hex ?? String(repeating: "0", count: 64))"
        return MerkleTree([Array(before.utf8)] + leaves.map(\.bytes))
    }

    private var fields: [String: JSON] {
        [
            "at": .string(at.rfc3339(in: .shanghai)), "fmt": .string(Self.format), "leaves": .integer(leaves),
            "n": .integer(number), "prev": previous.map { .string($0.hex) } ?? .null, "root": .string(root.hex),
        ]
    }

    /// Canonical JSON: what is signed.
    package var bytes: [UInt8] { JSON.object(fields).canonicalBytes }
    package var digest: SHA256Digest { SHA256Digest(of: bytes) }

    /// Nil for anything but the bytes of a seal.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= 1_024, let json = try? JSON(parsing: bytes) else { return nil }
        self.init(json)
        guard self.bytes == bytes else { return nil }
    }

    private init?(_ json: JSON) {
        let previous = json["prev"]?.string.flatMap(SHA256Digest.init(hex:))
        guard json["fmt"]?.string == Self.format, let number = json["n"]?.integer, (1...Self.most).contains(number),
            let leaves = json["leaves"]?.integer, leaves >= 0,
            let root = json["root"]?.string.flatMap(SHA256Digest.init(hex:)),
            let at = json["at"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
            previous != nil || json["prev"] == .null, (previous == nil) == (number == 1)
        else { return nil }
        (self.number, self.previous, self.at, self.leaves, self.root) = (number, previous, at, leaves, root)
    }

    /// Whether this one may stand behind `other` without contradicting it.
    package func follows(_ other: Seal) -> Bool { number == other.number + 1 && previous == other.digest }
}

/// One entry of a seal's tree.
package struct SealLeaf: Sendable, Hashable {
    package enum Kind: String, Sendable {
        /// A subject's newest event.
        case event
        /// A writer's newest line of readings.
        case reading
    }

    package let kind: Kind
    /// Id of the subject or name of the writer; without spaces.
    package let name: String
    /// The event's version, or the line's number.
    package let version: Int
    /// Of the chain up to it.
    package let digest: SHA256Digest

    package init(kind: Kind, name: String, version: Int, digest: SHA256Digest) {
        self.kind = kind
        self.name = name
        self.version = version
        self.digest = digest
    }

    /// By their bytes, as a seal's tree holds them.
    package static func sorted(_ leaves: [SealLeaf]) -> [SealLeaf] {
        leaves.map { (leaf: $0, bytes: $0.bytes) }
            .sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }.map(\.leaf)
    }

    package var text: String { "\(kind.rawValue) \(name) \(version) \(digest.hex)" }
    package var bytes: [UInt8] { Array(text.utf8) }
}

/// A seal with the detached signature of the core's signing key.
package struct SignedSeal: Sendable, Equatable {
    package let seal: Seal
    package let signature: [UInt8]

    package init(seal: Seal, signature: [UInt8]) {
        self.seal = seal
        self.signature = signature
    }

    /// Kind of the item that carries it.
    package static let kind = "seal"
    /// Id of its item: one content, one id.
    package var id: String { makeUUID(of: seal.digest) }

    /// `item.json`
    package var item: [UInt8] {
        var fields = (try? JSON(parsing: seal.bytes))?.object ?? [:]
        fields["id"] = .string(id)
        fields["kind"] = .string(Self.kind)
        fields["signature"] = .string(base64(signature))
        return JSON.object(fields).canonicalBytes
    }

    /// Nil for anything but the clear part of a seal's item.
    package init?(item: [UInt8]) {
        guard item.count <= 16 << 10, let json = try? JSON(parsing: item), var fields = json.object,
            let id = fields.removeValue(forKey: "id")?.string, let kind = fields.removeValue(forKey: "kind")?.string,
            let signature = fields.removeValue(forKey: "signature")?.string.flatMap(bytesFromBase64),
            let seal = Seal(JSON.object(fields).canonicalBytes), kind == Self.kind
        else { return nil }
        self.init(seal: seal, signature: signature)
        guard self.id == id else { return nil }
    }

    /// A line of the published file: the seal, a tab, its signature in base64.
    package var line: String { String(decoding: seal.bytes, as: UTF8.self) + "\t" + base64(signature) }

    /// Nil for anything but a line of the published file.
    package init?(line: some StringProtocol) {
        let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard parts.count == 2, let seal = Seal(Array(parts[0].utf8)), let signature = bytesFromBase64(String(parts[1]))
        else { return nil }
        self.init(seal: seal, signature: signature)
    }
}
