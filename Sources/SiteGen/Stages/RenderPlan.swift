import PortalBase
import SiteModel

/// Every file that one audience's trees will hold, before any is rendered: one URL, one owner.
struct RenderPlan: Sendable {
    enum Job: Sendable {
        /// A page, or the first page of a section's list.
        case node(Int, listPage: Int, listPages: Int)
        case archive(node: Int, period: Int)
        case terms(edition: Int, taxonomy: Int)
        case term(edition: Int, taxonomy: Int, term: Int, listPage: Int, listPages: Int)
        case sitemapPage(edition: Int)
        case searchPage(edition: Int)
        case notFound(edition: Int)
        case redirect(node: Int)
        case feed(node: Int, format: FeedFormat)
        /// Addresses of one site, from 0 on, so many in each part.
        case sitemapXML(site: Int, part: Int)
        case sitemapIndex(docroot: Int)
        case robots(docroot: Int)
        case file(Int)
        case picture(file: Int, rendition: Int)
        case asset(theme: String, index: Int)
    }

    enum FeedFormat: String, Sendable, CaseIterable {
        case atom = "atom.xml"
        case rss = "rss.xml"
    }

    final class Output: Sendable {
        let docroot: Int
        /// Path below the docroot, without a slash at the start.
        let path: String
        /// The site that it belongs to; nil for what a docroot's sites share.
        let site: Int?
        let job: Job
        let owner: SourcePosition

        var place: Place { Place(docroot: docroot, path: path) }

        init(docroot: Int, path: String, site: Int?, job: Job, owner: SourcePosition) {
            self.docroot = docroot
            self.path = path
            self.site = site
            self.job = job
            self.owner = owner
        }
    }

    /// Folder of the search index, written after everything else; nothing else may lie there.
    static let searchFolder = "search-index"
    private static let searchPrefix = searchFolder + "/"

    private(set) var outputs: [Output] = []
    /// Whether any site has a page that searches.
    var hasSearch: Bool { outputs.contains { if case .searchPage = $0.job { true } else { false } } }
    /// Index into `outputs` by place.
    private var owners: [Place: Int] = [:]

    /// Where an output lies: a docroot, and the path below it.
    struct Place: Sendable, Hashable {
        let docroot: Int
        private let bytes: ByteText
        var path: String { bytes.text }

        init(docroot: Int, path: String) {
            self.docroot = docroot
            bytes = ByteText(path)
        }
    }

    private(set) var diagnostics: [Diagnostic] = []

    init(_ graph: SiteGraph, themes: [String: Theme], images: ImagePlan) {
        var diagnostics: [Diagnostic] = []
        reserved = Self.reserved(graph.variant.forms)
        outputs.reserveCapacity(graph.nodes.count * 3 / 2)
        owners.reserveCapacity(graph.nodes.count * 3 / 2)
        let frames = graph.editions.map { EditionFrame($0, graph.configuration.sites[$0.site], themes) }
        for (index, node) in graph.nodes.enumerated() {
            addNode(index, node, frames[node.edition], graph, &diagnostics)
        }
        for index in graph.editions.indices { addEdition(index, graph, themes, &diagnostics) }
        let root = SourcePosition(path: SiteConfiguration.path)
        for site in Set(graph.editions.map(\.site)).sorted() {
            let configuration = graph.configuration.sites[site]
            let docroot = graph.editions.first { $0.site == site }!.docroot
            for part in 0..<SitemapWriter.parts(of: site, graph) {
                add(
                    SitemapWriter.path(configuration.slug, part), docroot, site, .sitemapXML(site: site, part: part),
                    configuration.position, &diagnostics)
            }
        }
        for docroot in graph.docroots.indices {
            add("/sitemap.xml", docroot, nil, .sitemapIndex(docroot: docroot), root, &diagnostics)
            add("/robots.txt", docroot, nil, .robots(docroot: docroot), root, &diagnostics)
            let used = Set(
                graph.editions.filter { $0.docroot == docroot }.map { graph.configuration.sites[$0.site].theme })
            for name in used.sorted() {
                for (index, asset) in (themes[name]?.assets ?? []).enumerated() {
                    add(
                        asset.path, docroot, nil, .asset(theme: name, index: index), SourcePosition(path: asset.source),
                        &diagnostics)
                }
            }
        }
        for (index, file) in graph.files.enumerated() {
            let owner = SourcePosition(path: file.source)
            guard let picture = images.picture(index) else {
                add(file.path, file.docroot, file.site, .file(index), owner, &diagnostics)
                continue
            }
            for (number, rendition) in picture.renditions.enumerated() {
                add(
                    rendition.path, file.docroot, file.site, .picture(file: index, rendition: number), owner,
                    &diagnostics)
            }
        }
        checkFolders(&diagnostics)
        checkMenus(graph, &diagnostics)
        self.diagnostics = diagnostics
    }

