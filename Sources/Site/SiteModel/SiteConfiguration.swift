package import Markdown
package import PortalBase
package import PositionedYAML

/// A text by language code; the empty code stands for every language.
package struct LocalizedText: Sendable, Equatable {
    private let values: [String: String]

    package init(_ values: [String: String]) {
        self.values = Dictionary(values.map { (LanguageCode.canonical($0.key), $0.value) }) { first, _ in first }
    }

    /// The text in `language`, else the one for every language, else Chinese, else any (in key order).
    package func text(_ language: String) -> String {
        values[language] ?? values[""] ?? values["zh"] ?? values.min { $0.key < $1.key }?.value ?? ""
    }

    package func has(_ language: String) -> Bool { values[language] != nil || values[""] != nil }
}

/// `Content/sites.yaml`: the group, its audiences and its sites.
package struct SiteConfiguration: Sendable {
    package let group: Group
    package let variants: [Variant]
    /// Sites in the order of the list. Their menus are there for the audience filter only.
    package internal(set) var sites: [Site]
    package let taxonomies: [Taxonomy]
    package let images: ImagePolicy
    /// Origins other than its own that a page may take live streams and media from.
    package let mediaOrigins: [String]
    package let output: OutputPolicy
    package let mounts: [Mount]
    /// Digits of numbers that are published though they look like somebody's own.
    package let publishedNumbers: Set<String>
    package let unknownKeys: Diagnostic.Severity
    package let rawHTML: RawHTMLPolicy
    /// Of everything written in it but the menus.
    package let settings: SHA256Digest

    /// Sites with what their files' paths start with, the longest first: a site inside another's folder owns its files.
    package var sitesByPrefix: [(prefix: String, site: Int)] {
        sites.enumerated().map { ($1.prefix, $0) }.sorted { $0.prefix.utf8.count > $1.prefix.utf8.count }
    }

    /// Whether everybody may see what has a tag.
    package func isOpen(_ tag: String) -> Bool { variants.contains { $0.isOpen && $0.admits.contains(tag) } }

    /// A slug that names no site, with the nearest one that does.
    package func unknownSite(_ slug: String, _ position: SourcePosition) -> Diagnostic {
        let hint = nearestName(to: slug, among: sites.map(\.slug))
        return Diagnostic(
            "unknown-site", position,
            problem: Bilingual(zh: "没有站点“\(slug)”", en: "there is no site `\(slug)`"),
            remedy: didYouMean(hint)
                ?? Bilingual(zh: "请对照 sites.yaml", en: "compare with sites.yaml"))
    }

    /// Puts every site into the shared tree.
    package mutating func ignoreHosts() {
        for index in sites.indices { sites[index].address = Address(path: sites[index].address.path, hosts: [:]) }
    }

    package struct Group: Sendable {
        package let name: LocalizedText
        /// Language codes; the first is the authoritative one, whose files carry no suffix.
        package let languages: [String]
        package let zone: ZoneOffset
        /// Whether lists in a translation also show, marked, what is not translated.
        package let fallback: Bool

        package var defaultLanguage: String { languages[0] }
    }

    /// One audience: the tags that it may see and where its tree is served.
    package struct Variant: Sendable, Equatable {
        package let name: String
        package let admits: Set<String>
        /// Origin of absolute URLs, without a slash at the end.
        package let base: String
        /// Path prefix under which formsapi answers; nil for guides without forms.
        package let forms: String?

        /// Whether anybody may see the tree.
        package var isOpen: Bool { admits == ["public"] }
    }

    package struct Site: Sendable {
        package enum Kind: String, Sendable, CaseIterable {
            case portal
            case subdistrict = "街道办事处"
            case town = "镇"
            case township = "乡"
            case committee = "管委会"
            case department
        }

        package let slug: String
        package let kind: Kind
        /// Folder below `Content/`; empty for `Content/` itself.
        package let folder: String
        package let name: LocalizedText
        package let theme: String
        package internal(set) var address: Address
        /// Front matter for every page of the site.
        package let cascade: YAMLNode?
        package let footer: Footer
        package let codes: [AdministrativeCode]
        /// Nil: the top-level sections by weight.
        package internal(set) var menu: [MenuEntry]?
        package let position: SourcePosition

        /// The source path of a file named from the site's folder.
        func source(_ relative: String) -> String {
            relative.hasPrefix("/") ? "Content" + relative : prefix + relative
        }

        /// What the source path of every file of the site starts with.
        package var prefix: String { folder.isEmpty ? "Content/" : "Content/\(folder)/" }
    }

    /// Where a site is served.
    package struct Address: Sendable, Equatable {
        /// Path of the site's home page in the shared tree, with slashes at both ends.
        package let path: String
        /// Host names by variant, for a site with a docroot of its own; `""` holds for every variant.
        package let hosts: [String: String]

        /// The host name in a variant; nil where the site lies in the shared tree.
        package func host(in variant: Variant) -> String? { hosts[variant.name] ?? hosts[""] }
    }

    /// A written entry of a menu.
    package struct MenuEntry: Sendable {
        /// A source path below the site's folder, a path of the origin, or an `https:` address.
        package let target: String
        /// Nil: the target page's title.
        package let name: LocalizedText?
        /// Nil: the target page's audience.
        package let visibility: VisibilityTag?
        package let position: SourcePosition
    }

    /// A way of grouping pages, such as `tags`: a front matter key, a folder of term pages, a name.
    package struct Taxonomy: Sendable, Equatable {
        package let key: String
        package let name: LocalizedText
    }

    package struct ImagePolicy: Sendable, Equatable {
        /// Widths in pixels, rising; the last one bounds the fallback image.
        package let widths: [Int]
        /// 1 to 100.
        package let quality: Int
    }

    package struct OutputPolicy: Sendable, Equatable {
        package enum Encoding: String, Sendable, CaseIterable {
            case gzip = "gz"
            case brotli = "br"
        }
        package let minify: Bool
        package let precompress: Set<Encoding>
    }

    /// A file outside `Content/` that is a page inside it.
    package struct Mount: Sendable, Equatable {
        /// Path below the source folder.
        package let from: String
        /// Path below `Content/`.
        package let to: String
        package let position: SourcePosition
    }

    /// What the norms ask of every page's foot (国办发〔2017〕47号). Empty texts are left out.
    package struct Footer: Sendable {
        package var organiser: LocalizedText?
        package var contact: LocalizedText?
        package var siteCode: String?
        package var icp: String?
        package var police: String?
        package var superior: [Superior] = []
        /// Source files of the page about the site's mark (党政机关网站标识) and of the one for reporting errors
        /// (我为政府网站找错), counted from `Content/`.
        package var badge: String?
        package var reportError: String?
        /// Shown beside values that are examples, so that nobody takes them for registered ones.
        package var sampleNote: LocalizedText?

        package struct Superior: Sendable {
            package let name: LocalizedText
            package let url: String
        }
    }

    /// A code of a public code system, good at a date and never an identity.
    package struct AdministrativeCode: Sendable {
        package let system: String
        package let code: String
        package let asOf: String
    }
}
