import PortalBase
import SiteModel

/// The sites that a run publishes. The others are read too, since lists and links reach over sites, but not one byte of
/// theirs changes.
struct SiteSelection: Sendable {
    /// Indices into the configuration's sites; nil for all.
    private let chosen: Set<Int>?
    /// Folders of all sites with their indices, the longest first: a site may lie inside another's folder.
    private let folders: [(prefix: String, site: Int)]

    /// Mistakes that leave a page of another site incomplete and can show nothing that should not be shown. Every other
    /// one, above all about who may see what, stops this run too: search and lists reach over all sites.
    private static let harmless: Set<String> = [
        "dead-link", "link-to-hidden", "dead-anchor", "external-image", "image-alternative", "image-broken",
        "unknown-layout", "table",
        "directive-attribute", "directive-file", "video-type", "media-origin", "map-data",
    ]

    init(_ slugs: [String], _ configuration: SiteConfiguration, diagnostics: inout [Diagnostic]) {
        guard !slugs.isEmpty else {
            (chosen, folders) = (nil, [])
            return
        }
        var chosen: Set<Int> = []
        for slug in slugs {
            if let index = configuration.sites.firstIndex(where: { $0.slug == slug }) {
                chosen.insert(index)
                continue
            }
            diagnostics.append(configuration.unknownSite(slug, SourcePosition(path: SiteConfiguration.path)))
        }
        self.chosen = chosen
        folders = configuration.sitesByPrefix
    }

    var isPartial: Bool { chosen != nil }
    /// Names were given and none of them is a site.
    var isEmpty: Bool { chosen?.isEmpty ?? false }

    /// What sites share is published with any of them.
    func contains(_ site: Int?) -> Bool { site == nil || chosen?.contains(site!) ?? true }

    /// Whether a docroot holds a site that is published.
    func contains(docroot: Int, of graph: SiteGraph) -> Bool {
        chosen == nil || graph.editions.contains { $0.docroot == docroot && contains($0.site) }
    }

    func contains(slug: String?, _ configuration: SiteConfiguration) -> Bool {
        guard let slug else { return true }
        return contains(configuration.sites.firstIndex { $0.slug == slug } ?? -1)
    }

    /// Mistakes in another site's pages hold up that site, not this one: they become warnings.
    func relevant(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
        guard isPartial else { return diagnostics }
        return diagnostics.map { diagnostic in
            guard diagnostic.severity == .error, Self.harmless.contains(diagnostic.rule),
                let owner = folders.first(where: { diagnostic.position.path.hasPrefix($0.prefix) }),
                !contains(owner.site)
            else { return diagnostic }
            return Diagnostic(
                diagnostic.rule, diagnostic.position, severity: .warning, problem: diagnostic.problem,
                remedy: diagnostic.remedy, related: diagnostic.related)
        }
    }
}
