package import PortalBase

/// What the edge serves, as the applying user wrote it down: it crosses back, so that the core knows what to send next.
package struct SiteState: Sendable, Equatable {
    package let buildSequence: Int
    /// Digest of the served tree's listing; nil while nothing is served.
    package let target: SHA256Digest?
    /// A bundle could not be applied for want of files that the core thought were here.
    package let wantsFull: Bool
    package let at: Instant

    package init(buildSequence: Int, target: SHA256Digest?, wantsFull: Bool, at: Instant) {
        self.buildSequence = buildSequence
        self.target = target
        self.wantsFull = wantsFull
        self.at = at
    }

    private var fields: [String: JSON] {
        [
            "buildSeq": .integer(buildSequence), "target": target.map { .string($0.hex) } ?? .null,
            "wantsFull": .bool(wantsFull), "at": .string(at.rfc3339(in: .shanghai)),
        ]
    }

    package var bytes: [UInt8] { JSON.object(fields).canonicalBytes }

    /// `item.json` of the item that carries it.
    package func item(id: String) -> [UInt8] {
        JSON.object(fields.merging(["id": .string(id), "kind": .string("siteState")]) { $1 }).canonicalBytes
    }

    /// Of a state file or of an item's clear part; nil for anything else.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= 4_096, let json = try? JSON(parsing: bytes), let sequence = json["buildSeq"]?.integer,
            sequence >= 0, let wants = json["wantsFull"]?.bool,
            let at = json["at"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) })
        else { return nil }
        let target = json["target"]?.string.flatMap(SHA256Digest.init(hex:))
        guard target != nil || json["target"] == .null else { return nil }
        self.init(buildSequence: sequence, target: target, wantsFull: wants, at: at)
    }
}
