import PortalBase

/// What a document says besides its pages: who wrote it, what was changed, what somebody remarked, what is out of sight;
/// and the words of its pages, where they can be read.
///
/// Office Open XML (ISO/IEC 29500), OpenDocument (ISO/IEC 26300) and OFD (GB/T 33190) are archives of XML; of a PDF
/// (ISO 32000) the dictionaries and the metadata are read, not the pages.
struct DocumentTraces {
    private(set) var authors: Set<String> = []
    private(set) var hasRemarks = false
    private(set) var hasChanges = false
    private(set) var hidesSheets = false
    /// Paragraphs and cells, one a line.
    private(set) var text: [UInt8] = []

    static let endings: Set<String> = ["docx", "xlsx", "pptx", "odt", "ods", "odp", "ofd", "pdf"]
    /// Formats of Office 97 and their like, which nothing here reads.
    static let closedEndings: Set<String> = ["doc", "xls", "ppt", "wps", "et", "dps"]

    private static let mostBytes = 256 << 20

    /// Nil where the file is no such archive, or too large to be read.
    init?(archive bytes: [UInt8]) {
        guard let archive = ZipArchive(bytes) else { return nil }
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
                || name.hasPrefix("ppt/") || name.hasSuffix("/Content.xml"))
            && !name.contains("/theme/") && !name.contains("/media/")
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
            hidesSheets = xml.holds("state=\"hidden\"") || xml.holds("state=\"veryHidden\"")
        default:
            if name.hasPrefix("word/comments") || name.hasPrefix("xl/comments")
                || name.hasPrefix("xl/threadedComments/")
                || name.hasPrefix("ppt/comments/")
            {
                hasRemarks =
                    hasRemarks || xml.holds("<w:comment ") || xml.holds("<comment ") || xml.holds("<threadedComment ")
                    || xml.holds("<p:cm ") || xml.holds("<p188:cm ")
            }
            if name == "content.xml" {
                hasRemarks = hasRemarks || xml.holds("<office:annotation ") || xml.holds("<office:annotation>")
                hasChanges = hasChanges || xml.holds("<text:changed-region")
            }
            if name.hasPrefix("word/") {
                hasChanges =
                    hasChanges || ["<w:ins ", "<w:del ", "<w:moveFrom ", "<w:moveTo "].contains(where: xml.holds)
            }
            addText(xml)
        }
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
            "openpyxl", "un-named",
        ]
        if !nobody.contains(name.lowercased()), authors.count < 8 { authors.insert(String(name.prefix(60))) }
    }

    /// The characters between tags; a line ends with each paragraph, cell, string and row.
    private mutating func addText(_ xml: UnsafeBufferPointer<UInt8>) {
        var i = 0
        while i < xml.count {
            guard xml[i] == UInt8(ascii: "<") else {
                let end = xml.find(UInt8(ascii: "<"), from: i) ?? xml.count
                text += xml[i..<end]
                i = end
                continue
            }
            let end = xml.find(UInt8(ascii: ">"), from: i) ?? xml.count
            if Self.ends.contains(where: { xml[i..<end].elementsEqual($0.utf8) }) { text.append(0x0A) }
            i = end + 1
        }
        text.append(0x0A)
    }

    private static let ends = [
        "</w:p", "</a:p", "</si", "</c", "</text:p", "</text:h", "</ofd:TextCode", "<w:br/", "<w:tab/",
    ]

    /// What a PDF says of its author: the document information and the metadata, plain or deflated.
    init(pdf bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { scan($0) }
        // The strings of an encrypted file say nothing.
        guard !bytes.withUnsafeBufferPointer({ $0.holds("/Encrypt") }) else {
            authors = []
            return
        }
        var left = Self.mostBytes
        var i = 0
        while let start = Self.find("stream", in: bytes, from: i) {
            i = start + 6
            guard start < 3 || !bytes[(start - 3)..<start].elementsEqual("end".utf8) else { continue }
            var data = i
            if data < bytes.count, bytes[data] == 0x0D { data += 1 }
            if data < bytes.count, bytes[data] == 0x0A { data += 1 }
            guard let end = Self.find("endstream", in: bytes, from: data) else { return }
            i = end + 9
            let dictionary = bytes[max(0, start - 512)..<start]
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

    private mutating func scan(_ bytes: UnsafeBufferPointer<UInt8>) {
        var i = 0
        while let slash = bytes.find(UInt8(ascii: "/"), from: i) {
            i = slash + 1
            guard bytes[slash...].starts(with: "/Author".utf8), let name = Self.string(bytes, slash + 7) else {
                continue
            }
            add(author: name)
        }
        guard bytes.holds("<dc:creator") else { return }
        for part in String(decoding: bytes, as: UTF8.self).split(separator: "<dc:creator").dropFirst() {
            let list = part.split(separator: "</dc:creator", maxSplits: 1).first.map(String.init) ?? ""
            for name in Self.values(of: "rdf:li", in: list) { add(author: name) }
        }
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
