import HTTPTypes
import Hummingbird
import NIOCore
import PortalBase

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

/// Finds out for whom a request comes: what trusted proxies say, and nobody else.
struct ClientFinder: Sendable {
    let trusted: [AddressRange]

    /// Nil where it cannot be told; all such requests then count as one client.
    func client(_ headers: HTTPFields, peer: String?) -> [UInt8]? {
        IPAddress.client(
            peer: peer.flatMap(IPAddress.init), forwardedFor: headers[values: .xForwardedFor], trusted: trusted)?
            .subscriber
    }
}

extension HTTPField.Name {
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!
    static let xForwardedHost = HTTPField.Name("X-Forwarded-Host")!
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
}

extension HTTPFields {
    /// The client's own key for one submission; nil where it sends none.
    ///
    /// - Throws: `badKey` for one that cannot hold 128 random bits, 32 hexadecimal digits or a UUID, or is no key any more.
    func checkedIdempotencyKey() throws(Refusal) -> String? {
        guard let key = self[.idempotencyKey] else { return nil }
        guard (32...255).contains(key.utf8.count) else { throw .badKey }
        return key
    }
}
