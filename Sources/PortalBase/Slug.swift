/// A readable piece of an address: lower case, letters and digits of any script kept, everything else single hyphens.
/// Empty when the text has neither letter nor digit.
package func slug(of text: String) -> String {
    var text = text
    return text.withUTF8 { bytes in
        var slug = SlugWriter(bytes.count)
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            switch byte {
            case 0x30...0x39, 0x61...0x7A:
                slug.keep(byte)
                i += 1
            case 0x41...0x5A:
                slug.keep(byte + 0x20)
                i += 1
            case 0..<0x80:
                slug.isParted = true
                i += 1
            // U+5000 to U+9FFF: letters without case.
            case 0xE5...0xE9:
                slug.keep(bytes[i])
                slug.keep(bytes[i + 1])
                slug.keep(bytes[i + 2])
                i += 3
            default:
                let length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
                for lower in String(decoding: bytes[i..<(i + length)], as: UTF8.self).unicodeScalars.first!
                    .properties.lowercaseMapping.unicodeScalars
                {
                    if lower.properties.isAlphabetic || lower.properties.numericType != nil {
                        for byte in UTF8.encode(lower)! { slug.keep(byte) }
                    } else {
                        slug.isParted = true
                    }
                }
                i += length
            }
        }
        return String(decoding: slug.bytes, as: UTF8.self)
    }
}

/// Puts a hyphen where something was left out between two bytes.
private struct SlugWriter {
    private(set) var bytes: [UInt8] = []
    var isParted = false

    init(_ capacity: Int) { bytes.reserveCapacity(capacity) }

    mutating func keep(_ byte: UInt8) {
        if isParted, !bytes.isEmpty { bytes.append(UInt8(ascii: "-")) }
        isParted = false
        bytes.append(byte)
    }
}
