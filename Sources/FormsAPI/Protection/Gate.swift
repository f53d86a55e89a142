import PortalBase
import Synchronization

/// Who may send a form now: limits first, and a proof where they ask for one.
struct Gate: Sendable {
    let limiter: RateLimiter
    let proof: ProofOfWork
    let now: @Sendable () -> Instant

    enum Verdict: Sendable, Equatable {
        case pass
        /// The form is good; a proof must come with it.
        case prove
        case wait(Int)
    }

    /// Whether a request has shown a good proof: one pays for the form and its files.
    final class Payment: Sendable {
        private let made = Mutex(false)

        var isMade: Bool { made.withLock { $0 } }
        func make() { made.withLock { $0 = true } }
    }

    private static let start = ContinuousClock.now

    /// Seconds on a clock that only goes forward: a fixed or corrected time of day must not stop anybody.
    private static var seconds: Double {
        let passed = start.duration(to: .now).components
        return Double(passed.seconds) + Double(passed.attoseconds) / 1e18
    }

    /// Whether a page of a form in steps may be kept for its client.
    func mayKeep(stepBytes bytes: Int, client: [UInt8]?) -> Bool {
        limiter.admit(stepBytes: bytes, client: client, now: Self.seconds)
    }

    /// Counts bytes of a file against its client's share.
    func count(bytes: Int, client: [UInt8]?) { limiter.count(bytes: bytes, client: client, now: Self.seconds) }

    /// - Parameters:
    ///   - given: a solved challenge, or a waiting slip.
    ///   - words: what is sent: a waiting slip is good for these words and this client alone.
    ///   - payment: of the request, where it may ask more than once.
    func check(
        _ kind: RateLimiter.Kind, client: [UInt8]?, proof given: String? = nil, for words: [UInt8] = [],
        payment: Payment = Payment()
    ) async throws -> Verdict {
        switch limiter.admit(kind, client: client, hasProof: false, now: Self.seconds) {
        case .pass: return .pass
        case .wait(let seconds): return .wait(seconds)
        case .prove:
            if !payment.isMade {
                guard let given, !given.isEmpty else { return .prove }
                let (proof, now) = (proof, now())
                let bound = ProofOfWork.binding(client, words)
                guard try await onBlockingThread({ try proof.accept(given, for: bound, at: now) }) else {
                    return .prove
                }
                payment.make()
            }
            guard case .wait(let seconds) = limiter.admit(kind, client: client, hasProof: true, now: Self.seconds)
            else { return .pass }
            return .wait(seconds)
        }
    }
}
