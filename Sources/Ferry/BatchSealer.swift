package import CMS
package import PortalBase

/// Items to the files of one sealed, signed batch.
package struct BatchSealer: Sendable {
    let signer: Identity
    let recipients: [Certificate]
    let registry: KindRegistry
    let random: @Sendable (Int) -> [UInt8]

    package init(
        signer: Identity, recipients: [Certificate], registry: KindRegistry,
        random: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.signer = signer
        self.recipients = recipients
        self.registry = registry
        self.random = random
    }

    package struct Header: Sendable {
        package let lane: String
        package let epoch: String
        package let sequence: Int
        package let previous: SHA256Digest?
        package let created: Instant
        /// Seconds until the batch is refused; items never expire, they are batched again.
        package let lifetime: Int

        package init(
            lane: String, epoch: String, sequence: Int, previous: SHA256Digest?, created: Instant, lifetime: Int
        ) {
            self.lane = lane
            self.epoch = epoch
            self.sequence = sequence
            self.previous = previous
            self.created = created
            self.lifetime = lifetime
        }
    }

    /// Writes `<stem>-00000.p7m` …, `<stem>.mf` and `<stem>.p7s` into `folder`, each durable.
    ///
    /// - Parameter items: loaded one after another, so that memory holds one item and one part.
    package func seal(_ header: Header, items: [() throws -> FerryItem], into folder: String) throws -> BatchManifest {
        let stem = BatchManifest.stem(lane: header.lane, sequence: header.sequence)
        var parts: [BatchManifest.Part] = []
        var pending: [UInt8] = []
        pending.reserveCapacity(BatchManifest.partBytes + (1 << 20))
        func flush(_ plain: [UInt8]) throws {
            let sealed = try Envelope.seal(plain, for: recipients)
            let name = "\(stem)-\(padded(parts.count, 5)).p7m"
            try FileSystem.write(sealed, to: folder + "/" + name, mode: 0o640, sync: true)
            parts.append(.init(number: parts.count, name: name, bytes: sealed.count, digest: SHA256Digest(of: sealed)))
        }
        let (inner, plainBytes) = try Bag.write(items, blinding: random(32)) { piece in
            pending += piece
            while pending.count >= BatchManifest.partBytes {
                try flush(Array(pending[..<BatchManifest.partBytes]))
                pending.removeFirst(BatchManifest.partBytes)
            }
        }
        if !pending.isEmpty { try flush(pending) }
        let manifest = BatchManifest(
            lane: header.lane, epoch: header.epoch, sequence: header.sequence, previous: header.previous,
            created: header.created, expires: header.created.adding(seconds: header.lifetime),
            sender: signer.certificate.publicKeyDigest, recipients: recipients.map(\.publicKeyDigest),
            items: items.count,
            plainBytes: plainBytes, innerManifest: inner, parts: parts, limits: registry.profile)
        let bytes = manifest.bytes
        try FileSystem.write(bytes, to: "\(folder)/\(stem).mf", mode: 0o640, sync: true)
        try FileSystem.write(
            DetachedSignature.sign(bytes, by: signer), to: "\(folder)/\(stem).p7s", mode: 0o640, sync: true)
        try FileSystem.syncDirectory(folder)
        return manifest
    }
}
