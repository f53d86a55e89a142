/// Finds what looks like a mark that hides something, however it was typed.
///
/// The directive syntax is strict; people are not. Whatever is left of these outside code after the marks were read is
/// a mistake that would show what was meant to be hidden.
package enum VisibilityMarks {
    private static let names = ["intranet", "only"].map { Array($0.utf8) }
    private static let openers = ["[", "【", "［", "〔", "{", "｛"].map { Array($0.utf8) }
    private static let fullWidthColon = Array("：".utf8)

    /// How many there are.
    package static func count(in text: some RandomAccessCollection<UInt8>) -> Int { find(in: Array(text)).count }

    /// Byte offsets: a colon (of either width), spaces, `intranet` or `only` in any case, spaces, an opening bracket;
    /// or three colons in a row.
    static func find(in text: [UInt8]) -> [Int] {
        var found: [Int] = []
        var i = 0
        while let colon = nextColon(text, from: i) {
            i = colon
            let width = colonWidth(text, i)
            var run = 1
            var end = i + width
            while true {
                let next = colonWidth(text, end)
                if next == 0 { break }
                run += 1
                end += next
            }
            let isFence =
                run >= 3 && (i == 0 || text[i - 1] == 0x0A || text[i - 1] == 0x20 || text[i - 1] == UInt8(ascii: ">"))
            if isFence || isMark(text, after: end, fullWidth: width > 1) { found.append(i) }
            i = end
        }
        return found
    }

    /// Whether what stands behind a colon could make it one of them: another colon, or the first letter of a name.
    static func mayFollow(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
        var i = start
        while i < bytes.count, bytes[i] == 0x20 || bytes[i] == 0x09 { i += 1 }
        guard i < bytes.count else { return false }
        switch bytes[i] | 0x20 {
        case UInt8(ascii: "i"), UInt8(ascii: "o"), UInt8(ascii: ":") | 0x20: return true
        default: return bytes[i] == 0xEF && i + 2 < bytes.count && bytes[i + 1] == 0xBC && bytes[i + 2] == 0x9A
        }
    }

    /// A colon of either width.
    private static func nextColon(_ text: [UInt8], from start: Int) -> Int? {
        text.withUnsafeBufferPointer { bytes in
            var i = start
            while i < bytes.count {
                if bytes[i] == UInt8(ascii: ":") { return i }
                if bytes[i] == 0xEF, i + 2 < bytes.count, bytes[i + 1] == 0xBC, bytes[i + 2] == 0x9A { return i }
                i += 1
            }
            return nil
        }
    }

    private static func colonWidth(_ text: [UInt8], _ i: Int) -> Int {
        guard i < text.count else { return 0 }
        if text[i] == UInt8(ascii: ":") { return 1 }
        return text[i...].starts(with: fullWidthColon) ? 3 : 0
    }

    private static func isMark(_ text: [UInt8], after start: Int, fullWidth: Bool) -> Bool {
        var i = skipSpaces(text, start)
        guard let name = names.first(where: { name in matches(text, i, name) }) else { return false }
        i += name.count
        if fullWidth, name == names[0] { return true }
        i = skipSpaces(text, i)
        return openers.contains { text[min(i, text.count)...].starts(with: $0) }
    }

    private static func matches(_ text: [UInt8], _ start: Int, _ name: [UInt8]) -> Bool {
        guard start + name.count <= text.count else { return false }
        return zip(text[start...], name).allSatisfy { $0.0 | 0x20 == $0.1 }
    }

    private static func skipSpaces(_ text: [UInt8], _ start: Int) -> Int {
        var i = start
        while i < text.count, text[i] == 0x20 || text[i] == 0x09 { i += 1 }
        return i
    }
}