    /// A written menu may name a path: it must be there for this audience.
    private func checkMenus(_ graph: SiteGraph, _ diagnostics: inout [Diagnostic]) {
        for edition in graph.editions {
            for item in edition.menu {
                guard case .address(let path) = item.target, path.hasPrefix("/"),
                    !serves(path, docroot: edition.docroot, forms: graph.variant.forms)
                else { continue }
                diagnostics.append(
                    Diagnostic(
                        "menu", item.position,
                        problem: Bilingual(
                            zh: "“\(graph.variant.name)”版本里没有菜单指向的“\(path)”",
                            en: "`\(graph.variant.name)` has nothing at the menu's `\(path)`"),
                        remedy: Bilingual(
                            zh: "请改正路径，或写 visibility", en: "correct the path, or give the entry a `visibility`")))
            }
        }
    }

    /// Whether an address of a docroot will be answered: formsapi's prefix, a file, or a folder with a page.
    func serves(_ address: String, docroot: Int, forms: String?) -> Bool {
        if let forms, address == forms || address.hasPrefix(forms + "/") { return true }
        var path = String(decoding: address.utf8.dropFirst(), as: UTF8.self)
        if path.contains(byte: UInt8(ascii: "?")) || path.contains(byte: UInt8(ascii: "#")) {
            path = String(path.prefix { $0 != "?" && $0 != "#" })
        }
        if path.contains(byte: UInt8(ascii: "%")) { path = percentDecoded(path) ?? path }
        return holds(path, docroot: docroot)
    }

    /// Whether a path of a docroot will be a file, or a folder with a page.
    private func holds(_ path: String, docroot: Int) -> Bool {
        func has(_ path: String) -> Bool { owners[Place(docroot: docroot, path: path)] != nil }
        return has(path) || has(path + (path.isEmpty || path.hasSuffix("/") ? "index.html" : "/index.html"))
    }

    /// Index of the output at a path.
    func owner(_ path: String, docroot: Int) -> Int? { owners[Place(docroot: docroot, path: path)] }

    /// What the plan asks of a node's site, looked up once for all its nodes.
    private struct EditionFrame {
        let docroot: Int
        let site: Int
        let source: SourcePosition
        let pageSize: Int
        let hasArchive: Bool

        init(_ edition: SiteGraph.Edition, _ site: SiteConfiguration.Site, _ themes: [String: Theme]) {
            let theme = themes[site.theme]
            docroot = edition.docroot
            self.site = edition.site
            source = SourcePosition(path: "Content/\(site.folder)")
            pageSize = theme?.pageSize ?? 20
            hasArchive = theme?.has("archive") ?? false
        }
    }

    private mutating func addNode(
        _ index: Int, _ node: SiteGraph.Node, _ edition: EditionFrame, _ graph: SiteGraph,
        _ diagnostics: inout [Diagnostic]
    ) {
        let owner = node.page.map { SourcePosition(path: $0.path) } ?? edition.source
        let pages = node.kind == .section ? Self.pageCount(node.children.count, edition.pageSize) : 1
        func put(_ path: String, _ job: Job, _ plan: inout RenderPlan) {
            plan.add(path, edition.docroot, edition.site, job, owner, &diagnostics)
        }
        put(node.path, .node(index, listPage: 1, listPages: pages), &self)
        for number in 2..<max(pages + 1, 2) {
            put("\(node.path)page/\(number)/", .node(index, listPage: number, listPages: pages), &self)
        }
        if node.kind == .home || (node.kind == .section && !node.children.isEmpty) {
            for format in FeedFormat.allCases {
                put(node.path + format.rawValue, .feed(node: index, format: format), &self)
            }
        }
        if edition.hasArchive {
            for (number, period) in graph.archive(of: index).enumerated() {
                put(node.path + period.path, .archive(node: index, period: number), &self)
            }
        }
        if !(node.page?.front.aliases.isEmpty ?? true) { addAliases(of: index, node, graph, &diagnostics) }
    }

