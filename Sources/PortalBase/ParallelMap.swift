import Dispatch
import Synchronization

/// Maps indices with up to `jobs` threads; results come in index order whatever thread made them.
///
/// `worker` is the thread's number below `jobs`, for callers that own one resource a thread.
package func parallelMap<T: Sendable>(
    _ count: Int, jobs: Int, _ body: @escaping @Sendable (_ index: Int, _ worker: Int) -> T
) -> [T] {
    guard count > 0 else { return [] }
    guard jobs > 1, count > 1 else { return (0..<count).map { body($0, 0) } }
    let workers = min(jobs, count)
    // Small chunks keep the threads busy to the end without fighting over the counter.
    let chunk = max(1, min(64, count / (workers * 8)))
    let next = Atomic<Int>(0)
    let pieces = Mutex<[(start: Int, values: [T])]>([])
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
        var mine: [(start: Int, values: [T])] = []
        while true {
            let start = next.add(chunk, ordering: .relaxed).oldValue
            if start >= count { break }
            mine.append((start, (start..<min(start + chunk, count)).map { body($0, worker) }))
        }
        pieces.withLock { $0 += mine }
    }
    return pieces.withLock { all in all.sorted { $0.start < $1.start }.flatMap(\.values) }
}
