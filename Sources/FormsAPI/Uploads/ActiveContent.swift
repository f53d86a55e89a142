import PortalBase

/// Finds what makes a PDF act by itself: scripts, programs to start, forms that send, files inside. Names are read as ISO
/// 32000-1 §7.3.5 writes them, `#xx` undone. The scanner looks deeper; this holds where there is none.
struct ActiveContent {
    var isPDF = false
    /// Bytes that were judged already, and bytes that wait for what follows them.
    private var kept: [UInt8] = []
    private var judged = 0

    private static let names: Set<String> = [
        "JavaScript", "Rendition", "Launch", "EmbeddedFile", "EmbeddedFiles", "RichMedia", "SubmitForm", "GoToE", "XFA",
        "ImportData",
    ]
    /// How far a name, or the text round it, may reach.
    private static let reach = 256

    /// Takes in a piece of the file; whether something was found.
    mutating func feed(_ piece: [UInt8], isLast: Bool = false) -> Bool {
        guard isPDF else { return false }
        kept += piece
        let end = isLast ? kept.count : max(judged, kept.count - Self.reach)
        var i = judged
        while i < end {
            guard let slash = kept[i..<end].firstIndex(of: UInt8(ascii: "/")) else { break }
            if let name = name(at: slash + 1), Self.names.contains(name), !isInsideText(slash) { return true }
            i = slash + 1
        }
        judged = end
        if judged > 2 * Self.reach {
            kept.removeFirst(judged - Self.reach)
            judged = Self.reach
        }
        return false
    }

    /// The name behind a slash; nil where it is longer than any that is looked for.
    private func name(at start: Int) -> String? {
        var bytes: [UInt8] = []
        var i = start
        while i < kept.count, bytes.count <= 16 {
            let byte = kept[i]
            if byte <= 0x20 || "()<>[]{}/%".utf8.contains(byte) { break }
            if byte == UInt8(ascii: "#"), i + 2 < kept.count, let high = Self.hex(kept[i + 1]),
                let low = Self.hex(kept[i + 2])
            {
                bytes.append(high << 4 | low)
                i += 3
            } else {
                bytes.append(byte)
                i += 1
            }
        }
        return bytes.count <= 16 ? String(decoding: bytes, as: UTF8.self) : nil
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// Whether a slash stands in running text between parentheses, as in `(see the /JavaScript manual)`: nothing but words
    /// before it up to `(` and behind it up to `)`, and words on both sides.
    private func isInsideText(_ slash: Int) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            byte.isASCIIAlphanumeric || " ,.;:'-".utf8.contains(byte)
        }
        var start = slash
        while start > 0, slash - start < Self.reach, isWord(kept[start - 1]) { start -= 1 }
        var end = slash + 1
        while end < kept.count, end - slash < Self.reach, isWord(kept[end]) { end += 1 }
        let hasWords = kept[start..<slash].contains { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A }
        guard hasWords, start > 0, end < kept.count, kept[start - 1] == UInt8(ascii: "("),
            kept[end] == UInt8(ascii: ")")
        else { return false }
        // A parenthesis behind `<` or `%` on its line may be no string's.
        let line = kept[..<(start - 1)].lastIndex { $0 == 0x0A || $0 == 0x0D }.map { $0 + 1 } ?? 0
        return kept[line..<(start - 1)].allSatisfy { $0 != UInt8(ascii: "%") && $0 != UInt8(ascii: "(") }
            && !kept[line..<(start - 1)].split(separator: UInt8(ascii: "<"), omittingEmptySubsequences: false)
                .dropFirst()
                .contains { $0.first.map { (0x30...0x39).contains($0) || $0 <= 0x20 } ?? false }
    }
}
