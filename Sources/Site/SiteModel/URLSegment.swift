import Foundation
import PortalBase
import Synchronization

/// Pieces of addresses made from titles and file names.
package enum URLSegment {
    /// Chinese characters as toneless pinyin, one word a character in its commonest reading: an editor who wants another
    /// writes `slug:`. Other scripts by ICU.
    package static func pinyin(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 >= 0x80 }) else { return text }
        var latin = ""
        // Words part between letters only: `2026年` is `2026nian`.
        var afterLetter = false
        var afterSyllable = false
        for scalar in text.unicodeScalars {
            if let syllable = PinyinTable.syllable(scalar) {
                if afterLetter { latin += " " }
                latin += syllable
                (afterLetter, afterSyllable) = (true, true)
            } else if scalar.value < 0x80 || isChinesePunctuation(scalar) {
                let isLetter = scalar.value | 0x20 >= 0x61 && scalar.value | 0x20 <= 0x7A
                if isLetter, afterSyllable { latin += " " }
                latin.unicodeScalars.append(scalar)
                (afterLetter, afterSyllable) = (isLetter, false)
            } else {
                return text.applyingTransform(StringTransform(icuRules), reverse: false) ?? text
            }
        }
        return latin
    }

    /// What the table stands for, and what transliterates everything else.
    static let icuRules = "Han-Latin; Latin-ASCII; Lower"

    /// Marks that part words: no letter comes of them.
    private static func isChinesePunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2010...0x2027, 0x3001...0x3003, 0x3008...0x3011, 0x3014...0x301F, 0xFF01, 0xFF08, 0xFF09, 0xFF0C, 0xFF1A,
            0xFF1B, 0xFF1F:
            true
        default: false
        }
    }

    /// What was made before, by bytes, since Swift calls two spellings of й one text: ICU takes some microseconds a character, and tags come again for every audience.
    private static let made = Mutex<[[UInt8]: String]>([:])

    private static func segment(_ text: String, _ pinyin: String) -> String {
        let latin = slug(of: pinyin)
        if latin.isEmpty { return "x" + SHA256Digest(of: Array(text.utf8)).hex.prefix(8) }
        guard latin.utf8.count > maxBytes else { return latin }
        // Cut at a word, and told from others that begin alike.
        var kept = ""
        for word in latin.split(separator: "-") {
            guard kept.utf8.count + word.utf8.count < maxBytes else { break }
            kept += kept.isEmpty ? String(word) : "-" + word
        }
        return (kept.isEmpty ? "x" : kept) + "-" + SHA256Digest(of: Array(text.utf8)).hex.prefix(8)
    }

    /// A segment is a folder's name: file systems take 255 bytes, and addresses should be shorter.
    private static let maxBytes = 160

    /// Lower-case Latin letters, digits and hyphens where ICU knows how; never empty.
    package static func make(_ text: String) -> String {
        let key = Array(text.utf8)
        if let known = made.withLock({ $0[key] }) { return known }
        let segment = segment(text, pinyin(text))
        made.withLock { $0[key] = segment }
        return segment
    }

    /// The segment of a file name: as it is where an address can hold it, else made from it.
    static func ofFile(_ stem: String) -> String {
        let isPlain = stem.utf8.allSatisfy { isSlugByte($0) || $0 == UInt8(ascii: ".") } && !stem.hasPrefix(".")
        return isPlain && !stem.isEmpty && stem.utf8.count <= maxBytes ? stem : make(stem)
    }
}
