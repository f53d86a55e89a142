import CMS
import Ferry
import Forms
import PortalBase
import Submissions

/// Withdrawals, ratings, supplements and deliveries: what a citizen with receipt and code sends about a case of theirs.
struct FollowUp: Sendable {
    let view: StatusView
    let recipients: [Certificate]
    let now: @Sendable () -> Instant
    let random: @Sendable (Int) -> [UInt8]

    enum Action: Sendable, Equatable {
        case withdraw
        case rate(score: Int, solved: Bool, words: String)

        /// Nil for what no page of ours offers.
        init?(_ fields: (String) -> String?) {
            switch fields("action") {
            case "withdraw": self = .withdraw
            case "rate":
                guard let score = fields("score").flatMap({ Int($0) }), (1...5).contains(score),
                    let solved = fields("solved"), ["yes", "no"].contains(solved)
                else { return nil }
                guard let words = CaseMessage.ratingWords(fields("words") ?? "") else { return nil }
                self = .rate(score: score, solved: solved == "yes", words: words)
            default: return nil
            }
        }
    }

    enum Outcome: Sendable, Equatable {
        case accepted
        /// Unknown receipt or wrong code.
        case notFound
        /// The state that the citizen was shown allows it no longer.
        case notPossible
        /// This was answered so often that nothing more is taken.
        case tooMany
    }

    /// What the page may offer.
    static func canWithdraw(_ found: StatusView.Found) -> Bool {
        switch found {
        case .nothing: false
        case .received: true
        // The core says so; older answers say it by their state.
        case .answer(let json, _):
            json["withdrawal"]?.bool ?? ["received", "accepted", "correction"].contains(json["state"]?.string ?? "")
        }
    }

    static func ratingToken(_ found: StatusView.Found) -> String? {
        guard case .answer(let json, _) = found else { return nil }
        return json["rating"]?.string
    }

    /// What a correction notice (补正) asks for.
    struct Correction: Sendable, Equatable {
        let notice: String
        /// Id and digest of the form whose fields are asked for.
        let form: String
        let digest: String
        let fields: [String]
    }

    static func correction(_ found: StatusView.Found) -> Correction? {
        guard case .answer(let json, _) = found, json["state"]?.string == "correction", let asked = json["correction"],
            let notice = asked["notice"]?.string, let form = asked["id"]?.string, let digest = asked["form"]?.string,
            let fields = asked["fields"]?.array?.compactMap(\.string), !fields.isEmpty
        else { return nil }
        return Correction(notice: notice, form: form, digest: digest, fields: fields)
    }

    /// Messages of one kind that may answer one thing: a second try and a third, and no store of files at the core.
    private static let mostMessages = 3

    func find(receipt: String, code: String) async throws -> StatusView.Found {
        let view = view
        return try await onBlockingThread { try view.find(receipt: receipt, code: code) }
    }

    /// A withdrawal or a rating. The same again within two hours is one message.
    func send(_ action: Action, receipt: String, code: String) async throws -> Outcome {
        let found = try await find(receipt: receipt, code: code)
        if case .nothing = found { return .notFound }
        switch action {
        case .withdraw:
            guard Self.canWithdraw(found) else { return .notPossible }
            return try await send(.withdrawal, notice: "", body: [:], receipt, code)
        case .rate(let score, let solved, let words):
            guard let token = Self.ratingToken(found) else { return .notPossible }
            let body: [String: JSON] = ["score": .integer(score), "solved": .bool(solved), "words": .string(words)]
            return try await send(.rating, notice: token, body: body, receipt, code)
        }
    }

    /// Tells the core that its citizen opened a paper (送达).
    func deliver(_ digest: String, receipt: String, code: String) async throws -> Outcome {
        try await send(.delivery, notice: digest, body: ["sha256": .string(digest)], receipt, code)
    }

    /// What a notice asked for: answers and files that passed its form.
    func supplement(
        _ answers: ValidAnswers, _ files: [StoredAttachment], _ correction: Correction, receipt: String, code: String
    ) async throws -> Outcome {
        let listed = files.map { SubmissionPayload.SealedAttachment(file: $0.description, parts: $0.parts.count) }
        return try await send(
            .supplement, notice: correction.notice, body: CaseMessage.supplement(answers.values, listed), receipt, code,
            files)
    }

    /// Seals a message for the desk and stores it.
    private func send(
        _ kind: CaseMessage.Kind, notice: String, body: [String: JSON], _ receipt: String, _ code: String,
        _ files: [StoredAttachment] = []
    ) async throws -> Outcome {
        guard let receipt = Receipt(typed: receipt), let code = QueryCode(typed: code) else { return .notFound }
        let (instant, keys) = (now(), CitizenKeys(receipt, code))
        let message = CaseMessage(
            id: makeUUID(at: instant, random(16)), kind: kind, received: instant, lookup: hexText(keys.lookup),
            notice: notice,
            counter: CaseMessage.counter(at: instant, random(3)), body: body,
            sign: { hexText(hmacSHA256(key: keys.authKey, $0)) })
        let sealed = try Envelope.seal(message.bytes, for: recipients)
        // The same words and files again are the same message; others are another.
        let content =
            Array("\(kind.rawValue)\0\(notice)\0".utf8) + keys.lookup + JSON.object(body).canonicalBytes
        let credentials = SubmissionDatabase.Credentials(receipt: receipt, code: code)
        let outcome = try await view.store.store(
            .init(
                id: message.id, kind: kind.rawValue, received: instant, lookup: nil,
                clear: message.clearItem(parts: Intake.parts(sealed, files)), sealed: sealed, attachments: files),
            credentials: credentials,
            handles: .init(
                onceKeys: try await view.store.currentHourKeys(at: instant).map { hmacSHA256(key: $0, content) },
                digest: SHA256Digest(of: content),
                answers: (Array("\(kind.rawValue)\0\(notice)\0".utf8) + keys.lookup, Self.mostMessages)))
        switch outcome {
        case .stored, .repeated: return .accepted
        case .tooMany: return .tooMany
        case .keyReused, .attachmentGone: return .notPossible
        }
    }
}
