import PortalBase

/// What a document says besides its pages: who wrote it, what was changed, what somebody remarked, what is out of sight;
/// and the words of its pages, where they can be read.
///
/// Office Open XML (ISO/IEC 29500), OpenDocument (ISO/IEC 26300) and OFD (GB/T 33190) are archives of XML; of a PDF
/// (ISO 32000) the dictionaries and the metadata are read, not the pages.
package struct DocumentTraces {
    package private(set) var authors: Set<String> = []
    private(set) var hasRemarks = false
    private(set) var hasChanges = false
    private(set) var hasNotes = false
    /// Sheets, slides or words that are there and not shown.
    private(set) var hidesParts = false
    /// A PDF that only a password opens.
    private(set) var isLocked = false
    /// Paragraphs and cells, a semicolon behind each: no number goes on from one to the next.
    private(set) var text: [UInt8] = []

    static let endings: Set<String> = ["docx", "xlsx", "pptx", "odt", "ods", "odp", "ofd", "pdf"]
    /// Formats of Office 97 and their like, which nothing here reads.
    static let closedEndings: Set<String> = ["doc", "xls", "ppt", "wps", "et", "dps"]

    private static let mostBytes = 256 << 20

    /// Nil where the file is no such archive, or too large to be read.
    package init?(archive bytes: [UInt8]) {
        guard let archive = ZipArchive(bytes), !archive.entries.isEmpty else { return nil }
        var left = Self.mostBytes
        for entry in archive.entries where Self.isRead(entry.name) {
            guard let content = archive.content(entry, limit: left) else { return nil }
            left -= content.count
            content.withUnsafeBufferPointer { read($0, of: entry.name) }
        }
    }

    private static func isRead(_ name: String) -> Bool {
        name.hasSuffix(".xml")
            && (!name.contains("/") || name.hasPrefix("docProps/") || name.hasPrefix("word/") || name.hasPrefix("xl/")
                || name.hasPrefix("ppt/") || name.hasSuffix("/Content.xml")
                || name.hasSuffix("/Annotation.xml") || name.contains("/Annots/"))
            && !["/theme/", "/media/", "/charts/", "/diagrams/"].contains(where: name.contains)
    }

    private mutating func read(_ xml: UnsafeBufferPointer<UInt8>, of name: String) {
        switch name {
        case "docProps/core.xml", "meta.xml":
            for element in ["dc:creator", "cp:lastModifiedBy", "meta:initial-creator", "meta:printed-by"] {
                addAuthors(xml, element)
            }
        case "docProps/app.xml": addAuthors(xml, "Manager")
        case "OFD.xml": addAuthors(xml, "ofd:Author")
        case "xl/workbook.xml":
            hidesParts =
                hidesParts
                || ["\"hidden\"", "\"veryHidden\"", "'hidden'", "'veryHidden'"].contains {
                    Self.holds(xml, "state=" + $0)
                }
        default:
            let remarks = [
                "w:comment", "comment", "threadedComment", "p:cm", "p188:cm", "office:annotation", "ofd:Annot",
            ]
            let mayRemark =
                name.contains("comment") || name.contains("Comment") || name == "content.xml" || name.contains("Annot")
            if mayRemark { hasRemarks = hasRemarks || remarks.contains { Self.holdsElement(xml, $0) } }
            hasChanges =
                hasChanges
                || (name.hasPrefix("word/") ? Self.wordChanges : ["text:changed-region", "table:tracked-changes"])
                    .contains { Self.holdsElement(xml, $0) }
            hidesParts =
                hidesParts || name.hasPrefix("word/") && Self.holdsElement(xml, "w:vanish")
                || name.hasPrefix("ppt/slides/") && Self.holds(xml, " show=\"0\"")
                || name == "content.xml" && Self.holds(xml, "table:display=\"false\"")
            let before = text.count
            addText(xml, all: name == "content.xml")
            if name.hasPrefix("ppt/notesSlides/") {
                hasNotes = hasNotes || text[before...].contains { $0 > 0x39 && $0 != UInt8(ascii: ";") }
            }
        }
    }

    private static let wordChanges = [
        "w:ins", "w:del", "w:moveFrom", "w:moveTo", "w:rPrChange", "w:pPrChange", "w:tblPrChange", "w:sectPrChange",
        "w:cellIns", "w:cellDel", "w:numberingChange",
    ]

    /// Whether such an element begins somewhere.
    private static func holdsElement(_ xml: UnsafeBufferPointer<UInt8>, _ name: String) -> Bool {
        let tag = Array(("<" + name).utf8)
        var start = 0
        while let found = xml.find(UInt8(ascii: "<"), from: start) {
            start = found + 1
            let end = found + tag.count
            guard end < xml.count, xml[found..<end].elementsEqual(tag) else { continue }
            if " \t\r\n>/".utf8.contains(xml[end]) { return true }
        }
        return false
    }

    private static func holds(_ xml: UnsafeBufferPointer<UInt8>, _ text: String) -> Bool {
        let text = Array(text.utf8)
        var start = 0
        while let found = xml.find(text[0], from: start), found + text.count <= xml.count {
            if xml[found..<(found + text.count)].elementsEqual(text) { return true }
            start = found + 1
        }
        return false
    }

    private mutating func addAuthors(_ xml: UnsafeBufferPointer<UInt8>, _ element: String) {
        for name in Self.values(of: element, in: String(decoding: xml, as: UTF8.self)) { add(author: name) }
    }

    /// The text behind the opening tag of each such element, up to the next tag.
    private static func values(of element: String, in text: String) -> [String] {
        text.split(separator: "<" + element, omittingEmptySubsequences: false).dropFirst().compactMap { part in
            guard let close = part.firstIndex(of: ">"), !part[..<close].hasSuffix("/") else { return nil }
            return String(part[part.index(after: close)...].prefix { $0 != "<" })
        }
    }

    private mutating func add(author: String) {
        let name = author.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        // Names that programs put in for nobody.
        let nobody = [
            "", "user", "admin", "administrator", "windows user", "windows 用户", "微软用户", "microsoft office user",
            "python-docx",
            "openpyxl", "un-named", "anonymous", "(anonymous)", "unspecified", "(unspecified)", "unknown", "apache poi",
            "lenovo",
            "hp", "dell", "asus", "pc", "微软中国", "microsoft", "china", "user1", "thinkpad",
        ]
        if !nobody.contains(name.lowercased()), !name.lowercased().hasPrefix("wps_"), authors.count < 8 {
            authors.insert(String(name.prefix(60)))
        }
    }

    /// The words of the pages; a semicolon ends each paragraph, cell and string.
    ///
    /// - Parameter all: whether all characters between tags are words, else those of elements for text alone: others hold
    ///   measures and formulas.
    private mutating func addText(_ xml: UnsafeBufferPointer<UInt8>, all: Bool) {
        var i = 0
        var isText = all
        while i < xml.count {
            guard xml[i] == UInt8(ascii: "<") else {
                let end = xml.find(UInt8(ascii: "<"), from: i) ?? xml.count
                if isText { text += xml[i..<end] }
                i = end
                continue
            }
            let end = xml.find(UInt8(ascii: ">"), from: i) ?? xml.count
            let tag = xml[(i + 1)..<max(i + 1, end)]
            let name = tag.prefix { !" \t\r\n/".utf8.contains($0) || $0 == tag.first }
            if !all { isText = tag.last != UInt8(ascii: "/") && Self.words.contains { name.elementsEqual($0.utf8) } }
            if Self.ends.contains(where: { name.elementsEqual($0.utf8) }) { text.append(UInt8(ascii: ";")) }
            i = end + 1
        }
        text.append(UInt8(ascii: ";"))
    }

    private static let words = ["w:t", "w:delText", "a:t", "t", "v", "ofd:TextCode"]
    private static let ends = [
        "/w:p", "/a:p", "/si", "/c", "/is", "/comment", "/text:p", "/text:h", "/table:table-cell", "/ofd:TextObject",
        "w:br", "w:tab",
    ]

    /// What a PDF says of its author: the document information and the metadata, plain or deflated.
    package init(pdf bytes: [UInt8]) {
        // The strings of an encrypted file say nothing.
        isLocked = Self.isEncrypted(bytes)
        if isLocked { return }
        bytes.withUnsafeBufferPointer { scan($0) }
        var left = Self.mostBytes
        var i = 0
        while let start = Self.find("stream", in: bytes, from: i) {
            i = start + 6
            guard start < 3 || !bytes[(start - 3)..<start].elementsEqual("end".utf8) else { continue }
            var data = i
            guard data < bytes.count, bytes[data] == 0x0D || bytes[data] == 0x0A else { continue }
            if data < bytes.count, bytes[data] == 0x0D { data += 1 }
            if data < bytes.count, bytes[data] == 0x0A { data += 1 }
            guard let end = Self.find("endstream", in: bytes, from: data) else { return }
            i = end + 9
            let dictionary = bytes[max(0, start - 2_048)..<start]
            // Pictures, fonts and pages hold no names of authors.
            let isOfObjects = Self.holds("/ObjStm", dictionary) || Self.holds("/Metadata", dictionary)
            guard isOfObjects, let content = inflated(bytes[data..<end], isRaw: false, limit: min(left, 16 << 20))
            else {
                continue
            }
            left -= content.count
            content.withUnsafeBufferPointer { scan($0) }
        }
    }

    private static func find(_ text: StaticString, in bytes: [UInt8], from start: Int) -> Int? {
        let length = text.utf8CodeUnitCount
        return bytes.withUnsafeBufferPointer { all in
            var i = start
            while let found = all.find(text.utf8Start[0], from: i) {
                guard found + length <= all.count else { return nil }
                if all[found..<(found + length)].elementsEqual(
                    UnsafeBufferPointer(start: text.utf8Start, count: length))
                {
                    return found
                }
                i = found + 1
            }
            return nil
        }
    }

    private static func holds(_ text: StaticString, _ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.withUnsafeBufferPointer { $0.holds(text) }
    }

    /// `/Encrypt 12 0 R`
    private static func isEncrypted(_ bytes: [UInt8]) -> Bool {
        var i = 0
        while let found = find("/Encrypt", in: bytes, from: i) {
            i = found + 8
            let rest = bytes[i...].prefix(24).drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D }
            if let first = rest.first, first == UInt8(ascii: "<") || (first >= 0x30 && first <= 0x39) { return true }
        }
        return false
    }

    /// Names that are looked at in one file; hostile ones repeat the key without end.
    private static let mostNames = 64

    private mutating func scan(_ bytes: UnsafeBufferPointer<UInt8>) {
        let all = Array(bytes)
        var i = 0
        var names = 0
        while names < Self.mostNames, let found = Self.find("/Author", in: all, from: i) {
            i = found + 7
            names += 1
            if let name = Self.string(bytes, i) ?? Self.referred(all, i) { add(author: name) }
        }
        for kind in ["Text", "Highlight", "StrikeOut", "Popup"] {
            hasRemarks =
                hasRemarks || Self.holds(bytes, "/Subtype/\(kind)/") || Self.holds(bytes, "/Subtype /\(kind)\n")
                || Self.holds(bytes, "/Subtype /\(kind) ") || Self.holds(bytes, "/Subtype/\(kind) ")
                || Self.holds(bytes, "/Subtype/\(kind)\n") || Self.holds(bytes, "/Subtype/\(kind)>")
        }
        for name in bytes.holds("<pdf:Author")
            ? Self.values(of: "pdf:Author", in: String(decoding: bytes, as: UTF8.self)) : []
        {
            add(author: name)
        }
        guard bytes.holds("<dc:creator") else { return }
        for part in String(decoding: bytes, as: UTF8.self).split(separator: "<dc:creator").dropFirst() {
            let list = part.split(separator: "</dc:creator", maxSplits: 1).first.map(String.init) ?? ""
            for name in Self.values(of: "rdf:li", in: list) { add(author: name) }
        }
    }

    /// The string behind a reference such as `11 0 R`.
    private static func referred(_ bytes: [UInt8], _ start: Int) -> String? {
        let rest = String(decoding: bytes[start...].prefix(24), as: UTF8.self)
        let parts = rest.split(maxSplits: 3, whereSeparator: \.isWhitespace)
        guard parts.count >= 3, parts[2].hasPrefix("R"), let object = Int(parts[0]), let number = Int(parts[1]) else {
            return nil
        }
        let head = Array("\(object) \(number) obj".utf8)
        for i in bytes.indices.dropLast(head.count)
        where bytes[i] == head[0] && (i == 0 || bytes[i - 1] < 0x30) && bytes[i..<(i + head.count)].elementsEqual(head)
        {
            return bytes.withUnsafeBufferPointer { string($0, i + head.count) }
        }
        return nil
    }

    /// A string of a PDF, literal or hexadecimal, in UTF-16 behind its mark or else one byte a character.
    private static func string(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> String? {
        var i = start
        while i < bytes.count, bytes[i] == 0x20 || bytes[i] == 0x0D || bytes[i] == 0x0A { i += 1 }
        guard i < bytes.count else { return nil }
        var content: [UInt8] = []
        if bytes[i] == UInt8(ascii: "(") {
            i += 1
            var depth = 1
            while i < bytes.count, content.count < 512 {
                var byte = bytes[i]
                if byte == UInt8(ascii: "\\"), i + 1 < bytes.count {
                    i += 1
                    byte = bytes[i]
                    if byte >= 0x30, byte <= 0x37 {
                        var (value, digits) = (0, 0)
                        while digits < 3, i < bytes.count, bytes[i] >= 0x30, bytes[i] <= 0x37 {
                            // Always: three digits at most.
                            value = value * 8 + Int(bytes[i] - 0x30)
                            digits += 1
                            i += 1
                        }
                        content.append(UInt8(truncatingIfNeeded: value))
                        continue
                    }
                } else if byte == UInt8(ascii: "(") {
                    depth += 1
                } else if byte == UInt8(ascii: ")") {
                    depth -= 1
                    if depth == 0 { break }
                }
                content.append(byte)
                i += 1
            }
        } else if bytes[i] == UInt8(ascii: "<") {
            let digits = bytes[(i + 1)...].prefix(2_048).prefix { $0 != UInt8(ascii: ">") }
                .compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
            for k in stride(from: 0, to: digits.count - 1, by: 2) {
                content.append(UInt8(digits[k] << 4 | digits[k + 1]))
            }
        } else {
            return nil
        }
        guard content.starts(with: [0xFE, 0xFF]) else {
            return String(validating: content, as: UTF8.self)
                ?? String(decoding: content.filter { $0 < 0x80 }, as: UTF8.self)
        }
        let units = stride(from: 2, to: content.count - 1, by: 2).map {
            UInt16(content[$0]) << 8 | UInt16(content[$0 + 1])
        }
        return String(decoding: units, as: UTF16.self)
    }
}
