import Glibc
import PortalBase

/// ClamAV's daemon, asked by INSTREAM: the bytes go over a socket and never to a disk. One file at a time.
///
/// Everything but a plain "OK" is a refusal: a scanner that does not answer has found nothing, and proves nothing.
final class ClamScanner: @unchecked Sendable {
    /// A socket's path (beginning with `/`), or `host:port` with a numeric host.
    struct Address: Sendable, Equatable {
        let text: String
        /// Seconds for each step.
        let timeout: Int
    }

    enum Verdict: Sendable, Equatable {
        case clean
        case infected
        /// No answer, or one that says nothing about the file.
        case unknown
    }

    private let descriptor: Int32
    private var hasFailed = false

    /// Nil where nobody listens.
    init?(_ address: Address) {
        guard let descriptor = Self.connect(address) else { return nil }
        self.descriptor = descriptor
        send(Array("zINSTREAM\0".utf8))
    }

    deinit { close(descriptor) }

    func feed(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        let count = UInt32(bytes.count).bigEndian
        send(withUnsafeBytes(of: count) { Array($0) } + bytes)
    }

    func verdict() -> Verdict {
        send([0, 0, 0, 0])
        guard !hasFailed else { return .unknown }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 512)
        while answer.count < 4_096, answer.last != 0 {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            answer += buffer[..<count]
        }
        // An answer that is cut off says nothing.
        guard let end = answer.firstIndex(of: 0) else { return .unknown }
        let text = String(decoding: answer[..<end], as: UTF8.self)
        if text == "stream: OK" { return .clean }
        return text.hasPrefix("stream: ") && text.hasSuffix(" FOUND") ? .infected : .unknown
    }

    private func send(_ bytes: [UInt8]) {
        var offset = 0
        while !hasFailed, offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + offset, $0.count - offset, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { hasFailed = true } else { offset += count }
        }
    }

    private static func connect(_ address: Address) -> Int32? {
        let isPath = address.text.hasPrefix("/")
        let parts = address.text.split(separator: ":")
        let family = isPath ? AF_UNIX : AF_INET
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var limit = timeval(tv_sec: address.timeout, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        // The bytes of `sockaddr_un` or `sockaddr_in`.
        var name = withUnsafeBytes(of: UInt16(family)) { Array($0) }
        if isPath {
            name += address.text.utf8.prefix(107) + [0]
        } else {
            var host = [UInt8](repeating: 0, count: 4)
            guard parts.count == 2, let port = UInt16(parts[1]), inet_pton(AF_INET, String(parts[0]), &host) == 1 else {
                close(descriptor)
                return nil
            }
            name += [UInt8(port >> 8), UInt8(port & 0xFF)] + host + [UInt8](repeating: 0, count: 8)
        }
        let result = name.withUnsafeBytes {
            Glibc.connect(
                descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard result == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
