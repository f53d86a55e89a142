package import PortalBase

/// The signed head of a batch: who, to whom, which number, and the digest of every part. No personal data.
package struct BatchManifest: Sendable, Equatable {
    static let format = "xinmi-batch/1"

    /// Algorithms of a batch, named so that others can follow.
    package enum Suite: String, Sendable {
        /// P-256 ECDH with the X9.63 KDF over SHA-256, AES-256-GCM; ECDSA over SHA-256.
        case p256 = "p256-sha256-aes256gcm"
        /// The same, with a second signature by SM2 over SM3 in `<stem>.sm2`.
        case p256SM2 = "p256-sha256-aes256gcm+sm2-sm3"
    }

    /// What is done to the parts.
    package enum Seal: String, Sendable {
        /// Each part is a CMS AuthEnvelopedData.
        case cms
        /// Each part is a piece of the archive as it is, for a gap box that looks inside. Items stay sealed in themselves.
        case none

        /// Ending of the parts' names.
        package var suffix: String { self == .cms ? "p7m" : "bin" }
    }
    static let maxBytes = 16 << 20
    /// Content of one part before it is sealed.
    static let partBytes = 4 << 20

    package struct Part: Sendable, Equatable {
        package let number: Int
        package let name: String
        package let bytes: Int
        package let digest: SHA256Digest
    }

    package let lane: String
    package let epoch: String
    package let sequence: Int
    package let suite: Suite
    package let seal: Seal
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

    package static func partName(_ stem: String, _ number: Int, _ seal: Seal) -> String {
        "\(stem)-\(padded(number, 5)).\(seal.suffix)"
    }

    /// Manifest and signatures.
    package var headNames: [String] { [stem + ".p7s"] + (suite == .p256SM2 ? [stem + ".sm2"] : []) + [stem + ".mf"] }

    package var partsBytes: Int { parts.reduce(0) { $0 + $1.bytes } }

    package var bytes: [UInt8] {
        var fields: [String: JSON] = [
            "fmt": .string(Self.format), "suite": .string(suite.rawValue), "seal": .string(seal.rawValue),
            "kind": .string("items"),
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
            fields["fmt"] == .string(Self.format),
            let suite = fields["suite"]?.string.flatMap(Suite.init(rawValue:)),
            let seal = fields["seal"]?.string.flatMap(Seal.init(rawValue:)),
            fields["kind"] == .string("items"), let lane = fields["lane"]?.string, let epoch = fields["epoch"]?.string,
            isLaneName(lane), isEpoch(epoch),
            let sequence = fields["seq"]?.integer, sequence > 0, sequence <= 9_999_999_999, let prev = fields["prev"],
            let created = fields["created"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
            let expires = fields["expires"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
            let sender = fields["sender"]?.string.flatMap(SHA256Digest.init(hex:)),
            let recipientFields = fields["recipient"]?.array, !recipientFields.isEmpty, recipientFields.count <= 16,
            let items = fields["items"]?.integer, items >= 0, let plainBytes = fields["plainBytes"]?.integer,
            let inner = fields["innerManifest"]?.string.flatMap(SHA256Digest.init(hex:)),
            let limits = fields["limits"]?.string,
            let partFields = fields["parts"]?.array, partFields.count <= 65_536
        else { return nil }
        self.lane = lane
        self.epoch = epoch
        self.sequence = sequence
        self.suite = suite
        self.seal = seal
        if prev == .null {
            previous = nil
        } else {
            guard let digest = prev.string.flatMap(SHA256Digest.init(hex:)) else { return nil }
            previous = digest
        }
        self.created = created
        self.expires = expires
        self.sender = sender
        recipients = recipientFields.compactMap { $0.string.flatMap(SHA256Digest.init(hex:)) }
        guard recipients.count == recipientFields.count else { return nil }
        self.items = items
        self.plainBytes = plainBytes
        innerManifest = inner
        self.limits = limits
        var parts: [Part] = []
        for (number, part) in partFields.enumerated() {
            let name = Self.partName(Self.stem(lane: lane, sequence: sequence), number, seal)
            guard part.object?.count == 4, part["n"]?.integer == number, part["name"]?.string == name,
                let size = part["bytes"]?.integer,
                size > 0, size <= 64 << 20, let digest = part["sha256"]?.string.flatMap(SHA256Digest.init(hex:))
            else { return nil }
            parts.append(Part(number: number, name: name, bytes: size, digest: digest))
        }
        self.parts = parts
        // An instant of another zone, or a number written otherwise: one content has one form.
        guard self.bytes == bytes else { return nil }
    }

    init(
        lane: String, epoch: String, sequence: Int, suite: Suite, seal: Seal, previous: SHA256Digest?, created: Instant,
        expires: Instant,
        sender: SHA256Digest, recipients: [SHA256Digest], items: Int, plainBytes: Int, innerManifest: SHA256Digest,
        parts: [Part], limits: String
    ) {
        self.lane = lane
        self.epoch = epoch
        self.sequence = sequence
        self.suite = suite
        self.seal = seal
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

/// `e2c`, `c2e` or another name of the same shape.
package func isLaneName(_ text: String) -> Bool {
    (2...8).contains(text.utf8.count)
        && text.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) }
}

/// 16 to 64 lower-case hexadecimal digits, made at random.
package func isEpoch(_ text: String) -> Bool {
    (16...64).contains(text.utf8.count) && bytesFromHex(text) != nil && text == text.lowercased()
}
