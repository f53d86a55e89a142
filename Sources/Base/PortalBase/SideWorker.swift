import CLinux
import Dispatch
import Synchronization

/// One thread beside the caller's that takes jobs in order, so that reading and hashing run while sealing does.
///
/// A job is taken when the one before it has ended: memory holds what two jobs hold, whatever their number.
package final class SideWorker: Sendable {
    private let queue = DispatchQueue(label: "side worker")
    private let room = DispatchSemaphore(value: 1)
    private let failure = Mutex<(any Error)?>(nil)

    package init() {}

    /// Hands over a job, as soon as the one before has ended. Throws what an earlier job threw.
    package func submit(_ job: @escaping @Sendable () throws -> Void) throws {
        room.wait()
        if let error = failure.withLock({ $0 }) {
            room.signal()
            throw error
        }
        queue.async { [self] in
            do {
                try job()
            } catch {
                failure.withLock { $0 = $0 ?? error }
            }
            room.signal()
        }
    }

    /// Waits for the last job.
    package func finish() throws {
        queue.sync {}
        if let error = failure.withLock({ $0 }) { throw error }
    }
}

/// Makes all threads of this process share one heap: for programs that pass large buffers from thread to thread and must stay
/// small. Call before there are threads.
package func shareOneHeap() { _ = xm_one_arena() }
