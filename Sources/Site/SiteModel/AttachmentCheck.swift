package import PortalBase

/// Looks into files beside pages: a copy of a page or of a table under another name would be published as it is, hidden
/// parts included; a file under the ending of another kind would escape the cleaning of its own kind.
enum AttachmentCheck {
    static let headBytes = 64
    private static let maxBytes = 64 << 20

    static func findings(_ files: [LoadedFile], _ configuration: SiteConfiguration, jobs: Int) -> [Diagnostic] {
        let found = parallelMap(files.count, jobs: jobs) { index, _ in finding(files[index], configuration) }
        return found.flatMap { $0 }
    }

    private static func finding(_ file: LoadedFile, _ configuration: SiteConfiguration) -> [Diagnostic] {
        let place = SourcePosition(path: file.path)
        let head: [UInt8]
        do {
            head = try FileSystem.head(file.location, count: headBytes)
        } catch {
            return [unreadable(file.path, error)]
        }
        if PublishedFiles.isMislabelled(file.name, head: head) {
            let kind = PublishedFiles.pictureKind(head)
            return [
                Diagnostic(
                    "file-kind", place,
                    problem: Bilingual(
                        zh: kind.map { "这是一张 \($0) 图片，文件名却不是图片" } ?? "文件内容和扩展名不符",
                        en: kind.map { "this is a \($0) picture under another ending" }
                            ?? "the file is not what its ending says"),
                    remedy: Bilingual(
                        zh: "请另存为正确的格式；照片用 JPEG、PNG 或 WebP",
                        en: "save it in the right format; photos as JPEG, PNG or WebP"))
            ]
        }
        let isOpen = configuration.isOpen(file.visibility.tag)
        var numbers: [Diagnostic] = []
        if isOpen { configuration.checkNumbers(in: file.name, place, &numbers) }
        guard numbers.isEmpty else { return numbers }
        let ending = FileSystem.suffix(file.name)
        let isDocument = DocumentTraces.endings.contains(ending) || DocumentTraces.closedEndings.contains(ending)
        guard isDocument ? isOpen : isText(head) else { return [] }
        guard file.size <= maxBytes, !DocumentTraces.closedEndings.contains(ending) else {
            return isDocument ? [unread(place)] : []
        }
        do {
            let bytes = try FileSystem.read(file.location, limit: maxBytes)
            if isDocument { return findings(inDocument: bytes, ending, place, configuration) }
            // “Unicode text” of a spreadsheet is UTF-16. Tables are saved in GB 18030 too: what is ASCII in them is looked at
            // all the same.
            let isUTF8 = String(validating: bytes, as: UTF8.self) != nil
            let wide = utf8(ofUTF16: bytes)
            let text = wide ?? (isUTF8 ? bytes : Array(String(decoding: bytes, as: UTF8.self).utf8))
            var found: [Diagnostic] = []
            if isUTF8 || wide != nil || ["csv", "txt", "tsv"].contains(ending) {
                found = findings(inText: text, of: file)
            }
            if isOpen, found.isEmpty { found = personalNumbers(in: text, configuration) { lined($0, text, place) } }
            return found
        } catch {
            return [unreadable(file.path, error)]
        }
    }

    /// Findings of a file that are told one by one; a list of numbers needs no more to be recognised.
    private static let mostNumbers = 10

    private static func personalNumbers(
        in bytes: [UInt8], _ configuration: SiteConfiguration, _ position: (Int) -> SourcePosition
    ) -> [Diagnostic] {
        PersonalNumbers.find(in: bytes).lazy.filter { !configuration.publishedNumbers.contains($0.digits) }
            .prefix(mostNumbers).map { PersonalNumberFinding.make($0, position($0.offset)) }
    }

    private static func lined(_ offset: Int, _ bytes: [UInt8], _ place: SourcePosition) -> SourcePosition {
        SourcePosition(path: place.path, line: 1 + bytes[..<offset].lineFeeds)
    }

    private static func unread(_ place: SourcePosition) -> Diagnostic {
        Diagnostic(
            "document-unread", place, severity: .warning,
            problem: Bilingual(
                zh: "旧格式或过大的文档，没有检查作者、批注、修订和身份证号",
                en: "an old or very large document; nobody looked for authors, remarks, changes and numbers"),
            remedy: Bilingual(zh: "请另存为 .docx、.xlsx、.pptx 或 PDF", en: "save it as .docx, .xlsx, .pptx or PDF"))
    }

