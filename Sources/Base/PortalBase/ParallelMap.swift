public import Dispatch
import Glibc
public import Synchronization

/// Processors that are on line.
package let processorCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

/// Maps indices with up to `jobs` threads; results come in index order whatever thread made them.
///
/// `worker` is the thread's number below `jobs`, for callers that own one resource a thread.
@inlinable
package func parallelMap<T: Sendable>(
    _ count: Int, jobs: Int, _ body: @escaping @Sendable (_ index: Int, _ worker: Int) -> T
) -> [T] {
    guard count > 0 else { return [] }
    guard jobs > 1, count > 1 else { return (0..<count).map { body($0, 0) } }
    let workers = min(jobs, count)
    // Small chunks keep the threads busy to the end without fighting over the counter.
    let chunk = max(1, min(64, count / (workers * 8)))
    let next = Atomic<Int>(0)
    return Array(unsafeUninitializedCapacity: count) { buffer, initialized in
        let slots = Slots(start: buffer.baseAddress!)
        DispatchQueue.concurrentPerform(iterations: workers) { worker in
            while true {
                let start = next.add(chunk, ordering: .relaxed).oldValue
                if start >= count { break }
                for index in start..<min(start + chunk, count) {
                    (slots.start + index).initialize(to: body(index, worker))
                }
            }
        }
        initialized = count
    }
}

/// Two different things side by side, where there are threads for both.
package func sideBySide<A: Sendable, B: Sendable>(
    jobs: Int, _ first: @escaping @Sendable () -> A, _ second: @escaping @Sendable () -> B
) -> (A, B) {
    let made = parallelMap(2, jobs: jobs) { index, _ -> (A?, B?) in index == 0 ? (first(), nil) : (nil, second()) }
    // Always: each thread made its own.
    return (made[0].0!, made[1].1!)
}

/// Where the threads put their results. Every index is taken by one thread, and read after all have ended: that is what
/// makes sharing it sound.
@usableFromInline
struct Slots<T>: @unchecked Sendable {
    @usableFromInline let start: UnsafeMutablePointer<T>

    @usableFromInline init(start: UnsafeMutablePointer<T>) { self.start = start }
}
