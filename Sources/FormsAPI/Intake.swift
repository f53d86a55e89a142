import CMS
import Ferry
import Forms
import PortalBase
import Submissions

/// Takes one validated submission in: seals it, stores it once, gives the citizen's credentials back.
struct Intake: Sendable {
    let store: SubmissionDatabase
    let recipients: [Certificate]
    let now: @Sendable () -> Instant
    let random: @Sendable (Int) -> [UInt8]

    /// By which way a submission came.
    enum Channel: String, Sendable { case web, api, open311 }

    enum Outcome: Sendable {
        /// - Parameter isNew: false for a repeat of what was stored before.
        case accepted(SubmissionDatabase.Credentials, isNew: Bool)
        case keyReused
        /// A file has expired, or was sent with another form.
        case fileGone
    }

    /// What the caller wants stored beside it.
    struct Wishes: Sendable {
        var language = "zh"
        var channel = Channel.web
        /// The network address that it came from.
        var client: [UInt8] = []
        /// The client's own for this form, at least 128 bits; without one a double click is told by content and client.
        var idempotencyKey: String?
        var ticket: String?
        var open311Token: String?
    }

    /// - Parameter files: as `answers.files`, with their parts.
    func accept(
        _ answers: ValidAnswers, files: [StoredAttachment], form: FormDefinition, _ wishes: Wishes
    ) async throws -> Outcome {
        let instant = now()
        let receipt = Receipt(date: instant.date(in: .shanghai), random: random(8))
        let code = QueryCode(random: random(16))
        let keys = CitizenKeys(receipt, code)
        let payload = SubmissionPayload(
            id: makeUUID(at: instant, random(16)), kind: form.kind == .hotline ? "hotline" : "application",
            received: instant,
            form: form.digest, receipt: receipt.text, lookup: hexText(keys.lookup), statusKey: hexText(keys.statusKey),
            authKey: hexText(keys.authKey), language: wishes.language, channel: wishes.channel.rawValue,
            answers: answers.values,
            attachments: files.map { .init(file: $0.description, parts: $0.parts.count) })
        let sealed = try Envelope.seal(payload.bytes, for: recipients)
        let content = Self.words(answers, form) + [0] + files.flatMap { $0.description.digest.bytes }
        let onceKeys: [[UInt8]]
        if let key = wishes.idempotencyKey {
            // Another client or form may use the same key.
            onceKeys = [Array("client:\(form.id):\(hexText(wishes.client)):\(key)".utf8)]
        } else {
            onceKeys = try await store.currentHourKeys(at: instant).map {
                hmacSHA256(key: $0, wishes.client + [0] + content)
            }
        }
        let credentials = SubmissionDatabase.Credentials(receipt: receipt, code: code)
        let outcome = try await store.store(
            .init(
                id: payload.id, kind: payload.kind, received: instant, lookup: keys.lookup,
                clear: payload.clearItem(parts: Self.parts(sealed, files)), sealed: sealed, attachments: files),
            credentials: credentials,
            handles: .init(
                onceKeys: onceKeys, isClientKey: wishes.idempotencyKey != nil, digest: SHA256Digest(of: content),
                ticket: wishes.ticket, client: wishes.client, open311Token: wishes.open311Token))
        return switch outcome {
        case .stored: .accepted(credentials, isNew: true)
        case .repeated(let known): .accepted(known, isNew: false)
        case .keyReused: .keyReused
        // Only messages about a case are counted.
        case .attachmentGone, .tooMany: .fileGone
        }
    }

    /// What a submission says, without its files.
    static func words(_ answers: ValidAnswers, _ form: FormDefinition) -> [UInt8] {
        Array(form.digest.utf8) + [0] + answers.json.canonicalBytes
    }

    /// What an item holds besides its clear part.
    static func parts(_ sealed: [UInt8], _ files: [StoredAttachment]) -> [SealedPart] {
        var parts = [SealedPart(name: "item.p7m", bytes: sealed.count, digest: SHA256Digest(of: sealed).hex)]
        for (position, file) in files.enumerated() {
            parts += file.parts.map {
                SealedPart(name: attachmentPartName(position, $0.number), bytes: $0.bytes, digest: $0.digest)
            }
        }
        return parts
    }
}