    /// What a document says besides its pages, and numbers of persons in them.
    private static func findings(
        inDocument bytes: [UInt8], _ ending: String, _ place: SourcePosition, _ configuration: SiteConfiguration
    ) -> [Diagnostic] {
        guard let traces = ending == "pdf" ? DocumentTraces(pdf: bytes) : DocumentTraces(archive: bytes) else {
            return [
                Diagnostic(
                    "file-kind", place,
                    problem: Bilingual(zh: "文档已损坏，打不开", en: "the document is damaged and cannot be read"),
                    remedy: Bilingual(zh: "请在办公软件里重新保存", en: "save it again in its program"))
            ]
        }
        var found: [Diagnostic] = []
        let inspect = Bilingual(
            zh: "在办公软件里：文件 → 信息 → 检查文档，删除后再保存",
            en: "in the office program: File, Info, Inspect Document; remove and save")
        func add(_ rule: String, _ severity: Diagnostic.Severity = .error, zh: String, en: String) {
            found.append(
                Diagnostic(rule, place, severity: severity, problem: Bilingual(zh: zh, en: en), remedy: inspect))
        }
        if traces.hasChanges {
            add("document-changes", zh: "文档里有修订记录，删去的文字还在", en: "the document holds tracked changes, deleted words too")
        }
        if traces.hasRemarks { add("document-remarks", zh: "文档里有批注", en: "the document holds comments") }
        if traces.hidesParts {
            add("document-hidden", zh: "文档里有隐藏的工作表、幻灯片或文字", en: "the document holds hidden sheets, slides or words")
        }
        if traces.hasNotes {
            add("document-notes", .warning, zh: "演示文稿里有备注", en: "the presentation holds speaker notes")
        }
        if traces.isLocked { found.append(unread(place)) }
        if !traces.authors.isEmpty {
            let names = traces.authors.sorted().joined(separator: "、")
            add(
                "document-author", .warning, zh: "文档属性里写着作者（\(names)）",
                en: "the document's properties name its author (\(names))")
        }
        return found + personalNumbers(in: traces.text, configuration) { _ in place }
    }

    /// Nil without the mark of UTF-16.
    private static func utf8(ofUTF16 bytes: [UInt8]) -> [UInt8]? {
        guard bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) else { return nil }
        let (high, low) = bytes[0] == 0xFE ? (0, 1) : (1, 0)
        let units = stride(from: 2, to: bytes.count - 1, by: 2).map { (i: Int) -> UInt16 in
            UInt16(bytes[i + high]) << 8 | UInt16(bytes[i + low])
        }
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }

    private static func isText(_ head: [UInt8]) -> Bool {
        head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF])
            || !head.contains { $0 < 0x09 || ($0 > 0x0D && $0 < 0x20) }
    }

    private static func findings(inText bytes: [UInt8], of file: LoadedFile) -> [Diagnostic] {
        let place = SourcePosition(path: file.path)
        let ending = FileSystem.suffix(file.name)
        // Cells and values are no lines of running text.
        let isData = ["csv", "tsv", "json", "geojson"].contains(ending)
        if let offset = VisibilityMarks.find(in: bytes, linesAreText: !isData).first {
            return [
                Diagnostic(
                    "attachment-mark", lined(offset, bytes, place),
                    problem: Bilingual(
                        zh: "附件里有内网标记，附件会原样公开",
                        en: "the file holds a visibility mark, and files are published as they are"),
                    remedy: Bilingual(
                        zh: "请删去隐藏内容；页面的副本请移出内容目录",
                        en: "take out what is hidden; move copies of pages out of the content"))
            ]
        }
        var text = bytes[...]
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
        let lines = text.prefix(4_096).split(separator: 0x0A, maxSplits: 2, omittingEmptySubsequences: false)
        let isPage =
            lines.count > 2 && ["---", "---\r"].contains { lines[0].elementsEqual($0.utf8) } && lines[1].contains(0x3A)
        let firstLine = String(decoding: text.prefix { $0 != 0x0A && $0 != 0x0D }.prefix(4_096), as: UTF8.self)
        let columns = firstLine.split { ",;\t\"，；|".contains($0) }.map(String.init)
        let hasTags =
            ending != "json" && ending != "geojson" && columns.count > 1
            && columns.contains(where: VisibilityNames.isMeant)
        guard isPage || hasTags else { return [] }
        return [
            Diagnostic(
                "attachment-copy", place,
                problem: isPage
                    ? Bilingual(
                        zh: "这像是一个页面的副本，会原样公开", en: "this looks like a copy of a page and would be published as it is")
                    : Bilingual(
                        zh: "表里有 visibility 列，但附件的行不会被隐藏",
                        en: "the table has a `visibility` column, which hides no row of an attachment"),
                remedy: Bilingual(
                    zh: "页面请以 .md 结尾；分行可见的表请放进 Content/data",
                    en: "name pages .md; put tables with hidden rows into Content/data"))
        ]
    }
}

/// What is said of a number that leads to one person.
package enum PersonalNumberFinding {
    package static func make(_ found: PersonalNumbers.Found, _ position: SourcePosition) -> Diagnostic {
        let (zh, en) =
            switch found.kind {
            case .identity: ("居民身份证号", "a resident identity number")
            case .mobile: ("手机号码", "a mobile telephone number")
            case .bankCard: ("银行卡号", "a bank card number")
            }
        let digits = found.digits
        let shown = digits.prefix(3) + String(repeating: "*", count: max(0, digits.count - 7)) + digits.suffix(4)
        return Diagnostic(
            "personal-number", position,
            problem: Bilingual(zh: "要公开的内容里有\(zh)（\(shown)）", en: "what is published holds \(en) (\(shown))"),
            remedy: Bilingual(
                zh: "请遮住中间几位，如 138****0000；确需公开的工作号码写进 sites.yaml 的 published_numbers",
                en:
                    "mask its middle, as in 138****0000; list a work number that is meant to be public under `published_numbers` in sites.yaml"
            ))
    }
}
