/// Base64 (RFC 4648) with padding.
package func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var out: [UInt8] = []
    out.reserveCapacity((bytes.count + 2) / 3 * 4)
    for i in stride(from: 0, to: bytes.count, by: 3) {
        let rest = min(3, bytes.count - i)
        let word =
            Int(bytes[i]) << 16 | (rest > 1 ? Int(bytes[i + 1]) << 8 : 0) | (rest > 2 ? Int(bytes[i + 2]) : 0)
        out.append(alphabet[word >> 18])
        out.append(alphabet[word >> 12 & 63])
        out.append(rest > 1 ? alphabet[word >> 6 & 63] : UInt8(ascii: "="))
        out.append(rest > 2 ? alphabet[word & 63] : UInt8(ascii: "="))
    }
    return String(decoding: out, as: UTF8.self)
}

/// The bytes of a Base64 text with padding; nil for anything else.
package func bytesFromBase64(_ text: String) -> [UInt8]? {
    var digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 4) else { return nil }
    var padding = 0
    while padding < 2, digits.last == UInt8(ascii: "=") {
        digits.removeLast()
        padding += 1
    }
    var out: [UInt8] = []
    out.reserveCapacity(digits.count * 3 / 4)
    var word = 0
    var bits = 0
    for digit in digits {
        let value: Int
        switch digit {
        case 0x41...0x5A: value = Int(digit) - 0x41
        case 0x61...0x7A: value = Int(digit) - 0x61 + 26
        case 0x30...0x39: value = Int(digit) - 0x30 + 52
        case UInt8(ascii: "+"): value = 62
        case UInt8(ascii: "/"): value = 63
        default: return nil
        }
        word = word << 6 | value
        bits += 6
        if bits >= 8 {
            bits -= 8
            out.append(UInt8(truncatingIfNeeded: word >> bits))
            word &= (1 << bits) - 1
        }
    }
    return word == 0 ? out : nil
}

/// Base64url (RFC 4648) without padding.
package func base64URL(_ bytes: [UInt8]) -> String {
    base64(bytes).replacing("+", with: "-").replacing("/", with: "_").filter { $0 != "=" }
}

/// The bytes of a base64url text without padding; nil for anything else.
package func bytesFromBase64URL(_ text: String) -> [UInt8]? {
    guard !text.utf8.contains(where: { "+/=".utf8.contains($0) }) else { return nil }
    let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    return bytesFromBase64(text.replacing("-", with: "+").replacing("_", with: "/") + padding)
}
