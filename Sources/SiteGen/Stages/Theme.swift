import PortalBase
import PositionedYAML
import Templates

/// A theme: templates, assets and strings below `Themes/<name>/`.
struct Theme: Sendable {
    let name: String
    let templates: TemplateSet
    let assets: [Asset]
    /// Strings by language.
    let strings: [String: [String: String]]
    let pageSize: Int
    /// Directive names that the theme draws by `directives/<name>` templates.
    let directives: Set<String>

    struct Asset: Sendable {
        /// Path below `assets/`, such as `site.css`.
        let name: String
        let bytes: [UInt8]
        /// URL path with the content's fingerprint, so that it can be cached for ever.
        let path: String
        /// Subresource integrity value.
        let integrity: String
    }

    /// Templates that every theme must have: what the render stage asks for by name.
    static let required = [
        "home", "section", "page", "terms", "term", "sitemap", "notfound", "redirect", "shell", "chrome/header",
        "chrome/footer",
    ]

    static func load(_ name: String, root: String, diagnostics: inout [Diagnostic]) -> Theme? {
        let folder = "Themes/" + name
        do {
            return try read(name, folder: folder, root: root, diagnostics: &diagnostics)
        } catch {
            diagnostics.append(
                Diagnostic(
                    "theme", SourcePosition(path: folder),
                    problem: Bilingual(
                        zh: "主题“\(name)”读不出来：\(error)", en: "the theme `\(name)` cannot be read: \(error)"),
                    remedy: Bilingual(
                        zh: "请检查 Themes 目录和 sites.yaml 中的 theme",
                        en: "check the Themes folder and `theme` in sites.yaml")))
            return nil
        }
    }

    private static func read(
        _ name: String, folder: String, root: String, diagnostics: inout [Diagnostic]
    ) throws(FileError) -> Theme {
        var templates: [Template] = []
        var assets: [Asset] = []
        var strings: [String: [String: String]] = [:]
        var pageSize = 20
        for file in try FileSystem.filesBelow(root + "/" + folder) {
            let path = folder + "/" + file
            let bytes = try FileSystem.read(root + "/" + path)
            if file.hasPrefix("templates/"), file.hasSuffix(".mustache") {
                let templateName = String(file.dropFirst("templates/".count).dropLast(".mustache".count))
                do {
                    templates.append(try Template(name: templateName, path: path, source: bytes))
                } catch {
                    diagnostics.append(error.diagnostic)
                }
            } else if file.hasPrefix("assets/") {
                assets.append(asset(String(file.dropFirst("assets/".count)), bytes, theme: name))
            } else if file.hasPrefix("i18n/"), file.hasSuffix(".yaml") {
                let language = String(file.dropFirst("i18n/".count).dropLast(".yaml".count))
                strings[language] = readStrings(bytes, path, &diagnostics)
            } else if file == "theme.yaml" {
                guard
                    let node = YAMLNode.parse(
                        String(decoding: bytes, as: UTF8.self), path: path, diagnostics: &diagnostics)
                else { continue }
                var reader = MapReader(node)
                pageSize = max(1, reader.integer("pageSize") ?? pageSize)
                _ = reader.string("name")
                diagnostics += reader.finish()
            }
        }
        let set = TemplateSet(templates)
        for wanted in required where !set.contains(wanted) {
            diagnostics.append(
                Diagnostic(
                    "theme-template", SourcePosition(path: folder),
                    problem: Bilingual(zh: "主题缺少模板“\(wanted)”", en: "the theme lacks the template `\(wanted)`"),
                    remedy: Bilingual(zh: "请添加 templates/\(wanted).mustache", en: "add templates/\(wanted).mustache")))
        }
        let directives = templates.map(\.name).filter { $0.hasPrefix("directives/") }.map {
            String($0.dropFirst("directives/".count))
        }
        return Theme(
            name: name, templates: set, assets: assets, strings: strings, pageSize: pageSize,
            directives: Set(directives))
    }

    private static func asset(_ name: String, _ bytes: [UInt8], theme: String) -> Asset {
        let digest = SHA256Digest(of: bytes)
        let dot = name.lastIndex(of: ".") ?? name.endIndex
        let path = "/assets/\(theme)/\(name[..<dot]).\(digest.hex.prefix(10))\(name[dot...])"
        return Asset(name: name, bytes: bytes, path: path, integrity: "sha256-" + base64(digest.bytes))
    }

    private static func readStrings(_ bytes: [UInt8], _ path: String, _ diagnostics: inout [Diagnostic]) -> [String:
        String]
    {
        guard let node = YAMLNode.parse(String(decoding: bytes, as: UTF8.self), path: path, diagnostics: &diagnostics)
        else { return [:] }
        return Dictionary((node.pairs ?? []).compactMap { pair in pair.value.scalar.map { (pair.key, $0) } }) {
            first, _ in first
        }
    }

    /// Assets by name with dots and slashes as underscores (`site_css`), since a dot separates names in templates.
    var assetValues: Value {
        .fields(
            Dictionary(
                assets.map { asset in
                    (
                        String(asset.name.map { $0 == "." || $0 == "/" || $0 == "-" ? "_" : $0 }),
                        Value.fields(["path": .text(asset.path), "integrity": .text(asset.integrity)])
                    )
                }
            ) { first, _ in first })
    }

    func stringValues(_ language: String) -> Value {
        .fields((strings[language] ?? strings["zh"] ?? [:]).mapValues { .text($0) })
    }

    func string(_ key: String, _ language: String) -> String {
        strings[language]?[key] ?? strings["zh"]?[key] ?? key
    }
}
