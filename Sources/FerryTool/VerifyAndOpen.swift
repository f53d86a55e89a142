import ArgumentParser
import CMS
import Ferry
import PortalBase

/// A manifest with its signatures beside it.
struct BatchFiles {
    let manifest: BatchManifest
    let head: BatchOpener.Head
    let folder: Directory

    init(_ path: String) throws {
        guard path.hasSuffix(".mf") else { throw ValidationError("\(path): name the batch's .mf file") }
        folder = try Directory(FileSystem.parent(path))
        let stem = String(path.dropLast(3).split(separator: "/").last ?? "")
        let bytes = try folder.read(stem + ".mf", limit: 16 << 20)
        guard let manifest = BatchManifest(bytes) else { throw Refusal(reason: "not a batch manifest") }
        self.manifest = manifest
        head = .init(
            manifest: bytes, signature: try folder.read(stem + ".p7s", limit: 1 << 20),
            sm2: folder.kind(stem + ".sm2") == nil ? nil : try folder.read(stem + ".sm2", limit: 4_096))
    }

    struct Refusal: Error { let reason: String }
}

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Says of batches, acknowledgements and epoch records whether signature, signer and parts hold, and why not.",
        discussion: "Ends with 1 when something does not hold. Reads certificates and files, and changes nothing.")

    @OptionGroup var trust: TrustOptions
    @Argument(help: "Manifests (.mf), acknowledgements (.ak) or epoch records (.ep), their signatures beside them.")
    var files: [String]

    func run() throws {
        let store = try trust.trust()
        let pinned = try trust.pinned()
        var bad = false
        for file in files {
            do {
                let lines =
                    file.hasSuffix(".mf")
                    ? try batch(file, store, pinned) : try record(file, store, pinned)
                for line in lines.text { print("\(file): \(line)") }
                bad = bad || !lines.holds
            } catch let error as CryptoError {
                print("\(file): \(error)")
                bad = true
            } catch let error as FileError {
                print("\(file): \(error)")
                bad = true
            } catch let refusal as BatchFiles.Refusal {
                print("\(file): \(refusal.reason)")
                bad = true
            }
        }
        if bad { throw ExitCode(1) }
    }

    private func signed(by signer: Certificate) -> String {
        "signed by \(signer.commonName) (\(signer.publicKeyDigest))"
    }

    private func batch(
        _ file: String, _ store: TrustStore, _ pinned: Set<SHA256Digest>
    ) throws -> (text: [String], holds: Bool) {
        let batch = try BatchFiles(file)
        let manifest = batch.manifest
        let signer = try DetachedSignature.verify(
            batch.head.signature, over: batch.head.manifest, trust: store, allowed: pinned, at: manifest.created,
            revokedBy: .systemNow())
        var lines = [
            "\(signed(by: signer)), \(manifest.lane) number \(manifest.sequence) of epoch \(manifest.epoch), \(manifest.items) items, \(manifest.parts.count) parts"
        ]
        var holds = manifest.sender == signer.publicKeyDigest
        if !holds { lines.append("the manifest names another sender: \(manifest.sender)") }
        if manifest.stem + ".mf" != file.split(separator: "/").last.map(String.init) {
            lines.append("its name should be \(manifest.stem).mf")
            holds = false
        }
        if manifest.suite == .p256SM2 {
            if let second = batch.head.sm2, !trust.sm2Signer.isEmpty {
                let signer = try SM2Signature.verify(
                    second, over: batch.head.manifest, trust: store, allowed: try trust.sm2Pinned(),
                    at: manifest.created,
                    revokedBy: .systemNow())
                lines.append("second signature (SM2, SM3) by \(signer.commonName) (\(signer.publicKeyDigest))")
            } else {
                lines.append(
                    batch.head.sm2 == nil
                        ? "the second signature is missing" : "the second signature was not looked at: no --sm2-signer")
                holds = holds && batch.head.sm2 != nil
            }
        }
        for number in BatchOpener.missingParts(manifest, in: batch.folder) {
            lines.append("part \(manifest.parts[number].name) is missing or damaged")
            holds = false
        }
        if manifest.expires < .systemNow() { lines.append("expired \(manifest.expires.rfc3339(in: .shanghai))") }
        return (lines, holds)
    }

    private func record(
        _ file: String, _ store: TrustStore, _ pinned: Set<SHA256Digest>
    ) throws -> (text: [String], holds: Bool) {
        let bytes = try FileSystem.read(file, limit: 4 << 20)
        let what: String
        let at: Instant
        if file.hasSuffix(".ak"), let ack = Acknowledgement(bytes) {
            let committed = ack.ranges.map(numbersText)
            let others = ack.entries.filter { $0.result != .committed }.map {
                "\($0.sequence) \($0.code?.rawValue ?? $0.result.rawValue)"
            }
            what =
                "acknowledgement \(ack.counter) of \(ack.lane), epoch \(ack.epoch): committed \(committed.isEmpty ? "none" : committed.joined(separator: " "))"
                + (others.isEmpty ? "" : "; \(others.joined(separator: ", "))")
            at = ack.at
        } else if file.hasSuffix(".ep"), let epoch = EpochRecord(bytes) {
            what = "epoch \(epoch.epoch) of \(epoch.lane)" + (epoch.after.map { " after \($0)" } ?? ", the first")
            at = epoch.created
        } else {
            throw BatchFiles.Refusal(reason: "not a batch, an acknowledgement or an epoch record")
        }
        guard let dot = file.lastIndex(of: ".") else { throw BatchFiles.Refusal(reason: "has no ending") }
        let signer = try DetachedSignature.verify(
            FileSystem.read(file[..<dot] + ".p7s", limit: 1 << 20), over: bytes, trust: store, allowed: pinned, at: at,
            revokedBy: .systemNow())
        return ([signed(by: signer) + ", " + what], true)
    }
}

struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Opens one batch into a folder; its items stay sealed for the desk.")

    @OptionGroup var trust: TrustOptions
    @Option(help: "Path without extension of the recipient's certificate and key, or a key in a token (pkcs11:…).")
    var key: String
    @Option(help: "New folder for the bag's payload.")
    var out: String
    @Argument(help: "Manifest (.mf).")
    var file: String

    func run() throws {
        guard FileSystem.kind(out) == nil else { throw ValidationError("\(out) exists already") }
        do {
            let batch = try BatchFiles(file)
            let opener = BatchOpener(
                identities: [try Identity(path: key)], trust: try trust.trust(), allowedSigners: try trust.pinned(),
                sm2Signers: try trust.sm2Pinned(), registry: batch.manifest.lane == "c2e" ? .coreToEdge : .edgeToCore,
                seal: batch.manifest.seal)
            let verified = try opener.verify(
                batch.head, lane: batch.manifest.lane, epoch: batch.manifest.epoch, at: batch.manifest.created)
            let folder = try Directory(making: out, mode: 0o700)
            do {
                let items = try opener.open(verified, from: batch.folder, staging: folder, unpacking: true)
                print("signed by \(verified.signer); \(items.count) items in \(out)/data")
            } catch {
                try FileSystem.removeTree(out)
                throw error
            }
        } catch let noise as BatchOpener.Noise {
            print("\(file): refused: \(noise.rawValue)")
            throw ExitCode(1)
        } catch let rejection as BatchOpener.Rejection {
            print("\(file): refused: \(rejection.code.rawValue)")
            throw ExitCode(1)
        } catch let missing as BatchOpener.PartMissing {
            print("\(file): part \(missing.number) is missing or damaged")
            throw ExitCode(1)
        } catch let refusal as BatchFiles.Refusal {
            print("\(file): \(refusal.reason)")
            throw ExitCode(1)
        }
    }
}
