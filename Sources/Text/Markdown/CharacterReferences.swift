package import PortalBase

/// Numeric character references of a body (CommonMark 6.2).
package enum CharacterReferences {
    /// The first reference to a character that no text may hold, or the first mark of a run of references that is too long;
    /// references in code, which show as they are, count too.
    package static func forbidden(in source: [UInt8]) -> PublishableText.Forbidden? {
        source.withUnsafeBufferPointer { bytes in
            var (start, run, end) = (0, 0, -1)
            while let i = bytes.find(UInt8(ascii: "&"), from: start) {
                start = i + 1
                guard i + 3 < bytes.count, bytes[i + 1] == UInt8(ascii: "#"),
                    let semicolon = bytes[(i + 2)...].prefix(8).firstIndex(of: UInt8(ascii: ";"))
                else { continue }
                let text = String(decoding: bytes[(i + 2)..<semicolon], as: UTF8.self)
                let isHexadecimal = text.first == "x" || text.first == "X"
                let value = UInt32(isHexadecimal ? text.dropFirst() : text[...], radix: isHexadecimal ? 16 : 10)
                guard let value, let scalar = Unicode.Scalar(value) else { continue }
                // Zero and what is no scalar show as the replacement character.
                if value > 0, PublishableText.isForbidden(scalar, allowsBreaks: true) {
                    return .init(scalar: scalar, offset: i)
                }
                let isMark = scalar.properties.canonicalCombiningClass != .notReordered
                run = isMark ? (i == end ? run + 1 : 1) : 0
                end = semicolon + 1
                if run > StreamSafe.maxMarks { return .init(scalar: scalar, offset: i) }
            }
            return nil
        }
    }
}
