import PortalBase
import SiteModel

/// `sitemap.xml` (sitemaps.org 0.9 with `xhtml:link` alternates), its index, and `robots.txt`.
struct SitemapWriter {
    let graph: SiteGraph

    /// Addresses of one file at most (sitemaps.org).
    private static let most = 50_000

    static func parts(of site: Int, _ graph: SiteGraph) -> Int {
        ranges(of: graph.nodes.count { graph.editions[$0.edition].site == site }).count
    }

    /// Ranges of `count` addresses, one for each file; an empty one where there are no addresses.
    static func ranges(of count: Int) -> [Range<Int>] {
        stride(from: 0, to: max(1, count), by: most).map { $0..<min(count, $0 + most) }
    }

    /// `/sitemap-portal.xml`, `/sitemap-portal.2.xml`: no slug holds a dot.
    static func path(_ slug: String, _ part: Int) -> String {
        "/sitemap-\(slug)\(part == 0 ? "" : ".\(part + 1)").xml"
    }

    func site(_ site: Int, part: Int) -> [UInt8] {
        let zone = graph.configuration.group.zone
        var out = XMLWriter(capacity: 64 * 1024)
        out.markup(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" xmlns:xhtml=\"http://www.w3.org/1999/xhtml\">\n"
        )
        let isOwn = graph.editions.map { $0.site == site }
        let own = graph.nodes.indices.filter { isOwn[graph.nodes[$0].edition] }
        for place in Self.ranges(of: own.count)[part] {
            let index = own[place]
            let node = graph.nodes[index]
            out.markup("<url>")
            out.element("<loc>", plain: graph.canonical(index), "</loc>")
            if let changed = node.page?.front.updated ?? node.page?.front.date {
                out.element("<lastmod>", plain: changed.date(in: zone).text, "</lastmod>")
            }
            for version in graph.versions(index) {
                out.element(
                    "<xhtml:link rel=\"alternate\" hreflang=\"", plain: LanguageCode.tag(version.language), "\"")
                out.element(" href=\"", plain: graph.canonical(version.node), "\"/>")
            }
            out.markup("</url>\n")
        }
        out.markup("</urlset>\n")
        return out.bytes
    }

    /// The index of a docroot's sites; the shared one lists the sites with docroots of their own too.
    func index(_ docroot: Int) -> [UInt8] {
        var out = """
            <?xml version="1.0" encoding="utf-8"?>
            <sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">

            """
        for site in Set(graph.editions.map(\.site)).sorted() {
            let own = graph.editions.first { $0.site == site }!.docroot
            guard docroot == 0 || own == docroot else { continue }
            for part in 0..<Self.parts(of: site, graph) {
                let path = Self.path(graph.configuration.sites[site].slug, part)
                out += "<sitemap><loc>\(graph.href(path, in: own, from: -1))</loc></sitemap>\n"
            }
        }
        return Array((out + "</sitemapindex>\n").utf8)
    }

    /// Only a tree that everybody may see invites search engines.
    func robots(_ docroot: Int) -> [UInt8] {
        Array(
            (graph.variant.isOpen
                ? "User-agent: *\nAllow: /\n\nSitemap: \(graph.docroots[docroot].origin)/sitemap.xml\n"
                : "User-agent: *\nDisallow: /\n").utf8)
    }
}
