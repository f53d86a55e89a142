import PortalBase
import SiteModel

/// The sites that a run publishes. The others are read too, since lists and links reach over sites, but not one byte of
/// theirs changes.
struct SiteSelection: Sendable {
    /// Indices into the configuration's sites; nil for all.
    private let chosen: Set<Int>?
    private let otherFolders: [String]

    init(_ slugs: [String], _ configuration: SiteConfiguration, diagnostics: inout [Diagnostic]) {
        guard !slugs.isEmpty else {
            (chosen, otherFolders) = (nil, [])
            return
        }
        var chosen: Set<Int> = []
        for slug in slugs {
            if let index = configuration.sites.firstIndex(where: { $0.slug == slug }) {
                chosen.insert(index)
                continue
            }
            let hint = nearestName(to: slug, among: configuration.sites.map(\.slug))
            diagnostics.append(
                Diagnostic(
                    "unknown-site", SourcePosition(path: SiteConfiguration.path),
                    problem: Bilingual(zh: "没有站点“\(slug)”", en: "there is no site `\(slug)`"),
                    remedy: hint.map { Bilingual(zh: "是不是“\($0)”？", en: "did you mean `\($0)`?") }
                        ?? Bilingual(zh: "请对照 sites.yaml", en: "compare with sites.yaml")))
        }
        self.chosen = chosen
        otherFolders = configuration.sites.indices.filter { !chosen.contains($0) }
            .map { "Content/\(configuration.sites[$0].folder)/" }
    }

    var isPartial: Bool { chosen != nil }
    /// Names were given and none of them is a site.
    var isEmpty: Bool { chosen?.isEmpty ?? false }

    /// What sites share is published with any of them.
    func contains(_ site: Int?) -> Bool { site == nil || chosen?.contains(site!) ?? true }

    func contains(slug: String?, _ configuration: SiteConfiguration) -> Bool {
        guard let slug else { return true }
        return contains(configuration.sites.firstIndex { $0.slug == slug } ?? -1)
    }

    /// Mistakes in another site's pages hold up that site, not this one: they become warnings.
    func relevant(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
        guard isPartial else { return diagnostics }
        return diagnostics.map { diagnostic in
            guard diagnostic.severity == .error, otherFolders.contains(where: diagnostic.position.path.hasPrefix)
            else { return diagnostic }
            return Diagnostic(
                diagnostic.rule, diagnostic.position, severity: .warning, problem: diagnostic.problem,
                remedy: diagnostic.remedy, related: diagnostic.related)
        }
    }
}
