/// Whether a first byte of UTF-8 begins a character that stands beside others without a blank: an ideograph, kana,
/// full-width punctuation, or a character beyond the BMP.
@inlinable
package func beginsWideCharacter(_ byte: UInt8) -> Bool { (0xE3...0xE9).contains(byte) || byte >= 0xEF }

/// Whether a Unicode scalar is a Chinese character as people count and search them: the ideographs of every block, 々 and 〇.
@inlinable
package func isHan(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x3005, 0x3007, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFD: true
    default: false
    }
}
