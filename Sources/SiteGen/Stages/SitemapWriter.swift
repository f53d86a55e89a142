import PortalBase
import SiteModel

/// `sitemap.xml` (sitemaps.org 0.9 with `xhtml:link` alternates), its index, and `robots.txt`.
struct SitemapWriter {
    let graph: SiteGraph

    func site(_ site: Int) -> [UInt8] {
        var out = """
            <?xml version="1.0" encoding="utf-8"?>
            <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml">

            """
        for (index, node) in graph.nodes.enumerated() where graph.editions[node.edition].site == site {
            out += "<url><loc>\(graph.canonical(index))</loc>"
            if let changed = node.page?.front.updated ?? node.page?.front.date {
                out += "<lastmod>\(changed.date(in: graph.configuration.group.zone).text)</lastmod>"
            }
            if !node.twins.isEmpty {
                let all =
                    (node.twins.map { ($0.language, $0.node) } + [
                        (graph.editions[node.edition].language, index)
                    ])
                    .sorted { $0.0 < $1.0 }
                for (language, twin) in all {
                    out +=
                        "<xhtml:link rel=\"alternate\" hreflang=\"\(LanguageCode.tag(language))\" href=\"\(graph.canonical(twin))\"/>"
                }
            }
            out += "</url>\n"
        }
        return Array((out + "</urlset>\n").utf8)
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
