/// What an operator must look at.
package enum LaneAlarm: String, Sendable, CaseIterable {
    /// One number, two contents: a restored backup, or a stolen key. The lane stands still.
    case fork
    /// A batch names another predecessor than the one that is there. The lane stands still.
    case chain
    /// The other side knows numbers that this side does not: its database is an old one. The lane stands still.
    case senderBehind
    /// The other side has forgotten what it acknowledged.
    case receiverBehind
    /// The other side refused items; they wait here.
    case dead
    /// The other side refused a whole batch and blames none of its items, which go out again: until one is taken.
    case refused
    /// Sealed bytes are gone from this side's own disk before they were acknowledged.
    case sealedLost
    /// Numbers have not come for long.
    case gap
    /// Nothing has come for long.
    case silence
    /// The disk is too full to work.
    case space
    /// A batch was sealed in the future.
    case clock
    /// Items that came and cannot be taken: they are kept here, and the others went in.
    case held
    /// An item contradicts one that came before it, such as two seals under one number: somebody wrote the core's log anew.
    case contradiction

    /// Whether the lane stands still until somebody has looked.
    package var stops: Bool { [.fork, .chain, .senderBehind].contains(self) }

    /// Whether it is about a state, which stands once and ends by itself, and not about an event.
    package var isState: Bool { [.refused, .gap, .silence, .space, .clock, .held].contains(self) }
}
