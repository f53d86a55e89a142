package import Authority
package import CMS
package import PortalBase
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
