package import PortalBase

/// Numeric character references of a body (CommonMark 6.2).
package enum CharacterReferences {
    /// The first reference to a character that no text may hold, or the first mark of a run of references that is too long;
    /// references in code, which show as they are, count too.
    package static func forbidden(in source: [UInt8]) -> PublishableText.Forbidden? {
        source.withUnsafeBufferPointer { bytes in
            var (start, run, end) = (0, 0, 0)
            while let i = bytes.find(UInt8(ascii: "&"), from: start) {
                start = i + 1
                guard i + 3 < bytes.count, bytes[i + 1] == UInt8(ascii: "#"),
                    let semicolon = bytes[(i + 2)...].prefix(8).firstIndex(of: UInt8(ascii: ";"))
                else { continue }
                let text = String(decoding: bytes[(i + 2)..<semicolon], as: UTF8.self)
                let isHexadecimal = text.first == "x" || text.first == "X"
                let value = UInt32(isHexadecimal ? text.dropFirst() : text[...], radix: isHexadecimal ? 16 : 10)
                guard let value, let scalar = Unicode.Scalar(value) else { continue }
                // Controls are told when the text is written.
                if value >= 0x20, PublishableText.isForbidden(scalar, allowsBreaks: true) {
                    return .init(scalar: scalar, offset: i)
                }
                let isMark = scalar.properties.canonicalCombiningClass != .notReordered
                run = isMark ? 1 + marks(bytes, from: end, to: i, after: run) : 0
                end = semicolon + 1
                if run > StreamSafe.maxMarks { return .init(scalar: scalar, offset: i) }
            }
            return nil
        }
    }

    /// Length of the run of marks that a reference continues, literal marks between two references counted; 0 where another
    /// character parts them.
    private static func marks(
        _ bytes: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int, after run: Int
    ) -> Int {
        // Longer runs of marks are refused as they are.
        guard end - start <= 4 * StreamSafe.maxMarks else { return 0 }
        let between = String(decoding: bytes[start..<end], as: UTF8.self).unicodeScalars
        return between.allSatisfy { $0.properties.canonicalCombiningClass != .notReordered } ? run + between.count : 0
    }
}
