package import PortalBase

/// The sites as one audience sees them: editions (a site in a language), sections, pages, terms, and their URLs.
///
/// Made from a `VisibleContent` only. Relations are indices, so the graph is one value that can be read from any thread.
package struct SiteGraph: Sendable {
    package let variant: SiteConfiguration.Variant
    package let configuration: SiteConfiguration
    package let now: Instant
    package let editions: [Edition]
    package let nodes: [Node]
    package let files: [PublishedFile]
    package let tables: [DataTable]
    package let forms: [VisibleForm]
    let nodeBySource: [String: Int]
    let fileBySource: [String: Int]

    /// One site in one language.
    package struct Edition: Sendable {
        package let site: Int
        package let language: String
        /// Path of its home page, such as `/en/xz/chaohua/`.
        package let path: String
        /// Index of its home node.
        package fileprivate(set) var home: Int
        package fileprivate(set) var terms: [Term] = []
    }

    package struct Node: Sendable {
        package enum Kind: Sendable { case home, section, page }

        package let kind: Kind
        package let edition: Int
        /// Nil for a section without a page of its own.
        package let page: VisiblePage?
        package let title: String
        /// URL path; always ends with a slash.
        package let path: String
        package let parent: Int?
        /// Pages of a section in reading order, pages shown here by reference included.
        package fileprivate(set) var children: [Int] = []
        /// Subsections in menu order.
        package fileprivate(set) var sections: [Int] = []
        /// The same page in other languages.
        package fileprivate(set) var twins: [(language: String, node: Int)] = []
        package fileprivate(set) var previous: Int?
        package fileprivate(set) var next: Int?
    }

    /// A tag and the pages that carry it, in reading order.
    package struct Term: Sendable {
        package let name: String
        package let slug: String
        package let nodes: [Int]
    }

    package struct PublishedFile: Sendable {
        package let source: String
        package let location: String
        package let path: String
    }

    package func site(of node: Node) -> SiteConfiguration.Site { configuration.sites[editions[node.edition].site] }

    /// From the home page down to the node itself.
    package func trail(_ index: Int) -> [Int] {
        var trail = [index]
        while let parent = nodes[trail.last!].parent { trail.append(parent) }
        return trail.reversed()
    }
}

extension SiteGraph {
    package init(_ content: VisibleContent, diagnostics: inout [Diagnostic]) {
        var builder = GraphBuilder(content)
        builder.build()
        diagnostics += builder.diagnostics
        variant = content.variant
        configuration = content.configuration
        now = content.now
        editions = builder.editions
        nodes = builder.nodes
        files = builder.files
        tables = content.tables
        forms = content.forms
        nodeBySource = builder.nodeBySource
        fileBySource = Dictionary(uniqueKeysWithValues: builder.files.enumerated().map { ($1.source, $0) })
    }
}

private struct GraphBuilder {
    let content: VisibleContent
    var editions: [SiteGraph.Edition] = []
    var nodes: [SiteGraph.Node] = []
    var files: [SiteGraph.PublishedFile] = []
    var nodeBySource: [String: Int] = [:]
    var diagnostics: [Diagnostic] = []
    private var sectionByFolder: [String: Int] = [:]

    init(_ content: VisibleContent) {
        self.content = content
    }

    mutating func build() {
        let languages = content.configuration.group.languages
        let grouped = Dictionary(grouping: content.pages.indices) {
            "\(content.pages[$0].site) \(content.pages[$0].language)"
        }
        for site in content.configuration.sites.indices {
            for language in languages {
                guard let pages = grouped["\(site) \(language)"], !pages.isEmpty else { continue }
                addEdition(site, language, pages.map { content.pages[$0] })
            }
        }
        linkTwins()
        showByReference()
        for index in nodes.indices where nodes[index].kind != .page { order(index) }
        for index in editions.indices { editions[index].terms = terms(index) }
        placeFiles()
    }

    private mutating func addEdition(_ site: Int, _ language: String, _ pages: [VisiblePage]) {
        let configuration = content.configuration
        let sitePath = configuration.sites[site].path
        let path = language == configuration.group.defaultLanguage ? sitePath : "/\(language)" + sitePath
        let edition = editions.count
        editions.append(.init(site: site, language: language, path: path, home: nodes.count))
        let sectionPages = Dictionary(pages.filter { $0.form == .section }.map { ($0.folder, $0) }) { first, _ in first
        }
        let home = sectionPages[""]
        nodes.append(
            .init(
                kind: .home, edition: edition, page: home,
                title: home?.front.title ?? configuration.sites[site].name.text(language), path: path, parent: nil))
        sectionByFolder["\(edition)/"] = nodes.count - 1
        if let home { nodeBySource[home.path] = nodes.count - 1 }
        // Shorter folders first, so that every parent exists; pages come in source order, which is byte order.
        var folders: Set<String> = []
        for page in pages {
            for folder in ContentLayout.foldersAbove(page.folder, includingSelf: true) where !folder.isEmpty {
                folders.insert(folder)
            }
        }
        for folder in folders.sorted(by: { ($0.utf8.count, $0) < ($1.utf8.count, $1) }) {
            addSection(folder, edition, sectionPages[folder])
        }
        for page in pages where page.form != .section {
            let parent = sectionByFolder["\(edition)/\(page.folder)"]!
            nodes.append(
                .init(
                    kind: .page, edition: edition, page: page, title: page.front.title,
                    path: nodes[parent].path + (page.front.slug ?? page.stem) + "/", parent: parent))
            nodes[parent].children.append(nodes.count - 1)
            nodeBySource[page.path] = nodes.count - 1
        }
    }

