import CLibCrypto

/// SHA-256 (FIPS 180-4) by libcrypto. Four words, so that ten thousands of them lie side by side in memory.
package struct SHA256Digest: Sendable, Hashable, CustomStringConvertible {
    package static let byteCount = 32

    private let words: (UInt64, UInt64, UInt64, UInt64)

    package init(of data: [UInt8]) { self.init(of: data[...]) }

    package init(of data: ArraySlice<UInt8>) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        data.withUnsafeBytes { input in
            withUnsafeMutableBytes(of: &words) { out in
                // Not `SHA256()`, which looks the algorithm up by name each time: four times the work for a hundred bytes.
                var state = SHA256_CTX()
                SHA256_Init(&state)
                SHA256_Update(&state, input.baseAddress, input.count)
                SHA256_Final(out.baseAddress!.assumingMemoryBound(to: UInt8.self), &state)
            }
        }
        self.words = words
    }

    /// Of exactly 32 bytes.
    package init(bytes: some Collection<UInt8>) {
        precondition(bytes.count == Self.byteCount)
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
        self.words = words
    }

    package init?(hex: String) {
        guard let decoded = bytesFromHex(hex), decoded.count == Self.byteCount else { return nil }
        self.init(bytes: decoded)
    }

    package var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    /// The first eight bytes, as a short name within one process or file of a cache.
    package var prefix: UInt64 { words.0 }

    /// Lower-case hexadecimal, 64 digits.
    package var hex: String { hexText(bytes) }

    package func append(to out: inout [UInt8]) { withUnsafeBytes(of: words) { out.append(contentsOf: $0) } }

    package func appendHex(to out: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2 * Self.byteCount) { digits in
            withUnsafeBytes(of: words) { bytes in
                for (i, byte) in bytes.enumerated() {
                    digits[2 * i] = hexDigit(byte >> 4)
                    digits[2 * i + 1] = hexDigit(byte & 15)
                }
            }
            out.append(contentsOf: digits)
        }
    }

    package var description: String { hex }

    package static func == (a: Self, b: Self) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
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

/// SHA-256 of bytes that come piece by piece.
package final class SHA256Stream {
    private let context = EVP_MD_CTX_new()!

    package init() { EVP_DigestInit_ex(context, EVP_sha256(), nil) }

    deinit { EVP_MD_CTX_free(context) }

    package func append(_ bytes: [UInt8]) { EVP_DigestUpdate(context, bytes, bytes.count) }

    package func append(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { _ = EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    }

    /// Of everything so far; once.
    package func digest() -> SHA256Digest {
        var out = [UInt8](repeating: 0, count: SHA256Digest.byteCount)
        var count: UInt32 = 0
        EVP_DigestFinal_ex(context, &out, &count)
        return SHA256Digest(bytes: out)
    }
}
