import Authority
import CMS
import PortalBase
import Procedures
import SQL
import Workflow

/// Acts at level 4: the officer's signature over the act is verified here and kept with the event.
extension CaseStore {
    /// What a key alone can show.
    private static let highestOfKeys = 3

    /// The actor as strongly as they are known for one command: at level 4 where they signed it, else as their key shows.
    ///
    /// - Parameter subject: empty for one that the command begins.
    func known(
        _ actor: Actor, by signed: SignedAct?, for command: Command, on subject: String, grounds: SHA256Digest?,
        nonce: String, at moment: Instant, _ db: any SQLConnection
    ) throws -> Actor {
        guard case .officer(let officer) = actor else { return actor }
        guard let signed else {
            return .officer(
                Officer(
                    post: officer.post, level: min(officer.level, Self.highestOfKeys), deputised: officer.deputised))
        }
        guard let said = ActStatement(bytes: signed.statement),
            let grounds,
            said
                == ActStatement(
                    subject: subject, command: command, grounds: grounds, nonce: nonce, officer: officer, key: said.key,
                    at: said.at, shown: said.shown),
            said.isTimely(at: moment), Self.isSigned(signed, by: said.key),
            let credential = try db.row("SELECT person, level FROM credential WHERE key = ?", said.key.hex),
            try credential["person"] == officer.post.person, try credential["level"] as Int >= Self.highestOfKeys
        else { throw Failure.badSignature }
        return .officer(Officer(post: officer.post, level: Self.signature, deputised: officer.deputised))
    }

    /// The level of a signature over the act.
    package static let signature = 4

    private static func isSigned(_ signed: SignedAct, by key: SHA256Digest) -> Bool {
        (try? DetachedSignature.signer(of: signed.signature, over: signed.statement))?.publicKeyDigest == key
    }

    /// Keys that the log has ever trusted to show a person, in hexadecimal, by person.
    typealias KeysOfPersons = [String: Set<String>]

    func keysOfPersons(_ db: any SQLConnection) throws -> KeysOfPersons {
        let bodies: [[UInt8]] = try db.column(
            "SELECT e.body FROM subject s JOIN event e ON e.subject = s.id WHERE s.number > ?", Subject.others)
        var keys: KeysOfPersons = [:]
        for body in bodies {
            // What does not read is told where the log is gone through.
            guard let open = try? JSON(parsing: body), let event = Event(open: open, boxed: nil) else { continue }
            for case .trusted(let person, let key, _) in event.facts { keys[person, default: []].insert(key) }
        }
        return keys
    }

    /// An event with the log before it, whose officer claims to have signed it.
    struct SignedEvent: Sendable {
        let subject: Subject
        let process: SHA256Digest
        let event: Event
        /// Of the request.
        let key: String
        let before: [Event]
    }

    static func claimsSignature(_ event: Event) -> Bool {
        guard case .officer(let officer) = event.actor else { return false }
        return officer.level >= signature
    }

    /// Whether an event holds the signature that its level claims, over what it says, by a key of its officer; and did what its action
    /// does.
    func isSignedAsClaimed(
        _ claimed: SignedEvent, keys: KeysOfPersons, _ db: any SQLConnection
    ) throws -> Bool {
        let event = claimed.event
        guard let signed = event.signed, let said = ActStatement(bytes: signed.statement),
            keys[said.person]?.contains(said.key.hex) == true, Self.isSigned(signed, by: said.key)
        else { return false }
        let process = try definitions.process(claimed.process, db)
        guard said.isOf(event, on: claimed.subject.id, by: process), names(claimed, said, process) else { return false }
        let file = Case(received: claimed.subject.received, events: claimed.before.inPresentNames)
        let answers = event.version == 1 ? event.inputs.compactMapValues(\.answer) : file.answers
        let world = try world(of: claimed.subject, process, answers, event.at, carried: event.at)
        return process.explains(event, on: file, in: world)
    }

    /// Whether the request that the log knows is the one that was signed.
    private func names(_ claimed: SignedEvent, _ said: ActStatement, _ process: Process) -> Bool {
        guard claimed.event.version == 1 else { return claimed.key == "request " + said.nonce }
        let answers = claimed.event.inputs.compactMapValues(\.answer)
        return Self.identifier(of: process, answers, said.nonce) == claimed.subject.id
    }
}
