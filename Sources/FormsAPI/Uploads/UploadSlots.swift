/// How many files are taken in at once: each holds a few megabytes while it is sealed. Others wait their turn for a while,
/// and no client has more than a quarter of the slots.
actor UploadSlots {
    private struct Waiting {
        let number: Int
        let client: [UInt8]
        let turn: CheckedContinuation<Bool, Never>
    }

    /// Less than a connection's idle time, which runs while nothing is read.
    static let patience = Duration.seconds(20)
    private static let maxWaiting = 500

    private var free: Int
    private let share: Int
    private let patience: Duration
    private var held: [[UInt8]: Int] = [:]
    private var waiting: [Waiting] = []
    private var last = 0

    init(_ count: Int, patience: Duration = UploadSlots.patience) {
        free = count
        share = max(1, count / 4)
        self.patience = patience
    }

    /// Whether somebody else would have a slot if one were free.
    var isCrowded: Bool { waiting.contains { mayHold($0.client) } }

    private func mayHold(_ client: [UInt8]) -> Bool { held[client, default: 0] < share }

    /// Waits for a slot. Throws `tooMany` where it is the client's own files that are waited for, `unavailable` where it is
    /// those of others.
    func take(_ client: [UInt8]) async throws(Refusal) {
        if free > 0, mayHold(client), !isCrowded { return hold(client) }
        guard waiting.count < Self.maxWaiting else { throw .unavailable }
        last += 1
        let (number, patience) = (last, patience)
        let timer = Task {
            try? await Task.sleep(for: patience)  // Cancelled when the turn came.
            giveUp(number)
        }
        let isTurn = await withCheckedContinuation { waiting.append(.init(number: number, client: client, turn: $0)) }
        timer.cancel()
        guard isTurn else { throw mayHold(client) ? .unavailable : .tooMany }
    }

    func give(_ client: [UInt8]) {
        held[client] = held[client]! > 1 ? held[client]! - 1 : nil
        free += 1
        guard let next = waiting.firstIndex(where: { mayHold($0.client) }) else { return }
        let turn = waiting.remove(at: next)
        hold(turn.client)
        turn.turn.resume(returning: true)
    }

    private func hold(_ client: [UInt8]) {
        free -= 1
        held[client, default: 0] += 1
    }

    private func giveUp(_ number: Int) {
        guard let place = waiting.firstIndex(where: { $0.number == number }) else { return }
        waiting.remove(at: place).turn.resume(returning: false)
    }
}
