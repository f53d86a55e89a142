import PortalBase
import Search
import SiteModel

/// Rendered pages to the search indexes of one audience: one for each docroot and language.
struct SearchStage {
    let graph: SiteGraph
    let jobs: Int

    /// One page as the index sees it, of its drawn body.
    static func document(_ index: Int, _ content: [UInt8], _ graph: SiteGraph) -> SearchDocument? {
        let node = graph.nodes[index]
        guard let front = node.page?.front, front.inSearch else { return nil }
        return SearchDocument(
            title: node.title, identifiers: [front.document?.number, front.document?.index].compactMap { $0 },
            text: PlainText.of(content), url: percentEncodedPath(node.path),
            date: front.date?.date(in: graph.configuration.group.zone).text)
    }

    /// One index and where it lies.
    struct Index: Sendable {
        let docroot: Int
        /// Below the docroot, with a slash at the end.
        let folder: String
        let index: SearchIndex
    }

    /// What one index holds: nodes by site, in the order of their numbers.
    struct Layout {
        let docroot: Int
        /// Below the docroot, with a slash at the end.
        let folder: String
        let language: String
        /// Of each group of nodes.
        let sites: [String]
        let nodes: [[Int]]
    }

    /// Which nodes each index holds, for every docroot and language.
    func layout(_ nodes: [Int]) -> [Layout] {
        let ordered = ordered(nodes)
        var layouts: [Layout] = []
        for docroot in graph.docroots.indices {
            for language in graph.configuration.group.languages {
                let editions = graph.editions.indices.filter {
                    graph.editions[$0].docroot == docroot && graph.editions[$0].language == language
                }
                guard !editions.isEmpty else { continue }
                layouts.append(
                    Layout(
                        docroot: docroot, folder: "\(RenderPlan.searchFolder)/\(language)/", language: language,
                        sites: editions.map {
                            graph.configuration.sites[graph.editions[$0].site].name.text(language)
                        }, nodes: editions.map { ordered[$0] }))
            }
        }
        return layouts
    }

    /// - Parameter documents: of each node that is to be found.
    func run(_ documents: [Int: SearchDocument]) -> [Index] {
        layout(Array(documents.keys)).map { layout in
            let groups = zip(layout.sites, layout.nodes).map { name, nodes in
                (name: name, documents: nodes.map { documents[$0]! })
            }
            return Index(
                docroot: layout.docroot, folder: layout.folder,
                index: SearchIndex(groups: groups, synonyms: synonyms(layout.language), jobs: jobs))
        }
    }

    /// Nodes of each edition, the newest first, so that equally good results come in that order.
    private func ordered(_ nodes: [Int]) -> [[Int]] {
        var own = [[Int]](repeating: [], count: graph.editions.count)
        for node in nodes { own[graph.nodes[node].edition].append(node) }
        return own.map { nodes in
            nodes.map { (node: $0, seconds: graph.nodes[$0].page?.front.date?.seconds ?? .min) }
                .sorted { a, b in
                    a.seconds != b.seconds
                        ? a.seconds > b.seconds : bytesPrecede(graph.nodes[a.node].path, graph.nodes[b.node].path)
                }.map(\.node)
        }
    }

    /// `synonyms.csv` (columns `term`, `same`), and the pinyin of every table that has the columns `name` and `pinyin`.
    private func synonyms(_ language: String) -> [String: [String]] {
        guard language == graph.configuration.group.defaultLanguage else { return [:] }
        var found: [String: Set<String>] = [:]
        for table in graph.tables {
            if table.name == "synonyms.csv", let term = table.column("term"), let same = table.column("same") {
                for row in table.rows {
                    let (a, b) = (SearchTokenizer.normalized(row[term]), SearchTokenizer.normalized(row[same]))
                    found[a, default: []].insert(b)
                    found[b, default: []].insert(a)
                }
            }
            if let name = table.column("name"), let pinyin = table.column("pinyin") {
                for row in table.rows where !row[pinyin].isEmpty && !row[name].isEmpty {
                    found[SearchTokenizer.normalized(row[pinyin]), default: []]
                        .insert(SearchTokenizer.normalized(row[name]))
                }
            }
        }
        return found.mapValues { $0.sorted() }
    }
}
