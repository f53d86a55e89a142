import Glibc

/// Networks in CIDR notation.
package struct AddressRange: Sendable, Equatable {
    private let prefix: [UInt8]
    private let bits: Int

    /// `10.0.0.0/8`, `::1`; nil for anything else.
    package init?(_ text: String) {
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

    package func contains(_ address: IPAddress) -> Bool {
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
package struct IPAddress: Sendable, Hashable {
    package let bytes: [UInt8]

    package init?(_ text: String) {
        // C would stop there and see another text.
        guard !text.utf8.contains(0) else { return nil }
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
    package var subscriber: [UInt8] { bytes.count == 16 ? Array(bytes[..<8]) : bytes }

    /// Who asks, by what trusted proxies say and nobody else.
    ///
    /// - Parameters:
    ///   - peer: the other end of the connection; nil for a Unix socket, which is a proxy's.
    ///   - forwardedFor: the values of `X-Forwarded-For`, in their order.
    /// - Returns: nil where it cannot be told.
    package static func client(peer: IPAddress?, forwardedFor: [String], trusted: [AddressRange]) -> IPAddress? {
        func isTrusted(_ address: IPAddress) -> Bool { trusted.contains { $0.contains(address) } }
        var address = peer
        if let address, !isTrusted(address) { return address }
        // Each proxy adds whom it saw at the end; the first that is no proxy of ours is the client.
        for entry in forwardedFor.flatMap({ $0.split(separator: ",") }).reversed() {
            guard let next = IPAddress(entry.split { $0 == " " || $0 == "\t" }.joined(separator: " ")) else { break }
            address = next
            if !isTrusted(next) { break }
        }
        return address
    }
}
