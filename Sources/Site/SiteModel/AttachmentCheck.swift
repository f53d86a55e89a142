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

    /// A file beside a page, or one in an archive.
    private struct Subject {
        let name: String
        let head: [UInt8]
        let size: Int
        /// Bytes from an offset on, as many as there are up to a count.
        let read: (_ offset: Int, _ count: Int) throws(FileError) -> [UInt8]
        /// Archives round it.
        let depth: Int

        var ending: String { FileSystem.suffix(name) }
    }

    private static func finding(_ file: LoadedFile, _ configuration: SiteConfiguration) -> [Diagnostic] {
        let place = SourcePosition(path: file.path)
        do {
            let read = { (offset: Int, count: Int) throws(FileError) -> [UInt8] in
                try FileSystem.head(file.location, count: count, from: offset)
            }
            let subject = Subject(
                name: file.name, head: try read(0, headBytes), size: file.size, read: read, depth: 0)
            return try findings(of: subject, isOpen: configuration.isOpen(file.visibility.tag), place, configuration)
        } catch {
            return [unreadable(file.path, error)]
        }
    }

    private static func findings(
        of file: Subject, isOpen: Bool, _ place: SourcePosition, _ configuration: SiteConfiguration
    ) throws(FileError) -> [Diagnostic] {
        func wrong(_ problem: Bilingual) -> [Diagnostic] {
            [
                Diagnostic(
                    "file-kind", place, problem: problem,
                    remedy: Bilingual(
                        zh: "请另存为正确的格式，或移出内容目录", en: "save it in the right format, or move it out of the content"))
            ]
        }
        let ending = file.ending
        if let problem = PublishedFiles.problem(attachment: file.name) { return wrong(problem) }
        let named = findings(ofName: file.name, file.head, isOpen: isOpen, place, configuration)
        guard named.isEmpty else { return named }
        if isOpen, films.contains(ending) { return try findings(inFilm: file, place) }
        if texts.contains(ending), !isText(file.head) {
            return wrong(Bilingual(zh: ".\(ending) 文件里不是文字", en: "what ends in .\(ending) is no text"))
        }
        let isPacked = documents.contains(ending) || ending == "zip"
        guard isPacked ? isOpen : isText(file.head) else {
            // Other archives and programs, which only an archive hides.
            let isKnown = PublishedFiles.attachments.contains(ending) || PublishedFiles.pictureKind(file.head) != nil
            return file.depth == 0 || isKnown ? [] : [unread(place)]
        }
        guard file.size <= maxBytes, !DocumentTraces.closedEndings.contains(ending) else {
            return isPacked ? [unread(place)] : []
        }
        let bytes = try file.read(0, file.size)
        if isOpen, documents.contains(ending) { return findings(inDocument: bytes, ending, place, configuration) }
        if isOpen, ending == "zip" { return try findings(inArchive: bytes, place, configuration, depth: file.depth) }
        return findings(inTextOf: bytes, ending, isOpen: isOpen, place, configuration)
    }

    private static let texts: Set<String> = ["txt", "csv", "json", "geojson", "vtt", "svg", "m3u8"]
    private static let films: Set<String> = ["mp4", "m4a", "m4s"]

    private static func findings(inFilm file: Subject, _ place: SourcePosition) throws(FileError) -> [Diagnostic] {
        guard try CameraData.isIn(film: file.size, read: file.read) else { return [] }
        return [
            Diagnostic(
                "film-place", place,
                problem: Bilingual(zh: "视频或录音里写着拍摄地点", en: "the film says where it was made"),
                remedy: Bilingual(
                    zh: "请用剪辑软件另存，去掉位置信息（如 ffmpeg -map_metadata -1 -c copy）",
                    en: "save it without its metadata (ffmpeg -map_metadata -1 -c copy)"))
        ]
    }

    private static let documents = DocumentTraces.endings.union(DocumentTraces.closedEndings)

    /// What a name and the first bytes under it say.
    private static func findings(
        ofName name: String, _ head: [UInt8], isOpen: Bool, _ place: SourcePosition, _ configuration: SiteConfiguration
    ) -> [Diagnostic] {
        if PublishedFiles.isMislabelled(name, head: head) {
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
        var numbers: [Diagnostic] = []
        if isOpen { configuration.checkNumbers(in: name, place, &numbers) }
        return numbers
    }

    private static func findings(
        inTextOf bytes: [UInt8], _ ending: String, isOpen: Bool, _ place: SourcePosition,
        _ configuration: SiteConfiguration
    ) -> [Diagnostic] {
        // “Unicode text” of a spreadsheet is UTF-16; tables are saved in GB 18030 too.
        let isUTF8 = String(validating: bytes, as: UTF8.self) != nil
        let other = SourceEncoding.utf8(ofUTF16: bytes) ?? (isUTF8 ? nil : SourceEncoding.utf8(ofGB18030: bytes))
        let text = other ?? (isUTF8 ? bytes : Array(String(decoding: bytes, as: UTF8.self).utf8))
        var found: [Diagnostic] = []
        if isUTF8 || other != nil || ["csv", "txt", "tsv"].contains(ending) {
            found = findings(inText: text, ending, place)
        }
        // Another encoding, or no table of the C library for it: what is ASCII in it was looked at.
        if isOpen, !isUTF8, other == nil, texts.contains(ending) { found.append(unread(place)) }
        if isOpen, found.isEmpty { found = personalNumbers(in: text, configuration) { lined($0, text, place) } }
        return found
    }

    /// Archives in archives that are looked into.
    private static let mostDepth = 2

    /// What the files in a ZIP archive would say if they lay beside the page; the name of each stands in the problem.
    private static func findings(
        inArchive bytes: [UInt8], _ place: SourcePosition, _ configuration: SiteConfiguration, depth: Int
    ) throws(FileError) -> [Diagnostic] {
        guard let archive = ZipArchive(bytes) else {
            return [
                Diagnostic(
                    "file-kind", place,
                    problem: Bilingual(zh: "压缩包已损坏，打不开", en: "the archive is damaged and cannot be read"),
                    remedy: Bilingual(zh: "请重新压缩", en: "pack it again"))
            ]
        }
        var found: [Diagnostic] = []
        var left = maxBytes
        var hasPictures = false
        for entry in archive.entries where !entry.name.hasSuffix("/") {
            let parts = entry.name.split(separator: "/")
            guard let last = parts.last else { continue }
            let name = String(last)
            func tell(_ inside: [Diagnostic]) { found += inside.map { $0.inside(entry.name) } }
            if parts.contains(where: { PublishedFiles.isLeftover(String($0)) }) {
                tell([
                    Diagnostic(
                        "archive-leftover", place,
                        problem: Bilingual(zh: "系统或办公软件留下的文件", en: "a leftover of the system or an office program"),
                        remedy: Bilingual(zh: "请删去后重新压缩", en: "delete it and pack again"))
                ])
                continue
            }
            guard depth < mostDepth, let content = archive.content(entry, limit: left) else {
                tell([unread(place)])
                continue
            }
            left -= content.count
            let head = Array(content.prefix(headBytes))
            hasPictures = hasPictures || PublishedFiles.pictureKind(head) != nil
            let subject = Subject(
                name: name, head: head, size: content.count,
                read: { offset, count in Array(content.dropFirst(offset).prefix(count)) }, depth: depth + 1)
            tell(try findings(of: subject, isOpen: true, place, configuration))
        }
        if hasPictures {
            found.append(
                Diagnostic(
                    "archive-pictures", place, severity: .warning,
                    problem: Bilingual(
                        zh: "压缩包里的图片原样公开，拍摄地点、时间和设备都在",
                        en: "pictures in an archive are published as they are, with place, time and camera"),
                    remedy: Bilingual(zh: "请把图片放在页面旁边", en: "put pictures beside the page instead")))
        }
        return found
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
            add(
                "document-hidden", zh: "文档里有隐藏的工作表、行列、幻灯片、文字，或别的表格的数据",
                en: "the document holds hidden sheets, rows, columns, slides or words, or records of another table")
        }
        if traces.holdsFiles {
            add(
                "document-files", zh: "文档里嵌有别的文件，没有检查其中的内容",
                en: "the document holds other files, and nobody looked into them")
        }
        if traces.hasNotes {
            add("document-notes", .warning, zh: "演示文稿里有备注", en: "the presentation holds speaker notes")
        }
        if traces.hasCameraData {
            add(
                "document-camera", .warning, zh: "文档里的照片带有拍摄地点、时间或设备信息",
                en: "photos in the document say where, when and with what they were taken")
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

    private static func isText(_ head: [UInt8]) -> Bool {
        SourceEncoding.order(ofUTF16: head) != nil || !head.contains { $0 < 0x09 || ($0 > 0x0D && $0 < 0x20) }
    }

    private static func findings(
        inText bytes: [UInt8], _ ending: String, _ place: SourcePosition
    ) -> [Diagnostic] {
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
        if ending == "json" || ending == "geojson", let offset = visibilityKey(inJSON: bytes) {
            return [tagsInFile(lined(offset, bytes, place))]
        }
        var text = bytes[...]
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
        let lines = text.prefix(4_096).split(separator: 0x0A, maxSplits: 2, omittingEmptySubsequences: false)
        let isPage =
            lines.count > 2 && ["---", "---\r"].contains { lines[0].elementsEqual($0.utf8) } && lines[1].contains(0x3A)
        let (columns, rows) =
            ["csv", "tsv", "txt"].contains(ending) ? table(text, isRunningText: ending == "txt") : ([], [])
        // A catalogue has a column 公开属性; one that says 否 or 不公开 of a row tells more.
        let isHidden = columns.indices.contains { column in
            ["公开", "是否公开", "公开属性", "公开范围"].contains(VisibilityNames.folded(columns[column]))
                && rows.contains { ["否", "不公开", "不予公开", "内网", "内部"].contains(VisibilityNames.folded($0[column])) }
        }
        let hasTags = isHidden || columns.contains(where: VisibilityNames.isMeant)
        if hasTags { return [tagsInFile(place)] }
        guard isPage else { return [] }
        return [
            Diagnostic(
                "attachment-copy", place,
                problem: Bilingual(
                    zh: "这像是一个页面的副本，会原样公开", en: "this looks like a copy of a page and would be published as it is"),
                remedy: copies)
        ]
    }

    /// Heads of a table's columns and the rows below them. Of the first lines the first that is as wide as the widest is the head,
    /// since titles may stand above; empty where the lines are no table.
    ///
    /// - Parameter isRunningText: whether full-width commas are those of sentences.
    private static func table(
        _ text: ArraySlice<UInt8>, isRunningText: Bool
    ) -> (head: [String], rows: [[String]]) {
        var words = String(decoding: text.prefix(65_536), as: UTF8.self)
        if !isRunningText { words = words.replacing("，", with: ",").replacing("；", with: ";") }
        let lines = Array(words.utf8).split(whereSeparator: { $0 == 0x0A || $0 == 0x0D })
        for separator in [UInt8(ascii: ","), 0x09, UInt8(ascii: ";"), UInt8(ascii: "|")] {
            let rows = lines.map { $0.split(separator: separator, omittingEmptySubsequences: false) }
            let width = rows.prefix(12).map(\.count).max() ?? 0
            let isWide = { (row: [ArraySlice<UInt8>]) in
                row.count == width && row.count { $0.contains { $0 > 0x20 } } > 1
            }
            guard width > 1, let head = rows.prefix(12).firstIndex(where: isWide) else { continue }
            let below = rows[(head + 1)...].filter { $0.count == width }
            guard !below.isEmpty else { continue }
            let words = { (row: [ArraySlice<UInt8>]) in row.map { String(decoding: $0, as: UTF8.self) } }
            return (words(rows[head]), below.map(words))
        }
        return ([], [])
    }

    private static let copies = Bilingual(
        zh: "页面请以 .md 结尾；分行可见的表请放进 Content/data", en: "name pages .md; put tables with hidden rows into Content/data")

    private static func tagsInFile(_ place: SourcePosition) -> Diagnostic {
        Diagnostic(
            "attachment-copy", place,
            problem: Bilingual(
                zh: "表里有说明给谁看的列（如 visibility），但附件里什么也不会被隐藏",
                en: "a column or key such as `visibility` hides nothing of an attachment"), remedy: copies)
    }

    /// What a string of JSON says; nil for a damaged one, which is no key.
    private static func unescaped(_ string: ArraySlice<UInt8>) -> String? {
        do { return try JSON(parsing: Array(string)).string } catch { return nil }
    }

    /// Where a key of JSON means for whom something is.
    private static func visibilityKey(inJSON bytes: [UInt8]) -> Int? {
        var i = 0
        while i < bytes.count, let open = bytes[i...].firstIndex(of: UInt8(ascii: "\"")) {
            var close = open + 1
            while close < bytes.count, bytes[close] != UInt8(ascii: "\"") {
                close += bytes[close] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard close < bytes.count else { return nil }
            let next = bytes[(close + 1)...].first { $0 > 0x20 }
            // A key may be spelt by escapes.
            if next == UInt8(ascii: ":"), close - open <= 130,
                let key = unescaped(bytes[open...close]),
                VisibilityNames.isMeant(by: key)
            {
                return open
            }
            i = close + 1
        }
        return nil
    }
}

extension Diagnostic {
    /// The same of a file inside an archive.
    fileprivate func inside(_ name: String) -> Diagnostic {
        Diagnostic(
            rule, position, severity: severity,
            problem: Bilingual(
                zh: "压缩包里的“\(name)”：\(problem.zh)", en: "`\(name)` in the archive: \(problem.en)"),
            remedy: remedy, related: related)
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
