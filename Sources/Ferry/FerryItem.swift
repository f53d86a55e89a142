import PortalBase

/// What crosses: a kind, an id, and named byte strings. Ferry knows nothing of what they mean.
package struct FerryItem: Sendable, Equatable {
    package struct Part: Sendable, Equatable {
        /// `item.json`, `item.p7m`, `a00-00000.p7m` …
        package let name: String
        package let bytes: [UInt8]

        package init(name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }
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

    package func part(_ name: String) -> [UInt8]? { parts.first { $0.name == name }?.bytes }
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
        /// Parts besides `item.json`: name to largest size.
        let parts: [String: Int]
        let maxItemJSON: Int
    }

    let rules: [String: Rule]
    package let maxItems: Int
    package let maxBatchBytes: Int
    /// Name of these limits in the manifest.
    package let profile: String

    private static let sealedSubmission = Rule(
        required: ["id", "kind", "received", "form", "parts"], optional: [], parts: ["item.p7m": 1 << 20],
        maxItemJSON: 64 << 10)

    /// Edge to core: what citizens send, sealed for the core.
    package static let edgeToCore = KindRegistry(
        rules: Dictionary(uniqueKeysWithValues: ["hotline", "application"].map { ($0, sealedSubmission) }),
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
    package func refusal(of item: FerryItem) -> RejectCode? {
        guard let rule = rules[item.kind] else { return .unknownKind }
        guard isUUID(item.id), let clear = item.part("item.json") else { return .schema }
        guard clear.count <= rule.maxItemJSON else { return .limit }
        for part in item.parts where part.name != "item.json" {
            guard let limit = rule.parts[part.name] else { return .type }
            guard part.bytes.count <= limit else { return .limit }
        }
        guard item.parts.count == rule.parts.count + 1 else { return .schema }
        // A reader that is not strict here would let other keys ride along.
        guard let json = try? JSON(parsing: clear), let fields = json.object,
            json.canonicalBytes == clear, fields["id"]?.string == item.id, fields["kind"]?.string == item.kind,
            rule.required.isSubset(of: fields.keys), Set(fields.keys).isSubset(of: rule.required.union(rule.optional))
        else { return .schema }
        if let listed = fields["parts"]?.array {
            guard listed.count == item.parts.count - 1 else { return .schema }
            for entry in listed {
                guard let name = entry["name"]?.string, let bytes = item.part(name),
                    entry["bytes"]?.integer == bytes.count,
                    entry["sha256"]?.string == SHA256Digest(of: bytes).hex
                else { return .schema }
            }
        }
        return nil
    }
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

/// A random UUID (version 4) from 16 random bytes.
package func makeUUID(_ random: [UInt8]) -> String {
    var bytes = random
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    let hex = hexText(bytes[..<16])
    var out = ""
    for (i, character) in hex.enumerated() {
        if [8, 12, 16, 20].contains(i) { out += "-" }
        out.append(character)
    }
    return out
}
