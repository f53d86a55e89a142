import Markdown
import PortalBase
import PositionedYAML

/// Data files and form definitions, with the audience of each.
struct DataLoader {
    let tree: SourceTree
    let configuration: SiteConfiguration
    private(set) var diagnostics: [Diagnostic] = []

    private static let directoryFile = "Content/data/_data.yaml"
    private static let limit = 64 << 20

    init(tree: SourceTree, configuration: SiteConfiguration) {
        self.tree = tree
        self.configuration = configuration
    }

    mutating func tables(_ files: [SourceTree.File]) -> [LoadedTable] {
        let wholeFiles = directory()
        var tables: [LoadedTable] = []
        for file in files where file.path != Self.directoryFile {
            guard let text = text(file), let (records, keys) = records(text, file.path), let header = records.first
            else {
                continue
            }
            // Escapes of JSON and YAML may spell a mark that the bytes do not hold.
            if keys != nil {
                for record in records {
                    let position = SourcePosition(path: file.path, line: record.line)
                    diagnostics += record.cells.compactMap { misplacedMark(in: $0, position) }
                }
            }
            let name = String(file.path.dropFirst("Content/data/".count))
            let fileTag = wholeFiles[name]
            let tagColumn = header.cells.firstIndex(of: "visibility")
            checkTagColumn(header.cells, file.path)
            var rows: [[String]] = []
            var tags: [VisibilityTag] = []
            for name in header.cells where name.utf8.count > 10 {
                configuration.checkNumbers(in: name, SourcePosition(path: file.path, line: header.line), &diagnostics)
            }
            for record in records.dropFirst() {
                let position = SourcePosition(path: file.path, line: record.line)
                if record.cells.contains(where: VisibilityNames.isKey) {
                    diagnostics.append(Self.tagColumn(position))
                    continue
                }
                guard record.cells.count == header.cells.count else {
                    diagnostics.append(
                        Diagnostic(
                            "csv-columns", position,
                            problem: Bilingual(
                                zh: "这一行有 \(record.cells.count) 列，表头有 \(header.cells.count) 列",
                                en: "this row has \(record.cells.count) cells, the header has \(header.cells.count)"),
                            remedy: Bilingual(zh: "请补齐或去掉多余的逗号", en: "add or remove commas; quote texts that hold one"))
                    )
                    continue
                }
                if let place = header.cells.indices.first(where: {
                    header.cells[$0].isEmpty && !record.cells[$0].isEmpty
                }) {
                    diagnostics.append(
                        Diagnostic(
                            "csv-header", position,
                            problem: Bilingual(
                                zh: "第 \(place + 1) 列没有表头，这一格不会显示",
                                en: "column \(place + 1) has no name, and this cell would not be shown"),
                            remedy: Bilingual(zh: "请给这一列加上表头", en: "name the column")))
                    continue
                }
                let written = VisibilityNames.tag(tagColumn.map { record.cells[$0] } ?? "")
                let tag =
                    written.isEmpty
                    ? fileTag ?? VisibilityTag(tag: VisibilityTag.failClosed, position: position)
                    : VisibilityTag(tag: written, position: position)
                checkTag(tag.tag, tag.position, configuration, &diagnostics)
                checkRow(tag, fileTag)
                if configuration.isOpen(tag.tag) {
                    for cell in record.cells where cell.utf8.count > 10 {
                        configuration.checkNumbers(in: cell, position, &diagnostics)
                    }
                }
                rows.append(record.cells)
                tags.append(tag)
            }
            tables.append(
                LoadedTable(
                    path: file.path, table: DataTable(name: name, columns: header.cells, rows: rows),
                    visibility: fileTag, rowVisibility: tags, rowKeys: keys))
        }
        return tables
    }

