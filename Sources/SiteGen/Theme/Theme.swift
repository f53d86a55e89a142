import PortalBase
import SiteModel
import Templates

/// A theme: templates, assets and strings below `Themes/<name>/`, laid over those of the theme that it extends.
struct Theme: Sendable {
    let name: String
    let templates: TemplateSet
    let assets: [Asset]
    /// Strings by language.
    let strings: [String: [String: String]]
    let pageSize: Int
    /// What the theme draws by `directives/<name>` templates.
    let directives: [String: DirectiveShape]
    /// Built once: every page of the theme looks names up in it.
    let assetValues: Value
    private let stringValuesByLanguage: [String: Value]

    struct Asset: Sendable {
        /// Path below `assets/`, such as `site.css`.
        let name: String
        /// Where it lies in the source folder.
        let source: String
        let bytes: [UInt8]
        /// URL path with the content's fingerprint, so that it can be cached for ever.
        let path: String
        /// Subresource integrity value.
        let integrity: String

        init(name: String, source: String, bytes: [UInt8], theme: String) {
            let digest = SHA256Digest(of: bytes)
            let dot = name.lastIndex(of: ".") ?? name.endIndex
            self.name = name
            self.source = source
            self.bytes = bytes
            path = "/assets/\(theme)/\(name[..<dot]).\(digest.hex.prefix(10))\(name[dot...])"
            integrity = "sha256-" + base64(digest.bytes)
        }
    }

    /// What an editor may write in a directive of the theme.
    struct DirectiveShape: Sendable, Equatable {
        var attributes: [String] = []
        var required: [String] = []
    }

    /// Templates that every theme must have: what the render stage asks for by name.
    static let required = [
        "home", "section", "page", "terms", "term", "sitemap", "notfound", "redirect", "shell", "chrome/header",
        "chrome/footer",
    ]

    init(
        name: String, templates: TemplateSet, assets: [Asset], strings: [String: [String: String]], pageSize: Int,
        directives: [String: DirectiveShape]
    ) {
        self.name = name
        self.templates = templates
        self.assets = assets
        self.strings = strings
        self.pageSize = pageSize
        self.directives = directives
        // Dots and slashes become underscores (`site_css`), since a dot separates names in templates.
        assetValues = .fields(
            Dictionary(
                assets.map { asset in
                    (
                        String(asset.name.map { $0 == "." || $0 == "/" || $0 == "-" ? "_" : $0 }),
                        Value.fields([
                            "path": .text(asset.path), "integrity": .text(asset.integrity),
                            // For pages that must also work where the site does not lie at a server's root.
                            "file": .text(String(asset.path.dropFirst())),
                        ])
                    )
                }
            ) { first, _ in first })
        let main = strings["zh"] ?? strings.min { $0.key < $1.key }?.value ?? [:]
        // A string that a translation lacks is the original's, so that no template meets an unknown name.
        stringValuesByLanguage = strings.mapValues { own in
            .fields(main.merging(own) { $1 }.mapValues { .text($0) })
        }
    }

    func has(_ template: String) -> Bool { templates.contains(template) }

    func stringValues(_ language: String) -> Value {
        stringValuesByLanguage[language] ?? stringValuesByLanguage["zh"] ?? .fields([:])
    }

    /// A string; `standard`, or the key itself, where the theme has none.
    func string(_ key: String, _ language: String, standard: String? = nil) -> String {
        strings[language]?[key] ?? strings["zh"]?[key] ?? standard ?? key
    }

    /// The same theme as objects of its own, for one thread.
    func unshared() -> Theme {
        Theme(
            name: name, templates: templates.unshared(), assets: assets, strings: strings, pageSize: pageSize,
            directives: directives)
    }

    /// The same theme, timing its templates.
    func measuring(_ metrics: TemplateMetrics) -> Theme {
        Theme(
            name: name, templates: templates.measuring(metrics), assets: assets, strings: strings, pageSize: pageSize,
            directives: directives)
    }
}
