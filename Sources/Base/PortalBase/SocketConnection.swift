import Glibc

/// A stream socket on this machine or a numeric host, whose every step has a time limit. One that fails stays failed.
package final class SocketConnection {
    private let descriptor: Int32
    package private(set) var hasFailed = false

    /// The connection fails at this moment even while bytes still flow; nil sets no such limit.
    private let end: ContinuousClock.Instant?

    private init(_ descriptor: Int32, inAll seconds: Int?) {
        self.descriptor = descriptor
        end = seconds.map { .now + .seconds($0) }
    }

    private func isOver() -> Bool {
        if let end, end <= .now { hasFailed = true }
        return hasFailed
    }

    deinit { close(descriptor) }

    /// - Parameters:
    ///   - address: a socket's path (beginning with `/`), or `host:port`.
    ///   - seconds: for each step.
    ///   - all: seconds for everything together; nil for any.
    /// - Returns: nil where nobody listens.
    package convenience init?(to address: String, seconds: Int, inAll all: Int? = nil) {
        let isPath = address.hasPrefix("/")
        let family = isPath ? AF_UNIX : AF_INET
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        Self.limit(descriptor, seconds)
        guard let name = isPath ? Self.name(ofPath: address) : Self.name(ofHost: address),
            Self.with(name, { Glibc.connect(descriptor, $0, $1) }) == 0
        else {
            close(descriptor)
            return nil
        }
        self.init(descriptor, inAll: all)
    }

    /// The same for a socket's path, however it begins.
    package convenience init?(toPath path: String, seconds: Int, inAll all: Int? = nil) {
        self.init(to: path.hasPrefix("/") ? path : "/proc/self/cwd/" + path, seconds: seconds, inAll: all)
    }

    package func send(_ bytes: [UInt8]) {
        var offset = 0
        while !isOver(), offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + offset, $0.count - offset, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { hasFailed = true } else { offset += count }
        }
    }

    /// Some bytes, `most` at most; empty at the end and where it failed.
    package func receive(_ most: Int) -> [UInt8] {
        guard !isOver(), most > 0 else { return [] }
        var buffer = [UInt8](repeating: 0, count: most)
        while true {
            let count = recv(descriptor, &buffer, most, 0)
            if count < 0, errno == EINTR { continue }
            if count < 0 { hasFailed = true }
            return Array(buffer.prefix(max(0, count)))
        }
    }

    /// Exactly so many bytes; nil where fewer came.
    package func receive(exactly count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let more = receive(min(count - bytes.count, 64 << 10))
            if more.isEmpty { return nil }
            bytes += more
        }
        return bytes
    }

    private static func limit(_ descriptor: Int32, _ seconds: Int) {
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    /// The bytes of `sockaddr_un`; nil for a path that is too long for one.
    private static func name(ofPath path: String) -> [UInt8]? {
        guard path.utf8.count <= 107 else { return nil }
        return withUnsafeBytes(of: UInt16(AF_UNIX)) { Array($0) } + path.utf8 + [0]
    }

    /// The bytes of `sockaddr_in`.
    private static func name(ofHost address: String) -> [UInt8]? {
        let parts = address.split(separator: ":")
        var host = [UInt8](repeating: 0, count: 4)
        guard parts.count == 2, let port = UInt16(parts[1]), inet_pton(AF_INET, String(parts[0]), &host) == 1 else {
            return nil
        }
        return withUnsafeBytes(of: UInt16(AF_INET)) { Array($0) } + [UInt8(port >> 8), UInt8(port & 0xFF)] + host
            + [UInt8](repeating: 0, count: 8)
    }

    private static func with(_ name: [UInt8], _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        name.withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) }
    }

    /// Listens on a path and hands over each connection, one after the other, for ever. The mode of the socket's file decides who may
    /// connect.
    ///
    /// - Parameters:
    ///   - mode: of the socket's file.
    ///   - seconds: for each step of a connection, and three times as many for its question.
    package static func serve(
        _ path: String, mode: UInt32, seconds: Int, _ handle: (SocketConnection) -> Void
    ) throws(FileError) -> Never {
        // One process at a time.
        let lock = try FileLock(path + ".lock", mode: 0o660)
        defer { withExtendedLifetime(lock) {} }
        // A socket that a killed process left behind; anything else at that path is not ours to remove.
        if FileSystem.kind(path) == .other { unlink(path) }
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0, let name = name(ofPath: path) else { throw FileError("listen on", path) }
        // Nobody connects before it has its mode.
        let mask = umask(0o777)
        let bound = with(name) { Glibc.bind(listener, $0, $1) }
        umask(mask)
        guard bound == 0, chmod(path, mode) == 0, listen(listener, 64) == 0 else { throw FileError("listen on", path) }
        while true {
            let descriptor = accept(listener, nil, nil)
            guard descriptor >= 0 else {
                // The process has no free descriptor for a moment, or the peer closed its connection early.
                usleep(10_000)
                continue
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            limit(descriptor, seconds)
            handle(SocketConnection(descriptor, inAll: 3 * seconds))
        }
    }
}
