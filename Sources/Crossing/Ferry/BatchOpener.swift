package import CMS
package import PortalBase

/// The files of a batch to items, in steps that each fail with a reason.
package struct BatchOpener: Sendable {
    /// Current and, while certificates change, former keys.
    let identities: [Identity]
    package let trust: TrustStore
    /// SPKI SHA-256 of the signers that this lane allows (current and next).
    package let allowedSigners: Set<SHA256Digest>
    /// Where there are some, every batch must carry a second signature by one of them.
    let sm2Signers: [Certificate]
    let registry: KindRegistry
    let seal: BatchManifest.Seal

    package init(
        identities: [Identity], trust: TrustStore, allowedSigners: Set<SHA256Digest>, sm2Signers: [Certificate] = [],
        registry: KindRegistry, seal: BatchManifest.Seal = .cms
    ) {
        self.identities = identities
        self.trust = trust
        self.allowedSigners = allowedSigners
        self.sm2Signers = sm2Signers
        self.registry = registry
        self.seal = seal
    }

    /// Why files say nothing about a lane: they change no state and are kept as noise.
    package enum Noise: String, Error, Sendable {
        case unreadable, signature, signer, manifest, lane, epoch, recipient, name
        /// Parts are sealed where the lane says plain, or the other way round.
        case seal
        /// The second signature is missing or wrong.
        case sm2
    }

    /// Manifest and signatures as they came.
    package struct Head: Sendable {
        package let manifest: [UInt8]
        package let signature: [UInt8]
        package let sm2: [UInt8]?

        package init(manifest: [UInt8], signature: [UInt8], sm2: [UInt8]? = nil) {
            self.manifest = manifest
            self.signature = signature
            self.sm2 = sm2
        }
    }

    /// A manifest whose signature, signer, lane, epoch and recipient hold: only such a one may move a lane.
    package struct Verified: Sendable {
        package let manifest: BatchManifest
        /// SHA-256 of the manifest's bytes, by which the chain and acknowledgements name it.
        package let digest: SHA256Digest
        package let signer: String
    }

    /// - Throws: `Noise`, or `CryptoError` of code `revocationListOutdated` when this side cannot judge anybody.
    package func verify(_ head: Head, lane: String, epoch: String, at now: Instant) throws -> Verified {
        let certificate: Certificate
        let manifest: BatchManifest
        let sealed: Instant
        do {
            // Bytes that nobody whom this lane knows has signed are not parsed.
            certificate = try DetachedSignature.pinnedSigner(
                of: head.signature, over: head.manifest, allowed: allowedSigners)
            guard let read = BatchManifest(head.manifest) else { throw Noise.manifest }
            manifest = read
            // Validity is judged at sealing, so that a batch that waited over a certificate's end can still be opened; a
            // forged time is no help, since the signer's key is pinned.
            sealed = min(manifest.created, now)
            try trust.verify(certificate, for: .signing, at: sealed, revokedBy: now)
        } catch let error as CryptoError {
            if error.code == .revocationListOutdated { throw error }
            throw error.code == .signerNotAllowed ? Noise.signer : Noise.signature
        }
        guard manifest.sender == certificate.publicKeyDigest else { throw Noise.signer }
        if !sm2Signers.isEmpty {
            guard manifest.suite == .p256SM2, let signature = head.sm2 else { throw Noise.sm2 }
            do {
                _ = try SM2Signature.verify(
                    signature, over: head.manifest, trust: trust, allowed: sm2Signers, at: sealed, revokedBy: now)
            } catch {
                if error.code == .revocationListOutdated { throw error }
                throw Noise.sm2
            }
        }
        guard manifest.lane == lane else { throw Noise.lane }
        guard manifest.epoch == epoch else { throw Noise.epoch }
        guard manifest.seal == seal else { throw Noise.seal }
        guard identity(for: manifest) != nil else { throw Noise.recipient }
        return Verified(manifest: manifest, digest: SHA256Digest(of: head.manifest), signer: certificate.commonName)
    }

    /// Whether a head by a signer of this lane says that a second signature belongs to it.
    func wantsSM2(_ head: Head) -> Bool {
        guard
            (try? DetachedSignature.pinnedSigner(of: head.signature, over: head.manifest, allowed: allowedSigners))
                != nil
        else { return false }
        return BatchManifest(head.manifest)?.suite == .p256SM2
    }

    private func identity(for manifest: BatchManifest) -> Identity? {
        identities.first { manifest.recipients.contains($0.certificate.publicKeyDigest) }
    }

    /// Numbers of the parts that are absent from `folder` or damaged.
    ///
    /// Existence, size and time of a file mean nothing: only the signed hash does.
    package static func missingParts(_ manifest: BatchManifest, in folder: Directory) -> [Int] {
        manifest.parts.filter { (try? folder.digest($0.name, size: $0.bytes)) != $0.digest }.map(\.number)
    }

    /// Why a batch with a good manifest is refused as a whole, and which items are to blame.
    package struct Rejection: Error, Sendable, Equatable {
        package let code: RejectCode
        package let items: [String: RejectCode]

        package init(code: RejectCode, items: [String: RejectCode] = [:]) {
            self.code = code
            self.items = items
        }
    }

    /// A part that is not there, or not what the manifest says.
    package struct PartMissing: Error, Sendable {
        package let number: Int
    }

    /// Opens all parts, reading and opening one while the one before is taken apart; then checks bag and items.
    ///
    /// - Parameters:
    ///   - staging: takes the archive, `<stem>.tar`, for as long as the items are needed.
    ///   - unpacking: writes files instead, `data/<item>/<part>`.
    /// - Returns: the items in the order in which they were sent.
    /// - Throws: `PartMissing`, `Rejection`, or an error of this side's own.
    package func open(
        _ verified: Verified, from folder: Directory, staging: Directory, unpacking: Bool = false
    ) throws -> [OpenedItem] {
        let manifest = verified.manifest
        guard let identity = identity(for: manifest) else { throw Noise.recipient }
        guard manifest.items <= registry.maxItems, manifest.plainBytes <= registry.maxBatchBytes,
            // Headers and envelopes add little to what is carried.
            manifest.partsBytes <= registry.maxBatchBytes + registry.maxBatchBytes / 8
        else {
            throw Rejection(code: .limit)
        }
        let archive = manifest.stem + ".tar"
        let writer = unpacking ? nil : try staging.writer(archive)
        var reader = Bag.Reader(maxEntries: Bag.maxEntries, unpackingInto: unpacking ? staging : nil)
        let worker = SideWorker()
        let slot = PartSlot()
        func load(_ part: BatchManifest.Part) throws {
            try worker.submit { [seal] in
                guard let sealed = try? folder.read(part.name, limit: part.bytes),
                    SHA256Digest(of: sealed) == part.digest
                else { throw PartMissing(number: part.number) }
                let plain = seal == .cms ? try Envelope.open(consuming: sealed, with: identity) : sealed
                slot.put(plain)
            }
        }
        do {
            if let first = manifest.parts.first { try load(first) }
            for number in manifest.parts.indices {
                try worker.finish()
                let plain = slot.take()
                if number + 1 < manifest.parts.count { try load(manifest.parts[number + 1]) }
                try writer?.append(plain)
                try reader.feed(plain)
            }
            try reader.finish()
        } catch is TarError {
            try? worker.finish()
            throw Rejection(code: .bagit)
        } catch let error as CryptoError {
            guard Envelope.works(with: identity) else { throw error }
            throw Rejection(code: .decrypt)
        }
        guard reader.isValid(innerManifest: manifest.innerManifest), reader.payloadBytes == manifest.plainBytes else {
            throw Rejection(code: .bagit)
        }
        // Files of one item stand together: one that comes again later is another's attempt to add to it.
        var items: [OpenedItem] = []
        var ids: Set<Substring> = []
        var start = 0
        let payload = reader.payload
        while start < payload.count {
            let id = payload[start].item
            let end = payload[start...].firstIndex { $0.item != id } ?? payload.count
            guard ids.insert(id).inserted else { throw Rejection(code: .bagit) }
            items.append(
                OpenedItem(
                    id: String(id), folder: staging, archive: unpacking ? nil : archive,
                    entries: Array(payload[start..<end])))
            start = end
        }
        guard items.count == manifest.items else { throw Rejection(code: .bagit) }
        var refused: [String: RejectCode] = [:]
        for item in items {
            if let code = try item.load().map({ try registry.refusal(of: $0) }) ?? .schema { refused[item.id] = code }
        }
        if let first = refused.min(by: { $0.key < $1.key }) { throw Rejection(code: first.value, items: refused) }
        return items
    }

    /// An item that lies in an opened archive, or in files of its own.
    package struct OpenedItem: Sendable {
        package let id: String
        let folder: Directory
        /// Nil when the parts are files.
        let archive: String?
        let entries: [Bag.Entry]

        /// Its parts are read when asked for. Nil when `item.json` does not name a kind.
        package func load() throws -> FerryItem? {
            let parts = entries.map { [folder, archive] entry in
                FerryItem.Part(name: String(entry.part), count: entry.size, known: (entry.digest, entry.head)) {
                    if let archive { return try folder.read(archive, at: entry.offset, count: entry.size) }
                    return try Directory(FileSystem.parent(folder.path + "/" + entry.name)).read(String(entry.part))
                }
            }
            guard let clear = parts.first(where: { $0.name == "item.json" }), clear.count <= 4 << 20,
                let json = try? JSON(parsing: clear.bytes()), let kind = json["kind"]?.string
            else { return nil }
            return FerryItem(kind: kind, id: id, parts: parts.sorted { $0.name < $1.name })
        }
    }
}
