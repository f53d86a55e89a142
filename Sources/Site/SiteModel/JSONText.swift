/// JSON as the YAML reader takes it.
enum JSONText {
    /// `\\ud83d\\ude00` as `\\U0001F600`: YAML knows no pairs of surrogates.
    static func joiningSurrogates(_ text: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        var i = 0
        while i < text.count {
            if text[i] == UInt8(ascii: "\\"), i + 1 < text.count {
                if let high = unit(text, i), (0xD800..<0xDC00).contains(high), let low = unit(text, i + 6),
                    (0xDC00..<0xE000).contains(low)
                {
                    let value = 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
                    let digits = String(value, radix: 16, uppercase: true)
                    out += ("\\U" + String(repeating: "0", count: 8 - digits.utf8.count) + digits).utf8
                    i += 12
                    continue
                }
                out += text[i...(i + 1)]
                i += 2
                continue
            }
            out.append(text[i])
            i += 1
        }
        return out
    }

    /// The number of a `\\uXXXX` at `i`.
    private static func unit(_ text: [UInt8], _ i: Int) -> UInt32? {
        guard i + 6 <= text.count, text[i] == UInt8(ascii: "\\"), text[i + 1] == UInt8(ascii: "u") else { return nil }
        return UInt32(String(decoding: text[(i + 2)..<(i + 6)], as: UTF8.self), radix: 16)
    }
}