    private mutating func addEdition(
        _ index: Int, _ graph: SiteGraph, _ themes: [String: Theme], _ diagnostics: inout [Diagnostic]
    ) {
        let edition = graph.editions[index]
        let theme = themes[graph.configuration.sites[edition.site].theme]
        let owner = SourcePosition(path: "Content/\(graph.configuration.sites[edition.site].folder)")
        func put(_ path: String, _ job: Job, _ owner: SourcePosition, _ plan: inout RenderPlan) {
            plan.add(edition.path + path, edition.docroot, edition.site, job, owner, &diagnostics)
        }
        put("sitemap/", .sitemapPage(edition: index), owner, &self)
        put("404.html", .notFound(edition: index), owner, &self)
        if theme?.has("search") ?? false { put("search/", .searchPage(edition: index), owner, &self) }
        for (t, taxonomy) in edition.taxonomies.enumerated() {
            put(taxonomy.key + "/", .terms(edition: index, taxonomy: t), owner, &self)
            for (n, term) in taxonomy.terms.enumerated() {
                let pages = Self.pageCount(term.nodes.count, theme?.pageSize ?? 20)
                let termOwner = SourcePosition(path: graph.nodes[term.nodes[0]].page?.path ?? owner.path)
                for number in 1...pages {
                    put(
                        "\(taxonomy.key)/\(term.slug)/" + (number == 1 ? "" : "page/\(number)/"),
                        .term(edition: index, taxonomy: t, term: n, listPage: number, listPages: pages), termOwner,
                        &self)
                }
            }
        }
    }

