import Dispatch
import Synchronization

/// Runs writes that wait at the same time in one transaction: one sync of the disk serves them all.
///
/// While a transaction runs, others gather; the more come, the larger the groups. A write alone waits for nobody.
final class GroupCommitter: Sendable {
    private struct Job: Sendable {
        let run: @Sendable (any SQLConnection) throws -> Void
        let finish: @Sendable ((any Error)?) -> Void
        var attempts = 0
    }

    private struct State {
        var waiting: [Job] = []
        var isRunning = false
    }

    /// So that one transaction neither holds the lock for long nor fills a log.
    private static let largestGroup = 512

    private static let attempts = 2

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "commit", qos: .userInitiated)

    func commit<T: Sendable>(
        in database: some SQLDatabase, _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            let box = ResultBox<T>()
            let job = Job(
                run: { connection in box.set(try body(connection)) },
                finish: { error in
                    if let error {
                        continuation.resume(throwing: error)
                    } else {
                        continuation.resume(returning: box.get())
                    }
                })
            let mustStart = state.withLock { state in
                state.waiting.append(job)
                defer { state.isRunning = true }
                return !state.isRunning
            }
            if mustStart { queue.async { self.drain(database) } }
        }
    }

    private final class ResultBox<T: Sendable>: Sendable {
        private let value = Mutex<T?>(nil)

        func set(_ new: T) { value.withLock { $0 = new } }

        /// After `set` only.
        func get() -> T {
            // Always: the job has ended, and with it `set`.
            value.withLock { $0! }
        }
    }

    private func drain(_ database: some SQLDatabase) {
        while true {
            let jobs = state.withLock { state -> [Job] in
                let group = Array(state.waiting.prefix(Self.largestGroup))
                state.waiting.removeFirst(group.count)
                state.isRunning = !group.isEmpty
                return group
            }
            if jobs.isEmpty { return }
            guard let failures = run(jobs, database) else { continue }
            for (job, failure) in zip(jobs, failures) {
                // Two processes that wait for each other's rows: one of them is asked to come again.
                if let failure = failure as? SQLError, failure.code == .busy, job.attempts < Self.attempts {
                    state.withLock {
                        $0.waiting.append(job)
                        $0.waiting[$0.waiting.count - 1].attempts += 1
                    }
                } else {
                    job.finish(failure)
                }
            }
        }
    }

    /// What became of each: nil for what is on the disk. Nil at all when the common transaction failed, which has waited
    /// for its turn long enough; all have been told then.
    private func run(_ jobs: [Job], _ database: some SQLDatabase) -> [(any Error)?]? {
        do {
            return try database.write { connection in
                try jobs.map { job -> (any Error)? in
                    do {
                        try connection.savepoint { try job.run(connection) }
                        return nil
                    } catch {
                        // The whole transaction is gone, and with it what went before.
                        guard connection.isInTransaction else { throw error }
                        return error
                    }
                }
            }
        } catch {
            for job in jobs { job.finish(error) }
            return nil
        }
    }
}
