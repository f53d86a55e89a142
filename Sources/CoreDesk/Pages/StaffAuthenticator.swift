import Authority
import CMS
import Cases
import HTTPTypes
import Hummingbird
import Logging
import PortalBase
import Synchronization

/// Who is asking: the client certificate that nginx verified and passed on, verified again here.
struct StaffAuthenticator: Sendable {
    let configuration: Configuration
    let cases: CaseStore
    let tokenKey: [UInt8]
    private let alarm = RepeatedAlarm()
    private let recorded = RecordedSignIns()

    /// nginx overwrites this header with `$ssl_client_escaped_cert`, so a client's own never arrives.
    static let header = HTTPField.Name("X-Client-Cert")!

    enum Refusal: String, Error, Sendable {
        case noCertificate, badCertificate, notKnown, crossSite, badToken
        /// Nobody can be judged: a revocation list is missing, damaged or too old.
        case listOutdated
    }

    /// Looks into the database: called where blocking is allowed. The first request of a key on a day is on record as a sign-in, and so
    /// is a refusal.
    func member(_ request: Request) throws -> CaseStore.Member {
        var key: SHA256Digest?
        do {
            let member = try member(request, &key)
            try record(Self.signIn, member.posts, key)
            return member
        } catch let refusal as Refusal {
            let nobody = Post(person: "", role: "", unit: "", from: configuration.now())
            try record("\(Self.refusedSignIn) \(refusal.rawValue)", [nobody], key)
            throw refusal
        }
    }

    static let signIn = "signIn"
    static let refusedSignIn = "signInRefused"

    private func record(_ what: String, _ posts: [Post], _ key: SHA256Digest?) throws {
        let now = configuration.now()
        let shown = key.map { String($0.hex.prefix(16)) } ?? ""
        guard recorded.isFirst("\(what) \(shown)", on: now.date(in: .shanghai)) else { return }
        try cases.record(what, shown, as: posts, at: now)
    }

    /// - Parameter key: of the certificate, once it was read.
    private func member(_ request: Request, _ key: inout SHA256Digest?) throws -> CaseStore.Member {
        let values = request.headers[values: Self.header]
        guard values.count == 1, let value = values.first, !value.isEmpty else {
            throw values.isEmpty ? Refusal.noCertificate : .badCertificate
        }
        let now = configuration.now()
        guard let pem = percentDecoded(value), let certificate = try? Certificate(pem: Array(pem.utf8)) else {
            throw Refusal.badCertificate
        }
        key = certificate.publicKeyDigest
        do {
            // A list of revoked certificates may have come since the last request.
            try configuration.verifySignIn(certificate, at: now)
        } catch let error as CryptoError where error.code != .revocationListOutdated && error.code != .badRevocationList
        {
            throw Refusal.badCertificate
        } catch {
            // The revocation lists cannot be used, so that no officer gets in: the operator reads it in the log.
            alarm.say("no officer can sign in: \(error)")
            throw Refusal.listOutdated
        }
        guard let member = try cases.member(key: certificate.publicKeyDigest, at: now), !member.posts.isEmpty else {
            throw Refusal.notKnown
        }
        return member
    }

    /// What one form is good for.
    struct Ticket: Sendable {
        let caseID: String
        let action: String
        let task: String
        /// What its page was made from.
        let grounds: SHA256Digest
        /// Names the form: sent twice, it counts once.
        let nonce: String
    }

    func nonce() -> String { hexText(systemRandomBytes(16)) }

    /// A client certificate is sent with every request, wanted or not: a post must also show that it comes from our
    /// own page, made for this person and this action.
    func token(_ member: CaseStore.Member, _ ticket: Ticket) -> String {
        let parts = [ticket.caseID, ticket.action, ticket.task, ticket.grounds.hex, ticket.nonce]
        return hexText(hmacSHA256(key: tokenKey, member.key.bytes + Array(parts.joined(separator: "/").utf8)))
    }

    /// Shows that a statement was offered by this desk, at the moment that it names.
    func token(statement: [UInt8], _ member: CaseStore.Member) -> String {
        hexText(hmacSHA256(key: tokenKey, Array("statement ".utf8) + member.key.bytes + statement))
    }

    func check(statement: [UInt8], token given: String, _ member: CaseStore.Member) throws(Refusal) {
        guard isToken(given, token(statement: statement, member)) else { throw .badToken }
    }

    func check(_ request: Request, token given: String, member: CaseStore.Member, _ ticket: Ticket) throws(Refusal) {
        if let origin = request.headers[.origin], origin != configuration.origin { throw .crossSite }
        if let site = request.headers[HTTPField.Name("Sec-Fetch-Site")!], site != "same-origin" { throw .crossSite }
        guard isToken(given, token(member, ticket)) else { throw .badToken }
    }

    private func isToken(_ given: String, _ token: String) -> Bool {
        equalInConstantTime(Array(given.utf8), Array(token.utf8))
    }
}

/// What is on record already today. Hostile certificates fill no database: of many, the rest of the day says nothing.
private final class RecordedSignIns: Sendable {
    private let today = Mutex<(day: CivilDate?, lines: Set<String>)>((nil, []))
    private static let most = 20_000

    func isFirst(_ line: String, on day: CivilDate) -> Bool {
        today.withLock { today in
            if today.day != day { today = (day, []) }
            guard today.lines.count < Self.most else { return false }
            return today.lines.insert(line).inserted
        }
    }
}

/// Says the same alarm once a minute, however often it is met.
private final class RepeatedAlarm: Sendable {
    private let last = Mutex<ContinuousClock.Instant?>(nil)

    func say(_ text: String) {
        let isDue = last.withLock { last in
            if let known = last, known.duration(to: .now) < .seconds(60) { return false }
            last = .now
            return true
        }
        if isDue { Logger(label: "coredesk").error("ALARM \(text)") }
    }
}
