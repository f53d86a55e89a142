import CLinux
import Glibc

/// A folder held open: files are reached by a name in it, never by a path, and never through a link.
///
/// Names that come from outside (a stick, a gap box) are safe here: a name with a slash, `.` or `..` is refused, and what
/// is not a regular file is not read.
package final class Directory: Sendable {
    package let path: String
    private let descriptor: Int32

    /// Opens a folder, and first makes it with its parents where it is not there.
    package convenience init(making path: String, mode: UInt32 = 0o750) throws(FileError) {
        try FileSystem.makeDirectories(path, mode: mode)
        try self.init(path)
    }

    /// Opens a folder that is there.
    package init(_ path: String) throws(FileError) {
        let fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard fd >= 0 else { throw FileError("open", path) }
        self.path = path
        descriptor = fd
    }

    deinit { close(descriptor) }

    private func checked(_ name: String) throws(FileError) -> String {
        guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0)
        else { throw FileError("name in", path, code: EINVAL) }
        return name
    }

    private func failure(_ operation: String, _ name: String) -> FileError { FileError(operation, path + "/" + name) }

    private func status(_ name: String) -> stat? {
        var info = stat()
        return fstatat(descriptor, name, &info, AT_SYMLINK_NOFOLLOW) == 0 ? info : nil
    }

    package func kind(_ name: String) -> FileSystem.Kind? { status(name).map { FileSystem.kind(mode: $0.st_mode) } }

    /// Bytes of a file, or of what else has this name; nil where there is nothing.
    package func size(_ name: String) -> Int? { status(name).map { Int($0.st_size) } }

    /// When a name came here or its file was changed last, in seconds since 1970; nil where there is nothing.
    package func changed(_ name: String) -> Int? { status(name).map { $0.st_ctim.tv_sec } }

    /// Names in byte order; those that are not UTF-8 are left out.
    package func names() throws(FileError) -> [String] {
        try FileSystem.list(path, skippingUndecodable: true).map(\.name)
    }

    /// How many names there are that are not UTF-8.
    package func undecodable() throws(FileError) -> Int {
        guard let dir = opendir(path) else { throw FileError("opendir", path) }
        defer { closedir(dir) }
        var count = 0
        while let entry = readdir(dir) {
            let isText = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) != nil }
            }
            if !isText { count += 1 }
        }
        return count
    }

    /// A regular file, open for reading, and its size.
    private func openFile(_ name: String) throws(FileError) -> (descriptor: Int32, size: Int) {
        let fd = openat(descriptor, try checked(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard fd >= 0 else { throw failure("open", name) }
        var info = stat()
        guard fstat(fd, &info) == 0, FileSystem.kind(mode: info.st_mode) == .file else {
            close(fd)
            throw FileError("read", path + "/" + name, code: EISDIR)
        }
        return (fd, Int(info.st_size))
    }

    /// - Parameter limit: larger files are refused before they are read (EFBIG).
    package func read(_ name: String, limit: Int = .max) throws(FileError) -> [UInt8] {
        let (fd, size) = try openFile(name)
        defer { close(fd) }
        guard size <= limit else { throw FileError("read", path + "/" + name, code: EFBIG) }
        return try Self.read(fd, at: 0, count: size, path + "/" + name)
    }

    /// Part of a file.
    package func read(_ name: String, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let (fd, size) = try openFile(name)
        defer { close(fd) }
        guard offset + count <= size else { throw FileError("read", path + "/" + name, code: EIO) }
        return try Self.read(fd, at: offset, count: count, path + "/" + name)
    }

    private static func read(_ fd: Int32, at offset: Int, count: Int, _ path: String) throws(FileError) -> [UInt8] {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let n = pread(fd, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
                if n < 0, errno == EINTR { continue }
                if n < 0 { code = errno }
                if n <= 0 { break }
                filled += n
            }
        }
        guard code == 0 else { throw FileError("read", path, code: code) }
        return bytes
    }

    /// SHA-256 of a file, read a piece at a time; nil where its size is another.
    package func digest(_ name: String, size expected: Int) throws(FileError) -> SHA256Digest? {
        let (fd, size) = try openFile(name)
        defer { close(fd) }
        guard size == expected else { return nil }
        let stream = SHA256Stream()
        var offset = 0
        while offset < size {
            let piece = try Self.read(fd, at: offset, count: min(1 << 20, size - offset), path + "/" + name)
            guard !piece.isEmpty else { return nil }
            stream.append(piece)
            offset += piece.count
        }
        return stream.digest()
    }

    /// Writes a file that is not there yet, or replaces what a dead process left. Its bytes are on their way to the disk
    /// when this returns; `sync` waits for all of the folder.
    package func write(_ name: String, _ bytes: [UInt8], mode: UInt32 = 0o640) throws(FileError) {
        let fd = try create(name, mode: mode)
        do throws(FileError) {
            try Self.write(fd, bytes[...], path + "/" + name)
        } catch {
            close(fd)
            unlinkat(descriptor, name, 0)
            throw error
        }
        // The disk begins at once; the sync at the end then has less to wait for.
        sync_file_range(fd, 0, 0, XM_SYNC_FILE_RANGE_WRITE)
        guard close(fd) == 0 else { throw failure("close", name) }
    }

    private func create(_ name: String, mode: UInt32) throws(FileError) -> Int32 {
        unlinkat(descriptor, try checked(name), 0)
        let fd = openat(descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard fd >= 0 else { throw failure("create", name) }
        return fd
    }

    private static func write(_ fd: Int32, _ bytes: ArraySlice<UInt8>, _ path: String) throws(FileError) {
        var offset = 0
        while offset < bytes.count {
            let n = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress! + offset, bytes.count - offset) }
            if n < 0, errno == EINTR { continue }
            guard n > 0 else { throw FileError("write", path) }
            offset += n
        }
    }

    /// A file that is written from its beginning to its end.
    package final class Writer {
        private let descriptor: Int32
        private let path: String

        fileprivate init(_ descriptor: Int32, _ path: String) {
            self.descriptor = descriptor
            self.path = path
        }

        deinit { close(descriptor) }

        package func append(_ bytes: ArraySlice<UInt8>) throws(FileError) {
            try Directory.write(descriptor, bytes, path)
        }

        package func append(_ bytes: [UInt8]) throws(FileError) { try append(bytes[...]) }

        package func sync() throws(FileError) {
            guard fsync(descriptor) == 0 else { throw FileError("fsync", path) }
        }
    }

    package func writer(_ name: String, mode: UInt32 = 0o600) throws(FileError) -> Writer {
        Writer(try create(name, mode: mode), path + "/" + name)
    }

    /// Copies a regular file to another folder in the kernel, under a temporary name first.
    package func copy(_ name: String, to other: Directory, mode: UInt32 = 0o640) throws(FileError) {
        let (source, size) = try openFile(name)
        defer { close(source) }
        let temporary = name + ".tmp"
        let target = try other.create(temporary, mode: mode)
        var copied = 0
        var code: Int32 = 0
        while copied < size {
            let n = copy_file_range(source, nil, target, nil, size - copied, 0)
            if n < 0, errno == EINTR { continue }
            if n < 0 { code = errno }
            if n <= 0 { break }
            copied += n
        }
        // File systems that cannot do it in the kernel.
        if copied == 0, size > 0, [EXDEV, EINVAL, ENOSYS, EOPNOTSUPP].contains(code) {
            code = 0
            while copied < size {
                let piece = try Self.read(source, at: copied, count: min(1 << 20, size - copied), path + "/" + name)
                do throws(FileError) {
                    try Self.write(target, piece[...], other.path + "/" + temporary)
                } catch {
                    code = error.code
                    break
                }
                copied += piece.count
            }
        }
        if code == 0, fsync(target) != 0 { code = errno }
        close(target)
        guard code == 0, copied == size else {
            unlinkat(other.descriptor, temporary, 0)
            throw FileError("copy to", other.path + "/" + name, code: code == 0 ? EIO : code)
        }
        try other.move(temporary, to: other, name)
    }

    /// Renames into another folder of the same file system, over what is there.
    package func move(_ name: String, to other: Directory, _ newName: String? = nil) throws(FileError) {
        guard renameat(descriptor, try checked(name), other.descriptor, try checked(newName ?? name)) == 0 else {
            throw failure("rename", name)
        }
    }

    /// Gives a regular file a second name, in a folder of the same file system.
    package func link(_ name: String, to other: Directory, _ newName: String) throws(FileError) {
        guard linkat(descriptor, try checked(name), other.descriptor, try other.checked(newName), 0) == 0 else {
            throw failure("link", name)
        }
    }

    /// Everything that was written on the folder's file system is on the disk when this returns.
    package func syncFileSystem() throws(FileError) {
        guard syncfs(descriptor) == 0 else { throw FileError("syncfs", path) }
    }

    /// Replaces a file so that a reader, or a restart after power loss, sees the old bytes or the new ones.
    package func replaceDurably(_ name: String, _ bytes: [UInt8], mode: UInt32 = 0o640) throws(FileError) {
        let temporary = name + ".tmp"
        let fd = try create(temporary, mode: mode)
        do throws(FileError) {
            try Self.write(fd, bytes[...], path + "/" + temporary)
            guard fsync(fd) == 0 else { throw failure("fsync", temporary) }
        } catch {
            close(fd)
            unlinkat(descriptor, temporary, 0)
            throw error
        }
        close(fd)
        try move(temporary, to: self, name)
        try syncNames()
    }

    /// Removes a file or link; one that is gone is fine.
    package func remove(_ name: String) throws(FileError) {
        guard unlinkat(descriptor, try checked(name), 0) == 0 || errno == ENOENT else { throw failure("unlink", name) }
    }

    /// The bytes of these files are on the disk when this returns.
    package func sync(_ names: [String]) throws(FileError) {
        for name in names {
            let (fd, _) = try openFile(name)
            defer { close(fd) }
            guard fsync(fd) == 0 else { throw failure("fsync", name) }
        }
    }

    /// The names are on the disk when this returns.
    package func syncNames() throws(FileError) {
        guard fsync(descriptor) == 0 else { throw FileError("fsync", path) }
    }

    /// Bytes that this process may still write on the folder's file system.
    package func freeBytes() throws(FileError) -> Int {
        var info = statvfs()
        guard fstatvfs(descriptor, &info) == 0 else { throw FileError("statvfs", path) }
        return Int(info.f_bavail) * Int(info.f_frsize)
    }
}
