package import PortalBase

/// What crosses: a kind, an id, and named byte strings. Ferry knows nothing of what they mean.
package struct FerryItem: Sendable {
    /// A byte string that is read when somebody needs it, so that memory holds one part of an item and not all.
    package struct Part: Sendable {
        /// `item.json`, `item.p7m`, `a00-00000.p7m` …
        package let name: String
        /// Length in bytes.
        package let count: Int
        private let load: @Sendable () throws -> [UInt8]

        package init(name: String, bytes: [UInt8]) {
            self.init(name: name, count: bytes.count) { bytes }
        }

        /// - Parameter load: gives the same `count` bytes each time.
        package init(name: String, count: Int, load: @escaping @Sendable () throws -> [UInt8]) {
            self.name = name
            self.count = count
            self.load = load
        }

        package func bytes() throws -> [UInt8] { try load() }
    }

    package let kind: String
    /// UUID in lower case: unique for ever, so that the effect of crossing twice is that of crossing once.
    package let id: String
    package let parts: [Part]

    package init(kind: String, id: String, parts: [Part]) {
        self.kind = kind
        self.id = id
        self.parts = parts
    }

    package func part(_ name: String) throws -> [UInt8]? { try parts.first { $0.name == name }?.bytes() }
}

/// The closed list of reasons for which a batch or an item is refused.
package enum RejectCode: String, Sendable, CaseIterable {
    case chain, fork, expired, decrypt, bagit, unknownKind, schema, limit, type, duplicate
}

/// What may cross in one direction, and how large. Everything else is refused.
package struct KindRegistry: Sendable {
    package struct Rule: Sendable {
        /// Keys that `item.json` must have, and may have.
        let required: Set<String>
        let optional: Set<String>
        /// Parts besides `item.json` that must be there: name to largest size.
        let parts: [String: Int]
        /// Parts of attachments, `aNN-NNNNN.p7m`: how many there may be, and their size.
        var maxAttachmentParts = 0
        let maxItemJSON: Int
    }

    /// Largest sealed part of an attachment: 8 MiB and its envelope.
    package static let maxAttachmentPart = (8 << 20) + (64 << 10)

    let rules: [String: Rule]
    package let maxItems: Int
    package let maxBatchBytes: Int
    /// Name of these limits in the manifest.
    package let profile: String

    private static let sealedSubmission = Rule(
        required: ["id", "kind", "received", "form", "parts"], optional: [], parts: ["item.p7m": 1 << 20],
        maxAttachmentParts: 400, maxItemJSON: 64 << 10)

    private static let sealedMessage = Rule(
        required: ["id", "kind", "received", "parts"], optional: [], parts: ["item.p7m": 64 << 10],
        maxItemJSON: 4 << 10)

    private static let sealedSupplement = Rule(
        required: ["id", "kind", "received", "parts"], optional: [], parts: ["item.p7m": 1 << 20],
        maxAttachmentParts: 400, maxItemJSON: 64 << 10)

    /// Edge to core: what citizens send, sealed for the core.
    package static let edgeToCore = KindRegistry(
        rules: Dictionary(uniqueKeysWithValues: ["hotline", "application"].map { ($0, sealedSubmission) })
            .merging(["withdrawal", "rating"].map { ($0, sealedMessage) }) { $1 }
            .merging([("supplement", sealedSupplement)]) { $1 },
        maxItems: 10_000, maxBatchBytes: 1 << 30, profile: "e2c-1")

    /// Core to edge: states for citizens, readable by them alone.
    package static let coreToEdge = KindRegistry(
        rules: [
            "status": Rule(
                required: ["id", "kind", "lookup", "version", "open", "box"], optional: ["public"], parts: [:],
                maxItemJSON: 512 << 10)
        ],
        maxItems: 10_000, maxBatchBytes: 1 << 30, profile: "c2e-1")

    /// The code for which the item may not cross; nil for one that may.
    package func refusal(of item: FerryItem) throws -> RejectCode? {
        guard let rule = rules[item.kind] else { return .unknownKind }
        guard isUUID(item.id), let clear = try item.part("item.json") else { return .schema }
        guard clear.count <= rule.maxItemJSON else { return .limit }
        var attachmentParts = 0
        for part in item.parts where part.name != "item.json" {
            if let limit = rule.parts[part.name] {
                guard part.count <= limit else { return .limit }
            } else {
                guard rule.maxAttachmentParts > 0, isAttachmentPart(part.name) else { return .type }
                attachmentParts += 1
                guard part.count <= Self.maxAttachmentPart, attachmentParts <= rule.maxAttachmentParts else {
                    return .limit
                }
            }
        }
        guard item.parts.count == rule.parts.count + 1 + attachmentParts else { return .schema }
        // A reader that is not strict here would let other keys ride along.
        guard let json = try? JSON(parsing: clear), let fields = json.object,
            json.canonicalBytes == clear, fields["id"]?.string == item.id, fields["kind"]?.string == item.kind,
            rule.required.isSubset(of: fields.keys), Set(fields.keys).isSubset(of: rule.required.union(rule.optional))
        else { return .schema }
        if let listed = fields["parts"]?.array {
            guard listed.count == item.parts.count - 1 else { return .schema }
            for entry in listed {
                guard let name = entry["name"]?.string, let bytes = try item.part(name),
                    entry["bytes"]?.integer == bytes.count,
                    entry["sha256"]?.string == SHA256Digest(of: bytes).hex
                else { return .schema }
            }
        }
        return nil
    }
}

/// The name of an attachment's part, both counted from 0.
package func attachmentPartName(_ attachment: Int, _ part: Int) -> String {
    "a\(padded(attachment, 2))-\(padded(part, 5)).p7m"
}

/// Whether it is a name as `attachmentPartName` makes them.
package func isAttachmentPart(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    guard bytes.count == 13, bytes[0] == UInt8(ascii: "a"), bytes[3] == UInt8(ascii: "-"), name.hasSuffix(".p7m") else {
        return false
    }
    return (bytes[1...2] + bytes[4...8]).allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
}

/// Lower-case UUID, 8-4-4-4-12.
package func isUUID(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 36 else { return false }
    for (i, byte) in bytes.enumerated() {
        if [8, 13, 18, 23].contains(i) {
            guard byte == UInt8(ascii: "-") else { return false }
        } else {
            guard (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66) else { return false }
        }
    }
    return true
}

/// A UUID of version 7 (RFC 9562): its moment first, so that new rows stand together in a database's pages, then 74 random
/// bits.
///
/// - Parameter random: 16 bytes.
package func makeUUID(at now: Instant, _ random: [UInt8]) -> String {
    var bytes = random
    // To the second; the milliseconds are random.
    let milliseconds = now.seconds * 1_000 + (Int(random[0]) << 8 | Int(random[1])) % 1_000
    for place in 0..<6 { bytes[place] = UInt8(truncatingIfNeeded: milliseconds >> (40 - 8 * place)) }
    bytes[6] = bytes[6] & 0x0F | 0x70
    bytes[8] = bytes[8] & 0x3F | 0x80
    let hex = hexText(bytes[..<16])
    var out = ""
    for (i, character) in hex.enumerated() {
        if [8, 12, 16, 20].contains(i) { out += "-" }
        out.append(character)
    }
    return out
}
