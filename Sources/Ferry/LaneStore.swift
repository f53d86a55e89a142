package import PortalBase

/// A lane's state in its owner's database. Items, number and acknowledgement change in one transaction there, which is
/// why Ferry does not keep them itself.
package protocol LaneStore: Sendable {
    // Sending

    /// The batch that is frozen and not yet signed, if a process died between the two; else the next items frozen under
    /// the next number, in one transaction; nil when nothing waits.
    func nextBatch(lane: String, limit: Int, at now: Instant) throws -> FrozenBatch?
    func item(lane: String, id: String) throws -> FerryItem
    /// From here on only these bytes ever leave for this number.
    func recordSigned(lane: String, sequence: Int, manifest: SHA256Digest) throws
    /// Numbers that are signed and not settled by an acknowledgement, ascending.
    func offered(lane: String) throws -> [Int]
    /// Settles batches; rejected ones give their good items back to the queue.
    /// - Returns: numbers whose files may go, and parts to offer again.
    func apply(_ acknowledgement: Acknowledgement) throws -> AckEffect

    // Receiving

    func received(lane: String, sequence: Int) throws -> Acknowledgement.Entry?
    /// Puts items and number into the database together. An item that is there already is left as it is.
    /// - Throws: `BatchOpener.Rejection` when an item does not fit the owner's rules; nothing is stored then.
    func commit(_ batch: BatchOpener.Verified, items: [BatchOpener.OpenedItem], at now: Instant) throws
    func record(_ entry: Acknowledgement.Entry, lane: String, previous: SHA256Digest?, at now: Instant) throws
    /// What the batch with this number, received already, names as its predecessor.
    func namedPredecessor(lane: String, of sequence: Int) throws -> SHA256Digest?
    /// The lane's acknowledgement as of now, its counter raised when something changed; nil before anything came.
    func acknowledgement(lane: String, epoch: String, at now: Instant) throws -> Acknowledgement?
    /// Stops a lane for an operator to look at.
    func raiseAlarm(lane: String, code: String, detail: String, at now: Instant) throws
    func isStopped(lane: String) throws -> Bool
}

package struct FrozenBatch: Sendable {
    package let sequence: Int
    package let previous: SHA256Digest?
    package let itemIDs: [String]

    package init(sequence: Int, previous: SHA256Digest?, itemIDs: [String]) {
        self.sequence = sequence
        self.previous = previous
        self.itemIDs = itemIDs
    }
}

package struct AckEffect: Sendable, Equatable {
    package var settled: [Int] = []
    package var wanted: [Int: [Int]] = [:]

    package init() {}
}
