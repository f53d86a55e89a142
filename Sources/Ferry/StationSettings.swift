import CMS
import PortalBase

/// Where one side keeps its folders and keys, and whom it trusts: plain values from the owner's configuration.
package struct StationSettings: Sendable {
    package let spool: String
    /// Paths without extension of the identities that sign and open batches.
    package let sign: String
    package let open: String
    package let authority: String
    package let revocationLists: [String]
    /// Certificates of the signers that this side accepts, current and next.
    package let signers: [String]
    /// Certificates that this side seals for.
    package let recipients: [String]
    package let sendEpoch: String
    package let receiveEpoch: String

    package init(
        spool: String, sign: String, open: String, authority: String, revocationLists: [String], signers: [String],
        recipients: [String], sendEpoch: String, receiveEpoch: String
    ) {
        self.spool = spool
        self.sign = sign
        self.open = open
        self.authority = authority
        self.revocationLists = revocationLists
        self.signers = signers
        self.recipients = recipients
        self.sendEpoch = sendEpoch
        self.receiveEpoch = receiveEpoch
    }

    /// The station over `store`, its keys and certificates read now.
    package func station(
        sends: (lane: String, registry: KindRegistry), receives: (lane: String, registry: KindRegistry),
        store: any LaneStore
    ) throws -> Station {
        let certificates = { (paths: [String]) in try paths.map { try Certificate(pem: FileSystem.read($0)) } }
        let trust = try TrustStore(
            authorities: FileSystem.read(authority),
            revocationLists: try revocationLists.map { try FileSystem.read($0) })
        return Station(
            folders: .init(root: spool), store: store,
            sends: .init(name: sends.lane, epoch: sendEpoch), receives: .init(name: receives.lane, epoch: receiveEpoch),
            sealer: BatchSealer(
                signer: try Identity(path: sign), recipients: try certificates(recipients), registry: sends.registry,
                random: systemRandomBytes),
            opener: BatchOpener(
                identity: try Identity(path: open), trust: trust,
                allowedSigners: Set(try certificates(signers).map(\.publicKeyDigest)), registry: receives.registry))
    }
}
