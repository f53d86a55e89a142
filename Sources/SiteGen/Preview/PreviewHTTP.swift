import FlyingSocks
import Forms
import FoundationEssentials
import Glibc
import PortalBase

/// HTTP/1.1 (RFC 9112) as far as a preview on loopback needs it: one GET or HEAD for each connection.
///
/// An HTTP library with static Foundation behind it would load libcurl and thirty libraries more at every start of
/// `sitegen`, which costs each build more than reading a hundred pages.
enum PreviewHTTP {
    struct Request: Sendable {
        /// Decoded; begins with a solidus.
        let path: String
        let query: [String: [String]]
        let host: String
        let isHead: Bool
    }

    enum Status: String, Error {
        case ok = "200 OK"
        case badRequest = "400 Bad Request"
        case notFound = "404 Not Found"
        case methodNotAllowed = "405 Method Not Allowed"
        case timeout = "408 Request Timeout"
        case tooLarge = "431 Request Header Fields Too Large"
    }

    enum Body: Sendable {
        case bytes([UInt8])
        /// Each call waits for what comes next.
        case stream(@Sendable (_ count: Int) async -> [UInt8])
    }

    struct Response: Sendable {
        let status: Status
        let type: String
        let body: Body
    }

    private static let maxHeadBytes = 16_384
    private static let patience = Duration.seconds(10)

    /// Answers until its task is cancelled.
    static func serve(port: UInt16, respond: @escaping @Sendable (Request) async -> Response) async throws {
        let listening = try Socket(domain: AF_INET, type: .stream)
        defer { try? listening.close() }
        try listening.setValue(true, for: .localAddressReuse)
        try listening.bind(to: .inet(ip4: "127.0.0.1", port: port))
        try listening.listen()
        let pool: some AsyncSocketPool = .make()
        try await pool.prepare()
        let server = try AsyncSocket(socket: listening, pool: pool)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await pool.run() }
            for try await connection in server.sockets {
                group.addTask {
                    // Who went away needs no answer.
                    try? await answer(connection, respond)
                    try? connection.close()
                }
            }
        }
    }

    private static func answer(
        _ connection: AsyncSocket, _ respond: @Sendable (Request) async -> Response
    ) async throws {
        var isHead = false
        var response: Response
        do {
            let request = try parse(try await head(connection))
            isHead = request.isHead
            response = await respond(request)
        } catch let status as Status {
            response = Response(status: status, type: "text/plain", body: .bytes(Array(status.rawValue.utf8)))
        }
        var head = "HTTP/1.1 \(response.status.rawValue)\r\nContent-Type: \(response.type)\r\n"
        if response.status == .methodNotAllowed { head += "Allow: GET, HEAD\r\n" }
        if case .bytes(let bytes) = response.body { head += "Content-Length: \(bytes.count)\r\n" }
        // No page of another origin may read the search index as a script, nor anything else.
        head += "Cross-Origin-Resource-Policy: same-origin\r\nX-Content-Type-Options: nosniff\r\n"
        head += "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        try await connection.write(Data(head.utf8))
        guard !isHead else { return }
        switch response.body {
        case .bytes(let bytes): try await connection.write(Data(bytes))
        case .stream(let next):
            var count = 0
            while !Task.isCancelled {
                try await connection.write(Data(await next(count)))
                count += 1
            }
        }
    }

    /// Bytes up to the empty line that ends the fields, without it.
    private static func head(_ connection: AsyncSocket) async throws -> [UInt8] {
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask {
                var bytes: [UInt8] = []
                let end = Array("\r\n\r\n".utf8)
                while bytes.count <= maxHeadBytes {
                    let known = max(0, bytes.count - end.count + 1)
                    bytes += try await connection.read(atMost: 4096)
                    if let found = bytes[known...].firstRange(of: end) { return Array(bytes[..<found.lowerBound]) }
                }
                throw Status.tooLarge
            }
            group.addTask {
                try await Task.sleep(for: patience)
                throw Status.timeout
            }
            defer { group.cancelAll() }
            return try await group.next()!
        }
    }

    /// - Parameter head: request line and fields, without the empty line after them.
    static func parse(_ head: [UInt8]) throws(Status) -> Request {
        guard head.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x0D || $0 == 0x0A || $0 == 0x09 }),
            let text = String(validating: head, as: UTF8.self)
        else { throw .badRequest }
        var lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        let words = lines.removeFirst().split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else { throw .badRequest }
        guard words[0] == "GET" || words[0] == "HEAD" else { throw .methodNotAllowed }
        let hosts = lines.filter { $0.prefix(5).lowercased() == "host:" }
        guard hosts.count == 1 else { throw .badRequest }
        let parts = words[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = percentDecoded(parts[0]), path.hasPrefix("/"),
            let query = URLEncodedBody(parts.count == 2 ? Array(parts[1].utf8) : [])
        else { throw .badRequest }
        let host = hosts[0].dropFirst(5).trimmingPrefix { $0 == " " || $0 == "\t" }
        return Request(path: path, query: query.fields, host: String(host), isHead: words[0] == "HEAD")
    }
}