    /// Rows of text by the file's kind, the header first: CSV, or a YAML or JSON list of flat maps.
    private mutating func records(
        _ text: [UInt8], _ path: String
    ) -> (records: [(line: Int, cells: [String])], keys: [[String]]?)? {
        if path.hasSuffix(".csv") { return (CSV.parse(text, path: path, diagnostics: &diagnostics), nil) }
        guard path.hasSuffix(".yaml") || path.hasSuffix(".yml") || path.hasSuffix(".json") else {
            diagnostics.append(
                Diagnostic(
                    "data-kind", SourcePosition(path: path),
                    problem: Bilingual(zh: "不认识的数据文件", en: "no known kind of data file"),
                    remedy: Bilingual(zh: "请用 .csv、.yaml 或 .json", en: "use .csv, .yaml or .json")))
            return nil
        }
        // JSON is YAML here: positions and refusals are the same. Only pairs of surrogates are not.
        let source = path.hasSuffix(".json") ? JSONText.joiningSurrogates(text) : text
        guard let node = YAMLNode.parse(String(decoding: source, as: UTF8.self), path: path, diagnostics: &diagnostics)
        else { return nil }
        guard let items = node.items else {
            reportShape(node)
            return nil
        }
        var columns: [String] = []
        for item in items {
            for pair in item.pairs ?? [] where !columns.contains(pair.key) { columns.append(pair.key) }
        }
        var records: [(line: Int, cells: [String])] = [(1, columns)]
        var keys: [[String]] = []
        for item in items {
            guard item.pairs != nil, (item.pairs ?? []).allSatisfy({ $0.value.scalar != nil }) else {
                reportShape(item)
                continue
            }
            records.append((item.position.line, columns.map { item[$0]?.scalar ?? "" }))
            keys.append((item.pairs ?? []).map(\.key))
        }
        return (records, keys)
    }

    private mutating func reportShape(_ node: YAMLNode) {
        diagnostics.append(
            Diagnostic(
                "data-shape", node.position,
                problem: Bilingual(zh: "数据应当是 {列: 文字} 的列表", en: "data must be a list of maps of texts"),
                remedy: Bilingual(zh: "写成 - {name: 甲, count: 3}", en: "write `- {name: a, count: 3}` for each row")))
    }

    /// A column that was meant to say who may see a row and does not would show every row.
    private mutating func checkTagColumn(_ header: [String], _ path: String) {
        // A misspelt name, a name of another width, the Chinese name: none of them hides a row.
        let alike = header.filter(VisibilityNames.isMeant)
        // Parted by another mark than a comma, the whole head is one name.
        let parts = header.count == 1 ? header[0].split { ";；，\t|".contains($0) }.map(String.init) : []
        guard
            alike.count > 1 || alike.contains(where: { $0 != "visibility" })
                || parts.count > 1 && parts.contains(where: VisibilityNames.isMeant)
        else { return }
        diagnostics.append(Self.tagColumn(SourcePosition(path: path)))
    }

    private static func tagColumn(_ position: SourcePosition) -> Diagnostic {
        Diagnostic(
            "csv-visibility", position,
            problem: Bilingual(
                zh: "visibility 列写法不对、重复，或不在第一行的表头里",
                en: "the `visibility` column is misspelt, there twice, or not in the first line"),
            remedy: Bilingual(
                zh: "表头写在第一行，用半角逗号分开，只留一列准确写成 visibility 的列",
                en: "put the heads into the first line, parted by commas, with one column called exactly `visibility`"
            ))
    }

    /// A row may be narrower than its file, never wider.
    private mutating func checkRow(_ row: VisibilityTag, _ file: VisibilityTag?) {
        guard let file, row.tag != file.tag,
            configuration.variants.contains(where: { $0.admits.contains(row.tag) && !$0.admits.contains(file.tag) })
        else { return }
        diagnostics.append(
            Diagnostic(
                "public-below-intranet", row.position,
                problem: Bilingual(zh: "整个文件不公开，这一行却公开", en: "this row is shown more widely than its file"),
                remedy: Bilingual(zh: "请改这一行，或改 _data.yaml", en: "change this row or _data.yaml"),
                related: file.position))
    }

