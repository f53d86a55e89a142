import Dispatch

/// Runs work that blocks (fsync, SQLite, sealing) on a thread of its own, away from Swift's cooperative pool, whose
/// few threads must never wait.
package func onBlockingThread<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global(qos: .userInitiated).async {
            continuation.resume(with: Result { try work() })
        }
    }
}
