import CLibCrypto
import Glibc

/// A file operation that the system refused.
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    package let operation: String
    package let path: String
    /// `errno`.
    package let code: Int32

    package init(_ operation: String, _ path: String, code: Int32 = errno) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    package var description: String { "\(operation) \(PublishableText.printable(path)): \(withoutPath)" }

    /// The reason alone, for paths whose last name comes from outside.
    package var withoutPath: String { String(cString: strerror(code)) }
}

/// Files by POSIX calls: bytes in and out, durable replacement, listings in byte order.
package enum FileSystem {
    package enum Kind: Sendable { case file, directory, symlink, other }

    package struct Entry: Sendable {
        package let name: String
        package let kind: Kind
        /// Of a regular file, where marks were asked for.
        package let mark: FileMark?
    }

    package static func kind(_ path: String) -> Kind? {
        var info = stat()
        guard lstat(path, &info) == 0 else { return nil }
        return kind(mode: info.st_mode)
    }

    /// Bytes of a file from `start` on, at most `count`.
    package static func head(_ path: String, count: Int, from start: Int = 0) throws(FileError) -> [UInt8] {
        let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { throw FileError("open", path) }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let n = bytes.withUnsafeMutableBytes {
                pread(fd, $0.baseAddress! + filled, count - filled, off_t(start + filled))
            }
            if n < 0, errno == EINTR { continue }
            guard n >= 0 else { throw FileError("read", path) }
            if n == 0 { break }
            filled += n
        }
        return Array(bytes[..<filled])
    }

    /// Permission bits of what a path leads to; nil where there is nothing.
    package static func permissions(_ path: String) -> UInt32? {
        var info = stat()
        return stat(path, &info) == 0 ? info.st_mode & 0o7777 : nil
    }

    /// Whether nobody but its owner may write it, and only its group may read it besides.
    package static func isPrivate(_ path: String) -> Bool { permissions(path).map { $0 & 0o037 == 0 } ?? false }

    /// Bytes of a file; nil where there is none.
    package static func size(_ path: String) -> Int? {
        var info = stat()
        return lstat(path, &info) == 0 ? Int(info.st_size) : nil
    }

    static func kind(mode: mode_t) -> Kind {
        switch mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .symlink
        default: .other
        }
    }

    /// The whole regular file. `limit` refuses larger files before they are read (EFBIG); a pipe that lies where a file
    /// should be is refused without waiting for its writer.
    package static func read(_ path: String, limit: Int = .max) throws(FileError) -> [UInt8] {
        try readMarked(path, limit: limit).bytes
    }

    /// The same, with the state that the file was in.
    package static func readMarked(
        _ path: String, limit: Int = .max
    ) throws(FileError) -> (bytes: [UInt8], mark: FileMark) {
        let fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard fd >= 0 else { throw FileError("open", path) }
        defer { close(fd) }
        var info = stat()
        guard fstat(fd, &info) == 0 else { throw FileError("stat", path) }
        guard kind(mode: info.st_mode) == .file else { throw FileError("read", path, code: EISDIR) }
        guard Int(info.st_size) <= limit else { throw FileError("read", path, code: EFBIG) }
        var failure: Int32 = 0
        let size = Int(info.st_size)
        var bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let n = Glibc.read(fd, buffer.baseAddress! + count, size - count)
                if n < 0, errno == EINTR { continue }
                if n < 0 { failure = errno }
                if n <= 0 { break }
                count += n
            }
        }
        guard failure == 0 else { throw FileError("read", path, code: failure) }
        if bytes.count > limit { bytes.removeSubrange(limit...) }
        return (bytes, FileMark(info))
    }

    /// Names in a folder, without `.` and `..`, in byte order.
    /// - Parameters:
    ///   - skippingUndecodable: leaves out names that are not UTF-8 instead of refusing the folder.
    ///   - marked: looks at the state of every file too, by its name in the open folder.
    package static func list(
        _ path: String, skippingUndecodable: Bool = false, marked: Bool = false
    ) throws(FileError) -> [Entry] {
        guard let dir = opendir(path) else { throw FileError("opendir", path) }
        defer { closedir(dir) }
        // Names lie side by side while they are sorted.
        var names: [UInt8] = []
        var found: [(range: Range<Int>, type: Int32)] = []
        while let entry = readdir(dir) {
            let start = names.count
            withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: UInt8.self, capacity: 256) {
                    names.append(contentsOf: UnsafeBufferPointer(start: $0, count: strlen($0)))
                }
            }
            found.append((start..<names.count, Int32(entry.pointee.d_type)))
        }
        names.withUnsafeBytes { names in
            found.sort { a, b in
                let difference = memcmp(
                    names.baseAddress! + a.range.lowerBound, names.baseAddress! + b.range.lowerBound,
                    min(a.range.count, b.range.count))
                return difference != 0 ? difference < 0 : a.range.count < b.range.count
            }
        }
        var entries: [Entry] = []
        entries.reserveCapacity(found.count)
        for (range, type) in found {
            guard let name = String(validating: names[range], as: UTF8.self) else {
                if skippingUndecodable { continue }
                throw FileError("name is not UTF-8 in", path, code: EILSEQ)
            }
            if name == "." || name == ".." { continue }
            let kind: Kind? =
                switch type {
                case 8: .file
                case 4: .directory
                case 10: .symlink
                default: self.kind(path + "/" + name)
                }
            var mark: FileMark?
            if marked, kind == .file {
                var info = stat()
                if fstatat(dirfd(dir), name, &info, 0) == 0 { mark = FileMark(info) }
            }
            entries.append(Entry(name: name, kind: kind ?? .other, mark: mark))
        }
        return entries
    }

    /// Creates a folder and its parents.
    package static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(FileError) {
        if mkdir(path, mode) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw FileError("mkdir", path)
        }
        try makeDirectories(String(path[..<slash]), mode: mode)
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw FileError("mkdir", path) }
    }

    /// Writes a new file. With `sync`, its bytes are on disk before this returns; its name is not, until the
    /// folder is synced.
    package static func write(
        _ bytes: [UInt8], to path: String, mode: UInt32 = 0o644, sync: Bool = false
    ) throws(FileError) {
        let fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard fd >= 0 else { throw FileError("open", path) }
        var offset = 0
        while offset < bytes.count {
            let n = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress! + offset, bytes.count - offset) }
            if n < 0, errno == EINTR { continue }
            if n < 0 {
                let code = errno
                close(fd)
                unlink(path)
                throw FileError("write", path, code: code)
            }
            offset += n
        }
        if sync, fsync(fd) != 0 {
            let code = errno
            close(fd)
            throw FileError("fsync", path, code: code)
        }
        guard close(fd) == 0 else { throw FileError("close", path) }
    }

    /// Adds to the end of a file that is there.
    ///
    /// - Parameter sync: whether they are on the disk when this returns.
    package static func append(_ bytes: [UInt8], to path: String, sync: Bool = false) throws(FileError) {
        let fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard fd >= 0 else { throw FileError("open", path) }
        defer { close(fd) }
        var offset = 0
        while offset < bytes.count {
            let n = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress! + offset, bytes.count - offset) }
            if n < 0, errno == EINTR { continue }
            guard n >= 0 else { throw FileError("write", path) }
            offset += n
        }
        if sync, fsync(fd) != 0 { throw FileError("fsync", path) }
    }

    /// Cuts a file off behind so many bytes.
    package static func truncate(_ path: String, to count: Int) throws(FileError) {
        guard Glibc.truncate(path, off_t(count)) == 0 else { throw FileError("truncate", path) }
    }

    /// Replaces a file so that a reader, or a restart after power loss, sees the old bytes or the new ones.
    package static func replaceDurably(_ path: String, with bytes: [UInt8], mode: UInt32 = 0o644) throws(FileError) {
        let temporary = path + ".tmp"
        try write(bytes, to: temporary, mode: mode, sync: true)
        try rename(temporary, path)
        try syncDirectory(parent(path))
    }

    /// Puts a secret in the place of a file that is there, whose group and mode stay, and its owner where the process may give it away.
    /// Nobody but the process reads the new file before.
    package static func replaceSecret(_ path: String, with bytes: [UInt8]) throws(FileError) {
        var info = stat()
        guard stat(path, &info) == 0 else { throw FileError("stat", path) }
        let temporary = path + ".tmp"
        try remove(temporary)
        do throws(FileError) {
            try write(bytes, to: temporary, mode: 0o600, sync: true)
            if chown(temporary, info.st_uid, info.st_gid) != 0, chown(temporary, uid_t.max, info.st_gid) != 0 {
                throw FileError("chown", temporary)
            }
            guard chmod(temporary, info.st_mode & 0o7777) == 0 else { throw FileError("chmod", temporary) }
            try rename(temporary, path)
        } catch {
            try remove(temporary)
            throw error
        }
        try syncDirectory(parent(path))
    }

    package static func rename(_ from: String, _ to: String) throws(FileError) {
        guard Glibc.rename(from, to) == 0 else { throw FileError("rename \(from) to", to) }
    }

    package static func syncDirectory(_ path: String) throws(FileError) {
        let fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard fd >= 0 else { throw FileError("open", path) }
        defer { close(fd) }
        guard fsync(fd) == 0 else { throw FileError("fsync", path) }
    }

    /// Removes a file; one that is already gone is fine.
    package static func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw FileError("unlink", path) }
    }

    /// Removes an empty folder; false if it is gone or still holds something.
    package static func removeEmptyDirectory(_ path: String) -> Bool { rmdir(path) == 0 }

    /// Removes a file or a folder with all that is in it, without following links; nothing there is fine.
    package static func removeTree(_ path: String) throws(FileError) {
        switch kind(path) {
        case nil: return
        case .directory:
            for entry in try list(path) { try removeTree(path + "/" + entry.name) }
            guard rmdir(path) == 0 || errno == ENOENT else { throw FileError("rmdir", path) }
        default: try remove(path)
        }
    }

    /// Paths of all regular files below a folder, relative to it, in byte order.
    package static func filesBelow(_ root: String) throws(FileError) -> [String] {
        var found: [String] = []
        func walk(_ relative: String) throws(FileError) {
            for entry in try list(relative.isEmpty ? root : root + "/" + relative) {
                let path = relative.isEmpty ? entry.name : relative + "/" + entry.name
                switch entry.kind {
                case .directory: try walk(path)
                case .file: found.append(path)
                default: continue
                }
            }
        }
        try walk("")
        return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The path of something in a folder.
    package static func path(_ folder: String, _ name: String) -> String {
        joined(folder, "/", name)
    }

    /// What follows a path's last dot, in lower case; empty where its name has none.
    package static func suffix(_ path: String) -> String {
        let name = name(path)
        return name.lastIndex(of: ".").map { name[name.index(after: $0)...].lowercased() } ?? ""
    }

    /// The folder part of a path; `.` for a bare name.
    package static func parent(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// What stands behind the last slash.
    package static func name(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }
}

/// Texts one after another, in one allocation.
package func joined(_ first: String, _ second: StaticString, _ third: String = "") -> String {
    var (first, third) = (first, third)
    return first.withUTF8 { first in
        third.withUTF8 { third in
            let middle = second.utf8CodeUnitCount
            return String(unsafeUninitializedCapacity: first.count + middle + third.count) { out in
                guard let start = out.baseAddress else { return 0 }
                if let from = first.baseAddress { start.update(from: from, count: first.count) }
                (start + first.count).update(from: second.utf8Start, count: middle)
                if let from = third.baseAddress {
                    (start + first.count + middle).update(from: from, count: third.count)
                }
                return first.count + middle + third.count
            }
        }
    }
}

/// Whether a text comes before another by its bytes: the one order that no locale changes.
package func bytesPrecede(_ a: String, _ b: String) -> Bool {
    let fast = a.utf8.withContiguousStorageIfAvailable { a in
        b.utf8.withContiguousStorageIfAvailable { b in
            let difference = memcmp(a.baseAddress!, b.baseAddress!, min(a.count, b.count))
            return difference != 0 ? difference < 0 : a.count < b.count
        }
    }
    return (fast ?? nil) ?? a.utf8.lexicographicallyPrecedes(b.utf8)
}

/// What tells one state of a file from another without reading it.
package struct FileMark: Sendable, Equatable {
    private let device: UInt
    private let inode: UInt
    private let size: Int
    private let modified: Int
    private let changed: Int
    /// Whether the last change lies so far back that a later one must show in `changed`.
    package let isSettled: Bool

    package static func == (a: Self, b: Self) -> Bool {
        (a.device, a.inode, a.size, a.modified, a.changed) == (b.device, b.inode, b.size, b.modified, b.changed)
    }

    static let wordCount = 5

    /// The mark as numbers, for a record.
    package var words: [Int] { [Int(bitPattern: device), Int(bitPattern: inode), size, modified, changed] }

    package func append(to out: inout [UInt8]) {
        withUnsafeBytes(of: (device, inode, size, modified, changed)) { out.append(contentsOf: $0) }
    }

    /// A mark out of a record, which keeps settled ones only.
    init(words: [Int]) {
        (device, inode) = (UInt(bitPattern: words[0]), UInt(bitPattern: words[1]))
        (size, modified, changed) = (words[2], words[3], words[4])
        isSettled = true
    }

    /// Nil where there is no such file.
    package init?(_ path: String) {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        self.init(info)
    }

    init(_ info: stat) {
        device = UInt(info.st_dev)
        inode = UInt(info.st_ino)
        size = Int(info.st_size)
        // Years that do not fit stay different numbers.
        modified = info.st_mtim.tv_sec &* 1_000_000_000 &+ info.st_mtim.tv_nsec
        changed = info.st_ctim.tv_sec &* 1_000_000_000 &+ info.st_ctim.tv_nsec
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        // File systems count in steps of up to 10 ms; some in seconds, which leave the fraction empty.
        let age = now.tv_sec &* 1_000_000_000 &+ now.tv_nsec &- changed
        isSettled = age > (info.st_ctim.tv_nsec == 0 ? 2_000_000_000 : 50_000_000)
    }
}

extension Instant {
    /// The system clock, to the second.
    package static func systemNow() -> Instant {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Instant(seconds: now.tv_sec)
    }
}

/// Bytes from libcrypto's generator, which the system seeds.
package func systemRandomBytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        precondition(RAND_bytes(buffer.baseAddress, Int32(count)) == 1, "libcrypto gives no random bytes")
        filled = count
    }
}

/// An environment variable of this process.
package func environmentVariable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}
