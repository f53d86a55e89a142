import CMS
import PortalBase
import Submissions

/// What a client shows when the service is under pressure: a solved ALTCHA challenge (a script's work of a second), or a
/// waiting slip (for a browser without scripts: come again after a while). Each is good for one form, and a slip for the
/// client and the words that it was given out for.
struct ProofOfWork: Sendable {
    let store: SubmissionDatabase
    let random: @Sendable (Int) -> [UInt8]

    /// Hashes that a client tries at most; a phone does so many in a second or two.
    private static let maxNumber = 100_000
    private static let lifetime = 3_600
    /// Seconds until a waiting slip is good.
    static let waiting = 20

    // MARK: ALTCHA (https://altcha.org, version 1 of the challenge)

    func challenge(at now: Instant) throws -> JSON {
        let expires = now.seconds + Self.lifetime
        let salt = "\(hexText(random(12)))?expires=\(expires)&"
        let secret = random(4).reduce(0) { $0 << 8 | Int($1) } % Self.maxNumber
        let challenge = SHA256Digest(of: Array("\(salt)\(secret)".utf8)).hex
        return .object([
            "algorithm": .string("SHA-256"), "challenge": .string(challenge), "maxnumber": .integer(Self.maxNumber),
            "salt": .string(salt), "signature": .string(try sign("altcha", challenge, at: now)),
        ])
    }

    private func isSolved(_ payload: String, at now: Instant) throws -> Bool {
        guard payload.utf8.count <= 1_024, let bytes = bytesFromBase64(payload), let json = try? JSON(parsing: bytes),
            json["algorithm"]?.string == "SHA-256", let challenge = json["challenge"]?.string,
            let salt = json["salt"]?.string, let number = json["number"]?.integer,
            let signature = json["signature"]?.string,
            let expires = salt.split(separator: "?expires=").last.flatMap({ Int($0.dropLast()) }),
            expires > now.seconds, challenge == SHA256Digest(of: Array("\(salt)\(number)".utf8)).hex,
            try isSigned("altcha", challenge, signature, at: now)
        else { return false }
        return try store.use(token: Array(challenge.utf8), until: Instant(seconds: expires))
    }

    // MARK: Waiting

    /// What a slip is bound to: nothing that it shows.
    static func binding(_ client: [UInt8]?, _ words: [UInt8]) -> String {
        SHA256Digest(of: (client ?? []) + [0] + words).hex
    }

    /// A slip that is good from `waiting` seconds after now.
    ///
    /// - Parameter bound: see `binding`.
    func slip(for bound: String, at now: Instant) throws -> String {
        let text = "\(now.seconds)-\(hexText(random(16)))"
        return "wait.\(text).\(try sign("wait", text + bound, at: now))"
    }

    private func isWaited(_ slip: String, for bound: String, at now: Instant) throws -> Bool {
        let parts =
            slip.utf8.count > 256 ? [] : slip.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let issued = parts[1].split(separator: "-").first.flatMap({ Int($0) }),
            try isSigned("wait", parts[1] + bound, parts[2], at: now),
            // Any number may come from outside: nothing is added to it.
            (0...now.seconds).contains(issued), (Self.waiting..<Self.lifetime).contains(now.seconds - issued)
        else { return false }
        return try store.use(token: Array(parts[1].utf8), until: Instant(seconds: issued + Self.lifetime))
    }

    // MARK: Both

    /// Whether a proof holds; using it up.
    func accept(_ proof: String, for bound: String, at now: Instant) throws -> Bool {
        proof.hasPrefix("wait.") ? try isWaited(proof, for: bound, at: now) : try isSolved(proof, at: now)
    }

    private func sign(_ use: String, _ text: String, at now: Instant) throws -> String {
        hexText(hmacSHA256(key: try store.hourKeys(at: now)[0], Array("\(use)\0\(text)".utf8)))
    }

    /// By this hour's key or the last's.
    private func isSigned(_ use: String, _ text: String, _ signature: String, at now: Instant) throws -> Bool {
        guard let given = bytesFromHex(signature) else { return false }
        return try store.hourKeys(at: now).contains {
            equalInConstantTime(hmacSHA256(key: $0, Array("\(use)\0\(text)".utf8)), given)
        }
    }
}
