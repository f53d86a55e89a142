import Glibc
import PortalBase

/// Notices that files come into a folder, by inotify(7).
final class FolderWatcher {
    private let descriptor: Int32
    private(set) var hasChanged = true

    init(_ path: String) throws {
        try FileSystem.makeDirectories(path, mode: 0o750)
        descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard descriptor >= 0 else { throw FileError("inotify", path) }
        let mask = UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_CREATE)
        guard inotify_add_watch(descriptor, path, mask) >= 0 else { throw FileError("watch", path) }
    }

    deinit { close(descriptor) }

    /// Until something comes, or time is over.
    func wait(seconds: Int) {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        if Glibc.poll(&poll, 1, Int32(seconds * 1_000)) > 0 {
            drain()
            hasChanged = true
        }
    }

    /// Until nothing has come for a second, or for half a minute in all: a carrier copies many files, and what is half there
    /// need not be read yet.
    func settle() {
        var rounds = 0
        while hasChanged, rounds < 30 {
            hasChanged = false
            wait(seconds: 1)
            rounds += 1
        }
        hasChanged = false
    }

    private func drain() {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while read(descriptor, &buffer, buffer.count) > 0 {}
    }
}
