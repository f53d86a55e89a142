import PortalBase
import SiteModel

/// Atom (RFC 4287) and RSS 2.0 of a section, or of a site for its home page: the newest dated pages.
struct FeedWriter {
    let graph: SiteGraph
    let values: PageValues

    private static let limit = 20

    func write(_ index: Int, _ format: RenderPlan.FeedFormat) -> [UInt8] {
        let node = graph.nodes[index]
        let pages = (node.kind == .home ? below(index) : node.children)
            .filter { graph.editions[graph.nodes[$0].edition].language == graph.editions[node.edition].language }
            .filter { graph.nodes[$0].page?.front.date != nil }
            .sorted { a, b in
                let (x, y) = (graph.nodes[a], graph.nodes[b])
                if x.page!.front.date! != y.page!.front.date! { return x.page!.front.date! > y.page!.front.date! }
                return x.path.utf8.lexicographicallyPrecedes(y.path.utf8)
            }.prefix(Self.limit)
        let site = graph.site(of: node).name.text(graph.editions[node.edition].language)
        let title = node.kind == .home ? site : node.title + " - " + site
        return Array((format == .atom ? atom(index, title, Array(pages)) : rss(index, title, Array(pages))).utf8)
    }

    private func below(_ index: Int) -> [Int] {
        let node = graph.nodes[index]
        return node.children.filter { graph.nodes[$0].parent == index } + node.sections.flatMap(below)
    }

    private var zone: ZoneOffset { graph.configuration.group.zone }

    private func atom(_ index: Int, _ title: String, _ pages: [Int]) -> String {
        let node = graph.nodes[index]
        let own = values.absolute(node.path + RenderPlan.FeedFormat.atom.rawValue)
        let newest = pages.compactMap { changed($0) }.max() ?? Instant(seconds: 0)
        var out = """
            <?xml version="1.0" encoding="utf-8"?>
            <feed xmlns="http://www.w3.org/2005/Atom" xml:lang="\(LanguageCode.tag(graph.editions[node.edition].language))">
            <title>\(escapedHTML(title))</title>
            <id>\(own)</id>
            <link rel="self" href="\(own)"/>
            <link href="\(values.absolute(node.path))"/>
            <updated>\(newest.rfc3339(in: zone))</updated>
            <author><name>\(escapedHTML(graph.site(of: node).name.text(graph.editions[node.edition].language)))</name></author>

            """
        for page in pages {
            let entry = graph.nodes[page]
            out += "<entry><title>\(escapedHTML(entry.title))</title><id>\(graph.canonical(page))</id>"
            out += "<link href=\"\(graph.canonical(page))\"/>"
            out += "<published>\(entry.page!.front.date!.rfc3339(in: zone))</published>"
            out += "<updated>\((changed(page) ?? entry.page!.front.date!).rfc3339(in: zone))</updated>"
            if let summary = values.summary(page) { out += "<summary>\(escapedHTML(summary))</summary>" }
            out += "</entry>\n"
        }
        return out + "</feed>\n"
    }

    private func changed(_ page: Int) -> Instant? {
        let front = graph.nodes[page].page?.front
        return front?.updated ?? front?.date
    }

    private func rss(_ index: Int, _ title: String, _ pages: [Int]) -> String {
        let node = graph.nodes[index]
        var out = """
            <?xml version="1.0" encoding="utf-8"?>
            <rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>
            <title>\(escapedHTML(title))</title>
            <link>\(values.absolute(node.path))</link>
            <description>\(escapedHTML(values.summary(index) ?? title))</description>
            <language>\(LanguageCode.tag(graph.editions[node.edition].language).lowercased())</language>
            <atom:link rel="self" type="application/rss+xml" href="\(values.absolute(node.path + RenderPlan.FeedFormat.rss.rawValue))"/>

            """
        for page in pages {
            let entry = graph.nodes[page]
            out += "<item><title>\(escapedHTML(entry.title))</title><link>\(graph.canonical(page))</link>"
            out +=
                "<guid>\(graph.canonical(page))</guid><pubDate>\(entry.page!.front.date!.rfc822(in: zone))</pubDate>"
            if let summary = values.summary(page) { out += "<description>\(escapedHTML(summary))</description>" }
            out += "</item>\n"
        }
        return out + "</channel></rss>\n"
    }
}
