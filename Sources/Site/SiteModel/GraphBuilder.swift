import PortalBase

/// The order in which lists are read.
enum GraphOrder {
    /// Weighted first by weight, then newest first, then by path: a total order without chance.
    static func precedes(_ left: SiteGraph.Node, _ right: SiteGraph.Node) -> Bool {
        Rank(left.page).precedes(Rank(right.page)) ?? bytesPrecede(left.path, right.path)
    }

    /// What an order goes by, taken out once for a sort; where it says nothing, paths are compared.
    struct Rank {
        let weight: Int
        let seconds: Int

        init(_ page: VisiblePage?) {
            weight = page?.front.weight ?? 0
            seconds = page?.front.date?.seconds ?? .min
        }

        func precedes(_ other: Rank) -> Bool? {
            if weight != other.weight {
                return weight == 0 ? false : other.weight == 0 ? true : weight < other.weight
            }
            return seconds != other.seconds ? seconds > other.seconds : nil
        }
    }
}

/// Visible content to a graph, a step at a time: editions and their nodes, twins, references, order, terms, files.
struct GraphBuilder {
    let content: VisibleContent
    private let jobs: Int
    private(set) var docroots: [SiteGraph.Docroot] = []
    private(set) var editions: [SiteGraph.Edition] = []
    private(set) var nodes: [Draft] = []
    private(set) var files: [SiteGraph.PublishedFile] = []
    private(set) var nodeBySource: [String: Int] = [:]
    private(set) var diagnostics: [Diagnostic] = []
    private var sectionByFolder: [String: Int] = [:]

    /// A node while its relations are being found.
    struct Draft {
        let kind: SiteGraph.Node.Kind
        let edition: Int
        let page: VisiblePage?
        let title: String
        let path: String
        let parent: Int?
        var children: [Int] = []
        var sections: [Int] = []
        var twins: [Twin] = []
        var previous: Int?
        var next: Int?
        var attachments: [Int] = []
        var relations = SiteGraph.DocumentRelations()
    }

    init(_ content: VisibleContent, jobs: Int) {
        self.content = content
        self.jobs = jobs
        docroots = [.init(site: nil, origin: content.variant.base)]
    }

    mutating func build() {
        let languages = content.configuration.group.languages
        var grouped = [[VisiblePage]](repeating: [], count: content.configuration.sites.count * languages.count)
        for page in content.pages {
            // Always: the layout knows no other languages.
            let language = languages.firstIndex(of: page.language)!
            grouped[page.site * languages.count + language].append(page)
        }
        nodes.reserveCapacity(content.pages.count + 64)
        nodeBySource.reserveCapacity(content.pages.count)
        for site in content.configuration.sites.indices {
            for (number, language) in languages.enumerated() {
                let pages = grouped[site * languages.count + number]
                if !pages.isEmpty { addEdition(site, language, pages) }
            }
        }
        // Terms go by heads alone, so that they are sorted while twins are looked for.
        let this = self
        let found = parallelMap(editions.count + 1, jobs: jobs) { index, _ -> Relations in
            index == 0 ? .twins(this.twins()) : .taxonomies(this.taxonomies(index - 1))
        }
        for (index, relations) in found.enumerated() {
            switch relations {
            case .twins(let twins): for node in nodes.indices { nodes[node].twins = twins[node] }
            case .taxonomies(let taxonomies): editions[index - 1].taxonomies = taxonomies
            }
        }
        showByReference()
        if content.configuration.group.fallback { showUntranslated() }
        for index in nodes.indices where nodes[index].kind != .page { order(index) }
        placeFiles()
        relateDocuments()
        for index in editions.indices { editions[index].menu = menu(index) }
    }

    // MARK: Editions and nodes

    private mutating func docroot(of site: SiteConfiguration.Site) -> Int {
        guard let host = site.address.host(in: content.variant) else { return 0 }
        if let known = docroots.firstIndex(where: { $0.site == site.slug }) { return known }
        let scheme = content.variant.base.hasPrefix("http://") ? "http://" : "https://"
        docroots.append(.init(site: site.slug, origin: scheme + host))
        return docroots.count - 1
    }

