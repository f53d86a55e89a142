package import PortalBase

/// The signed head of a batch: who, to whom, which number, and the digest of every part. No personal data.
package struct BatchManifest: Sendable, Equatable {
    static let format = "xinmi-batch/1"
    /// P-256 ECDH with SHA-256 KDF, AES-256-GCM, SHA-256.
    static let suite = "p256-sha256-aes256gcm"
    static let maxBytes = 16 << 20
    /// Content of one part before it is sealed.
    static let partBytes = 8 << 20

    package struct Part: Sendable, Equatable {
        package let number: Int
        package let name: String
        package let bytes: Int
        package let digest: SHA256Digest
    }

    package let lane: String
    package let epoch: String
    package let sequence: Int
    /// SHA-256 of the lane's previous `.mf`; nil for the first.
    package let previous: SHA256Digest?
    package let created: Instant
    package let expires: Instant
    /// SPKI SHA-256 of signer and recipients.
    package let sender: SHA256Digest
    package let recipients: [SHA256Digest]
    package let items: Int
    package let plainBytes: Int
    package let innerManifest: SHA256Digest
    package let parts: [Part]
    package let limits: String

    package static func stem(lane: String, sequence: Int) -> String { "\(lane)-\(padded(sequence, 10))" }
    package var stem: String { Self.stem(lane: lane, sequence: sequence) }

    package var bytes: [UInt8] {
        var fields: [String: JSON] = [
            "fmt": .string(Self.format), "suite": .string(Self.suite), "seal": .string("cms"), "kind": .string("items"),
            "lane": .string(lane), "epoch": .string(epoch), "seq": .integer(sequence),
            "prev": previous.map { .string($0.hex) } ?? .null,
        ]
        fields["created"] = .string(created.rfc3339(in: .shanghai))
        fields["expires"] = .string(expires.rfc3339(in: .shanghai))
        fields["sender"] = .string(sender.hex)
        fields["recipient"] = .array(recipients.map { .string($0.hex) })
        fields["items"] = .integer(items)
        fields["plainBytes"] = .integer(plainBytes)
        fields["innerManifest"] = .string(innerManifest.hex)
        fields["limits"] = .string(limits)
        fields["parts"] = .array(
            parts.map {
                .object([
                    "n": .integer($0.number), "name": .string($0.name), "bytes": .integer($0.bytes),
                    "sha256": .string($0.digest.hex),
                ])
            })
        return JSON.object(fields).canonicalBytes
    }

    /// Strict: canonical bytes, known keys only, part names as the format makes them. Nil for anything else.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.maxBytes, let json = try? JSON(parsing: bytes), json.canonicalBytes == bytes,
            let fields = json.object, fields.count == 17,
            fields["fmt"] == .string(Self.format), fields["suite"] == .string(Self.suite),
            fields["seal"] == .string("cms"),
            fields["kind"] == .string("items"), let lane = fields["lane"]?.string, let epoch = fields["epoch"]?.string,
            let sequence = fields["seq"]?.integer, sequence > 0, let prev = fields["prev"],
            let created = fields["created"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
            let expires = fields["expires"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
            let sender = fields["sender"]?.string.flatMap(SHA256Digest.init(hex:)),
            let recipients = fields["recipient"]?.array?.compactMap({ $0.string.flatMap(SHA256Digest.init(hex:)) }),
            !recipients.isEmpty,
            let items = fields["items"]?.integer, items >= 0, let plainBytes = fields["plainBytes"]?.integer,
            let inner = fields["innerManifest"]?.string.flatMap(SHA256Digest.init(hex:)),
            let limits = fields["limits"]?.string,
            let partFields = fields["parts"]?.array, partFields.count <= 65_536
        else { return nil }
        self.lane = lane
        self.epoch = epoch
        self.sequence = sequence
        if prev == .null {
            previous = nil
        } else {
            guard let digest = prev.string.flatMap(SHA256Digest.init(hex:)) else { return nil }
            previous = digest
        }
        self.created = created
        self.expires = expires
        self.sender = sender
        self.recipients = recipients
        self.items = items
        self.plainBytes = plainBytes
        innerManifest = inner
        self.limits = limits
        var parts: [Part] = []
        for (number, part) in partFields.enumerated() {
            let name = "\(Self.stem(lane: lane, sequence: sequence))-\(padded(number, 5)).p7m"
            guard part.object?.count == 4, part["n"]?.integer == number, part["name"]?.string == name,
                let size = part["bytes"]?.integer,
                size > 0, size <= 64 << 20, let digest = part["sha256"]?.string.flatMap(SHA256Digest.init(hex:))
            else { return nil }
            parts.append(Part(number: number, name: name, bytes: size, digest: digest))
        }
        self.parts = parts
    }

    init(
        lane: String, epoch: String, sequence: Int, previous: SHA256Digest?, created: Instant, expires: Instant,
        sender: SHA256Digest, recipients: [SHA256Digest], items: Int, plainBytes: Int, innerManifest: SHA256Digest,
        parts: [Part], limits: String
    ) {
        self.lane = lane
        self.epoch = epoch
        self.sequence = sequence
        self.previous = previous
        self.created = created
        self.expires = expires
        self.sender = sender
        self.recipients = recipients
        self.items = items
        self.plainBytes = plainBytes
        self.innerManifest = innerManifest
        self.parts = parts
        self.limits = limits
    }
}
