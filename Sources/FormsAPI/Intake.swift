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

    enum Outcome: Sendable {
        case accepted(SubmissionDatabase.Credentials)
        case keyReused
    }

    /// - Parameter idempotencyKey: the client's, at least 128 bits; without one a double click is told by content.
    func accept(
        _ answers: ValidAnswers, form: FormDefinition, language: String, idempotencyKey: String?
    ) throws -> Outcome {
        let instant = now()
        let receipt = Receipt(date: instant.date(in: .shanghai), random: random(8))
        let code = QueryCode(random: random(16))
        let keys = CitizenKeys(receipt, code)
        let payload = SubmissionPayload(
            id: makeUUID(random(16)), kind: form.kind == .hotline ? "hotline" : "application", received: instant,
            form: form.digest,
            receipt: receipt.text, lookup: hexText(keys.lookup), statusKey: hexText(keys.statusKey),
            authKey: hexText(keys.authKey),
            language: language, channel: "web", answers: answers.values)
        let sealed = try Envelope.seal(payload.bytes, for: recipients)
        let content = Array(form.digest.utf8) + [0] + answers.json.canonicalBytes
        let onceKeys: [[UInt8]]
        if let idempotencyKey {
            onceKeys = [Array(("client:" + idempotencyKey).utf8)]
        } else {
            onceKeys = try store.hourKeys(at: instant).map { hmacSHA256(key: $0, content) }
        }
        let credentials = SubmissionDatabase.Credentials(receipt: receipt, code: code)
        let outcome = try store.store(
            .init(
                id: payload.id, kind: payload.kind, received: instant, lookup: keys.lookup,
                clear: payload.clearItem(parts: [("item.p7m", sealed)]), sealed: sealed),
            credentials: credentials, onceKeys: onceKeys, digest: SHA256Digest(of: content))
        switch outcome {
        case .stored: return .accepted(credentials)
        case .repeated(let known): return .accepted(known)
        case .keyReused: return .keyReused
        }
    }
}
