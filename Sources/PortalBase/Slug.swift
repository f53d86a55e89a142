/// A readable piece of an address: lower case, letters and digits of any script kept, everything else single hyphens.
/// Empty when the text has neither letter nor digit.
package func slug(of text: String) -> String {
    var slug: [UInt8] = []
    slug.reserveCapacity(text.utf8.count)
    var isParted = false
    func keep(_ scalar: Unicode.Scalar) {
        if isParted, !slug.isEmpty { slug.append(UInt8(ascii: "-")) }
        isParted = false
        slug.append(contentsOf: UTF8.encode(scalar)!)
    }
    for scalar in text.unicodeScalars {
        switch scalar.value {
        case 0x30...0x39, 0x61...0x7A: keep(scalar)
        case 0x41...0x5A: keep(Unicode.Scalar(UInt8(scalar.value + 0x20)))
        case 0..<0x80: isParted = true
        case 0x4E00...0x9FFF: keep(scalar)
        default:
            for lower in scalar.properties.lowercaseMapping.unicodeScalars {
                if lower.properties.isAlphabetic || lower.properties.numericType != nil {
                    keep(lower)
                } else {
                    isParted = true
                }
            }
        }
    }
    return String(decoding: slug, as: UTF8.self)
}
