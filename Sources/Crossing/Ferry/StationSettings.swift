package import CMS
package import PortalBase

/// Where one side keeps its folders and keys, whom it trusts, and how its lanes run: plain values from the owner's
/// configuration.
package struct StationSettings: Sendable {
    package var spool: String
    /// The identity that signs batches and acknowledgements: a path without extension, or a key in a token.
    package var sign: String
    /// Identities that open batches: the current one, and a former one while certificates change.
    package var open: [String]
    /// The identity that makes the second signature; nil for none.
    package var sm2Sign: String?
    package var authority: String
    package var revocationLists: [String] = []
    /// Certificates of the signers that this side accepts, current and next.
    package var signers: [String]
    package var sm2Signers: [String] = []
    /// Certificates that this side seals for.
    package var recipients: [String]
    /// Certificates of those who may begin a lane anew.
    package var operators: [String]
    package var seal = BatchManifest.Seal.cms
    package var sending = LaneSender.Policy()
    package var receiving = LaneReceiver.Policy()
    /// Whether anything goes back on the lane that this side receives.
    package var acknowledges = true
    /// Seconds that a sender keeps what was acknowledged, for a receiver that must be restored from a backup.
    package var keepDelivered = Self.defaultKeepDelivered
    package static let defaultKeepDelivered = 7 * 86_400
    /// A watching sender seals when so many bytes wait, or something waits for so many seconds.
    package var sealAt = (bytes: 64 << 20, seconds: 60)

    package init(
        spool: String, sign: String, open: [String], authority: String, signers: [String], recipients: [String],
        operators: [String]
    ) {
        self.spool = spool
        self.sign = sign
        self.open = open
        self.authority = authority
        self.signers = signers
        self.recipients = recipients
        self.operators = operators
    }

    package func trust() throws -> TrustStore {
        try TrustStore(
            authorities: FileSystem.read(authority),
            revocationLists: try revocationLists.map { try FileSystem.read($0) })
    }

    /// Digests of the public keys of the signers that this side accepts.
    package func signerKeys() throws -> Set<SHA256Digest> { try Self.keys(signers) }

    package func operatorKeys() throws -> Set<SHA256Digest> { try Self.keys(operators) }

    private static func keys(_ paths: [String]) throws -> Set<SHA256Digest> {
        Set(try certificates(paths).map(\.publicKeyDigest))
    }

    private static func certificates(_ paths: [String]) throws -> [Certificate] {
        try paths.map { try Certificate(pem: FileSystem.read($0)) }
    }

    /// The station over `store`, its keys and certificates read now.
    package func station(
        sends: (lane: String, registry: KindRegistry), receives: (lane: String, registry: KindRegistry),
        store: any LaneStore
    ) throws -> Station {
        let trust = try trust()
        let signer = try Identity(path: sign)
        let pinned = try signerKeys()
        let spool = try Spool(root: spool)
        let opener = BatchOpener(
            identities: try open.map { try Identity(path: $0) }, trust: trust, allowedSigners: pinned,
            sm2Signers: try Self.certificates(sm2Signers), registry: receives.registry, seal: seal)
        let sealer = BatchSealer(
            signer: signer, sm2Signer: try sm2Sign.map { try Identity(path: $0) },
            recipients: try Self.certificates(recipients), registry: sends.registry, seal: seal,
            random: systemRandomBytes)
        return Station(
            spool: spool,
            sender: LaneSender(
                spool: spool, store: store, lane: sends.lane, sealer: sealer, trust: trust, acknowledgers: pinned,
                policy: sending),
            receiver: LaneReceiver(
                spool: spool, store: store, lane: receives.lane, opener: opener,
                acknowledger: acknowledges ? signer : nil, policy: receiving),
            store: store)
    }
}
