package import Authority
package import CMS
package import Cases
package import PortalBase
package import Procedures
package import Workflow

/// Somebody with a key in a usb-key, who signs their acts.
package struct Signer: Sendable {
    package let identity: Identity

    /// - Parameter name: of an officer of `Scripts/dev-ca`.
    package init(_ name: String) throws { identity = try Keys.identity("staff/" + name) }

    package var key: SHA256Digest { identity.certificate.publicKeyDigest }

    /// - Parameter subject: empty for one that the command begins.
    package func sign(
        _ command: Command, on subject: String, grounds: SHA256Digest, nonce: String, as officer: Officer,
        at now: Instant
    ) throws -> SignedAct {
        let statement = ActStatement(
            subject: subject, command: command, grounds: grounds, nonce: nonce, officer: officer, key: key, at: now,
            shown: [.init(label: "操作", text: command.action)]
        ).bytes
        return SignedAct(statement: statement, signature: try DetachedSignature.sign(statement, by: identity))
    }
}

extension CaseStore {
    /// Acts as somebody does who has a usb-key: the act is signed.
    package func perform(
        _ command: Command, on id: String, as officer: Officer, signing signer: Signer, key: String, at now: Instant
    ) throws -> Event {
        let view = try view(id, at: now)
        guard let action = view.process.action(command.action) else { throw Failure.refused(.unknownAction) }
        let grounds = view.process.grounds(of: action, task: command.task, on: view.file)
        return try perform(
            command, on: id, as: .officer(officer), key: key, grounds: grounds,
            signed: signer.sign(command, on: id, grounds: grounds, nonce: key, as: officer, at: now), at: now, now: now)
    }

    /// Begins a subject in the same way.
    package func beginSubject(
        _ process: Procedures.Process, _ inputs: [String: InputValue], as officer: Officer, signing signer: Signer,
        key: String, at now: Instant
    ) throws -> String {
        let command = Command(action: Procedures.Process.EventName.begin, inputs: inputs)
        return try beginSubject(
            process, inputs, as: officer, key: key,
            signed: signer.sign(command, on: "", grounds: process.digest, nonce: key, as: officer, at: now), at: now)
    }
}
