package import PortalBase

/// A lane in one of its epochs.
package struct LaneID: Sendable, Hashable {
    package let name: String
    package let epoch: String

    package init(name: String, epoch: String) {
        self.name = name
        self.epoch = epoch
    }
}

/// A lane's state in its owner's database. Items, number and acknowledgement change in one transaction there, which is
/// why Ferry does not keep them itself. What changes is written into the audit log in the same transaction.
package protocol LaneStore: Sendable {
    /// The lane's current epoch and since when; nil before an operator's record was adopted.
    func epoch(of lane: String) throws -> (id: LaneID, since: Instant)?

    // Sending

    /// The batch that is frozen and not yet signed, if a process died between the two; else the next items frozen under
    /// the next number, in one transaction; else an empty batch when nothing was sent for `heartbeat` seconds; else nil.
    func nextBatch(_ lane: LaneID, maxItems: Int, heartbeat: Int?, at now: Instant) throws -> FrozenBatch?
    func item(lane: String, id: String) throws -> FerryItem
    /// An item of a frozen batch may not cross: it is kept and not sent, and the others wait again for the same number.
    func setAside(_ refused: ItemRefused, in lane: LaneID, sequence: Int, at now: Instant) throws
    /// From here on only these bytes ever leave for this number.
    func recordSigned(_ lane: LaneID, _ manifest: BatchManifest, digest: SHA256Digest, at now: Instant) throws
    /// Batches that are signed and not settled, ascending.
    func outgoing(_ lane: LaneID) throws -> [OutgoingBatch]
    /// All that is wanted of it lies in the outbox.
    func recordOffered(_ lane: LaneID, sequence: Int, at now: Instant) throws
    /// Its time is over: items are queued again; the number stays open until the other side has answered it.
    func recordExpired(_ lane: LaneID, sequence: Int, at now: Instant) throws
    /// Offered as often as a lane without acknowledgements demands.
    func recordPassed(_ lane: LaneID, sequence: Int, at now: Instant) throws
    /// Settles batches; rejected ones give their good items back to the queue.
    func apply(_ acknowledgement: Acknowledgement, at now: Instant) throws -> AckEffect

    // Receiving

    func received(_ lane: LaneID, sequence: Int) throws -> Acknowledgement.Entry?
    /// Puts items into the database, and the number once all of them are there. An item that is there already is left as it is.
    /// An item that this side cannot take just now (a key or a form that it lacks) is held by itself, and the others go in.
    /// - Returns: a line for each item that is held.
    /// - Throws: `BatchOpener.Rejection` when an item does not fit the owner's rules; the number is not recorded then.
    func commit(_ batch: BatchOpener.Verified, items: [BatchOpener.OpenedItem], at now: Instant) throws -> [String]
    /// Tries once more to take what is held.
    /// - Returns: a line for each item that is held still.
    func retryHeld(lane: String, at now: Instant) throws -> [String]
    func record(_ entry: Acknowledgement.Entry, of batch: BatchOpener.Verified, at now: Instant) throws
    /// What the batch with this number, received already, names as its predecessor.
    func namedPredecessor(_ lane: LaneID, of sequence: Int) throws -> SHA256Digest?
    /// The lane's acknowledgement as of now, its counter raised when something changed; nil before anything came.
    ///
    /// - Parameter partsGrace: missing parts of batches seen less than so many seconds ago are still on their way.
    func acknowledgement(_ lane: LaneID, partsGrace: Int, at now: Instant) throws -> Acknowledgement?
    /// Numbers that were passed over, and since when; the lane's newest receipt up to `now`: a clock that stood in the future
    /// once says nothing.
    func receipts(_ lane: LaneID, at now: Instant) throws -> LaneReceipts

    // For operators and auditors

    /// Once while it stands.
    func raise(_ alarm: LaneAlarm, lane: String, detail: String, at now: Instant) throws
    /// What the alarm was about is over.
    func end(_ alarm: LaneAlarm, lane: String, at now: Instant) throws
    func isStopped(lane: String) throws -> Bool
    /// An event that no other call records.
    func log(lane: String, event: String, _ fields: [String: JSON], at now: Instant) throws
}

package struct FrozenBatch: Sendable {
    package let sequence: Int
    package let previous: SHA256Digest?
    package let itemIDs: [String]
    /// Of the items together.
    package let bytes: Int

    package init(sequence: Int, previous: SHA256Digest?, itemIDs: [String], bytes: Int) {
        self.sequence = sequence
        self.previous = previous
        self.itemIDs = itemIDs
        self.bytes = bytes
    }
}

/// SIGNED → OFFERED → ACKED | NEED_PARTS | REJECTED | EXPIRED, as far as it is not settled.
package struct OutgoingBatch: Sendable, Equatable {
    package enum State: String, Sendable {
        case signed, offered, needParts
        /// Only its head is still offered, so that the other side can answer the number.
        case expired
    }

    package let sequence: Int
    package let state: State
    package let expires: Instant
    /// When all of it was offered last, and how often.
    package let offeredAt: Instant?
    package let offers: Int
    /// Parts that the other side asked for.
    package let wanted: [Int]

    package init(sequence: Int, state: State, expires: Instant, offeredAt: Instant?, offers: Int, wanted: [Int]) {
        self.sequence = sequence
        self.state = state
        self.expires = expires
        self.offeredAt = offeredAt
        self.offers = offers
        self.wanted = wanted
    }
}

/// What an acknowledgement changed.
package struct AckEffect: Sendable, Equatable {
    /// Numbers whose files may go.
    package var settled: [Int] = []
    package var alarms: [String] = []

    package init() {}
}

package struct LaneReceipts: Sendable, Equatable {
    /// Numbers that were passed over, and since when.
    package var gaps: [(numbers: ClosedRange<Int>, since: Instant)] = []
    /// Numbers whose parts are not all there: which, and since when.
    package var waiting: [(sequence: Int, missing: [Int], since: Instant)] = []
    package var newest: Instant?

    package init() {}

    package static func == (a: Self, b: Self) -> Bool {
        a.newest == b.newest && a.gaps.elementsEqual(b.gaps) { $0 == $1 }
            && a.waiting.elementsEqual(b.waiting) { $0 == $1 }
    }
}
