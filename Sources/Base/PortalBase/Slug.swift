/// A readable piece of an address: lower case, letters and digits of any script kept, everything else single hyphens.
/// Empty when the text has neither letter nor digit.
package func slug(of text: String) -> String {
    var text = text
    return text.withUTF8 { bytes in
        // Lower case may take more bytes than upper case, by half as much at most (U+0130: two become three).
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 3 * bytes.count + 1) { out in
            var slug = SlugWriter(out)
            slug.add(bytes)
            return String(decoding: UnsafeBufferPointer(rebasing: out[..<slug.count]), as: UTF8.self)
        }
    }
}

/// Puts a hyphen where something was left out between two bytes.
private struct SlugWriter {
    private let out: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0
    private var isParted = false

    init(_ out: UnsafeMutableBufferPointer<UInt8>) { self.out = out }

    @inline(__always)
    private mutating func begin() {
        if isParted, count > 0 {
            out[count] = UInt8(ascii: "-")
            count += 1
        }
        isParted = false
    }

    @inline(__always)
    private mutating func keep(_ byte: UInt8) {
        begin()
        out[count] = byte
        count += 1
    }

    mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) {
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            switch byte {
            case 0x30...0x39, 0x61...0x7A:
                keep(byte)
                i += 1
            case 0x41...0x5A:
                keep(byte + 0x20)
                i += 1
            case 0..<0x80:
                isParted = true
                i += 1
            // U+5000 to U+9FFF: letters without case.
            case 0xE5...0xE9:
                begin()
                for k in 0..<3 { out[count + k] = bytes[i + k] }
                count += 3
                i += 3
            default:
                let length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
                if length == 3, Self.isPunctuation(byte, bytes[i + 1], bytes[i + 2]) {
                    isParted = true
                } else {
                    addScalar(UnsafeBufferPointer(rebasing: bytes[i..<(i + length)]))
                }
                i += length
            }
        }
    }

    /// What stands between Chinese words, without asking for its properties: U+2010 to U+201F, U+3000 to U+3003, U+3008 to
    /// U+3011, U+FF01 to U+FF0F, U+FF1A to U+FF1F.
    private static func isPunctuation(_ first: UInt8, _ second: UInt8, _ third: UInt8) -> Bool {
        switch (first, second) {
        case (0xE2, 0x80): (0x90...0x9F).contains(third)
        case (0xE3, 0x80): (0x80...0x83).contains(third) || (0x88...0x91).contains(third)
        case (0xEF, 0xBC): (0x81...0x8F).contains(third) || (0x9A...0x9F).contains(third)
        default: false
        }
    }

    private mutating func addScalar(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let scalar = String(decoding: bytes, as: UTF8.self).unicodeScalars.first else { return }
        for lower in scalar.properties.lowercaseMapping.unicodeScalars {
            if lower.properties.isAlphabetic || lower.properties.numericType != nil {
                for byte in String(lower).utf8 { keep(byte) }
            } else {
                isParted = true
            }
        }
    }
}
