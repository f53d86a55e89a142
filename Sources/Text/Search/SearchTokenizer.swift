import PortalBase

/// Text to tokens with positions; `Themes/xinmi/assets/search.js` holds the same rules in JavaScript, and
/// `Tests/Fixtures/search-tokens.json` is read by the tests of both.
///
/// NFKC, lower case. Spaces beside a Han character are dropped: people write `2026 年` and `2026年`, and a line that was
/// wrapped in the source is one line. A run of Han characters gives overlapping bigrams and its last character alone, so
/// that a prefix look-up of one character finds every place of it; a run of other letters and digits is one word. Each
/// Han character, each word and each gap between runs takes one position, so that neighbours in the text are neighbours
/// by number.
package enum SearchTokenizer {
    package struct Token: Sendable, Equatable {
        package let text: String
        package let position: Int
    }

    package static func tokens(_ text: String) -> [Token] {
        var found: [Token] = []
        let scalars = scalars(text)
        scan(scalars) { token, position in
            let own: [UInt32] =
                switch token {
                case .han(let first, let second): second == 0 ? [first] : [first, second]
                case .word(let range): Array(scalars[range])
                }
            found.append(Token(text: string(own[...]), position: position))
        }
        return found
    }

    /// The different tokens of some texts that say something by themselves: words, and pairs of neighbouring Han characters. Each is
    /// made into a text once.
    package static func terms(_ texts: [String]) -> Set<String> {
        var pairs: Set<UInt64> = []
        var words: Set<[UInt32]> = []
        for text in texts {
            let scalars = scalars(text)
            scan(scalars) { token, _ in
                switch token {
                case .han(let first, let second):
                    if second != 0 { pairs.insert(UInt64(first) << 32 | UInt64(second)) }
                case .word(let range):
                    if range.count > 1 || scalars[range.lowerBound] < 0x80 { words.insert(Array(scalars[range])) }
                }
            }
        }
        var terms = Set(pairs.map { string([UInt32($0 >> 32), UInt32($0 & 0xFFFF_FFFF)]) })
        for word in words { terms.insert(string(word[...])) }
        return terms
    }

    /// NFKC and lower case, a scalar at a time.
    package static func normalized(_ text: String) -> String { string(folded(text)[...]) }

    static func string(_ scalars: ArraySlice<UInt32>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars.lazy.compactMap { Unicode.Scalar($0) })
        return String(view)
    }

    /// A token before it is a text: numbers in the hot loop. A Han character and the one after it (0 where none is), or
    /// where a word stands.
    enum Raw {
        case han(UInt32, UInt32)
        case word(Range<Int>)
    }

    static func scan(_ scalars: [UInt32], _ body: (Raw, Int) -> Void) {
        scalars.withUnsafeBufferPointer { scalars in
            var position = 0
            var i = 0
            var inGap = true
            var next = scalars.isEmpty ? Kind.gap : kind(scalars[0])
            while i < scalars.count {
                let own = next
                next = i + 1 < scalars.count ? kind(scalars[i + 1]) : .gap
                switch own {
                case .han:
                    body(.han(scalars[i], next == .han ? scalars[i + 1] : 0), position)
                    position += 1
                    i += 1
                    inGap = false
                case .word:
                    var end = i + 1
                    while next == .word {
                        end += 1
                        next = end < scalars.count ? kind(scalars[end]) : .gap
                    }
                    body(.word(i..<end), position)
                    position += 1
                    i = end
                    inGap = false
                case .gap:
                    if !inGap { position += 1 }
                    inGap = true
                    i += 1
                }
            }
        }
    }

    /// The text as it is indexed.
    static func scalars(_ text: String) -> [UInt32] { withoutLooseSpaces(folded(text)) }

    private static func withoutLooseSpaces(_ scalars: [UInt32]) -> [UInt32] {
        guard scalars.contains(0x20) else { return scalars }
        var out: [UInt32] = []
        out.reserveCapacity(scalars.count)
        var i = 0
        while i < scalars.count {
            guard scalars[i] == 0x20 else {
                out.append(scalars[i])
                i += 1
                continue
            }
            var end = i
            while end < scalars.count, scalars[end] == 0x20 { end += 1 }
            let touchesHan = (out.last.map(kind) == .han) || (end < scalars.count && kind(scalars[end]) == .han)
            if !touchesHan { out.append(0x20) }
            i = end
        }
        return out
    }

    private static func folded(_ text: String) -> [UInt32] {
        var text = text
        if let plain = text.withUTF8(plainlyFolded) { return plain }
        var out: [UInt32] = []
        for scalar in text.nfkc.unicodeScalars
        where !scalar.properties.isDefaultIgnorableCodePoint {
            out += scalar.properties.lowercaseMapping.unicodeScalars.map(\.value)
        }
        return out
    }

    /// What NFKC and lower case make of ASCII, Chinese and its punctuation; nil where there is anything else.
    private static func plainlyFolded(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt32]? {
        var out: [UInt32] = []
        out.reserveCapacity(bytes.count / 2)
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            if byte < 0x80 {
                out.append(UInt32(byte >= 0x41 && byte <= 0x5A ? byte + 32 : byte))
                i += 1
                continue
            }
            guard byte >= 0xE0, byte < 0xF0, i + 2 < bytes.count else {
                // The middle dot of names.
                guard byte == 0xC2, i + 1 < bytes.count, bytes[i + 1] == 0xB7 else { return nil }
                out.append(0xB7)
                i += 2
                continue
            }
            let value = UInt32(byte & 0x0F) << 12 | UInt32(bytes[i + 1] & 0x3F) << 6 | UInt32(bytes[i + 2] & 0x3F)
            switch value {
            // The arrow stands behind footnotes.
            case 0x2010...0x2016, 0x2018...0x201F, 0x21A9, 0x3001...0x3030, 0x4E00...0x9FFF, 0x3400...0x4DBF:
                out.append(value)
            case 0x2026: out += [0x2E, 0x2E, 0x2E]
            case 0xFF01...0xFF5E:
                let narrow = value - 0xFEE0
                out.append(narrow >= 0x41 && narrow <= 0x5A ? narrow + 32 : narrow)
            default: return nil
            }
            i += 3
        }
        return out
    }

    enum Kind { case han, word, gap }

    static func kind(_ scalar: UInt32) -> Kind {
        switch scalar {
        case 0x30...0x39, 0x61...0x7A: .word
        case 0..<0x80: .gap
        case let value where isHan(value): .han
        case 0x2010...0x206F, 0x3000...0x3004, 0x3008...0x3020, 0xFF00...0xFF0F: .gap
        default: Unicode.Scalar(scalar).map(isLetterOrNumber) ?? false ? .word : .gap
        }
    }

    private static func isLetterOrNumber(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber:
            true
        default: false
        }
    }
}
