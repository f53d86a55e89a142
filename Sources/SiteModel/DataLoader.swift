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
        for file in files where file.path.hasSuffix(".csv") {
            guard let text = text(file) else { continue }
            let records = CSV.parse(text, path: file.path, diagnostics: &diagnostics)
            guard let header = records.first else { continue }
            let name = String(file.path.dropFirst("Content/data/".count))
            let fileTag = wholeFiles[name]
            let tagColumn = header.cells.firstIndex(of: "visibility")
            var rows: [[String]] = []
            var tags: [VisibilityTag] = []
            for record in records.dropFirst() {
                let position = SourcePosition(path: file.path, line: record.line)
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
                let written = tagColumn.map { record.cells[$0] } ?? ""
                // The narrower of row and file wins: a public row of an intranet file is a mistake, said below.
                let tag =
                    written.isEmpty
                    ? fileTag ?? VisibilityTag(tag: VisibilityTag.failClosed, position: position)
                    : VisibilityTag(tag: written, position: position)
                checkTag(tag.tag, tag.position, configuration, &diagnostics)
                rows.append(record.cells)
                tags.append(tag)
            }
            tables.append(
                LoadedTable(
                    path: file.path, table: DataTable(name: name, columns: header.cells, rows: rows),
                    rowVisibility: tags))
        }
        return tables
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
            if let tag = reader.requiredString("visibility") {
                checkTag(tag, pair.value.position, configuration, &diagnostics)
                tags[pair.key] = VisibilityTag(tag: tag, position: pair.value.position)
            }
            _ = reader.string("source")
            diagnostics += reader.finish(unknown: configuration.unknownKeys)
        }
        return tags
    }

    mutating func forms(_ files: [SourceTree.File]) -> [LoadedForm] {
        files.filter { $0.path.hasSuffix(".yaml") }.compactMap { file in
            guard let text = text(file),
                let node = YAMLNode.parse(
                    String(decoding: text, as: UTF8.self), path: file.path, diagnostics: &diagnostics)
            else { return nil }
            let name = String(file.path.split(separator: "/").last!.dropLast(5))
            if let id = node["id"]?.scalar, id != name {
                diagnostics.append(
                    Diagnostic(
                        "form-id", node["id"]!.position,
                        problem: Bilingual(zh: "id“\(id)”与文件名不同", en: "the id `\(id)` differs from the file's name"),
                        remedy: Bilingual(zh: "请写 id: \(name)", en: "write `id: \(name)`")))
            }
            let tagNode = node["visibility"]
            let tag = VisibilityTag(
                tag: tagNode?.scalar ?? VisibilityTag.failClosed,
                position: tagNode?.position ?? SourcePosition(path: file.path))
            checkTag(tag.tag, tag.position, configuration, &diagnostics)
            return LoadedForm(path: file.path, id: name, node: node, visibility: tag)
        }
    }

    private mutating func text(_ file: SourceTree.File) -> [UInt8]? {
        do {
            return decodeSource(
                try FileSystem.read(file.location, limit: Self.limit), path: file.path, diagnostics: &diagnostics)
        } catch {
            diagnostics.append(unreadable(file.path, error))
            return nil
        }
    }
}
