import CMS
import PortalBase

/// What may cross in one direction, and how large. Everything else is refused.
package struct KindRegistry: Sendable {
    /// What a field of `item.json` holds.
    enum Field: Sendable {
        case uuid, digest, instant, boolean
        case number(ClosedRange<Int>)
        /// Printable text without controls, at most so many bytes.
        case text(Int)
        /// Base64 of at most so many bytes.
        case base64(Int)
        /// Strings by name, at most so many bytes together.
        case strings(Int)
        /// The list of the item's other parts: name, bytes, sha256.
        case parts
        case optional(@Sendable () -> Field)

        func accepts(_ value: JSON?) -> Bool {
            switch self {
            case .optional(let inner): value == nil || value == .null || inner().accepts(value)
            case .uuid: value?.string.map(isUUID) ?? false
            case .digest: value?.string.flatMap(SHA256Digest.init(hex:)) != nil
            case .instant: value?.string.flatMap { Instant(iso: $0, zone: .shanghai) } != nil
            case .boolean: value?.bool != nil
            case .number(let range): value?.integer.map(range.contains) ?? false
            case .text(let limit): value?.string.map { isPlainText($0, limit) } ?? false
            case .base64(let limit): value?.string.flatMap(bytesFromBase64).map { $0.count <= limit } ?? false
            case .strings(let limit):
                value?.object.map { fields in
                    fields.allSatisfy {
                        isPlainText($0.key, 64) && $0.value.string.map { isPlainText($0, limit) } ?? false
                    }
                } ?? false
            case .parts: value?.array != nil
            }
        }
    }

    package struct Rule: Sendable {
        let fields: [String: Field]
        /// Parts besides `item.json` that must be there: name to largest size.
        let parts: [String: Int]
        /// Numbered parts besides those, how many there may be, and how large.
        var numbered: (isName: @Sendable (String) -> Bool, count: Int, bytes: Int)?
        /// Whether every part is an envelope for somebody behind the receiver.
        var isSealed = true
        let maxItemJSON: Int
    }

    /// Largest sealed part of an attachment: 8 MiB and its envelope.
    package static let maxAttachmentPart = (8 << 20) + (64 << 10)

    let rules: [String: Rule]
    package let maxItems: Int
    package let maxBatchBytes: Int
    /// Name of these limits in the manifest.
    package let profile: String

    private static let head: [String: Field] = ["id": .uuid, "kind": .text(32), "received": .instant, "parts": .parts]
    private static let form: [String: Field] = head.merging(["form": .digest]) { $1 }
    private static let attachments = (
        isName: { @Sendable name in isAttachmentPart(name) }, count: AttachmentDescription.maxParts,
        bytes: maxAttachmentPart
    )

    /// Edge to core: what citizens send, sealed for the core, and what the edge serves.
    package static let edgeToCore = KindRegistry(
        rules: [
            "hotline": Rule(fields: form, parts: ["item.p7m": 1 << 20], numbered: attachments, maxItemJSON: 64 << 10),
            "application": Rule(
                fields: form, parts: ["item.p7m": 1 << 20], numbered: attachments, maxItemJSON: 64 << 10),
            "supplement": Rule(
                fields: head, parts: ["item.p7m": 1 << 20], numbered: attachments, maxItemJSON: 64 << 10),
            "withdrawal": Rule(fields: head, parts: ["item.p7m": 64 << 10], maxItemJSON: 4 << 10),
            "rating": Rule(fields: head, parts: ["item.p7m": 64 << 10], maxItemJSON: 4 << 10),
            "delivery": Rule(fields: head, parts: ["item.p7m": 64 << 10], maxItemJSON: 4 << 10),
            "siteState": Rule(
                fields: [
                    "id": .uuid, "kind": .text(32), "buildSeq": .number(0...Int(Int32.max)), "at": .instant,
                    "target": .optional { .digest }, "wantsFull": .boolean,
                ], parts: [:], maxItemJSON: 4 << 10),
        ], maxItems: 10_000, maxBatchBytes: 8 << 30, profile: "e2c-3")

    /// Core to edge: states for citizens, readable by them alone, and what the city publishes.
    package static let coreToEdge = KindRegistry(
        rules: [
            "status": Rule(
                fields: [
                    "id": .uuid, "kind": .text(32), "lookup": .digest, "version": .number(1...Int(Int32.max)),
                    "open": .boolean, "box": .base64(384 << 10), "public": .optional { .strings(512) },
                    "parts": .optional { .parts },
                ], parts: [:],
                // Papers and their signatures, sealed for the citizen.
                numbered: (isName: { @Sendable name in isPaperPart(name) }, count: 40, bytes: (1 << 20) + 64),
                isSealed: false, maxItemJSON: 512 << 10),
            "voucher": Rule(
                fields: [
                    "id": .uuid, "kind": .text(32), "mark": .digest, "sha256": .digest, "title": .text(120),
                    "titleEn": .text(120), "number": .text(120), "organ": .text(120), "organEn": .text(120),
                    "date": .text(10), "state": .text(16), "version": .number(1...Int(Int32.max)),
                ], parts: [:], maxItemJSON: 1 << 10),
            "seal": Rule(
                fields: [
                    "id": .uuid, "kind": .text(32), "at": .instant, "fmt": .text(32),
                    "leaves": .number(0...Int(Int32.max)), "n": .number(1...Int(Int32.max)),
                    "prev": .optional { .digest }, "root": .digest, "signature": .base64(4 << 10),
                ], parts: [:], maxItemJSON: 8 << 10),
            "siteBundle": Rule(
                fields: [
                    "id": .uuid, "kind": .text(32), "buildSeq": .number(1...Int(Int32.max)), "target": .digest,
                    "piece": .number(0...65_535), "pieces": .number(1...65_536), "parts": .parts,
                ], parts: [:],
                numbered: (isName: { @Sendable name in isBundlePart(name) }, count: 4_096, bytes: 64 << 20),
                isSealed: false, maxItemJSON: 2 << 20),
        ], maxItems: 10_000, maxBatchBytes: 8 << 30, profile: "c2e-4")

    /// The code for which the item may not cross; nil for one that may.
    package func refusal(of item: FerryItem) throws -> RejectCode? {
        guard let rule = rules[item.kind] else { return .unknownKind }
        guard isUUID(item.id), let clear = item.parts.first(where: { $0.name == "item.json" }) else { return .schema }
        guard clear.count <= rule.maxItemJSON else { return .limit }
        var numbered = 0
        for part in item.parts where part.name != "item.json" {
            if let limit = rule.parts[part.name] {
                guard part.count <= limit else { return .limit }
            } else {
                guard let allowed = rule.numbered, allowed.isName(part.name) else { return .type }
                numbered += 1
                guard part.count <= allowed.bytes, numbered <= allowed.count else { return .limit }
            }
            if rule.isSealed, !isEnvelope(head: try part.seen().head) { return .type }
        }
        guard item.parts.count == rule.parts.count + 1 + numbered else { return .schema }
        // A reader that is not strict here would let other keys ride along.
        let bytes = try clear.bytes()
        guard let json = try? JSON(parsing: bytes), let fields = json.object, json.canonicalBytes == bytes,
            fields["id"]?.string == item.id, fields["kind"]?.string == item.kind,
            fields.keys.allSatisfy({ rule.fields[$0] != nil }),
            rule.fields.allSatisfy({ $0.value.accepts(fields[$0.key]) })
        else { return .schema }
        let listed = fields["parts"]?.array ?? []
        guard listed.count == item.parts.count - 1 else { return .schema }
        let byName = Dictionary(item.parts.map { ($0.name, $0) }) { first, _ in first }
        for entry in listed {
            guard entry.object?.count == 3, let name = entry["name"]?.string, let part = byName[name],
                entry["bytes"]?.integer == part.count, entry["sha256"]?.string == (try part.seen().digest).hex
            else { return .schema }
        }
        return nil
    }
}

/// Whether bytes begin as a CMS AuthEnvelopedData does: nothing readable rides under an envelope's name.
package func isEnvelope(head: [UInt8]) -> Bool {
    let object: [UInt8] = [0x06, 0x0B, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x17]
    guard head.count >= 2, head[0] == 0x30 else { return false }
    let lengthBytes = head[1] & 0x80 == 0 ? 0 : Int(head[1] & 0x7F)
    return lengthBytes <= 4 && head.dropFirst(2 + lengthBytes).starts(with: object)
}

/// Without control characters and without marks that turn text round.
private func isPlainText(_ text: String, _ limit: Int) -> Bool {
    text.utf8.count <= limit
        && text.unicodeScalars.allSatisfy {
            $0.value >= 0x20 && !(0x7F...0x9F ~= $0.value) && !(0x202A...0x202E ~= $0.value)
                && !(0x2066...0x2069 ~= $0.value)
        }
}