    /// `_data.yaml`: `file name: {visibility: …}` for whole files.
    private mutating func directory() -> [String: VisibilityTag] {
        guard let file = tree.file(Self.directoryFile), let bytes = text(file),
            let node = YAMLNode.parse(
                String(decoding: bytes, as: UTF8.self), path: file.path, diagnostics: &diagnostics)
        else { return [:] }
        var tags: [String: VisibilityTag] = [:]
        for pair in node.pairs ?? [] {
            if !tree.contains("Content/data/" + pair.key) {
                diagnostics.append(
                    Diagnostic(
                        "no-data-file", pair.keyPosition,
                        problem: Bilingual(zh: "没有数据文件“\(pair.key)”", en: "there is no data file `\(pair.key)`"),
                        remedy: Bilingual(zh: "请改正文件名", en: "correct the name")))
            }
            var reader = MapReader(pair.value)
            if let tag = reader.requiredString("visibility").map(VisibilityNames.tag) {
                checkTag(tag, pair.value.position, configuration, &diagnostics)
                tags[pair.key] = VisibilityTag(tag: tag, position: pair.value.position)
            }
            _ = reader.string("source")
            diagnostics += reader.finish(unknown: configuration.unknownKeys, critical: ["visibility"])
        }
        return tags
    }

    mutating func forms(_ files: [SourceTree.File]) -> [LoadedForm] {
        files.compactMap { file in
            guard file.path.hasSuffix(".yaml") else {
                diagnostics.append(
                    Diagnostic(
                        "form-kind", SourcePosition(path: file.path),
                        problem: Bilingual(
                            zh: "表单定义要以 .yaml 结尾，这个文件没有被读取", en: "form definitions end in .yaml; this file is not read"),
                        remedy: Bilingual(zh: "请改名为 .yaml，或移走", en: "rename it to .yaml, or move it away")))
                return nil
            }
            guard let text = text(file),
                let node = YAMLNode.parse(
                    String(decoding: text, as: UTF8.self), path: file.path, diagnostics: &diagnostics)
            else { return nil }
            let name = String(FileSystem.name(file.path).dropLast(5))
            if let written = node["id"], let id = written.scalar, id != name {
                diagnostics.append(
                    Diagnostic(
                        "form-id", written.position,
                        problem: Bilingual(zh: "id“\(id)”与文件名不同", en: "the id `\(id)` differs from the file's name"),
                        remedy: Bilingual(zh: "请写 id: \(name)", en: "write `id: \(name)`")))
            }
            let tagNode = node["visibility"]
            let tag = VisibilityTag(
                tag: tagNode?.scalar.map(VisibilityNames.tag) ?? VisibilityTag.failClosed,
                position: tagNode?.position ?? SourcePosition(path: file.path))
            checkTag(tag.tag, tag.position, configuration, &diagnostics)
            node.forEachScalar {
                diagnostics += [misplacedMark(in: $0, $1)].compactMap { $0 }
                if configuration.isOpen(tag.tag) { configuration.checkNumbers(in: $0, $1, &diagnostics) }
            }
            return LoadedForm(path: file.path, id: name, node: node, visibility: tag)
        }
    }

    private mutating func text(_ file: SourceTree.File) -> [UInt8]? {
        do {
            let bytes = try FileSystem.read(file.location, limit: Self.limit)
            guard let text = decodeSource(bytes, path: file.path, diagnostics: &diagnostics) else { return nil }
            // Data and forms are no Markdown: nothing would read such a mark. YAML and JSON are looked at as values.
            if !["yaml", "yml", "json"].contains(where: { file.path.hasSuffix("." + $0) }),
                let mark = VisibilityMarks.find(in: text, linesAreText: false).first
            {
                diagnostics.append(misplacedMark(SourcePosition(path: file.path, line: 1 + text[..<mark].lineFeeds)))
            }
            return text
        } catch {
            diagnostics.append(unreadable(file.path, error))
            return nil
        }
    }
}
