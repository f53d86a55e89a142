import CMS
import Ferry
import Forms
import PortalBase
import Submissions

/// Withdrawals and ratings: what a citizen with receipt and code sends about a case of theirs.
struct FollowUp: Sendable {
    let view: StatusView
    let recipients: [Certificate]
    let now: @Sendable () -> Instant
    let random: @Sendable (Int) -> [UInt8]

    enum Action: Sendable, Equatable {
        case withdraw
        case rate(score: Int, solved: Bool, words: String)

        static let maxWords = 200

        /// Nil for what no page of ours offers.
        init?(_ fields: (String) -> String?) {
            switch fields("action") {
            case "withdraw": self = .withdraw
            case "rate":
                guard let score = fields("score").flatMap({ Int($0) }), (1...5).contains(score),
                    let solved = fields("solved"), ["yes", "no"].contains(solved)
                else { return nil }
                let words = fields("words") ?? ""
                guard words.count <= Self.maxWords else { return nil }
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
    }

    /// What the page may offer.
    static func canWithdraw(_ found: StatusView.Found) -> Bool {
        switch found {
        case .nothing: false
        case .received: true
        case .answer(let json, _): ["received", "accepted", "correction"].contains(json["state"]?.string ?? "")
        }
    }

    static func ratingToken(_ found: StatusView.Found) -> String? {
        guard case .answer(let json, _) = found else { return nil }
        return json["rating"]?.string
    }

    /// Seals a message for the desk and stores it. The same again within two hours is one message.
    func send(_ action: Action, receipt: String, code: String) async throws -> Outcome {
        let view = view
        let found = try await onBlockingThread { try view.find(receipt: receipt, code: code) }
        guard let receipt = Receipt(typed: receipt), let code = QueryCode(typed: code) else { return .notFound }
        if case .nothing = found { return .notFound }
        let notice: String
        let body: [String: JSON]
        switch action {
        case .withdraw:
            guard Self.canWithdraw(found) else { return .notPossible }
            (notice, body) = ("", [:])
        case .rate(let score, let solved, let words):
            guard let token = Self.ratingToken(found) else { return .notPossible }
            notice = token
            body = ["score": .integer(score), "solved": .bool(solved), "words": .string(words)]
        }
        let (instant, keys) = (now(), CitizenKeys(receipt, code))
        let message = CaseMessage(
            id: makeUUID(random(16)), kind: action == .withdraw ? .withdrawal : .rating, received: instant,
            lookup: hexText(keys.lookup), notice: notice, counter: instant.seconds, body: body,
            sign: { hexText(hmacSHA256(key: keys.authKey, $0)) })
        let sealed = try Envelope.seal(message.bytes, for: recipients)
        let content = Array("\(message.kind.rawValue)\0\(notice)\0".utf8) + keys.lookup
        let outcome = try await view.store.store(
            .init(
                id: message.id, kind: message.kind.rawValue, received: instant, lookup: nil,
                clear: message.clearItem(sealed: sealed), sealed: sealed),
            credentials: .init(receipt: receipt, code: code),
            handles: .init(
                onceKeys: try view.store.hourKeys(at: instant).map { hmacSHA256(key: $0, content) },
                digest: SHA256Digest(of: content)))
        return outcome == .stored || outcome == .repeated(.init(receipt: receipt, code: code))
            ? .accepted : .notPossible
    }
}
