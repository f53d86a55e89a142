import PortalBase

/// The list of a tree's files with their digests: what a release signs and an auditor checks.
struct Manifest: Sendable {
    static let format = "xinmi-site/1"

    let variant: String
    let now: Instant
    let zone: ZoneOffset
    /// Digest and size by path.
    var files: [String: (digest: SHA256Digest, bytes: Int)] = [:]

    var bytes: [UInt8] {
        let entries = files.mapValues { JSON.object(["bytes": .integer($0.bytes), "sha256": .string($0.digest.hex)]) }
        return JSON.object([
            "fmt": .string(Self.format), "variant": .string(variant), "now": .string(now.rfc3339(in: zone)),
            "files": .object(entries),
        ]).canonicalBytes + [0x0A]
    }
}
