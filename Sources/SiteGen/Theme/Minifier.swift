/// Drops what a reader of HTML, CSS or JavaScript does not see. Careful before small: where a rule cannot be sure, the
/// bytes stay as they are.
enum Minifier {
    static func minified(_ bytes: [UInt8], path: String) -> [UInt8] {
        if path.hasSuffix(".html") { return html(bytes) }
        if path.hasSuffix(".css") { return css(bytes) }
        if path.hasSuffix(".js") { return script(bytes) }
        return bytes
    }

    /// White space that holds a line end becomes one line end, but not inside elements that keep it.
    static func html(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var kept: [UInt8]?
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            if byte == UInt8(ascii: "<") {
                if let open = kept {
                    if starts(bytes, i, Array("</".utf8) + open) { kept = nil }
                } else {
                    kept = verbatim.first { starts(bytes, i + 1, $0) }
                }
            }
            guard kept == nil, isSpace(byte) else {
                out.append(byte)
                i += 1
                continue
            }
            var end = i
            var hasLineEnd = false
            while end < bytes.count, isSpace(bytes[end]) {
                hasLineEnd = hasLineEnd || bytes[end] == 0x0A
                end += 1
            }
            if hasLineEnd { out.append(0x0A) } else { out += bytes[i..<end] }
            i = end
        }
        return out
    }

    private static let verbatim = ["pre", "textarea", "script", "style"].map { Array($0.utf8) }

    /// Comments and the white space round punctuation go; strings stay.
    static func css(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            if byte == UInt8(ascii: "/"), i + 1 < bytes.count, bytes[i + 1] == UInt8(ascii: "*") {
                i += 2
                while i + 1 < bytes.count, bytes[i] != UInt8(ascii: "*") || bytes[i + 1] != UInt8(ascii: "/") { i += 1 }
                i += 2
                // A comment parts what stands on its two sides.
                if let last = out.last, i < bytes.count, !isSpace(last), !"{};,".utf8.contains(last),
                    !isSpace(bytes[i]),
                    !"{};,".utf8.contains(bytes[i])
                {
                    out.append(0x20)
                }
            } else if starts(bytes, i, Array("url(".utf8)) {
                let end = bytes[i...].firstIndex(of: UInt8(ascii: ")")).map { $0 + 1 } ?? bytes.count
                out += bytes[i..<end]
                i = end
            } else if byte == UInt8(ascii: "\\") {
                out += bytes[i..<min(i + 2, bytes.count)]
                i += 2
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                var end = i + 1
                while end < bytes.count, bytes[end] != byte { end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1 }
                out += bytes[i..<min(end + 1, bytes.count)]
                i = end + 1
            } else if isSpace(byte) {
                while i < bytes.count, isSpace(bytes[i]) { i += 1 }
                // Beside `{ } ; ,` white space means nothing; elsewhere (selectors, calc) it may.
                let next = i < bytes.count ? bytes[i] : UInt8(ascii: "}")
                if let last = out.last, !"{};,".utf8.contains(last), !"{};,".utf8.contains(next) { out.append(0x20) }
            } else {
                out.append(byte)
                i += 1
            }
        }
        return out
    }

    /// Comment lines, blank lines and indents go. A script in which a line may go on from the one before (block comments,
    /// template texts over several lines, lines that end in a backslash) stays whole.
    static func script(_ bytes: [UInt8]) -> [UInt8] {
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        let backtick = UInt8(ascii: "`")
        let isPlain = lines.allSatisfy { line in
            let ticks = line.count { $0 == backtick }
            let quotesTick = zip(line, line.dropFirst()).contains { pair in
                (pair.0 == backtick && "\"'".utf8.contains(pair.1))
                    || (pair.1 == backtick && "\"'".utf8.contains(pair.0))
            }
            let opensComment = zip(line, line.dropFirst()).contains {
                $0 == UInt8(ascii: "/") && $1 == UInt8(ascii: "*")
            }
            return ticks % 2 == 0 && !quotesTick && !opensComment && line.last != UInt8(ascii: "\\")
        }
        guard isPlain else { return bytes }
        var out: [UInt8] = []
        for line in lines {
            let text = line.drop(while: isSpace)
            if text.isEmpty || text.starts(with: "//".utf8) { continue }
            out += text
            out.append(0x0A)
        }
        return out
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x09 || byte == 0x0D }

    private static func starts(_ bytes: [UInt8], _ i: Int, _ prefix: [UInt8]) -> Bool {
        i + prefix.count <= bytes.count && zip(bytes[i...], prefix).allSatisfy { $0 | 0x20 == $1 | 0x20 }
    }
}
