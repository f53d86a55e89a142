import PortalBase
import Templates

/// New files from a theme's `archetypes/`: `pages/<section>.md.mustache` and the whole of `site/`.
struct Archetypes {
    let root: String
    let theme: String

    private var folder: String { "Themes/\(theme)/archetypes" }

    /// Files of a new site: path below the site's folder, and text.
    func site(_ values: [String: String]) throws -> [(path: String, bytes: [UInt8])] {
        let location = "\(root)/\(folder)/site"
        guard FileSystem.kind(location) == .directory else {
            throw ScaffoldError(zh: "主题“\(theme)”没有 archetypes/site", en: "the theme `\(theme)` has no archetypes/site")
        }
        return try FileSystem.filesBelow(location).map { file in
            let bytes = try render("\(folder)/site/\(file)", values)
            return (file.hasSuffix(".mustache") ? String(file.dropLast(".mustache".count)) : file, bytes)
        }
    }

    /// The text of a new page of a section; `default` where the section has no archetype of its own.
    func page(section: String, _ values: [String: String]) throws -> [UInt8] {
        for name in [section, "default"] {
            let path = "\(folder)/pages/\(name).md.mustache"
            if FileSystem.kind(root + "/" + path) == .file { return try render(path, values) }
        }
        throw ScaffoldError(
            zh: "主题“\(theme)”没有 archetypes/pages/default.md.mustache",
            en: "the theme `\(theme)` has no archetypes/pages/default.md.mustache")
    }

    /// Values go in as they are: an archetype is Markdown and YAML, not HTML.
    private func render(_ path: String, _ values: [String: String]) throws -> [UInt8] {
        let source = try FileSystem.read(root + "/" + path)
        let template = try Template(name: path, path: path, source: source)
        let result = try TemplateSet([template]).render(
            path, [.fields(values.mapValues { .html(Array($0.utf8)) })])
        if let unknown = result.unknownNames.first {
            throw ScaffoldError(zh: unknown.line(language: "zh"), en: unknown.line(language: "en"))
        }
        return result.bytes
    }
}

/// Why nothing new was made.
struct ScaffoldError: Error {
    let message: Bilingual

    init(zh: String, en: String) { message = Bilingual(zh: zh, en: en) }
}

/// Text as YAML holds it between double quotes.
enum YAMLText {
    static func quoted(_ text: String) -> String { "\"" + escaped(text) + "\"" }

    static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: " ")
    }
}
