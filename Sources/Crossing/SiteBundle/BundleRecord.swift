package import CMS
package import PortalBase

/// What the release officers sign: which tree the edge is to serve, and after which. The tree's listing travels beside it.
package struct BundleRecord: Sendable, Equatable {
    static let format = "xinmi-bundle/1"
    /// How many officers must have signed.
    package static let signatures = 2

    /// Rises with every release; an older one is never applied again.
    package let buildSequence: Int
    /// Digest of the listing of the tree that the changes are against; nil where everything comes along.
    package let base: SHA256Digest?
    /// Digest of the listing of the tree to serve.
    package let target: SHA256Digest
    package let created: Instant

    package init(buildSequence: Int, base: SHA256Digest?, target: SHA256Digest, created: Instant) {
        self.buildSequence = buildSequence
        self.base = base
        self.target = target
        self.created = created
    }

    package var bytes: [UInt8] {
        JSON.object([
            "fmt": .string(Self.format), "variant": .string("public"), "buildSeq": .integer(buildSequence),
            "base": base.map { .string($0.hex) } ?? .null, "target": .string(target.hex),
            "created": .string(created.rfc3339(in: .shanghai)),
        ]).canonicalBytes
    }

    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= 4_096, let json = try? JSON(parsing: bytes), json.canonicalBytes == bytes,
            let fields = json.object, fields.count == 6, fields["fmt"] == .string(Self.format),
            fields["variant"] == .string("public"), let sequence = fields["buildSeq"]?.integer, sequence > 0,
            let target = fields["target"]?.string.flatMap(SHA256Digest.init(hex:)),
            let created = fields["created"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) })
        else { return nil }
        let base = fields["base"]?.string.flatMap(SHA256Digest.init(hex:))
        guard base != nil || fields["base"] == .null else { return nil }
        self.init(buildSequence: sequence, base: base, target: target, created: created)
        guard self.bytes == bytes else { return nil }
    }

    /// The record, if enough of the pinned officers signed it, each counted once.
    ///
    /// - Throws: `CryptoError` with what was wrong with the first signature that does not hold.
    package static func verified(
        _ bytes: [UInt8], signatures: [[UInt8]], trust: TrustStore, officers: Set<SHA256Digest>, at now: Instant
    ) throws(CryptoError) -> (record: BundleRecord, signers: [String]) {
        guard let record = BundleRecord(bytes) else {
            throw CryptoError(code: .badSignature, detail: "not a bundle record")
        }
        var signers: [SHA256Digest: String] = [:]
        for signature in signatures {
            let certificate = try DetachedSignature.verify(
                signature, over: bytes, trust: trust, allowed: officers, at: min(record.created, now), revokedBy: now)
            signers[certificate.publicKeyDigest] = certificate.commonName
        }
        guard signers.count >= Self.signatures else {
            throw CryptoError(
                code: .signerNotAllowed, detail: "\(signers.count) of \(Self.signatures) release officers have signed")
        }
        return (record, signers.values.sorted())
    }
}
