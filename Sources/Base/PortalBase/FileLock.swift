import Glibc

/// A lock on a file, for as long as this value lives; the system drops it when the process dies.
package final class FileLock: Sendable {
    private let descriptor: Int32

    /// Throws EWOULDBLOCK when another process holds the lock.
    ///
    /// - Parameter mode: of a new file; `0o660` where processes of several users of a group take turns.
    package convenience init(_ path: String, mode: UInt32 = 0o644) throws(FileError) {
        try self.init(open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode), path, LOCK_EX)
    }

    /// A lock on a file that is there, which need not be writable. Throws EWOULDBLOCK where another process holds one that excludes it.
    ///
    /// - Parameter isShared: others may hold such a lock too.
    package convenience init(reading path: String, isShared: Bool) throws(FileError) {
        try self.init(open(path, O_RDONLY | O_CLOEXEC), path, isShared ? LOCK_SH : LOCK_EX)
    }

    /// - Parameter descriptor: of the opened file; negative where it does not open.
    private init(_ descriptor: Int32, _ path: String, _ operation: Int32) throws(FileError) {
        guard descriptor >= 0 else { throw FileError("open", path) }
        guard flock(descriptor, operation | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw FileError("lock", path, code: code)
        }
        self.descriptor = descriptor
    }

    /// Waits until another process gives up the lock. Throws EWOULDBLOCK after `patience` seconds.
    package static func waiting(for path: String, patience: Int, mode: UInt32 = 0o644) throws(FileError) -> FileLock {
        var left = patience * 20
        while true {
            do throws(FileError) {
                return try FileLock(path, mode: mode)
            } catch {
                guard error.code == EWOULDBLOCK, left > 0 else { throw error }
            }
            left -= 1
            usleep(50_000)
        }
    }

    deinit {
        // Unlocked here, not left to `close`: a child process that another thread is starting holds a copy until it runs its own
        // program, and the lock with it.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
