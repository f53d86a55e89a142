package import CMS
package import PortalBase
import Synchronization

/// Items to the files of one sealed, signed batch.
package struct BatchSealer: Sendable {
    package let signer: Identity
    /// Makes the second signature; nil for none.
    let sm2Signer: Identity?
    let recipients: [Certificate]
    let registry: KindRegistry
    let seal: BatchManifest.Seal
    let random: @Sendable (Int) -> [UInt8]

    package init(
        signer: Identity, sm2Signer: Identity? = nil, recipients: [Certificate], registry: KindRegistry,
        seal: BatchManifest.Seal = .cms, random: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.signer = signer
        self.sm2Signer = sm2Signer
        self.recipients = recipients
        self.registry = registry
        self.seal = seal
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

    private func refuse(_ item: FerryItem) throws {
        if let code = try registry.refusal(of: item) { throw ItemRefused(id: item.id, code: code) }
    }

    /// Writes parts, manifest and signatures into `folder`, all of it on the disk when this returns.
    ///
    /// - Throws: `ItemRefused` for an item that may not cross; what was written so far is of no use then.
    /// - Parameter items: loaded one after another: memory holds one part of one item, and two parts of the batch, of
    ///   which one is being sealed beside this thread.
    package func seal(
        _ header: Header, items: [() throws -> FerryItem], into folder: Directory
    ) throws -> BatchManifest {
        let stem = BatchManifest.stem(lane: header.lane, sequence: header.sequence)
        let parts = PartList()
        let worker = SideWorker()
        // Digest and sync of a part, while the next is being sealed and the one after it read.
        let syncer = SideWorker()
        var count = 0
        var pending: [UInt8] = []
        pending.reserveCapacity(BatchManifest.partBytes)
        func flush() throws {
            let plain = PartSlot(pending)
            let number = count
            count += 1
            pending = []
            try worker.submit { [seal, recipients] in
                let bytes = seal == .cms ? try Envelope.seal(consuming: plain.take(), for: recipients) : plain.take()
                let name = BatchManifest.partName(stem, number, seal)
                try folder.write(name, bytes)
                try syncer.submit {
                    let digest = SHA256Digest(of: bytes)
                    parts.list.withLock {
                        $0.append(.init(number: number, name: name, bytes: bytes.count, digest: digest))
                    }
                    try folder.sync([name])
                }
            }
            pending.reserveCapacity(BatchManifest.partBytes)
        }
        let (inner, plainBytes): (SHA256Digest, Int)
        do {
            (inner, plainBytes) = try Bag.write(items, blinding: random(32), check: refuse) { piece in
                var rest = piece[...]
                while !rest.isEmpty {
                    let taken = rest.prefix(BatchManifest.partBytes - pending.count)
                    pending += taken
                    rest = rest.dropFirst(taken.count)
                    if pending.count == BatchManifest.partBytes { try flush() }
                }
            }
            if !pending.isEmpty { try flush() }
            try worker.finish()
            try syncer.finish()
        } catch {
            // The next attempt writes under the same names: nothing of this one may still be under way.
            try? worker.finish()
            try? syncer.finish()
            throw error
        }
        let manifest = BatchManifest(
            lane: header.lane, epoch: header.epoch, sequence: header.sequence,
            suite: sm2Signer == nil ? .p256 : .p256SM2, seal: seal, previous: header.previous, created: header.created,
            expires: header.created.adding(seconds: header.lifetime), sender: signer.certificate.publicKeyDigest,
            recipients: recipients.map(\.publicKeyDigest), items: items.count, plainBytes: plainBytes,
            innerManifest: inner, parts: parts.list.withLock { $0 }, limits: registry.profile)
        let bytes = manifest.bytes
        try folder.write(stem + ".mf", bytes)
        try folder.write(stem + ".p7s", DetachedSignature.sign(bytes, by: signer))
        if let sm2Signer { try folder.write(stem + ".sm2", SM2Signature.sign(bytes, by: sm2Signer)) }
        try folder.sync(manifest.headNames)
        try folder.syncNames()
        return manifest
    }
}

/// An item that may not cross: it is found by the side that sends it too.
package struct ItemRefused: Error, Sendable, CustomStringConvertible {
    package let id: String
    package let code: RejectCode

    package init(id: String, code: RejectCode) {
        self.id = id
        self.code = code
    }

    package var description: String { "\(id) may not cross: \(code.rawValue)" }
}

/// What the sealing thread has written.
private final class PartList: Sendable {
    let list = Mutex<[BatchManifest.Part]>([])
}
