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
    /// Sheets, rows, slides or words that are there and not shown; records of a table that is not.
    private(set) var hidesParts = false
    /// Photos with place, time and device.
    private(set) var hasCameraData = false
    /// Files inside the file, in formats that nothing here reads.
    private(set) var holdsFiles = false
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
        var left = Self.mostBytes
        guard let archive = ZipArchive(bytes), !archive.entries.isEmpty, read(archive, &left, depth: 0) else {
            return nil
        }
    }

    /// Levels of documents in documents that are read, as the workbook behind a chart of a report.
    private static let mostDepth = 3

    /// False where a part is damaged or too large.
    private mutating func read(_ archive: ZipArchive, _ left: inout Int, depth: Int) -> Bool {
        var caches = PivotCaches()
        for entry in archive.entries {
            let isFile = Self.isEmbedded(entry.name)
            let isPhoto = !hasCameraData && Self.isPhoto(entry.name)
            guard isFile || isPhoto || Self.isRead(entry.name) else { continue }
            guard let content = archive.content(entry, limit: left) else { return false }
            left -= content.count
            if isPhoto {
                hasCameraData = content.withUnsafeBufferPointer { CameraData.isIn(picture: $0) }
            } else if isFile {
                let inner = depth < Self.mostDepth ? ZipArchive(content) : nil
                if let inner, !inner.entries.isEmpty {
                    guard read(inner, &left, depth: depth + 1) else { return false }
                } else {
                    holdsFiles = true
                }
            } else {
                // A part may be written in UTF-16.
                (SourceEncoding.utf8(ofUTF16: content) ?? content).withUnsafeBufferPointer {
                    caches.read($0, of: entry.name)
                    read($0, of: entry.name)
                }
            }
        }
        hidesParts = hidesParts || caches.outliveTheirTables
        return true
    }

    /// `ppt/embeddings/Workbook1.xlsx`, `Doc_0/Attachs/a.pdf`
    private static func isEmbedded(_ name: String) -> Bool {
        !name.hasSuffix("/")
            && (name.contains("/embeddings/") || name.contains("/Attachs/") && !name.hasSuffix("/Attachments.xml"))
    }

    private static func isPhoto(_ name: String) -> Bool {
        ["jpg", "jpeg", "png", "webp"].contains(FileSystem.suffix(name))
    }

    private static func isRead(_ name: String) -> Bool {
        if name.hasSuffix(".xml.rels") { return true }
        return name.hasSuffix(".xml")
            && (!name.contains("/") || name.hasPrefix("docProps/") || name.hasPrefix("word/") || name.hasPrefix("xl/")
                || name.hasPrefix("ppt/") || name.hasSuffix("/Content.xml") || name.hasSuffix("/content.xml")
                || name.hasSuffix("/Annotation.xml") || name.contains("/Annots/"))
            && !["/theme/", "/media/", "/charts/", "/diagrams/"].contains(where: name.contains)
    }

    private mutating func read(_ xml: UnsafeBufferPointer<UInt8>, of name: String) {
        switch name {
        case "docProps/core.xml", "meta.xml":
            for element in ["dc:creator", "cp:lastModifiedBy", "meta:initial-creator", "meta:printed-by"] {
                addAuthors(xml, element)
            }
            let properties = String(decoding: xml, as: UTF8.self)
            for element in ["dc:title", "dc:subject", "dc:description", "cp:keywords", "cp:category"] {
                for value in Self.values(of: element, in: properties) {
                    text += Array(value.utf8) + [UInt8(ascii: ";")]
                }
            }
        case _ where name.hasSuffix(".rels"):
            // Where links lead, such as tel:13800000000.
            for part in String(decoding: xml, as: UTF8.self).split(separator: "Target=\"tel:").dropFirst() {
                text += Array(part.prefix { $0 != "\"" }.utf8) + [UInt8(ascii: ";")]
            }
        case "docProps/app.xml": addAuthors(xml, "Manager")
        case "OFD.xml": addAuthors(xml, "ofd:Author")
        case "xl/workbook.xml":
            hidesParts =
                hidesParts
                || ["\"hidden\"", "\"veryHidden\"", "'hidden'", "'veryHidden'"].contains {
                    xml.find("state=" + $0) != nil
                }
        default:
            // Headers and footers stand in the styles.
            let isOpenDocument = name == "content.xml" || name == "styles.xml" || name.hasSuffix("/content.xml")
            let remarks = [
                "w:comment", "comment", "x:comment", "threadedComment", "p:cm", "p188:cm", "office:annotation",
                "ofd:Annot",
            ]
            let mayRemark =
                name.contains("comment") || name.contains("Comment") || isOpenDocument || name.contains("Annot")
            if mayRemark { hasRemarks = hasRemarks || remarks.contains { Self.holdsElement(xml, $0) } }
            hasChanges =
                hasChanges || name.hasPrefix("xl/revisions/")
                || (name.hasPrefix("word/") ? Self.wordChanges : ["text:changed-region", "table:tracked-changes"])
                    .contains { Self.holdsElement(xml, $0) }
            hidesParts =
                hidesParts || name.hasPrefix("word/") && !name.hasSuffix("/styles.xml") && Self.hidesWords(xml)
                || name.hasPrefix("ppt/slides/") && [" show=\"0\"", " hidden=\"1\""].contains { xml.find($0) != nil }
                || isOpenDocument
                    && ["display=\"false\"", "visibility=\"collapse\"", "visibility=\"filter\""].contains {
                        xml.find("table:" + $0) != nil
                    }
                // Values of other workbooks, kept for when these are away.
                || name.hasPrefix("xl/externalLinks/") && Self.holdsElement(xml, "v")
                || name.hasPrefix("xl/worksheets/") && SheetCells.hidesAny(xml)
            let before = text.count
            addText(xml, all: isOpenDocument)
            if name.hasPrefix("ppt/notesSlides/") {
                hasNotes = hasNotes || text[before...].contains { $0 > 0x39 && $0 != UInt8(ascii: ";") }
            }
        }
    }

    private static let wordChanges = [
        "w:ins", "w:del", "w:moveFrom", "w:moveTo", "w:rPrChange", "w:pPrChange", "w:tblPrChange", "w:sectPrChange",
        "w:cellIns", "w:cellDel", "w:numberingChange",
    ]

    /// Whether words are set to vanish: `<w:vanish w:val="0"/>` shows them.
    private static func hidesWords(_ xml: UnsafeBufferPointer<UInt8>) -> Bool {
        ["<w:vanish", "<w:specVanish"].contains { tag in
            var start = 0
            while let found = xml.find(tag, from: start), let end = xml.find(UInt8(ascii: ">"), from: found) {
                start = end
                let rest = String(decoding: xml[(found + tag.utf8.count)..<end], as: UTF8.self)
                if !["\"0\"", "\"false\"", "\"off\""].contains(where: rest.contains) { return true }
            }
            return false
        }
    }

    /// Whether such an element begins somewhere.
    private static func holdsElement(_ xml: UnsafeBufferPointer<UInt8>, _ name: String) -> Bool {
        let tag = "<" + name
        var start = 0
        while let found = xml.find(tag, from: start) {
            start = found + tag.utf8.count
            if start < xml.count, " \t\r\n>/".utf8.contains(xml[start]) { return true }
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

    private static let words = ["w:t", "w:delText", "a:t", "t", "v", "x:t", "x:v", "ofd:TextCode"]
    private static let ends = [
        "/w:p", "/a:p", "/si", "/c", "/x:si", "/x:c", "/is", "/comment", "/text:p", "/text:h", "/table:table-cell",
        "/ofd:TextObject",
        "w:br", "w:tab",
    ]

    /// What a PDF says of its author: the document information and the metadata, plain or deflated.
    package init(pdf bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { pdf in
            // The strings of an encrypted file say nothing.
            isLocked = Self.isEncrypted(pdf)
            guard !isLocked else { return }
            scan(pdf)
            scanStreams(of: pdf, bytes)
        }
    }

    private mutating func scanStreams(of pdf: UnsafeBufferPointer<UInt8>, _ bytes: [UInt8]) {
        var left = Self.mostBytes
        var i = 0
        while let start = pdf.find("stream", from: i) {
            i = start + 6
            guard start < 3 || !pdf[(start - 3)..<start].elementsEqual("end".utf8) else { continue }
            var data = i
            guard data < pdf.count, pdf[data] == 0x0D || pdf[data] == 0x0A else { continue }
            if pdf[data] == 0x0D { data += 1 }
            if data < pdf.count, pdf[data] == 0x0A { data += 1 }
            guard let end = pdf.find("endstream", from: data) else { return }
            i = end + 9
            // Pictures, fonts and pages hold no names of authors.
            let dictionary = UnsafeBufferPointer(rebasing: pdf[max(0, start - 2_048)..<start])
            guard dictionary.holds("/ObjStm") || dictionary.holds("/Metadata"),
                let content = inflated(bytes[data..<end], isRaw: false, limit: min(left, 16 << 20))
            else { continue }
            left -= content.count
            content.withUnsafeBufferPointer { scan($0) }
        }
    }

    /// `/Encrypt 12 0 R`
    private static func isEncrypted(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var i = 0
        while let found = bytes.find("/Encrypt", from: i) {
            i = found + 8
            let rest = bytes[i...].prefix(24).drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D }
            if let first = rest.first, first == UInt8(ascii: "<") || (first >= 0x30 && first <= 0x39) { return true }
        }
        return false
    }

    /// Names that are looked at in one file; hostile ones repeat the key without end.
    private static let mostNames = 64

    private mutating func scan(_ bytes: UnsafeBufferPointer<UInt8>) {
        var i = 0
        var names = 0
        while names < Self.mostNames, let found = bytes.find("/Author", from: i) {
            i = found + 7
            names += 1
            if let name = Self.string(bytes, i) ?? Self.referred(bytes, i) { add(author: name) }
        }
        hasCameraData = hasCameraData || bytes.holds("Exif")
        holdsFiles = holdsFiles || bytes.holds("/EmbeddedFile") || bytes.holds("/FileAttachment")
        let kinds = ["Text", "Highlight", "StrikeOut", "Popup"]
        let spellings = ["/Subtype/%/", "/Subtype/% ", "/Subtype/%\n", "/Subtype/%>", "/Subtype /% ", "/Subtype /%\n"]
        hasRemarks =
            hasRemarks
            || kinds.contains { kind in spellings.contains { bytes.find($0.replacing("%", with: kind)) != nil } }
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
    private static func referred(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> String? {
        let rest = String(decoding: bytes[start...].prefix(24), as: UTF8.self)
        let parts = rest.split(maxSplits: 3, whereSeparator: \.isWhitespace)
        guard parts.count >= 3, parts[2].hasPrefix("R"), let object = Int(parts[0]), let number = Int(parts[1]) else {
            return nil
        }
        let head = "\(object) \(number) obj"
        var i = 0
        while let found = bytes.find(head, from: i) {
            i = found + head.utf8.count
            // `111 0 obj` is another object.
            if found == 0 || bytes[found - 1] < 0x30 { return string(bytes, i) }
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
