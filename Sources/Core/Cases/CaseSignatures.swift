import Authority
import CMS
import PortalBase
import Procedures
import SQL
import Workflow

/// Acts at level 4: the officer's signature over the act is verified here and kept with the event.
extension CaseStore {
    /// The actor as strongly as they are known for one command: at level 4 where they signed it, else as their key shows.
    ///
    /// - Parameter subject: empty for one that the command begins.
    func authenticated(
        _ actor: Actor, by signed: SignedAct?, for command: Command, on subject: String, grounds: SHA256Digest?,
        nonce: String, at moment: Instant, _ db: any SQLConnection
    ) throws -> Actor {
        guard case .officer(let officer) = actor else { return actor }
        guard let signed else { return .officer(officer.at(level: min(officer.level, Officer.levelOfUSBKey))) }
        guard let statement = ActStatement(bytes: signed.statement),
            let grounds,
            statement
                == ActStatement(
                    subject: subject, command: command, grounds: grounds, nonce: nonce, officer: officer,
                    key: statement.key, at: statement.at, shown: statement.shown),
            statement.isTimely(at: moment), Self.isSigned(signed, by: statement.key),
            let credential = try db.row("SELECT person, level FROM credential WHERE key = ?", statement.key.hex),
            try credential["person"] == officer.post.person,
            try credential["level"] as Int >= Officer.levelOfUSBKey
        else { throw Failure.badSignature }
        return .officer(officer.at(level: Officer.levelOfSignature))
    }

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
        return officer.level >= Officer.levelOfSignature
    }

    /// Whether an event holds the signature that its level claims, over what it says, by a key of its officer; and did what its action
    /// does.
    func isSignedAsClaimed(
        _ claimed: SignedEvent, keys: KeysOfPersons, _ db: any SQLConnection
    ) throws -> Bool {
        let event = claimed.event
        guard let signed = event.signed, let statement = ActStatement(bytes: signed.statement),
            keys[statement.person]?.contains(statement.key.hex) == true, Self.isSigned(signed, by: statement.key)
        else { return false }
        let process = try definitions.process(claimed.process, db)
        let file = Case(received: claimed.subject.received, events: claimed.before.inPresentNames)
        let answers = event.isBeginning ? event.inputs.compactMapValues(\.answer) : file.answers
        let isSignedRequest =
            event.isBeginning
            ? Self.identifier(of: process, answers, statement.nonce) == claimed.subject.id
            : claimed.key == "request " + statement.nonce
        guard isSignedRequest, statement.matches(event, on: claimed.subject.id, by: process) else { return false }
        let world = try world(of: claimed.subject, process, answers, event.at, carried: event.at)
        return process.explains(event, on: file, in: world)
    }
}
