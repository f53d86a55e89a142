import Dispatch
import Glibc
import PortalBase
import Synchronization

/// Notices changes in folders: by inotify, and by looking at every file where the system has no more watches to give.
final class TreeWatcher: Sendable {
    private let folders: [String]

    init(folders: [String]) {
        self.folders = folders
    }

    /// One element for each burst of changes: the one file that changed, or nil for more than that. The stream ends
    /// when its reader stops.
    func changes() -> AsyncStream<String?> {
        AsyncStream { continuation in
            let queue = DispatchQueue(label: "tree-watcher")
            let isStopped = Stop()
            continuation.onTermination = { _ in isStopped.set() }
            queue.async { [folders] in
                if var notifier = Notifier(folders) {
                    notifier.run(until: isStopped) { continuation.yield($0) }
                } else {
                    Poller(folders).run(until: isStopped) { continuation.yield(nil) }
                }
                continuation.finish()
            }
        }
    }
}

private final class Stop: Sendable {
    private let flag = Atomic<Bool>(false)
    func set() { flag.store(true, ordering: .relaxed) }
    var isSet: Bool { flag.load(ordering: .relaxed) }
}

/// inotify(7) over a tree: a watch a folder, more as folders appear.
private struct Notifier {
    private let descriptor: Int32
    private let folders: [String]
    private var folderOfWatch: [Int32: String] = [:]

    /// An editor writes a file in several steps; they become one change.
    private static let settleMilliseconds: Int32 = 15

    /// Nil where a watch cannot be had.
    init?(_ folders: [String]) {
        descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        self.folders = folders
        guard descriptor >= 0 else { return nil }
        guard watchAll() else {
            close(descriptor)
            return nil
        }
    }

    private mutating func watchAll() -> Bool {
        for folder in folders where !watch(folder) { return false }
        return true
    }

    /// False only where the system refuses more watches; a folder that is gone again is no news.
    private mutating func watch(_ folder: String) -> Bool {
        let mask = UInt32(
            IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_ATTRIB)
        let number = inotify_add_watch(descriptor, folder, mask)
        guard number >= 0 else { return errno != ENOSPC && errno != EMFILE }
        folderOfWatch[number] = folder
        guard let entries = try? FileSystem.list(folder, skippingUndecodable: true) else { return true }
        for entry in entries where entry.kind == .directory && !watch(folder + "/" + entry.name) { return false }
        return true
    }

    mutating func run(until stop: Stop, _ changed: (String?) -> Void) {
        defer { close(descriptor) }
        var roots = folders.map(Self.identity)
        while !stop.isSet {
            var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&poller, 1, 200) > 0 else {
                // A checkout or an unpacking may put another folder in the place of a watched one.
                let current = folders.map(Self.identity)
                if current != roots {
                    roots = current
                    _ = watchAll()
                    changed(nil)
                }
                continue
            }
            var burst = Burst()
            repeat {
                drain(into: &burst)
                poller.revents = 0
            } while poll(&poller, 1, Self.settleMilliseconds) > 0
            // Watches are by folder and adding one twice changes nothing.
            if burst.sawFolder { _ = watchAll() }
            changed(burst.sawFolder || burst.files.count != 1 ? nil : burst.files.first)
        }
    }

    private static func identity(_ folder: String) -> [UInt] {
        var info = stat()
        return stat(folder, &info) == 0 ? [UInt(info.st_dev), UInt(info.st_ino)] : []
    }

    private struct Burst {
        /// A folder came or went, or events were lost.
        var sawFolder = false
        var files: Set<String> = []
    }

    /// Empties the queue.
    private func drain(into burst: inout Burst) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 8)
        defer { buffer.deallocate() }
        let head = MemoryLayout<inotify_event>.size
        while true {
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            guard count > 0 else { return }
            var offset = 0
            while offset + head <= count {
                let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                let name = buffer[(offset + head)..<min(count, offset + head + Int(event.len))].prefix { $0 != 0 }
                if event.mask & UInt32(IN_ISDIR | IN_Q_OVERFLOW | IN_DELETE_SELF) != 0 {
                    burst.sawFolder = true
                } else if let folder = folderOfWatch[event.wd] {
                    burst.files.insert(folder + "/" + String(decoding: name, as: UTF8.self))
                }
                offset += head + Int(event.len)
            }
        }
    }
}

/// Compares what `stat` says of every file, a few times a second.
private struct Poller {
    private let folders: [String]

    init(_ folders: [String]) { self.folders = folders }

    func run(until stop: Stop, _ changed: () -> Void) {
        var known = marks()
        while !stop.isSet {
            usleep(300_000)
            let current = marks()
            if current != known { changed() }
            known = current
        }
    }

    private func marks() -> [String: FileMark] {
        var marks: [String: FileMark] = [:]
        for folder in folders {
            // A folder that cannot be listed now (being replaced, say) is looked at again next time.
            guard let files = try? FileSystem.filesBelow(folder) else { continue }
            for file in files { marks[folder + "/" + file] = FileMark(folder + "/" + file) }
        }
        return marks
    }
}
