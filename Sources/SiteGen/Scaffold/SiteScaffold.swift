import PortalBase
import PositionedYAML
import SiteModel

/// A new unit's subsite: its entry in `sites.yaml` and its folder with every column that the norms ask for.
struct SiteScaffold {
    let root: String
    let slug: String
    let kind: SiteConfiguration.Site.Kind
    let name: String
    let nameEn: String
    let host: String?
    let now: Instant

    private var configurationPath: String { root + "/" + SiteConfiguration.path }

    /// - Returns: paths of what was made. Nothing is written unless all of it can be.
    func make(theme: String?) throws -> [String] {
        for name in [name, nameEn] where !Self.isPlain(name) {
            throw ScaffoldError(
                zh: "名称不能为空，也不能含控制字符和 < > [ ] { } ` * _ # | \\",
                en: "a name must not be empty or hold control characters or < > [ ] { } ` * _ # | \\")
        }
        let text = String(decoding: try FileSystem.read(configurationPath), as: UTF8.self)
        var diagnostics: [Diagnostic] = []
        guard let configuration = SiteConfiguration(text, diagnostics: &diagnostics), !diagnostics.hasErrors else {
            throw ScaffoldError(
                zh: "sites.yaml 有错误，请先运行 sitegen check", en: "sites.yaml has errors; run `sitegen check` first")
        }
        guard !configuration.sites.contains(where: { $0.slug == slug }) else {
            throw ScaffoldError(zh: "站点“\(slug)”已经有了", en: "there is a site `\(slug)` already")
        }
        let base = kind == .department ? "departments" : "townships"
        let folder = "\(base)/\(slug)"
        guard FileSystem.kind("\(root)/Content/\(folder)") == nil else {
            throw ScaffoldError(zh: "目录 Content/\(folder) 已经有了", en: "the folder Content/\(folder) is there already")
        }
        let theme = theme ?? configuration.sites[0].theme
        let changed = try inserting(entry(folder, theme), into: text, configuration)
        var found: [Diagnostic] = []
        guard SiteConfiguration(changed, diagnostics: &found) != nil, !found.hasErrors else {
            throw ScaffoldError(
                zh: "新条目不成立：\(found.first?.problem.zh ?? "")",
                en: "the new entry does not hold: \(found.first?.problem.en ?? "")")
        }
        let files = try Archetypes(root: root, theme: theme).site([
            "slug": slug, "name": name, "nameEn": nameEn, "nameInQuotes": YAMLText.escaped(name),
            "nameEnInQuotes": YAMLText.escaped(nameEn), "date": now.date(in: configuration.group.zone).text,
        ])
        for file in files {
            let path = "\(root)/Content/\(folder)/\(file.path)"
            try FileSystem.makeDirectories(FileSystem.parent(path))
            try FileSystem.write(file.bytes, to: path)
        }
        // Last: a site without its folder is only warned of, a folder without its site is no site.
        try FileSystem.replaceDurably(configurationPath, with: Array(changed.utf8))
        return [SiteConfiguration.path] + files.map { "Content/\(folder)/\($0.path)" }
    }

    /// The name goes into Markdown and YAML as it is: nothing in it may mean something there.
    private static func isPlain(_ name: String) -> Bool {
        !name.allSatisfy(\.isWhitespace)
            && name.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && $0.value != 0x7F && !"<>[]{}`*_#|\\".unicodeScalars.contains($0)
            }
    }

    private func entry(_ folder: String, _ theme: String) -> [String] {
        let prefix = kind == .department ? "/bm" : "/xz"
        let address =
            host.map { "{ mode: host, host: \(YAMLText.quoted($0)) }" } ?? "{ mode: path, path: \(prefix)/\(slug)/ }"
        return [
            "- slug: \(slug)",
            "  kind: \(kind.rawValue)",
            "  content: \(folder)",
            "  name: { zh: \(YAMLText.quoted(name)), en: \(YAMLText.quoted(nameEn)) }",
            "  theme: \(theme)",
            "  address: \(address)",
        ]
    }

    /// Puts the lines after the last entry of `sites:`, indented like it.
    private func inserting(
        _ entry: [String], into text: String, _ configuration: SiteConfiguration
    ) throws -> String {
        let lineEnd = text.contains("\r\n") ? "\r\n" : "\n"
        var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
        let last = configuration.sites.map(\.position).max()!
        let indent = lines[last.line - 1].prefix { $0 == " " }
        guard lines[last.line - 1].dropFirst(indent.count).hasPrefix("- ") else {
            throw ScaffoldError(
                zh: "请把这些行加到 sites.yaml 的 sites 下：\n" + entry.joined(separator: "\n"),
                en: "add these lines to `sites` in sites.yaml yourself:\n" + entry.joined(separator: "\n"))
        }
        var end = last.line
        while end < lines.count {
            let line = lines[end]
            let isDeeper = line.hasPrefix(indent + " ") || line.allSatisfy { $0 == " " }
            guard isDeeper else { break }
            end += 1
        }
        while end > last.line, lines[end - 1].allSatisfy({ $0 == " " }) { end -= 1 }
        lines.insert(contentsOf: entry.map { indent + $0 }, at: end)
        if lines.last != "" { lines.append("") }
        return lines.joined(separator: lineEnd)
    }
}
