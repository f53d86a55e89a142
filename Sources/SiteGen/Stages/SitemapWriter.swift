import PortalBase
import SiteModel

/// `sitemap.xml` (sitemaps.org 0.9 with `xhtml:link` alternates), its index, and `robots.txt`.
struct SitemapWriter {
    let graph: SiteGraph

    func site(_ site: Int) -> [UInt8] {
        let zone = graph.configuration.group.zone
        var out = XMLWriter(capacity: 64 * 1024)
        out.markup(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" xmlns:xhtml=\"http://www.w3.org/1999/xhtml\">\n"
        )
        let isOwn = graph.editions.map { $0.site == site }
        for (index, node) in graph.nodes.enumerated() where isOwn[node.edition] {
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
            let address = graph.href("/sitemap-\(graph.configuration.sites[site].slug).xml", in: own, from: -1)
            out += "<sitemap><loc>\(address)</loc></sitemap>\n"
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
