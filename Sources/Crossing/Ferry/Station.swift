import CMS

/// One side of the gap: the end that sends on one lane and the end that receives on the other. The two run side by side,
/// each under its lane's lock.
package struct Station: Sendable {
    package let spool: Spool
    package let sender: LaneSender
    package let receiver: LaneReceiver
    package let store: any LaneStore

    package init(spool: Spool, sender: LaneSender, receiver: LaneReceiver, store: any LaneStore) {
        self.spool = spool
        self.sender = sender
        self.receiver = receiver
        self.store = store
    }

    /// A detached signature of this side.
    package func sign(_ bytes: [UInt8]) throws -> [UInt8] {
        try DetachedSignature.sign(bytes, by: sender.sealer.signer)
    }
}
