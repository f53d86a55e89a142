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

    private let connection: SocketConnection

    /// Nil where nobody listens.
    init?(_ address: Address) {
        guard let connection = SocketConnection(to: address.text, seconds: address.timeout) else { return nil }
        self.connection = connection
        connection.send(Array("zINSTREAM\0".utf8))
    }

    func feed(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        let count = UInt32(bytes.count).bigEndian
        connection.send(withUnsafeBytes(of: count) { Array($0) } + bytes)
    }

    func verdict() -> Verdict {
        connection.send([0, 0, 0, 0])
        guard !connection.hasFailed else { return .unknown }
        var answer: [UInt8] = []
        while answer.count < 4_096, answer.last != 0 {
            let more = connection.receive(512)
            if more.isEmpty { break }
            answer += more
        }
        // An answer that is cut off says nothing.
        guard let end = answer.firstIndex(of: 0) else { return .unknown }
        let text = String(decoding: answer[..<end], as: UTF8.self)
        if text == "stream: OK" { return .clean }
        return text.hasPrefix("stream: ") && text.hasSuffix(" FOUND") ? .infected : .unknown
    }
}
