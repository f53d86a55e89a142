/// The Stream-Safe Text Format of UAX #15: no more than 30 combining marks in a row.
///
/// Normalising, comparing and hashing a `String` take time by the square of such a run, so outside text is held to this
/// bound, scalar by scalar, before any of them.
package enum StreamSafe {
    package static let maxMarks = 30

    package static func holds(_ text: String) -> Bool { violation(in: text) == nil }

    /// Byte offset of the first mark beyond the bound; nil for text that keeps it.
    package static func violation(in text: String) -> Int? {
        var text = text
        return text.withUTF8 { violation(in: $0) }
    }

    /// The same for bytes, which must be valid UTF-8.
    package static func violation(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        var run = 0
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            // No mark has a lower first byte (U+0300 is CC 80), and the common ideographs are no marks.
            if byte < 0xCC || (0xE5...0xE9).contains(byte) {
                run = 0
                i += byte < 0x80 ? 1 : byte < 0xE0 ? 2 : 3
                continue
            }
            guard let (value, length) = bytes.scalarValue(at: i) else { return nil }
            let marks = Unicode.Scalar(value).map(marks) ?? 0
            run = marks == 0 ? 0 : run + marks
            if run > maxMarks { return i }
            i += length
        }
        return nil
    }

    /// The same text with each longer run of marks cut down to one mark beyond the bound: it breaks the bound as before,
    /// and comparing it costs no more than other text of its length.
    package static func cut(_ text: String) -> String {
        guard !holds(text) else { return text }
        var out = String.UnicodeScalarView()
        var run = 0
        for scalar in text.unicodeScalars {
            let marks = marks(scalar)
            run = marks == 0 ? 0 : run + marks
            if run <= maxMarks + 1 { out.append(scalar) }
        }
        return String(out)
    }

    /// Combining marks that a scalar stands for.
    private static func marks(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        // Vowel signs of class 0 that decompose into two marks.
        case 0x0F73, 0x0F75, 0x0F81: 2
        case 0x0344: 2
        default: scalar.properties.canonicalCombiningClass == .notReordered ? 0 : 1
        }
    }
}
