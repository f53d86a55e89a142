import Foundation
package import PortalBase

/// Whether an SVG drawing is only a drawing.
///
/// Somebody who follows its address opens it as a page of the site, so nothing in it may run or fetch. This is an
/// allow-list over the file's own tags, not a search for known tricks: what it cannot read plainly it refuses.
package enum DrawingCheck {
    private static let elements: Set<String> = [
        "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "textPath",
        "defs",
        "linearGradient", "radialGradient", "stop", "clipPath", "mask", "pattern", "marker", "symbol", "use", "title",
        "desc", "metadata", "style", "switch", "view", "filter", "feBlend", "feColorMatrix", "feComponentTransfer",
        "feComposite", "feDropShadow", "feFlood", "feFuncA", "feFuncB", "feFuncG", "feFuncR", "feGaussianBlur",
        "feMerge",
        "feMergeNode", "feMorphology", "feOffset", "feTile", "feTurbulence", "feConvolveMatrix", "feDisplacementMap",
        "feDiffuseLighting", "feSpecularLighting", "feDistantLight", "fePointLight", "feSpotLight", "image",
    ]
    private static let embedded = ["data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,"]
    private static let svgNamespace = "http://www.w3.org/2000/svg"
    package static let limit = 4 << 20

    /// - Returns: what is wrong, in English and Chinese; nil for a plain drawing.
    package static func problem(_ bytes: [UInt8]) -> Bilingual? {
        guard bytes.count <= limit else { return Bilingual(zh: "大于 4 MiB", en: "larger than 4 MiB") }
        // Control characters are white space to one reader and part of an encoding to another.
        guard String(validating: bytes, as: UTF8.self) != nil,
            bytes.allSatisfy({ $0 >= 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D })
        else { return Bilingual(zh: "不是 UTF-8 文本", en: "not UTF-8 text") }
        var reader = Reader(bytes: bytes)
        return reader.problem()
    }

    private struct Reader {
        let bytes: [UInt8]
        var i = 0
        /// Whether text is style rules just now.
        var inStyle = false
        /// The rules of the open style element: comments and sections part words that a browser joins.
        var style: [UInt8] = []

        mutating func problem() -> Bilingual? {
            while let open = bytes[i...].firstIndex(of: UInt8(ascii: "<")) {
                if inStyle {
                    style += bytes[i..<open]
                } else if let found = textProblem(bytes[i..<open]) {
                    return found
                }
                i = open
                if starts("<!--") {
                    if inStyle { return named("<style> <!--") }
                    i += 4
                    let start = i
                    guard skip(past: "-->") else { return broken }
                    // A comment that one reader ends sooner than another hides what stands between.
                    if contains("--", in: start..<(i - 3)) || bytes[start] == UInt8(ascii: ">") { return named("<!--") }
                } else if starts("<?xml "), i == 0 || (i == 3 && bytes.starts(with: [0xEF, 0xBB, 0xBF])) {
                    let start = i
                    i += 6
                    guard skip(past: "?>") else { return broken }
                    let text = String(decoding: bytes[start..<i], as: UTF8.self).lowercased()
                    if text.contains("encoding"), !text.contains("\"utf-8\""), !text.contains("'utf-8'") {
                        return named("encoding")
                    }
                } else if starts("<![CDATA[") {
                    i += 9
                    let start = i
                    guard skip(past: "]]>") else { return broken }
                    let section = bytes[start..<(i - 3)]
                    if inStyle { style += section } else if let found = textProblem(section) { return found }
                } else if starts("<!DOCTYPE svg PUBLIC ") {
                    // The public name of SVG 1.1, as drawing programs write it: no declarations of its own.
                    let start = i
                    guard skip(past: ">") else { return broken }
                    // An odd quotation mark: the name goes on behind what looks like its end.
                    let quotes = bytes[start..<i].count { $0 == UInt8(ascii: "\"") }
                    if quotes % 2 == 1 || ["[", "'"].contains(where: { contains($0, in: start..<i) })
                        || contains("<", in: (start + 1)..<i)
                    {
                        return named("<!DOCTYPE")
                    }
                } else if starts("<!") || starts("<?") {
                    return named("<" + String(UnicodeScalar(bytes[i + 1])))
                } else if starts("</") {
                    if inStyle, let found = rulesProblem(style[...]) { return found }
                    inStyle = false
                    style = []
                    guard skip(past: ">") else { return broken }
                } else if inStyle {
                    return named("<style> <")
                } else if let found = tag() {
                    return found
                }
            }
            return inStyle ? broken : nil
        }

        /// Text between tags shows and does nothing, whatever it says; what looks like an instruction is refused all the same.
        private func textProblem(_ part: ArraySlice<UInt8>) -> Bilingual? {
            guard part.contains(where: { $0 > 0x20 }) else { return nil }
            let text = String(decoding: part, as: UTF8.self).lowercased()
            return text.contains("javascript:") ? named("javascript:") : nil
        }

        /// Style rules may not fetch, and nothing in them may be spelt in another way: no escapes, no comments that part words,
        /// no rule but `@media` and `@page`.
        private func rulesProblem(_ part: ArraySlice<UInt8>) -> Bilingual? {
            let text = String(decoding: part, as: UTF8.self).lowercased()
            if text.contains("\\") || text.contains("&") { return named("<style> \\") }
            if text.contains("/*") {
                let plain = Self.withoutComments(Array(part))
                // A comment inside a comment's mark is no mistake of a drawing program.
                if String(decoding: plain, as: UTF8.self).contains("/*") { return named("<style> /*") }
                return rulesProblem(plain[...])
            }
            for rule in text.split(separator: "@", omittingEmptySubsequences: false).dropFirst()
            where !["media", "page"].contains(where: rule.hasPrefix) { return named("@" + rule.prefix(12)) }
            return fetching(text)
        }

        private static func withoutComments(_ rules: [UInt8]) -> [UInt8] {
            var out: [UInt8] = []
            var i = 0
            while i < rules.count {
                if rules[i...].starts(with: "/*".utf8) {
                    i += 2
                    while i < rules.count, !rules[i...].starts(with: "*/".utf8) { i += 1 }
                    i += 2
                    // Nothing stands in a comment's place: the words on both sides may join.
                    continue
                }
                out.append(rules[i])
                i += 1
            }
            return out
        }

        /// Functions that name another file.
        private func fetching(_ text: String) -> Bilingual? {
            let joined = text.filter { !$0.isWhitespace }
            for word in [
                "image-set(", "image(", "src(", "cross-fade(", "element(", "expression(", "javascript:", "behavior:",
                "-moz-binding",
            ]
            where joined.contains(word) { return named(word) }
            return outsideURL(joined)
        }

        /// `url(` may name a part of the drawing only.
        private func outsideURL(_ text: String) -> Bilingual? {
            guard text.utf8.contains(UInt8(ascii: "(")) else { return nil }
            var rest = text[...]
            while let found = rest.range(of: "url(") {
                rest = rest[found.upperBound...]
                let target = rest.drop { $0 == " " || $0 == "\"" || $0 == "'" || $0 == "\n" || $0 == "\t" }
                if !target.hasPrefix("#"), !target.hasPrefix("&quot;#") { return named("url(" + target.prefix(30)) }
            }
            return nil
        }

        private func contains(_ text: String, in range: Range<Int>) -> Bool {
            guard range.lowerBound < range.upperBound else { return false }
            return String(decoding: bytes[range], as: UTF8.self).contains(text)
        }

        private var broken: Bilingual { Bilingual(zh: "标签没有结束", en: "a tag is not closed") }

        private func named(_ what: String) -> Bilingual { Bilingual(zh: "有“\(what)”", en: "it holds `\(what)`") }

        /// One start tag; nil when everything in it is harmless.
        private mutating func tag() -> Bilingual? {
            i += 1
            let name = word()
            guard !name.isEmpty else { return broken }
            // A prefix is another vocabulary (editors' own data), which no browser acts on; `svg:` alone is this one.
            let local = name.hasPrefix("svg:") ? String(name.dropFirst(4)) : name
            if !local.contains(":"), !DrawingCheck.elements.contains(local) { return named("<\(name)>") }
            inStyle = local == "style"
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
            // References to characters could spell anything but white space.
            let hasReference = value.utf8.contains(UInt8(ascii: "&"))
            let plain =
                !hasReference
                ? value
                : ["&#9;", "&#10;", "&#13;", "&#x9;", "&#xA;", "&#xa;", "&#xD;", "&#xd;"]
                    .reduce(value) { $0.replacing($1, with: " ") }
            if hasReference, plain.contains("&#") { return named("&#") }
            if attribute == "xmlns" || attribute.hasPrefix("xmlns:") {
                // The one vocabulary that is checked has its usual names; no other prefix may stand for it.
                let isOwn = value == DrawingCheck.svgNamespace
                let mayBeOwn = attribute == "xmlns" || attribute == "xmlns:svg"
                let isActive = value.contains("/svg") || value.contains("xhtml")
                return mayBeOwn == isOwn && (isOwn || !isActive) ? nil : named(attribute)
            }
            // What relative addresses would be counted from.
            if local == "base" { return named(attribute) }
            if local == "href" || local == "src" {
                let isEmbedded = DrawingCheck.embedded.contains(where: value.hasPrefix)
                if !value.hasPrefix("#"), !isEmbedded { return named("\(attribute)=\"\(value.prefix(40))\"") }
                if isEmbedded, let comma = value.utf8.firstIndex(of: UInt8(ascii: ",")),
                    let picture = bytesFromBase64(
                        String(value[value.index(after: comma)...].filter { !$0.isWhitespace })),
                    picture.withUnsafeBufferPointer({ CameraData.isIn(picture: $0) })
                {
                    return Bilingual(zh: "嵌着的照片带有拍摄信息", en: "the photo in it says where and with what it was taken")
                }
            }
            // Presentation attributes are read as style is: an escape may spell `url`.
            if value.contains("\\"), local == "style" || value.utf8.contains(UInt8(ascii: "(")) { return named("\\") }
            if local == "style", value.contains("/*") { return named("/*") }
            return value.utf8.contains(UInt8(ascii: "(")) || local == "style" ? fetching(value.lowercased()) : nil
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