    private mutating func addEdition(_ site: Int, _ language: String, _ pages: [VisiblePage]) {
        let configuration = content.configuration
        let docroot = docroot(of: configuration.sites[site])
        let sitePath = docroot == 0 ? configuration.sites[site].address.path : "/"
        let path = language == configuration.group.defaultLanguage ? sitePath : "/\(language)" + sitePath
        let edition = editions.count
        editions.append(.init(site: site, language: language, docroot: docroot, path: path, home: nodes.count))
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
        var known: String?
        for folder in pages.lazy.map(\.folder) where folder != known {
            known = folder
            folders.formUnion(ContentLayout.foldersAbove(folder, includingSelf: true))
        }
        folders.remove("")
        for folder in folders.sorted(by: { ($0.utf8.count, $0) < ($1.utf8.count, $1) }) {
            addSection(folder, edition, sectionPages[folder])
        }
        // Pages of a folder stand side by side.
        var folder = ""
        // Always: the home page has it.
        var parent = sectionByFolder["\(edition)/"]!
        for page in pages where page.form != .section {
            if page.folder != folder {
                folder = page.folder
                // Always: each page's folder was added.
                parent = sectionByFolder["\(edition)/\(folder)"]!
            }
            nodes.append(
                .init(
                    kind: .page, edition: edition, page: page, title: page.front.title,
                    path: joined(
                        joined(nodes[parent].path, "", page.front.slug ?? URLSegment.ofFile(page.stem)), "/"),
                    parent: parent))
            nodes[parent].children.append(nodes.count - 1)
            nodeBySource[page.path] = nodes.count - 1
        }
    }

    private mutating func addSection(_ folder: String, _ edition: Int, _ page: VisiblePage?) {
        let name = FileSystem.name(folder)
        let above = folder.contains("/") ? FileSystem.parent(folder) : ""
        // Always: shorter folders come first.
        let parent = sectionByFolder["\(edition)/\(above)"]!
        nodes.append(
            .init(
                kind: .section, edition: edition, page: page, title: page?.front.title ?? name,
                path: nodes[parent].path + (page?.front.slug ?? URLSegment.ofFile(name)) + "/", parent: parent))
        nodes[parent].sections.append(nodes.count - 1)
        sectionByFolder["\(edition)/\(folder)"] = nodes.count - 1
        if let page { nodeBySource[page.path] = nodes.count - 1 }
    }

    // MARK: Relations

    private enum Relations: Sendable {
        case twins([[Twin]])
        case taxonomies([SiteGraph.Taxonomy])
    }

    typealias Twin = (language: String, node: Int)

    /// For each node the same page in other languages.
    private func twins() -> [[Twin]] {
        var twins = [[Twin]](repeating: [], count: nodes.count)
        for group in versions() {
            for index in group {
                twins[index] = group.filter { $0 != index }.map { (editions[nodes[$0].edition].language, $0) }
            }
        }
        // Home pages always correspond, whether or not each has a page of its own.
        for (e, edition) in editions.enumerated() {
            for (f, other) in editions.enumerated() where e != f && edition.site == other.site {
                if !twins[edition.home].contains(where: { $0.node == other.home }) {
                    twins[edition.home].append((other.language, other.home))
                }
            }
            twins[edition.home].sort { $0.node < $1.node }
        }
        return twins
    }

    /// Nodes that are one page in several languages, in rising order.
    private func versions() -> [[Int]] {
        let main = content.configuration.group.defaultLanguage
        let near = content.configuration.group.languages.count
        var nodeOf = [Int](repeating: -1, count: (content.pages.last?.loadedIndex ?? -1) + 1)
        for (index, node) in nodes.enumerated() { if let page = node.page { nodeOf[page.loadedIndex] = index } }
        // By the original's node.
        var groups: [Int: [Int]] = [:]
        groups.reserveCapacity(content.pages.count / 2)
        // What stands for no page, and what has no original nearby: by what its versions share.
        var apart: [String: [Int]] = [:]
        for (index, node) in nodes.enumerated() where node.page == nil {
            let edition = editions[node.edition]
            apart[
                "\(edition.site)" + String(decoding: node.path.utf8.dropFirst(edition.path.utf8.count), as: UTF8.self),
                default: []
            ].append(index)
        }
        var strays: [VisiblePage] = []
        for (number, page) in content.pages.enumerated() where page.language != main {
            // Nearly always a file or two further on.
            let original = content.pages[number..<min(number + near, content.pages.count)].first {
                $0.language == main && $0.isVersion(of: page)
            }
            if let original {
                groups[nodeOf[original.loadedIndex], default: []].append(nodeOf[page.loadedIndex])
            } else {
                strays.append(page)
            }
        }
        if !strays.isEmpty {
            let keys = Set(strays.map(\.pairKey))
            let originals = Dictionary(
                content.pages.lazy.filter { $0.language == main && keys.contains($0.pairKey) }
                    .map { ($0.pairKey, nodeOf[$0.loadedIndex]) }
            ) { first, _ in first }
            for page in strays {
                let node = nodeOf[page.loadedIndex]
                if let original = originals[page.pairKey] {
                    groups[original, default: []].append(node)
                } else {
                    apart[page.pairKey, default: []].append(node)
                }
            }
        }
        return groups.map { ([$0.key] + $0.value).sorted() } + apart.values.filter { $0.count > 1 }.map { $0.sorted() }
    }

