/// Holds a client to a least speed, so that nobody keeps a place by sending a byte a minute.
struct Pace {
    /// Seconds before anything is asked, and bytes a second from then on.
    struct Floor {
        let grace: Double
        let bytesPerSecond: Double

        /// Of any body.
        static let body = Floor(grace: 30, bytesPerSecond: 1_000)
        /// Of a file while others wait for its slot.
        static let crowded = Floor(grace: 10, bytesPerSecond: 32_000)
    }

    private let start = ContinuousClock.now
    private var bytes = 0

    mutating func count(_ more: Int) { bytes += more }

    func hold(_ floor: Floor) throws(Refusal) {
        let elapsed = start.duration(to: .now) / .seconds(1)
        if elapsed > floor.grace, Double(bytes) < (elapsed - floor.grace) * floor.bytesPerSecond { throw .tooSlow }
    }
}
