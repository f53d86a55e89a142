import PortalBase
import SiteModel

/// `sitemap.xml` (sitemaps.org 0.9 with `xhtml:link` alternates), its index, and `robots.txt`.
struct SitemapWriter {
    let graph: SiteGraph

    private func absolute(_ path: String) -> String { graph.variant.base + percentEncodedPath(path) }

    func site(_ site: Int) -> [UInt8] {
        var out = """
            <?xml version="1.0" encoding="utf-8"?>
            <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml">

            """
        for node in graph.nodes where graph.editions[node.edition].site == site {
            out += "<url><loc>\(absolute(node.path))</loc>"
            if let changed = node.page?.front.updated ?? node.page?.front.date {
                out += "<lastmod>\(changed.date(in: graph.configuration.group.zone).text)</lastmod>"
            }
            if !node.twins.isEmpty {
                let all =
                    (node.twins.map { ($0.language, graph.nodes[$0.node].path) } + [
                        (graph.editions[node.edition].language, node.path)
                    ])
                    .sorted { $0.0 < $1.0 }
                for (language, path) in all {
                    out +=
                        "<xhtml:link rel=\"alternate\" hreflang=\"\(PageValues.tag(language))\" href=\"\(absolute(path))\"/>"
                }
            }
            out += "</url>\n"
        }
        return Array((out + "</urlset>\n").utf8)
    }

    func index() -> [UInt8] {
        var out = """
            <?xml version="1.0" encoding="utf-8"?>
            <sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">

            """
        for site in Set(graph.editions.map(\.site)).sorted() {
            out +=
                "<sitemap><loc>\(graph.variant.base)/sitemap-\(graph.configuration.sites[site].slug).xml</loc></sitemap>\n"
        }
        return Array((out + "</sitemapindex>\n").utf8)
    }

    /// Only a tree that everybody may see invites search engines.
    func robots() -> [UInt8] {
        let open = graph.variant.admits == ["public"]
        return Array(
            (open
                ? "User-agent: *\nAllow: /\n\nSitemap: \(graph.variant.base)/sitemap.xml\n"
                : "User-agent: *\nDisallow: /\n").utf8)
    }
}
