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
        return format == .atom ? atom(index, title, pages) : rss(index, title, pages)
    }

    private func below(_ index: Int) -> [Int] {
        let node = graph.nodes[index]
        return node.children.filter { graph.nodes[$0].parent == index } + node.sections.flatMap(below)
    }

    private var zone: ZoneOffset { graph.configuration.group.zone }

    private func atom(_ index: Int, _ title: String, _ pages: ArraySlice<Int>) -> [UInt8] {
        let node = graph.nodes[index]
        let own = values.absolute(node.path + RenderPlan.FeedFormat.atom.rawValue)
        let newest = pages.compactMap { changed($0) }.max() ?? Instant(seconds: 0)
        let language = graph.editions[node.edition].language
        var out = XMLWriter()
        out.markup("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n")
        out.element(
            "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"", plain: LanguageCode.tag(language), "\">\n")
        out.element("<title>", text: title, "</title>\n")
        out.element("<id>", plain: own, "</id>\n")
        out.element("<link rel=\"self\" href=\"", plain: own, "\"/>\n")
        out.element("<link href=\"", plain: values.absolute(node.path), "\"/>\n")
        out.element("<updated>", plain: newest.rfc3339(in: zone), "</updated>\n")
        out.element("<author><name>", text: graph.site(of: node).name.text(language), "</name></author>\n")
        for page in pages {
            let entry = graph.nodes[page]
            let address = graph.canonical(page)
            let published = entry.page!.front.date!
            out.element("<entry><title>", text: entry.title, "</title>")
            out.element("<id>", plain: address, "</id>")
            out.element("<link href=\"", plain: address, "\"/>")
            out.element("<published>", plain: published.rfc3339(in: zone), "</published>")
            out.element("<updated>", plain: (changed(page) ?? published).rfc3339(in: zone), "</updated>")
            if let summary = values.summary(page) { out.element("<summary>", text: summary, "</summary>") }
            out.markup("</entry>\n")
        }
        out.markup("</feed>\n")
        return out.bytes
    }

    private func changed(_ page: Int) -> Instant? {
        let front = graph.nodes[page].page?.front
        return front?.updated ?? front?.date
    }

    private func rss(_ index: Int, _ title: String, _ pages: ArraySlice<Int>) -> [UInt8] {
        let node = graph.nodes[index]
        let language = LanguageCode.tag(graph.editions[node.edition].language).lowercased()
        var out = XMLWriter()
        out.markup(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel>\n"
        )
        out.element("<title>", text: title, "</title>\n")
        out.element("<link>", plain: values.absolute(node.path), "</link>\n")
        out.markup("<description>")
        out.textAsHTML(values.summary(index) ?? title)
        out.markup("</description>\n")
        out.element("<language>", plain: language, "</language>\n")
        out.element(
            "<atom:link rel=\"self\" type=\"application/rss+xml\" href=\"",
            plain: values.absolute(node.path + RenderPlan.FeedFormat.rss.rawValue), "\"/>\n")
        for page in pages {
            let entry = graph.nodes[page]
            let address = graph.canonical(page)
            out.element("<item><title>", text: entry.title, "</title>")
            out.element("<link>", plain: address, "</link>")
            out.element("<guid>", plain: address, "</guid>")
            out.element("<pubDate>", plain: entry.page!.front.date!.rfc822(in: zone), "</pubDate>")
            if let summary = values.summary(page) {
                out.markup("<description>")
                out.textAsHTML(summary)
                out.markup("</description>")
            }
            out.markup("</item>\n")
        }
        out.markup("</channel></rss>\n")
        return out.bytes
    }
}