    private mutating func addSection(_ folder: String, _ edition: Int, _ page: VisiblePage?) {
        let parts = folder.split(separator: "/").map(String.init)
        let parent = sectionByFolder["\(edition)/\(parts.dropLast().joined(separator: "/"))"]!
        nodes.append(
            .init(
                kind: .section, edition: edition, page: page, title: page?.front.title ?? parts.last!,
                path: nodes[parent].path + (page?.front.slug ?? parts.last!) + "/", parent: parent))
        nodes[parent].sections.append(nodes.count - 1)
        sectionByFolder["\(edition)/\(folder)"] = nodes.count - 1
        if let page { nodeBySource[page.path] = nodes.count - 1 }
    }

    private mutating func linkTwins() {
        var byPair: [String: [Int]] = [:]
        for (index, node) in nodes.enumerated() {
            let site = editions[node.edition].site
            // Homes and sections without a page of their own pair up by folder.
            let key = node.page?.pairKey ?? "\(site)\(node.path.dropFirst(editions[node.edition].path.utf8.count))"
            byPair[key, default: []].append(index)
        }
        for group in byPair.values where group.count > 1 {
            for index in group {
                nodes[index].twins = group.filter { $0 != index }.sorted()
                    .map { (editions[nodes[$0].edition].language, $0) }
            }
        }
        // Home pages always correspond, whether or not each has a page of its own.
        for (e, edition) in editions.enumerated() {
            for (f, other) in editions.enumerated() where e != f && edition.site == other.site {
                if !nodes[edition.home].twins.contains(where: { $0.node == other.home }) {
                    nodes[edition.home].twins.append((other.language, other.home))
                }
            }
            nodes[edition.home].twins.sort { $0.node < $1.node }
        }
    }

    /// `sites: [slug…]`: the page is listed in the same section of these sites too, under its one URL.
    private mutating func showByReference() {
        for index in nodes.indices {
            guard let page = nodes[index].page, nodes[index].kind == .page else { continue }
            for slug in page.front.sites {
                let position = page.places.sites ?? SourcePosition(path: page.path)
                guard let site = content.configuration.sites.firstIndex(where: { $0.slug == slug }) else {
                    let hint = nearestName(to: slug, among: content.configuration.sites.map(\.slug))
                    diagnostics.append(
                        Diagnostic(
                            "unknown-site", position,
                            problem: Bilingual(zh: "没有站点“\(slug)”", en: "there is no site `\(slug)`"),
                            remedy: hint.map { Bilingual(zh: "是不是“\($0)”？", en: "did you mean `\($0)`?") }
                                ?? Bilingual(zh: "请对照 sites.yaml", en: "compare with sites.yaml")))
                    continue
                }
                guard site != page.site,
                    let edition = editions.firstIndex(where: { $0.site == site && $0.language == page.language }),
                    let section = sectionByFolder["\(edition)/\(page.folder)"]
                else { continue }
                nodes[section].children.append(index)
            }
        }
    }

    /// Weighted first by weight, then newest first, then by path: a total order without chance.
    private func precedes(_ a: Int, _ b: Int) -> Bool {
        let (left, right) = (nodes[a], nodes[b])
        let (wa, wb) = (left.page?.front.weight ?? 0, right.page?.front.weight ?? 0)
        if wa != wb { return wa == 0 ? false : wb == 0 ? true : wa < wb }
        let (da, db) = (left.page?.front.date?.seconds ?? .min, right.page?.front.date?.seconds ?? .min)
        if da != db { return da > db }
        return left.path.utf8.lexicographicallyPrecedes(right.path.utf8)
    }

    private mutating func order(_ index: Int) {
        let children = nodes[index].children.sorted(by: precedes)
        nodes[index].children = children
        nodes[index].sections.sort(by: precedes)
        let own = children.filter { nodes[$0].parent == index }
        for (newer, older) in zip(own, own.dropFirst()) {
            nodes[newer].next = older
            nodes[older].previous = newer
        }
    }

    private func terms(_ edition: Int) -> [SiteGraph.Term] {
        var byName: [String: [Int]] = [:]
        for (index, node) in nodes.enumerated() where node.edition == edition && node.kind == .page {
            for tag in node.page?.front.tags ?? [] { byName[tag, default: []].append(index) }
        }
        return byName.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { name in
            let address = slug(of: name)
            return SiteGraph.Term(
                name: name, slug: address.isEmpty ? "tag" : address, nodes: byName[name]!.sorted(by: precedes))
        }
    }

    /// A file's URL: below its bundle's page, or below its folder's section, in the authoritative language.
    private mutating func placeFiles() {
        let main = content.configuration.group.defaultLanguage
        let bundlePath = Dictionary(
            nodes.filter { $0.page?.form == .bundle && $0.page?.language == main }.map { ($0.page!.pairKey, $0.path) }
        ) { first, _ in first }
        for file in content.files {
            if let bundle = file.bundle {
                // A bundle whose page is not shown has no files either: they share its audience.
                guard let path = bundlePath[bundle] else { continue }
                files.append(.init(source: file.path, location: file.location, path: path + file.name))
                continue
            }
            guard let edition = editions.firstIndex(where: { $0.site == file.site && $0.language == main }) else {
                continue
            }
            var rest = [file.name]
            for folder in ContentLayout.foldersAbove(file.folder, includingSelf: true) {
                if let section = sectionByFolder["\(edition)/\(folder)"] {
                    files.append(
                        .init(
                            source: file.path, location: file.location,
                            path: nodes[section].path + rest.joined(separator: "/")))
                    break
                }
                rest.insert(String(folder.split(separator: "/").last!), at: 0)
            }
        }
    }
}
