import PortalBase

/// The text of a body's HTML, for the search index. The HTML is our own: well formed, and without raw pieces of a page.
enum PlainText {
    private static let references: [(name: [UInt8], byte: UInt8)] = [
        (Array("&amp;".utf8), UInt8(ascii: "&")), (Array("&lt;".utf8), UInt8(ascii: "<")),
        (Array("&gt;".utf8), UInt8(ascii: ">")), (Array("&quot;".utf8), UInt8(ascii: "\"")),
        (Array("&#39;".utf8), UInt8(ascii: "'")),
    ]
    /// Elements that stand within a line of text; any other tag parts two texts, which a line end stands for.
    private static let inline: Set<String> = [
        "a", "em", "strong", "code", "del", "sup", "sub", "small", "span", "mark",
    ]

    static func of(_ html: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(html.count / 2)
        func space(_ byte: UInt8 = 0x20) {
            if out.last == 0x20, byte == 0x0A { out.removeLast() }
            if let last = out.last, last != 0x20, last != 0x0A { out.append(byte) }
        }
        var i = 0
        while i < html.count {
            switch html[i] {
            case UInt8(ascii: "<"):
                var end = i + 1
                var quote: UInt8?
                while end < html.count, quote != nil || html[end] != UInt8(ascii: ">") {
                    if let open = quote {
                        if html[end] == open { quote = nil }
                    } else if html[end] == UInt8(ascii: "\"") {
                        quote = html[end]
                    }
                    end += 1
                }
                let name = html[(i + 1)..<min(end, html.count)].drop { $0 == UInt8(ascii: "/") }
                    .prefix { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) }
                if !inline.contains(String(decoding: name, as: UTF8.self)) { space(0x0A) }
                i = end + 1
            case UInt8(ascii: "&"):
                if let found = references.first(where: { html[i...].starts(with: $0.name) }) {
                    out.append(found.byte)
                    i += found.name.count
                } else {
                    out.append(html[i])
                    i += 1
                }
            case 0x0A, 0x09, 0x20:
                let isBreak = html[i] == 0x0A
                i += 1
                // A line of the source that ends between two characters of Chinese parts no words.
                if isBreak, i < html.count, beginsWideCharacter(html[i]),
                    beginsWideCharacter(out.last { $0 & 0xC0 != 0x80 } ?? 0)
                {
                    continue
                }
                space()
            default:
                out.append(html[i])
                i += 1
            }
        }
        if out.last == 0x20 || out.last == 0x0A { out.removeLast() }
        return String(decoding: out, as: UTF8.self)
    }
}
