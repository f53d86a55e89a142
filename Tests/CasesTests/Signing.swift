import Authority
import PortalBase
import Procedures
import TestSupport
import Workflow

@testable import Cases

extension CaseStore {
    /// Acts as somebody does who has a usb-key: the act is signed.
    func perform(
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
    func beginSubject(
        _ process: Procedures.Process, _ inputs: [String: InputValue], as officer: Officer, signing signer: Signer,
        key: String, at now: Instant
    ) throws -> String {
        let command = Command(action: Procedures.Process.EventName.begin, inputs: inputs)
        return try beginSubject(
            process, inputs, as: officer, key: key,
            signed: signer.sign(command, on: "", grounds: process.digest, nonce: key, as: officer, at: now), at: now)
    }
}
