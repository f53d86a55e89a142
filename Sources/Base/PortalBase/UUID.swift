/// Lower-case UUID, 8-4-4-4-12.
package func isUUID(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 36 else { return false }
    for (i, byte) in bytes.enumerated() {
        if [8, 13, 18, 23].contains(i) {
            guard byte == UInt8(ascii: "-") else { return false }
        } else {
            guard (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66) else { return false }
        }
    }
    return true
}

/// A UUID of version 7 (RFC 9562): its moment first, so that new rows stand together in a database's pages, then 74 random
/// bits.
///
/// - Parameter random: 16 bytes.
package func makeUUID(at now: Instant, _ random: [UInt8]) -> String {
    var bytes = random
    // To the second; the milliseconds are random.
    let milliseconds = now.seconds * 1_000 + (Int(random[0]) << 8 | Int(random[1])) % 1_000
    for place in 0..<6 { bytes[place] = UInt8(truncatingIfNeeded: milliseconds >> (40 - 8 * place)) }
    bytes[6] = bytes[6] & 0x0F | 0x70
    bytes[8] = bytes[8] & 0x3F | 0x80
    return uuidText(bytes)
}

/// The UUID that a digest names: version 8 of RFC 9562, by SHA-256, so that one thing has one name.
package func makeUUID(of digest: SHA256Digest) -> String {
    var bytes = digest.bytes
    bytes[6] = bytes[6] & 0x0F | 0x80
    bytes[8] = bytes[8] & 0x3F | 0x80
    return uuidText(bytes)
}

private func uuidText(_ bytes: [UInt8]) -> String {
    var out = ""
    for (i, character) in hexText(bytes[..<16]).enumerated() {
        if [8, 12, 16, 20].contains(i) { out += "-" }
        out.append(character)
    }
    return out
}
