package import CMS
package import PortalBase

/// The files of a batch to items, in steps that each fail with a reason.
package struct BatchOpener: Sendable {
    let identity: Identity
    let trust: TrustStore
    /// SPKI SHA-256 of the signers that this lane allows (current and next).
    let allowedSigners: Set<SHA256Digest>
    let registry: KindRegistry

    package init(identity: Identity, trust: TrustStore, allowedSigners: Set<SHA256Digest>, registry: KindRegistry) {
        self.identity = identity
        self.trust = trust
        self.allowedSigners = allowedSigners
        self.registry = registry
    }

    /// Why files say nothing about a lane: they change no state and are kept as noise.
    package enum Noise: String, Error, Sendable {
        case unreadable, signature, signer, manifest, lane, epoch, recipient
    }

    /// A manifest whose signature, signer, lane, epoch and recipient hold: only such a one may move a lane.
    package struct Verified: Sendable {
        package let manifest: BatchManifest
        /// SHA-256 of the manifest's bytes, by which the chain and acknowledgements name it.
        package let digest: SHA256Digest
        package let signer: String
    }

    package func verify(
        manifest bytes: [UInt8], signature: [UInt8], lane: String, epoch: String, at now: Instant
    ) throws(Noise) -> Verified {
        // Validity is judged at sealing, so that a batch that waited over a certificate's end can still be opened; a
        // forged time is no help, since the signer's key is pinned.
        guard let manifest = BatchManifest(bytes) else { throw .manifest }
        let certificate: Certificate
        do {
            certificate = try DetachedSignature.verify(
                signature, over: bytes, trust: trust, allowed: allowedSigners, at: min(manifest.created, now),
                revokedBy: now)
        } catch {
            throw error.code == .signerNotAllowed ? .signer : .signature
        }
        guard manifest.sender == certificate.publicKeyDigest else { throw .signer }
        guard manifest.lane == lane else { throw .lane }
        guard manifest.epoch == epoch else { throw .epoch }
        guard manifest.recipients.contains(identity.certificate.publicKeyDigest) else { throw .recipient }
        return Verified(manifest: manifest, digest: SHA256Digest(of: bytes), signer: certificate.commonName)
    }

    /// Numbers of the parts that are absent from `folder` or damaged.
    package func missingParts(_ manifest: BatchManifest, in folder: String) -> [Int] {
        manifest.parts.filter { part in
            // Existence, size and time mean nothing: only the signed hash does.
            guard let bytes = try? FileSystem.read(folder + "/" + part.name, limit: part.bytes) else { return true }
            return SHA256Digest(of: bytes) != part.digest
        }.map(\.number)
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

    /// Opens all parts and unpacks the bag into `staging`, which must be empty; then checks every item.
    ///
    /// - Returns: the items in the order in which they were sent, loaded when asked for.
    package func open(_ verified: Verified, from folder: String, staging: String) throws -> [OpenedItem] {
        let manifest = verified.manifest
        guard manifest.items <= registry.maxItems, manifest.plainBytes <= registry.maxBatchBytes else {
            throw Rejection(code: .limit)
        }
        let checker = Bag.Checker()
        var reader = TarReader(maxEntryBytes: Bag.maxFileBytes) { name, bytes in
            let parts = name.split(separator: "/")
            guard parts.count == 1 || (parts.count == 3 && parts[0] == "data" && isUUID(String(parts[1]))) else {
                throw TarError.name
            }
            checker.add(name, bytes)
            guard parts.count == 3 else { return }
            try FileSystem.makeDirectories(FileSystem.parent(staging + "/" + name), mode: 0o700)
            try FileSystem.write(bytes, to: staging + "/" + name, mode: 0o600)
        }
        do {
            for part in manifest.parts {
                let sealed = try FileSystem.read(folder + "/" + part.name, limit: part.bytes)
                guard SHA256Digest(of: sealed) == part.digest else { throw Rejection(code: .decrypt) }
                try reader.feed(Envelope.open(sealed, with: identity))
            }
            try reader.finish()
        } catch is TarError {
            throw Rejection(code: .bagit)
        } catch is CryptoError {
            throw Rejection(code: .decrypt)
        }
        guard checker.isValid(innerManifest: manifest.innerManifest), checker.payloadBytes == manifest.plainBytes else {
            throw Rejection(code: .bagit)
        }
        let byItem = Dictionary(grouping: checker.payload) { String($0.split(separator: "/")[1]) }
        guard byItem.count == manifest.items, checker.payload.allSatisfy({ $0.split(separator: "/").count == 3 }) else {
            throw Rejection(code: .bagit)
        }
        var order: [String] = []
        for name in checker.payload {
            let id = String(name.split(separator: "/")[1])
            if order.last != id { order.append(id) }
        }
        guard order.count == byItem.count else { throw Rejection(code: .bagit) }
        let opened = order.map { OpenedItem(id: $0, folder: staging, files: byItem[$0]!) }
        var refused: [String: RejectCode] = [:]
        for item in opened {
            if let code = try item.load().map({ try registry.refusal(of: $0) }) ?? .schema { refused[item.id] = code }
        }
        if let first = refused.sorted(by: { $0.key < $1.key }).first {
            throw Rejection(code: first.value, items: refused)
        }
        return opened
    }

    /// An item that lies unpacked on disk.
    package struct OpenedItem: Sendable {
        package let id: String
        let folder: String
        let files: [String]

        /// Nil when `item.json` does not name a kind.
        package func load() throws -> FerryItem? {
            let parts = files.sorted().map { file in
                let path = folder + "/" + file
                return FerryItem.Part(
                    name: String(file.split(separator: "/")[2]), count: FileSystem.size(path) ?? 0
                ) { try FileSystem.read(path) }
            }
            guard let clear = parts.first(where: { $0.name == "item.json" }),
                let json = try? JSON(parsing: clear.bytes()),
                let kind = json["kind"]?.string
            else { return nil }
            return FerryItem(kind: kind, id: id, parts: parts)
        }
    }
}
