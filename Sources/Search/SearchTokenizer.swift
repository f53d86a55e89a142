import Foundation
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
        scan(scalars(text)) { token, position in
            found.append(Token(text: token.text, position: position))
        }
        return found
    }

    /// NFKC and lower case, a scalar at a time.
    package static func normalized(_ text: String) -> String {
        String(String.UnicodeScalarView(folded(text)))
    }

    /// A token before it is a string: bigrams stay numbers in the hot loop.
    enum Raw {
        case han(Unicode.Scalar, Unicode.Scalar?)
        case word(ArraySlice<Unicode.Scalar>)

        var text: String {
            switch self {
            case .han(let first, let second):
                var view = String.UnicodeScalarView([first])
                if let second { view.append(second) }
                return String(view)
            case .word(let scalars): return String(String.UnicodeScalarView(scalars))
            }
        }
    }

    static func scan(_ scalars: [Unicode.Scalar], _ body: (Raw, Int) -> Void) {
        var position = 0
        var i = 0
        var inGap = true
        while i < scalars.count {
            switch kind(scalars[i]) {
            case .han:
                let next = i + 1 < scalars.count && kind(scalars[i + 1]) == .han ? scalars[i + 1] : nil
                body(.han(scalars[i], next), position)
                position += 1
                i += 1
                inGap = false
            case .word:
                var end = i + 1
                while end < scalars.count, kind(scalars[end]) == .word { end += 1 }
                body(.word(scalars[i..<end]), position)
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

    /// The text as it is indexed.
    static func scalars(_ text: String) -> [Unicode.Scalar] { withoutLooseSpaces(folded(text)) }

    private static func withoutLooseSpaces(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        guard scalars.contains(" ") else { return scalars }
        var out: [Unicode.Scalar] = []
        out.reserveCapacity(scalars.count)
        var i = 0
        while i < scalars.count {
            guard scalars[i] == " " else {
                out.append(scalars[i])
                i += 1
                continue
            }
            var end = i
            while end < scalars.count, scalars[end] == " " { end += 1 }
            let touchesHan = (out.last.map(kind) == .han) || (end < scalars.count && kind(scalars[end]) == .han)
            if !touchesHan { out.append(" ") }
            i = end
        }
        return out
    }

    private static func folded(_ text: String) -> [Unicode.Scalar] {
        var out: [Unicode.Scalar] = []
        out.reserveCapacity(text.utf8.count / 2)
        var needsFull = false
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x41...0x5A: out.append(Unicode.Scalar(UInt8(scalar.value + 32)))
            case 0..<0xA0, 0x2010...0x2016, 0x2018...0x201F, 0x3001...0x3030, 0x4E00...0x9FFF, 0x3400...0x4DBF:
                out.append(scalar)
            case 0xFF01...0xFF5E:
                let narrow = UInt8(scalar.value - 0xFEE0)
                out.append(Unicode.Scalar(narrow >= 0x41 && narrow <= 0x5A ? narrow + 32 : narrow))
            default: needsFull = true
            }
            if needsFull { break }
        }
        guard needsFull else { return out }
        out.removeAll(keepingCapacity: true)
        for scalar in text.precomposedStringWithCompatibilityMapping.unicodeScalars {
            out += scalar.properties.lowercaseMapping.unicodeScalars
        }
        return out
    }

    enum Kind { case han, word, gap }

    static func kind(_ scalar: Unicode.Scalar) -> Kind {
        switch scalar.value {
        case 0x30...0x39, 0x61...0x7A: .word
        case 0..<0x80: .gap
        case let value where isHan(value): .han
        case 0x2010...0x206F, 0x3000...0x3004, 0x3008...0x3020, 0xFF00...0xFF0F: .gap
        default: isLetterOrNumber(scalar) ? .word : .gap
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
