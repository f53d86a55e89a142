/// How many files are taken in at once: each holds a few megabytes while it is sealed. Others wait their turn for a while,
/// and no client has more than a quarter of the slots, nor of the places in the queue.
///
/// A slot is kept by bytes that come. While others wait, a file from which nothing came for some seconds loses its slot,
/// so that half-sent files hold nothing, and its client stands behind those that lost none.
actor UploadSlots {
    typealias Ticket = Int

    private struct Holder {
        let client: [UInt8]
        /// Since when nothing came; nil while what came is being worked.
        var idle: ContinuousClock.Instant?
    }

    private struct Waiting {
        let ticket: Ticket
        let client: [UInt8]
        let turn: CheckedContinuation<Bool, Never>
    }

    /// Less than a connection's idle time, which runs while nothing is read.
    static let patience = Duration.seconds(20)
    /// A file from which nothing came for so long loses its slot to one that waits.
    static let stall = Duration.seconds(4)
    private static let maxWaiting = 500

    private var free: Int
    private let share: Int
    private let patience: Duration
    private let stall: Duration
    private var holders: [Ticket: Holder] = [:]
    private var waiting: [Waiting] = []
    /// Slots that clients lost since the queue was empty.
    private var lost: [[UInt8]: Int] = [:]
    private var last = 0

    init(_ count: Int, patience: Duration = UploadSlots.patience, stall: Duration = UploadSlots.stall) {
        free = count
        share = max(1, count / 4)
        self.patience = patience
        self.stall = stall
    }

    /// Files that wait for a slot.
    var queued: Int { waiting.count }

    private func held(_ client: [UInt8]) -> Int { holders.values.count { $0.client == client } }

    private func mayHold(_ client: [UInt8]) -> Bool { held(client) < share }

    private var isCrowded: Bool { waiting.contains { mayHold($0.client) } }

    /// Waits for a slot. Throws `tooMany` where it is the client's own files that are waited for, `unavailable` where it is
    /// those of others.
    func take(_ client: [UInt8]) async throws(Refusal) -> Ticket {
        last += 1
        let ticket = last
        if free > 0, mayHold(client), !isCrowded {
            hold(ticket, client)
            return ticket
        }
        guard waiting.count < Self.maxWaiting, waiting.count(where: { $0.client == client }) < max(share, 4) else {
            throw mayHold(client) ? .unavailable : .tooMany
        }
        let timer = Task { [patience, stall] in
            let end = ContinuousClock.now + patience
            while ContinuousClock.now < end {
                // Cancelled when the turn came.
                do { try await Task.sleep(for: min(stall / 2, patience)) } catch { return }
                reclaim()
            }
            giveUp(ticket)
        }
        let isTurn = await withCheckedContinuation { waiting.append(.init(ticket: ticket, client: client, turn: $0)) }
        timer.cancel()
        guard isTurn else { throw mayHold(client) ? .unavailable : .tooMany }
        return ticket
    }

    /// Says that bytes came, which are worked until `rest`.
    ///
    /// - Returns: whether others wait, so that a least speed is asked for. Throws `tooSlow` where the slot was lost.
    func progress(_ ticket: Ticket) throws(Refusal) -> Bool {
        guard holders[ticket] != nil else { throw .tooSlow }
        holders[ticket]?.idle = nil
        return isCrowded
    }

    /// Says that what came is done, and more is waited for.
    func rest(_ ticket: Ticket) { holders[ticket]?.idle = .now }

    func give(_ ticket: Ticket) {
        guard holders.removeValue(forKey: ticket) != nil else { return }
        free += 1
        next()
    }

    private func next() {
        while free > 0 {
            let ready = waiting.indices.filter { mayHold(waiting[$0].client) }
            // The first of those that lost the fewest.
            guard
                let place = ready.min(by: {
                    lost[waiting[$0].client, default: 0] < lost[waiting[$1].client, default: 0]
                })
            else { break }
            let turn = waiting.remove(at: place)
            hold(turn.ticket, turn.client)
            turn.turn.resume(returning: true)
        }
    }

    /// Takes slots back from files from which nothing comes.
    private func reclaim() {
        guard isCrowded else { return }
        let now = ContinuousClock.now
        for (ticket, holder) in holders {
            guard let idle = holder.idle, idle + stall < now else { continue }
            holders[ticket] = nil
            lost[holder.client, default: 0] += 1
            free += 1
        }
        next()
        if waiting.isEmpty { lost = [:] }
    }

    private func hold(_ ticket: Ticket, _ client: [UInt8]) {
        free -= 1
        holders[ticket] = Holder(client: client, idle: .now)
    }

    private func giveUp(_ ticket: Ticket) {
        guard let place = waiting.firstIndex(where: { $0.ticket == ticket }) else { return }
        waiting.remove(at: place).turn.resume(returning: false)
    }
}
