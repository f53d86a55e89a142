package import CMS
package import PortalBase

/// A lane's beginning, or its new beginning after a loss: numbers count from 1 again. Signed by an operator and adopted on
/// both sides, so that neither side, nor whoever holds its keys, can begin a lane anew alone.
package struct EpochRecord: Sendable, Equatable {
    static let format = "xinmi-epoch/1"

    package let lane: String
    /// At random.
    package let epoch: String
    /// The epoch that ends; nil for a lane's first.
    package let after: String?
    /// What was delivered under this number of the old epoch and later ones goes out again, where the sender still has it:
    /// for a receiver that was restored from a backup. The effect stays once, since items have ids.
    package let resendFrom: Int?
    package let created: Instant

    package init(lane: String, epoch: String, after: String?, resendFrom: Int? = nil, created: Instant) {
        self.lane = lane
        self.epoch = epoch
        self.after = after
        self.resendFrom = resendFrom
        self.created = created
    }

    package var stem: String { "\(lane)-epoch-\(epoch.prefix(16))" }

    package var bytes: [UInt8] {
        JSON.object([
            "fmt": .string(Self.format), "lane": .string(lane), "epoch": .string(epoch),
            "after": after.map { .string($0) } ?? .null, "resendFrom": resendFrom.map { .integer($0) } ?? .null,
            "created": .string(created.rfc3339(in: .shanghai)),
        ]).canonicalBytes
    }

    /// Strict: canonical bytes and known keys only.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= 4_096, let json = try? JSON(parsing: bytes), json.canonicalBytes == bytes,
            let fields = json.object, fields.count == 6, fields["fmt"] == .string(Self.format),
            let lane = fields["lane"]?.string, isLaneName(lane), let epoch = fields["epoch"]?.string, isEpoch(epoch),
            let created = fields["created"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) })
        else { return nil }
        let (after, resend) = (fields["after"]?.string, fields["resendFrom"]?.integer)
        guard after.map(isEpoch) ?? (fields["after"] == .null), after != epoch,
            resend.map({ $0 > 0 }) ?? (fields["resendFrom"] == .null)
        else { return nil }
        self.init(lane: lane, epoch: epoch, after: after, resendFrom: resend, created: created)
        guard self.bytes == bytes else { return nil }
    }

    /// The record, if one of the pinned operators signed it.
    package static func verified(
        _ bytes: [UInt8], signature: [UInt8], trust: TrustStore, operators: Set<SHA256Digest>, at now: Instant
    ) throws -> (record: EpochRecord, signer: Certificate) {
        guard let record = EpochRecord(bytes) else {
            throw CryptoError(code: .badSignature, detail: "not an epoch record")
        }
        let signer = try DetachedSignature.verify(
            signature, over: bytes, trust: trust, allowed: operators, at: min(record.created, now), revokedBy: now)
        return (record, signer)
    }
}
