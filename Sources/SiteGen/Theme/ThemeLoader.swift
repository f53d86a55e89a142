import PortalBase
import PositionedYAML
import SiteModel
import Templates

/// Themes from the disk: a theme's files over those of the theme that it extends, file by file.
struct ThemeLoader {
    /// Folder that holds `Themes/`.
    let root: String
    let minify: Bool

    /// Chains of themes are short; a longer one is a circle.
    private static let maxDepth = 8

    func load(_ name: String, diagnostics: inout [Diagnostic]) -> Theme? {
        var layers: [Layer] = []
        var next: String? = name
        while let current = next {
            let folder = "Themes/" + current
            do throws(FileError) {
                let layer = try read(current, folder, &diagnostics)
                layers.append(layer)
                next = layer.extends
            } catch {
                diagnostics.append(
                    problem(
                        "theme", folder, zh: "主题“\(current)”读不出来：\(error)",
                        en: "the theme `\(current)` cannot be read: \(error)",
                        remedyZh: "请检查 Themes 目录和 sites.yaml 中的 theme",
                        remedyEn: "check the Themes folder and `theme` in sites.yaml"))
                return nil
            }
            guard layers.count <= Self.maxDepth else {
                diagnostics.append(
                    problem(
                        "theme-extends", folder, zh: "主题互相继承", en: "themes extend each other in a circle",
                        remedyZh: "请改 theme.yaml 的 extends", remedyEn: "change `extends` in theme.yaml"))
                return nil
            }
        }
        return assemble(name, layers, &diagnostics)
    }

    /// One theme's own files.
    private struct Layer {
        var extends: String?
        var pageSize: Int?
        var directives: [String: Theme.DirectiveShape] = [:]
        /// By path below the theme's folder.
        var files: [String: (source: String, bytes: [UInt8])] = [:]
    }

    private func read(_ name: String, _ folder: String, _ diagnostics: inout [Diagnostic]) throws(FileError) -> Layer {
        var layer = Layer()
        for file in try FileSystem.filesBelow(root + "/" + folder) {
            let path = folder + "/" + file
            let bytes = try FileSystem.read(root + "/" + path)
            if file == "theme.yaml" {
                guard
                    let node = YAMLNode.parse(
                        String(decoding: bytes, as: UTF8.self), path: path, diagnostics: &diagnostics)
                else { continue }
                var reader = MapReader(node)
                _ = reader.string("name")
                layer.extends = reader.string("extends")
                layer.pageSize = reader.integer("pageSize")
                if let size = layer.pageSize, !(1...1_000).contains(size), let written = reader.node["pageSize"] {
                    reader.wrongType(written, zh: "1 到 1000 的整数", en: "a whole number from 1 to 1000")
                    layer.pageSize = nil
                }
                layer.directives = directives(&reader)
                diagnostics += reader.finish()
            } else if file.hasSuffix(".mustache") || file.hasSuffix(".yaml") {
                // Text that is none would reach every page.
                if let text = decodeSource(bytes, path: path, diagnostics: &diagnostics) {
                    layer.files[file] = (path, text)
                }
            } else {
                layer.files[file] = (path, bytes)
            }
        }
        return layer
    }

    private func directives(_ reader: inout MapReader) -> [String: Theme.DirectiveShape] {
        var shapes: [String: Theme.DirectiveShape] = [:]
        for pair in reader.raw("directives")?.pairs ?? [] {
            var inner = MapReader(pair.value)
            let required = inner.strings("required") ?? []
            shapes[pair.key] = Theme.DirectiveShape(
                attributes: (inner.strings("attributes") ?? []) + required, required: required)
            for diagnostic in inner.finish() { reader.add(diagnostic) }
        }
        return shapes
    }

    private func assemble(_ name: String, _ layers: [Layer], _ diagnostics: inout [Diagnostic]) -> Theme {
        var files: [String: (source: String, bytes: [UInt8])] = [:]
        var strings: [String: [String: String]] = [:]
        var shapes: [String: Theme.DirectiveShape] = [:]
        for layer in layers.reversed() {
            files.merge(layer.files) { $1 }
            shapes.merge(layer.directives) { $1 }
            for file in layer.files.keys.sorted() where file.hasPrefix("i18n/") && !file.hasSuffix(".yaml") {
                diagnostics.append(
                    Diagnostic(
                        "theme-strings", SourcePosition(path: layer.files[file]?.source ?? file),
                        problem: Bilingual(
                            zh: "界面文字要以 .yaml 结尾，这个文件没有被读取", en: "strings end in .yaml; this file is not read"),
                        remedy: Bilingual(zh: "请改名为 .yaml，或移走", en: "rename it to .yaml, or move it away")))
            }
            // Strings merge key by key: a theme that says one thing otherwise need not repeat the rest.
            for (file, content) in layer.files where file.hasPrefix("i18n/") && file.hasSuffix(".yaml") {
                let language = LanguageCode.canonical(String(file.dropFirst("i18n/".count).dropLast(".yaml".count)))
                strings[language, default: [:]].merge(readStrings(content.bytes, content.source, &diagnostics)) { $1 }
            }
        }
        var templates: [Template] = []
        var assets: [Theme.Asset] = []
        for file in files.keys.sorted() {
            let (source, bytes) = files[file]!
            if file.hasPrefix("templates/"), file.hasSuffix(".mustache") {
                let templateName = String(file.dropFirst("templates/".count).dropLast(".mustache".count))
                do {
                    templates.append(try Template(name: templateName, path: source, source: bytes))
                } catch {
                    diagnostics.append(error.diagnostic)
                }
            } else if file.hasPrefix("assets/") {
                let asset = String(file.dropFirst("assets/".count))
                assets.append(
                    Theme.Asset(
                        name: asset, source: source, bytes: minify ? Minifier.minified(bytes, path: asset) : bytes,
                        theme: name))
            }
        }
        let set = TemplateSet(templates)
        for wanted in Theme.required where !set.contains(wanted) {
            diagnostics.append(
                problem(
                    "theme-template", "Themes/" + name, zh: "主题缺少模板“\(wanted)”",
                    en: "the theme lacks the template `\(wanted)`", remedyZh: "请添加 templates/\(wanted).mustache",
                    remedyEn: "add templates/\(wanted).mustache"))
        }
        diagnostics += set.problems
        for template in templates where template.name.hasPrefix("directives/") {
            let directive = String(template.name.dropFirst("directives/".count))
            if shapes[directive] == nil { shapes[directive] = Theme.DirectiveShape() }
        }
        return Theme(
            name: name, templates: set, assets: assets, strings: strings,
            pageSize: layers.lazy.compactMap(\.pageSize).first ?? 20, directives: shapes)
    }

    private func readStrings(_ bytes: [UInt8], _ path: String, _ diagnostics: inout [Diagnostic]) -> [String: String] {
        guard let node = YAMLNode.parse(String(decoding: bytes, as: UTF8.self), path: path, diagnostics: &diagnostics)
        else { return [:] }
        return Dictionary((node.pairs ?? []).compactMap { pair in pair.value.scalar.map { (pair.key, $0) } }) {
            first, _ in first
        }
    }

    private func problem(
        _ rule: String, _ path: String, zh: String, en: String, remedyZh: String, remedyEn: String
    ) -> Diagnostic {
        Diagnostic(
            rule, SourcePosition(path: path), problem: Bilingual(zh: zh, en: en),
            remedy: Bilingual(zh: remedyZh, en: remedyEn))
    }
}
