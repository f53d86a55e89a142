/// Text that may be stored, shown and published: the one rule of intake, desk and generator.
///
/// What one of them takes and the next refuses would stop the next one, so none has a rule of its own.
package enum PublishableText {
    /// A character that no text may hold.
    package struct Forbidden: Sendable, Equatable {
        package let scalar: Unicode.Scalar
        /// In bytes, from the start of the text.
        package let offset: Int

        package init(scalar: Unicode.Scalar, offset: Int) {
            self.scalar = scalar
            self.offset = offset
        }

        /// `U+202E`
        package var name: String { "U+" + hexadecimal(scalar.value) }

        private func hexadecimal(_ value: UInt32) -> String {
            let text = String(value, radix: 16, uppercase: true)
            return String(repeating: "0", count: max(0, 4 - text.count)) + text
        }
    }

    /// A line for a terminal or a log: what may not stand in a text is shown as `?`, so that nothing from outside begins
    /// a line or moves a terminal.
    package static func printable(_ line: String) -> String {
        String(String.UnicodeScalarView(line.unicodeScalars.map { isForbidden($0, allowsBreaks: false) ? "?" : $0 }))
    }

    /// The first character that may not stand in a text, or the first combining mark of a run that is too long.
    ///
    /// - Parameter allowsBreaks: whether line feeds and tabs may stand in it.
    package static func forbidden(in text: String, allowsBreaks: Bool = true) -> Forbidden? {
        var text = text
        return text.withUTF8 { forbidden(in: $0, allowsBreaks: allowsBreaks) }
    }

    /// The same for bytes, which must be valid UTF-8.
    package static func forbidden(in bytes: UnsafeBufferPointer<UInt8>, allowsBreaks: Bool = true) -> Forbidden? {
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            if byte >= 0x20, byte < 0x7F {
                i += 1
                continue
            }
            guard let (value, length) = bytes.scalarValue(at: i) else { return nil }
            if let scalar = Unicode.Scalar(value), isForbidden(scalar, allowsBreaks: allowsBreaks) {
                return Forbidden(scalar: scalar, offset: i)
            }
            i += length
        }
        guard let offset = StreamSafe.violation(in: bytes) else { return nil }
        let rest = String(decoding: bytes[offset...].prefix(4), as: UTF8.self)
        return Forbidden(scalar: rest.unicodeScalars.first ?? "\u{FFFD}", offset: offset)
    }

    /// Control characters (general category Cc), noncharacters, line and paragraph separators, and the characters that turn
    /// the direction of what follows them (UAX #9).
    package static func isForbidden(_ scalar: Unicode.Scalar, allowsBreaks: Bool = true) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: !allowsBreaks
        case 0..<0x20, 0x7F...0x9F: true
        case 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069, 0xFDD0...0xFDEF: true
        case let value: value & 0xFFFE == 0xFFFE
        }
    }

    /// A text as somebody typed or pasted it, made publishable where that loses nothing that a reader sees: line ends and
    /// separators as `\n`, characters without width that programs put there left out.
    ///
    /// - Returns: text that `forbidden` may still refuse.
    package static func cleaned(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x0D || $0 >= 0xC2 }) else { return text }
        var out = String.UnicodeScalarView()
        var afterReturn = false
        for scalar in text.unicodeScalars {
            defer { afterReturn = scalar == "\r" }
            switch scalar.value {
            case 0x0D, 0x85, 0x2028, 0x2029: out.append("\n")
            case 0x0A: if !afterReturn { out.append(scalar) }
            default: if !isPastedMark(scalar) { out.append(scalar) }
            }
        }
        return String(out)
    }

    /// What telephones, editors and web pages put round a copied text: soft hyphen, zero-width space, direction marks, word
    /// joiner, byte-order mark. Joiners that shape letters and emoji, and variation selectors, stay.
    private static func isPastedMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0xAD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, 0x202A...0x202E, 0x2060...0x2064, 0x2066...0x2069, 0xFEFF:
            true
        default: false
        }
    }

    /// Whether a reader sees nothing at all: white space, default-ignorable characters, the Braille blank.
    package static func isInvisible(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy(isInvisible)
    }

    package static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || scalar.properties.isDefaultIgnorableCodePoint || scalar.value == 0x2800
            || scalar.properties.generalCategory == .control
    }
}
