import Foundation
import PortalBase
import Synchronization

/// Pieces of addresses made from titles and file names.
package enum URLSegment {
    /// Chinese characters as toneless pinyin, one word a character, by ICU's `Han-Latin`; other scripts as they are.
    /// ICU gives each character its commonest reading: an editor who wants another writes `slug:`.
    package static func pinyin(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 >= 0x80 }) else { return text }
        return text.applyingTransform(StringTransform("Han-Latin; Latin-ASCII; Lower"), reverse: false) ?? text
    }

    /// What was made before, by bytes, since Swift calls two spellings of й one text: ICU takes some microseconds a character, and tags come again for every audience.
    private static let made = Mutex<[[UInt8]: String]>([:])

    /// Lower-case Latin letters, digits and hyphens where ICU knows how; never empty.
    package static func make(_ text: String) -> String {
        let key = Array(text.utf8)
        if let known = made.withLock({ $0[key] }) { return known }
        let latin = slug(of: pinyin(text))
        let segment = latin.isEmpty ? "x" + SHA256Digest(of: Array(text.utf8)).hex.prefix(8) : latin
        made.withLock { $0[key] = segment }
        return segment
    }

    /// The segment of a file name: as it is where an address can hold it, else made from it.
    static func ofFile(_ stem: String) -> String {
        let isPlain = stem.utf8.allSatisfy { isSlugByte($0) || $0 == UInt8(ascii: ".") } && !stem.hasPrefix(".")
        return isPlain && !stem.isEmpty ? stem : make(stem)
    }
}
