import PortalBase

/// Whether an SVG drawing is only a drawing.
///
/// Somebody who follows its address opens it as a page of the site, so nothing in it may run or fetch. This is an
/// allow-list over the file's own tags, not a search for known tricks: what it cannot read plainly it refuses.
enum DrawingCheck {
    private static let elements: Set<String> = [
        "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "textPath",
        "defs",
        "linearGradient", "radialGradient", "stop", "clipPath", "mask", "pattern", "marker", "symbol", "use", "title",
        "desc", "metadata", "style", "switch", "view", "filter", "feBlend", "feColorMatrix", "feComponentTransfer",
        "feComposite", "feDropShadow", "feFlood", "feFuncA", "feFuncB", "feFuncG", "feFuncR", "feGaussianBlur",
        "feMerge",
        "feMergeNode", "feMorphology", "feOffset",
    ]
    static let limit = 4 << 20

    /// - Returns: what is wrong, in English and Chinese; nil for a plain drawing.
    static func problem(_ bytes: [UInt8]) -> Bilingual? {
        guard bytes.count <= limit else { return Bilingual(zh: "大于 4 MiB", en: "larger than 4 MiB") }
        guard String(validating: bytes, as: UTF8.self) != nil, !bytes.contains(0) else {
            return Bilingual(zh: "不是 UTF-8", en: "not UTF-8")
        }
        var reader = Reader(bytes: bytes)
        return reader.problem()
    }

    private struct Reader {
        let bytes: [UInt8]
        var i = 0

        mutating func problem() -> Bilingual? {
            while let open = bytes[i...].firstIndex(of: UInt8(ascii: "<")) {
                i = open
                if starts("<!--") {
                    guard skip(past: "-->") else { return broken }
                } else if starts("<?xml ") {
                    guard skip(past: "?>") else { return broken }
                } else if starts("<![CDATA[") {
                    guard skip(past: "]]>") else { return broken }
                } else if starts("<!") || starts("<?") {
                    return named("<" + String(UnicodeScalar(bytes[i + 1])))
                } else if starts("</") {
                    guard skip(past: ">") else { return broken }
                } else if let found = tag() {
                    return found
                }
            }
            // Style rules lie in text: they may fetch too.
            let text = String(decoding: bytes, as: UTF8.self).lowercased()
            for word in [
                "@import", "expression(", "javascript:", "url(http", "url(//", "url(\"http", "url('http",
                "url(data:text",
            ]
            where text.contains(word) {
                return named(word)
            }
            return nil
        }

        private var broken: Bilingual { Bilingual(zh: "标签没有结束", en: "a tag is not closed") }

        private func named(_ what: String) -> Bilingual { Bilingual(zh: "有“\(what)”", en: "it holds `\(what)`") }

        /// One start tag; nil when everything in it is harmless.
        private mutating func tag() -> Bilingual? {
            i += 1
            let name = word()
            guard !name.isEmpty else { return broken }
            // A prefix is another vocabulary (editors' own data), which no browser acts on.
            if !name.contains(":"), !DrawingCheck.elements.contains(name) { return named("<\(name)>") }
            while true {
                skipSpace()
                guard i < bytes.count else { return broken }
                if bytes[i] == UInt8(ascii: ">") {
                    i += 1
                    return nil
                }
                if bytes[i] == UInt8(ascii: "/") {
                    i += 1
                    continue
                }
                let attribute = word()
                skipSpace()
                guard !attribute.isEmpty, i < bytes.count, bytes[i] == UInt8(ascii: "=") else { return broken }
                i += 1
                skipSpace()
                guard i < bytes.count, bytes[i] == UInt8(ascii: "\"") || bytes[i] == UInt8(ascii: "'"),
                    let end = bytes[(i + 1)...].firstIndex(of: bytes[i])
                else { return broken }
                let value = String(decoding: bytes[(i + 1)..<end], as: UTF8.self)
                i = end + 1
                if let found = check(attribute, value) { return found }
            }
        }

        private func check(_ attribute: String, _ value: String) -> Bilingual? {
            let local = attribute.split(separator: ":").last.map { $0.lowercased() } ?? ""
            if local.hasPrefix("on") { return named(attribute) }
            // References to characters could spell anything.
            if value.contains("&#") { return named("&#") }
            if attribute.hasPrefix("xmlns:"), value.contains("/svg") || value.contains("/xhtml") {
                return named(attribute)
            }
            if local == "href" || local == "src", !value.hasPrefix("#") {
                return named("\(attribute)=\"\(value.prefix(40))\"")
            }
            return nil
        }

        private mutating func word() -> String {
            let start = i
            while i < bytes.count, bytes[i] > 0x20, !"=/>\"'<".utf8.contains(bytes[i]) { i += 1 }
            return String(decoding: bytes[start..<i], as: UTF8.self)
        }

        private mutating func skipSpace() { while i < bytes.count, bytes[i] <= 0x20 { i += 1 } }

        private func starts(_ text: String) -> Bool { bytes[i...].starts(with: text.utf8) }

        private mutating func skip(past text: String) -> Bool {
            let wanted = Array(text.utf8)
            while i + wanted.count <= bytes.count {
                if bytes[i...].starts(with: wanted) {
                    i += wanted.count
                    return true
                }
                i += 1
            }
            return false
        }
    }
}
