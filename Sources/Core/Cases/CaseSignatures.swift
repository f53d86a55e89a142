import Authority
import CMS
import PortalBase
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
        nonce: String, _ db: any SQLConnection
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
            Self.isSigned(signed, by: said.key),
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

    /// Whether an event holds the signature that its level claims, over what it says, by a key of its officer.
    static func isSignedAsClaimed(_ event: Event, on subject: String, keys: KeysOfPersons) -> Bool {
        guard case .officer(let officer) = event.actor, officer.level >= signature else { return event.signed == nil }
        guard let signed = event.signed, let said = ActStatement(bytes: signed.statement) else { return false }
        return said.isOf(event, on: subject) && keys[said.person]?.contains(said.key.hex) == true
            && isSigned(signed, by: said.key)
    }
}
