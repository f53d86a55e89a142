import Glibc
import HTTPTypes
import Hummingbird
import NIOCore

/// A request's context: where it came from.
struct EdgeContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Of the other end of the connection; nil for a Unix socket.
    let peer: String?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        peer = source.channel.remoteAddress?.ipAddress
    }
}

/// Networks in CIDR notation.
struct AddressRange: Sendable, Equatable {
    private let prefix: [UInt8]
    private let bits: Int

    /// `10.0.0.0/8`, `::1`; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let address = IPAddress(String(parts[0])) else { return nil }
        prefix = address.bytes
        guard parts.count == 2 else {
            bits = prefix.count * 8
            return
        }
        guard let given = Int(parts[1]), (0...(prefix.count * 8)).contains(given) else { return nil }
        bits = given
    }

    func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == prefix.count else { return false }
        for (index, (a, b)) in zip(address.bytes, prefix).enumerated() {
            let significant = min(8, max(0, bits - index * 8))
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> significant)
            if a & mask != b & mask { return false }
        }
        return true
    }
}

/// An IPv4 (4 bytes) or IPv6 (16 bytes) address.
struct IPAddress: Sendable, Hashable {
    let bytes: [UInt8]

    init?(_ text: String) {
        var buffer = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &buffer) == 1 {
            bytes = Array(buffer[..<4])
        } else if inet_pton(AF_INET6, text, &buffer) == 1 {
            // An IPv4 client of a socket for both is the same client.
            let isMapped = buffer[..<10].allSatisfy { $0 == 0 } && buffer[10] == 0xFF && buffer[11] == 0xFF
            bytes = isMapped ? Array(buffer[12...]) : buffer
        } else {
            return nil
        }
    }

    /// Whom limits count as one: an IPv4 address, or the /64 that an IPv6 subscriber gets.
    var client: [UInt8] { bytes.count == 16 ? Array(bytes[..<8]) : bytes }
}

/// Finds out for whom a request comes: what trusted proxies say, and nobody else.
struct ClientFinder: Sendable {
    let trusted: [AddressRange]

    /// Nil where it cannot be told; all such requests then count as one client.
    func client(_ headers: HTTPFields, peer: String?) -> [UInt8]? {
        // A Unix socket is the proxy's.
        var address = peer.flatMap(IPAddress.init)
        if let address, !isTrusted(address) { return address.client }
        // Each proxy adds whom it saw at the end; the first that is no proxy of ours is the client.
        let chain = headers[values: .xForwardedFor].flatMap { $0.split(separator: ",") }
        for entry in chain.reversed() {
            guard let next = IPAddress(entry.trimmingPrefix(" ").description) else { break }
            address = next
            if !isTrusted(next) { break }
        }
        return address?.client
    }

    private func isTrusted(_ address: IPAddress) -> Bool { trusted.contains { $0.contains(address) } }
}

extension HTTPField.Name {
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!
    static let xForwardedHost = HTTPField.Name("X-Forwarded-Host")!
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
}