    /// A file where another output needs a folder: whichever came first would lose.
    private func checkFolders(_ diagnostics: inout [Diagnostic]) {
        // Names of files nearly always hold a dot and names of folders hardly ever: only the exceptions are looked up.
        let dot = UInt8(ascii: ".")
        let bare = Set(
            outputs.lazy.filter { output in
                var path = output.path
                return !path.withUTF8 { bytes in
                    bytes[((bytes.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1)...].contains(dot)
                }
            }.map(\.place))
        for output in outputs {
            var path = output.path
            let hasDot = path.withUTF8 { bytes in
                bytes[..<(bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0)].contains(dot)
            }
            guard !bare.isEmpty || hasDot else { continue }
            var folder = FileSystem.parent(output.path)
            while folder != "." {
                if let holder = owners[Place(docroot: output.docroot, path: folder)] {
                    diagnostics.append(
                        Diagnostic(
                            "duplicate-url", output.owner,
                            problem: Bilingual(
                                zh: "/\(folder) 既是文件又是目录", en: "/\(folder) would be a file and a folder at once"),
                            remedy: Bilingual(zh: "请改其中一个的名称或别名", en: "change the name or alias of one"),
                            related: outputs[holder].owner))
                }
                folder = FileSystem.parent(folder)
            }
        }
    }

    /// Addresses that the server keeps for formsapi, where this audience has forms.
    private let reserved: [String]

    private static func reserved(_ forms: String?) -> [String] {
        forms.map { ["\($0.dropFirst())/", "api/", "open311/", "seals.txt"] } ?? []
    }

    private func problem(_ path: String, _ job: Job) -> (rule: String, text: Bilingual)? {
        if path.hasPrefix("assets/") {
            if case .asset = job { return nil }
            return (
                "reserved-path",
                Bilingual(
                    zh: "/assets/ 里是主题的文件，浏览器会把那里的网页保留一年",
                    en: "/assets/ belongs to themes, and browsers keep what lies there for a year")
            )
        }
        if reserved.contains(where: path.hasPrefix) {
            return (
                "reserved-path",
                Bilingual(
                    zh: "这个网址由提交服务使用，页面永远打不开", en: "the forms service answers there, and the page would never be seen")
            )
        }
        return PublishedFiles.problem(path).map { ("file-kind", $0) }
    }

    static func pageCount(_ items: Int, _ pageSize: Int) -> Int { max(1, (items + pageSize - 1) / pageSize) }

    private mutating func addAliases(
        of index: Int, _ node: SiteGraph.Node, _ graph: SiteGraph, _ diagnostics: inout [Diagnostic]
    ) {
        guard let page = node.page else { return }
        let position = page.front.places.aliases ?? SourcePosition(path: page.path)
        let edition = graph.editions[node.edition]
        for written in page.front.aliases {
            // Other generators count an alias without a slash from the page's section.
            let isForeign = graph.configuration.unknownKeys == .warning && !written.hasPrefix("/")
            let alias = isForeign ? (node.parent.map { graph.nodes[$0].path } ?? "/") + written : written
            if let problem = Self.aliasProblem(alias) {
                diagnostics.append(
                    Diagnostic(
                        "alias", position, severity: isForeign ? graph.configuration.unknownKeys : .error,
                        problem: Bilingual(
                            zh: "别名“\(alias)”\(problem.zh)", en: "the alias `\(alias)` \(problem.en)"),
                        remedy: Bilingual(zh: "写成 /旧/路径/", en: "write /the/old/path/")))
                continue
            }
            guard owns(alias, edition, graph) else {
                diagnostics.append(
                    Diagnostic(
                        "alias-site", position,
                        problem: Bilingual(
                            zh: "别名“\(alias)”不在本站的路径之下", en: "the alias `\(alias)` is outside this site's own path"),
                        remedy: Bilingual(
                            zh: "本站的别名以 \(edition.path) 开头；门户的旧网址请写在门户的页面里",
                            en:
                                "aliases of this site begin with \(edition.path); old addresses of the portal belong to the portal's pages"
                        )))
                continue
            }
            add(alias, edition.docroot, edition.site, .redirect(node: index), position, &diagnostics)
        }
    }

    /// Why no request can reach an alias, or why it would take another page's place.
    private static func aliasProblem(_ alias: String) -> Bilingual? {
        guard alias.hasPrefix("/"), !alias.contains("//") else {
            return Bilingual(zh: "不是站内路径", en: "is no path of this site")
        }
        if alias.utf8.contains(where: { "?#%\\".utf8.contains($0) }) {
            return Bilingual(zh: "含有 ? # % 或反斜杠，浏览器请求不到", en: "holds one of ? # % \\, which no request for a file does")
        }
        if let found = PublishableText.forbidden(in: alias, allowsBreaks: false) {
            return Bilingual(zh: "含有不能使用的字符 \(found.name)", en: "holds the character \(found.name)")
        }
        if alias.unicodeScalars.contains(where: PublishableText.isInvisible) {
            return Bilingual(zh: "含有空格或看不见的字符", en: "holds a blank or a character that nobody sees")
        }
        if alias.contains(where: { "，、；".contains($0) }) {
            return Bilingual(zh: "含有中文逗号或顿号；几个别名用英文逗号分开", en: "holds a full-width comma; part aliases by ASCII ones")
        }
        if alias.split(separator: "/").contains(where: { $0.hasPrefix(".") }) {
            return Bilingual(zh: "有一段以点开头", en: "has a part that begins with a dot")
        }
        return nil
    }

    /// Whether an address is one of a site's own: below its path, and for the portal below no other site's.
    private func owns(_ alias: String, _ edition: SiteGraph.Edition, _ graph: SiteGraph) -> Bool {
        let others = graph.editions.filter { $0.docroot == edition.docroot && $0.site != edition.site }
        let own = graph.editions.filter { $0.docroot == edition.docroot && $0.site == edition.site }.map(\.path)
        guard own.contains(where: alias.hasPrefix) else { return false }
        // The nearest path owns it.
        let depth = own.filter(alias.hasPrefix).map(\.utf8.count).max() ?? 0
        return !others.contains { alias.hasPrefix($0.path) && $0.path.utf8.count > depth }
    }

    /// Gives a place to the output that is added next.
    ///
    /// - Returns: the output that has it already.
    private mutating func claim(_ place: Place) -> Int? {
        let next = outputs.count
        func take(_ owner: inout Int) -> Int? {
            guard owner < 0 else { return owner }
            owner = next
            return nil
        }
        return take(&owners[place, default: -1])
    }

    private mutating func add(
        _ url: String, _ docroot: Int, _ site: Int?, _ job: Job, _ owner: SourcePosition,
        _ diagnostics: inout [Diagnostic]
    ) {
        var path = String(decoding: url.utf8.dropFirst(), as: UTF8.self)
        if path.isEmpty || path.utf8.last == UInt8(ascii: "/") {
            path = joined(path, "index.html")
        } else if case .redirect = job, !path.hasSuffix(".html") {
            path += "/index.html"
        }
        if let problem = problem(path, job) {
            diagnostics.append(
                Diagnostic(
                    problem.rule, owner,
                    problem: Bilingual(
                        zh: "不能发布 /\(path)：" + problem.text.zh, en: "/\(path) cannot be published: " + problem.text.en),
                    remedy: Bilingual(
                        zh: "请改文件名、slug 或别名，或换成可以发布的格式",
                        en: "change the file's name, slug or alias, or use a format that is published")))
            return
        }
        let isReserved = path.hasPrefix(Self.searchPrefix)
        let holder = isReserved ? nil : claim(Place(docroot: docroot, path: path))
        if holder != nil || isReserved {
            diagnostics.append(
                Diagnostic(
                    "duplicate-url", owner,
                    problem: Bilingual(zh: "两个来源产生同一网址 /\(path)", en: "two sources make the same URL /\(path)"),
                    remedy: Bilingual(zh: "请改其中一个的 slug、文件名或别名", en: "change the slug, file name or alias of one"),
                    related: holder.map { outputs[$0].owner }))
            return
        }
        outputs.append(Output(docroot: docroot, path: path, site: site, job: job, owner: owner))
    }
}
