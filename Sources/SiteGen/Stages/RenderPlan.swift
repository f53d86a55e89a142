import PortalBase
import SiteModel

/// Every file that one audience's tree will hold, before any is rendered: one URL, one owner.
struct RenderPlan: Sendable {
    enum Job: Sendable {
        /// A page, or the first page of a section's list.
        case node(Int, listPage: Int, listPages: Int)
        case terms(edition: Int)
        case term(edition: Int, term: Int, listPage: Int, listPages: Int)
        case sitemapPage(edition: Int)
        case notFound(edition: Int)
        case redirect(node: Int)
        case feed(node: Int, format: FeedFormat)
        case sitemapXML(site: Int)
        case sitemapIndex
        case robots
        case file(Int)
        case asset(theme: String, index: Int)
    }

    enum FeedFormat: String, Sendable, CaseIterable {
        case atom = "atom.xml"
        case rss = "rss.xml"
    }

    struct Output: Sendable {
        /// Path below the docroot, without a slash at the start.
        let path: String
        let job: Job
        let owner: SourcePosition
    }

    private(set) var outputs: [Output] = []
    private var owners: [String: SourcePosition] = [:]

    init(_ graph: SiteGraph, themes: [String: Theme], diagnostics: inout [Diagnostic]) {
        for (index, node) in graph.nodes.enumerated() {
            let owner = SourcePosition(path: node.page?.path ?? "Content/\(graph.site(of: node).folder)")
            let pageSize = themes[graph.site(of: node).theme]?.pageSize ?? 20
            let pages = node.kind == .section ? Self.pageCount(node.children.count, pageSize) : 1
            add(node.path, .node(index, listPage: 1, listPages: pages), owner, &diagnostics)
            for number in 1..<max(pages, 1) {
                add(
                    "\(node.path)page/\(number + 1)/", .node(index, listPage: number + 1, listPages: pages), owner,
                    &diagnostics)
            }
            if node.kind == .home || (node.kind == .section && !node.children.isEmpty) {
                for format in FeedFormat.allCases {
                    add(node.path + format.rawValue, .feed(node: index, format: format), owner, &diagnostics)
                }
            }
            addAliases(of: index, node, graph, &diagnostics)
        }
        for (index, edition) in graph.editions.enumerated() {
            let owner = SourcePosition(path: "Content/\(graph.configuration.sites[edition.site].folder)")
            let pageSize = themes[graph.configuration.sites[edition.site].theme]?.pageSize ?? 20
            add(edition.path + "sitemap/", .sitemapPage(edition: index), owner, &diagnostics)
            add(edition.path + "404.html", .notFound(edition: index), owner, &diagnostics)
            if !edition.terms.isEmpty { add(edition.path + "tags/", .terms(edition: index), owner, &diagnostics) }
            for (t, term) in edition.terms.enumerated() {
                let pages = Self.pageCount(term.nodes.count, pageSize)
                let termOwner = SourcePosition(path: graph.nodes[term.nodes[0]].page?.path ?? owner.path)
                for number in 1...pages {
                    let path = edition.path + "tags/\(term.slug)/" + (number == 1 ? "" : "page/\(number)/")
                    add(
                        path, .term(edition: index, term: t, listPage: number, listPages: pages), termOwner,
                        &diagnostics)
                }
            }
        }
        for site in Set(graph.editions.map(\.site)).sorted() {
            let configuration = graph.configuration.sites[site]
            add("/sitemap-\(configuration.slug).xml", .sitemapXML(site: site), configuration.position, &diagnostics)
        }
        let root = SourcePosition(path: SiteConfiguration.path)
        add("/sitemap.xml", .sitemapIndex, root, &diagnostics)
        add("/robots.txt", .robots, root, &diagnostics)
        for (index, file) in graph.files.enumerated() {
            add(file.path, .file(index), SourcePosition(path: file.source), &diagnostics)
        }
        let used = Set(graph.editions.map { graph.configuration.sites[$0.site].theme })
        for name in used.sorted() {
            for (index, asset) in (themes[name]?.assets ?? []).enumerated() {
                add(
                    asset.path, .asset(theme: name, index: index),
                    SourcePosition(path: "Themes/\(name)/assets/\(asset.name)"), &diagnostics)
            }
        }
        checkFolders(&diagnostics)
    }

    /// A file where another output needs a folder: whichever came first would lose.
    private func checkFolders(_ diagnostics: inout [Diagnostic]) {
        for output in outputs {
            var folder = FileSystem.parent(output.path)
            while folder != "." {
                if let holder = owners[folder] {
                    diagnostics.append(
                        Diagnostic(
                            "duplicate-url", output.owner,
                            problem: Bilingual(
                                zh: "/\(folder) 既是文件又是目录", en: "/\(folder) would be a file and a folder at once"),
                            remedy: Bilingual(zh: "请改其中一个的名称或别名", en: "change the name or alias of one"),
                            related: holder))
                }
                folder = FileSystem.parent(folder)
            }
        }
    }

    static func pageCount(_ items: Int, _ pageSize: Int) -> Int { max(1, (items + pageSize - 1) / pageSize) }

    private mutating func addAliases(
        of index: Int, _ node: SiteGraph.Node, _ graph: SiteGraph, _ diagnostics: inout [Diagnostic]
    ) {
        guard let page = node.page else { return }
        let position = page.places.aliases ?? SourcePosition(path: page.path)
        for alias in page.front.aliases {
            guard alias.hasPrefix("/"), !alias.contains(".."), !alias.contains("//") else {
                diagnostics.append(
                    Diagnostic(
                        "alias", position,
                        problem: Bilingual(
                            zh: "别名“\(alias)”不是站内路径", en: "the alias `\(alias)` is no path of this site"),
                        remedy: Bilingual(zh: "写成 /旧/路径/", en: "write /the/old/path/")))
                continue
            }
            add(alias, .redirect(node: index), position, &diagnostics)
        }
    }

    private mutating func add(_ url: String, _ job: Job, _ owner: SourcePosition, _ diagnostics: inout [Diagnostic]) {
        var path = String(url.dropFirst())
        if path.isEmpty || path.hasSuffix("/") {
            path += "index.html"
        } else if case .redirect = job, !path.hasSuffix(".html") {
            path += "/index.html"
        }
        if let first = owners[path] {
            diagnostics.append(
                Diagnostic(
                    "duplicate-url", owner,
                    problem: Bilingual(zh: "两个来源产生同一网址 /\(path)", en: "two sources make the same URL /\(path)"),
                    remedy: Bilingual(zh: "请改其中一个的 slug、文件名或别名", en: "change the slug, file name or alias of one"),
                    related: first))
            return
        }
        owners[path] = owner
        outputs.append(Output(path: path, job: job, owner: owner))
    }
}
