import CLibCrypto

/// SHA-256 (FIPS 180-4) by libcrypto.
package struct SHA256Digest: Sendable, Hashable, CustomStringConvertible {
    package static let byteCount = 32

    package let bytes: [UInt8]

    package init(of data: [UInt8]) {
        var out = [UInt8](repeating: 0, count: Self.byteCount)
        _ = SHA256(data, data.count, &out)
        bytes = out
    }

    package init?(hex: String) {
        guard let decoded = bytesFromHex(hex), decoded.count == Self.byteCount else { return nil }
        bytes = decoded
    }

    /// Lower-case hexadecimal, 64 digits.
    package var hex: String { hexText(bytes) }

    package var description: String { hex }
}

/// Lower-case hexadecimal text of bytes.
package func hexText(_ bytes: some Sequence<UInt8>) -> String {
    var out: [UInt8] = []
    for byte in bytes {
        out.append(hexDigit(byte >> 4))
        out.append(hexDigit(byte & 15))
    }
    return String(decoding: out, as: UTF8.self)
}

/// Bytes of a hexadecimal text of even length; nil for anything else.
package func bytesFromHex(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(digits.count / 2)
    for i in stride(from: 0, to: digits.count, by: 2) {
        guard let high = hexValue(digits[i]), let low = hexValue(digits[i + 1]) else { return nil }
        out.append(high << 4 | low)
    }
    return out
}