    /// `sites: [slug…]`: the page is listed in the same section of these sites too, under its one URL.
    private mutating func showByReference() {
        for index in nodes.indices {
            guard let page = nodes[index].page, nodes[index].kind == .page else { continue }
            for slug in page.front.sites {
                let position = page.front.places.sites ?? SourcePosition(path: page.path)
                guard let site = content.configuration.sites.firstIndex(where: { $0.slug == slug }) else {
                    diagnostics.append(content.configuration.unknownSite(slug, position))
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

    /// Lists of a translation also show what has no translation, so that nobody takes a short list for everything.
    private mutating func showUntranslated() {
        let main = content.configuration.group.defaultLanguage
        for (e, edition) in editions.enumerated() where edition.language != main {
            guard let original = editions.firstIndex(where: { $0.site == edition.site && $0.language == main }) else {
                continue
            }
            var additions: [(section: Int, child: Int)] = []
            for index in nodes.indices where nodes[index].edition == original && nodes[index].kind != .page {
                guard let page = nodes[index].page, let section = sectionByFolder["\(e)/\(page.folder)"] else {
                    continue
                }
                for child in nodes[index].children
                where !nodes[child].twins.contains(where: { $0.language == edition.language }) {
                    additions.append((section, child))
                }
            }
            for (section, child) in additions { nodes[section].children.append(child) }
        }
    }

    private mutating func order(_ index: Int) {
        let children = ordered(nodes[index].children)
        nodes[index].children = children
        let sections = ordered(nodes[index].sections)
        nodes[index].sections = sections
        let own = children.filter { nodes[$0].parent == index }
        for (newer, older) in zip(own, own.dropFirst()) {
            nodes[newer].next = older
            nodes[older].previous = newer
        }
    }

    /// In reading order.
    private func ordered(_ indices: [Int]) -> [Int] {
        indices.map { (rank: GraphOrder.Rank(nodes[$0].page), node: $0) }
            .sorted { $0.rank.precedes($1.rank) ?? bytesPrecede(nodes[$0.node].path, nodes[$1.node].path) }
            .map(\.node)
    }

    private func taxonomies(_ edition: Int) -> [SiteGraph.Taxonomy] {
        // The nodes of an edition lie side by side.
        let end = edition + 1 < editions.count ? editions[edition + 1].home : nodes.count
        // Every term's list is a part of this one, in its order.
        let pages = ordered((editions[edition].home..<end).filter { nodes[$0].kind == .page })
        return content.configuration.taxonomies.compactMap { taxonomy in
            var byName: [String: [Int]] = [:]
            for index in pages {
                for name in nodes[index].page?.front.terms[taxonomy.key] ?? [] {
                    byName[name, default: []].append(index)
                }
            }
            guard !byName.isEmpty else { return nil }
            var taken: Set<String> = []
            let terms = byName.sorted(by: { bytesPrecede($0.key, $1.key) }).map { name, nodes in
                var address = URLSegment.make(name)
                // 市 and 是 read alike: the later one in byte order gets a mark of its own that never changes.
                if !taken.insert(address).inserted {
                    address += "-" + SHA256Digest(of: Array(name.utf8)).hex.prefix(6)
                    taken.insert(address)
                }
                return SiteGraph.Term(name: name, slug: address, nodes: nodes)
            }
            // Reading order of the terms is that of their addresses: alphabetical for people, pinyin for Chinese.
            let sorted = terms.sorted { bytesPrecede($0.slug, $1.slug) }
            return SiteGraph.Taxonomy(
                key: taxonomy.key, terms: sorted,
                index: Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1.name, $0) }))
        }
    }

    // MARK: Files, documents, menus

    /// A file's URL: below its bundle's page, or below its folder's section, in the authoritative language.
    private mutating func placeFiles() {
        let main = content.configuration.group.defaultLanguage
        let bundles = Dictionary(
            nodes.enumerated().compactMap { index, node in
                node.page.flatMap { $0.form == .bundle && $0.language == main ? ($0.pairKey, index) : nil }
            }
        ) { first, _ in first }
        for file in content.files {
            if let bundle = file.bundle {
                // A bundle whose page is not shown has no files either: they share its audience.
                guard let node = bundles[bundle] else { continue }
                add(file, below: node, file.name)
                nodes[node].attachments.append(files.count - 1)
                for twin in nodes[node].twins { nodes[twin.node].attachments.append(files.count - 1) }
                continue
            }
            guard let edition = editions.firstIndex(where: { $0.site == file.site && $0.language == main }) else {
                continue
            }
            var rest = [file.name]
            for folder in ContentLayout.foldersAbove(file.folder, includingSelf: true) {
                if let section = sectionByFolder["\(edition)/\(folder)"] {
                    add(file, below: section, rest.joined(separator: "/"))
                    break
                }
                rest.insert(FileSystem.name(folder), at: 0)
            }
        }
    }

    private mutating func add(_ file: VisibleFile, below node: Int, _ name: String) {
        files.append(
            .init(
                source: file.path, location: file.location, site: file.site,
                docroot: editions[nodes[node].edition].docroot, path: nodes[node].path + name, size: file.size))
    }

    /// `replaced_by` and `interprets` name source files; both ends learn of the other.
    private mutating func relateDocuments() {
        for index in nodes.indices {
            guard let page = nodes[index].page, let document = page.front.document else { continue }
            if let name = document.replacedBy,
                let target = self.document(name, page, page.front.places.replacedBy)
            {
                nodes[index].relations.replacedBy = target
                nodes[target].relations.replaces.append(index)
            }
            if let name = document.interprets,
                let target = self.document(name, page, page.front.places.interprets)
            {
                nodes[index].relations.interprets = target
                nodes[target].relations.interpretedBy.append(index)
            }
        }
    }

    private mutating func document(_ name: String, _ page: VisiblePage, _ position: SourcePosition?) -> Int? {
        if let path = SiteGraph.sourcePath(name, from: page.path) {
            let translated =
                page.language == content.configuration.group.defaultLanguage
                ? path : String(path.dropLast(3)) + ".\(page.language).md"
            if let node = nodeBySource[translated] ?? nodeBySource[path] { return node }
        }
        diagnostics.append(
            Diagnostic(
                "document-relation", position ?? SourcePosition(path: page.path),
                problem: Bilingual(
                    zh: "“\(content.variant.name)”版本里没有文件“\(name)”",
                    en: "`\(content.variant.name)` shows no document `\(name)`"),
                remedy: Bilingual(
                    zh: "请写对方 .md 文件的相对路径；它不能比本页更不公开",
                    en: "write the relative path of the other .md file, which must be shown wherever this page is")))
        return nil
    }

    private mutating func menu(_ index: Int) -> [SiteGraph.MenuItem] {
        let edition = editions[index]
        guard let written = content.menus[edition.site] else {
            return nodes[edition.home].sections.filter { nodes[$0].page?.front.inMenu ?? true }
                .map {
                    .init(
                        title: nodes[$0].title, target: .node($0),
                        position: SourcePosition(path: SiteConfiguration.path))
                }
        }
        let main = content.configuration.group.defaultLanguage
        return written.compactMap { entry in
            let name = entry.name?.text(edition.language)
            guard entry.target.hasSuffix(".md") else {
                guard entry.target.hasPrefix("/") || entry.target.hasPrefix("https://"), let name else {
                    diagnostics.append(
                        menuError(
                            entry, zh: "菜单项须有 name，并指向 .md、站内路径或 https 地址",
                            en: "a menu entry needs a `name` and a .md file, a path or an https address"))
                    return nil
                }
                return .init(title: name, target: .address(entry.target), position: entry.position)
            }
            let path = content.configuration.sites[edition.site].source(entry.target)
            let translated = edition.language == main ? path : String(path.dropLast(3)) + ".\(edition.language).md"
            if let node = nodeBySource[translated] {
                return .init(title: name ?? nodes[node].title, target: .node(node), position: entry.position)
            }
            if let node = nodeBySource[path] {
                // A translation's menu lists what is translated, unless the entry itself has a name in that language.
                guard let entryName = entry.name, entryName.has(edition.language) else { return nil }
                return .init(title: entryName.text(edition.language), target: .node(node), position: entry.position)
            }
            diagnostics.append(
                menuError(entry, zh: "菜单指向的“\(entry.target)”不存在", en: "the menu's `\(entry.target)` does not exist"))
            return nil
        }
    }

    private func menuError(_ entry: SiteConfiguration.MenuEntry, zh: String, en: String) -> Diagnostic {
        Diagnostic(
            "menu", entry.position, problem: Bilingual(zh: zh, en: en),
            remedy: Bilingual(
                zh: "写成 {to: news/_index.md} 或 {to: /path/, name: {zh: 名称}}",
                en: "write {to: news/_index.md} or {to: /path/, name: {en: name}}"))
    }
}
