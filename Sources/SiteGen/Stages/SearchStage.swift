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

    /// - Parameter documents: of each node that is to be found.
    func run(_ documents: [Int: SearchDocument]) -> [Index] {
        var indexes: [Index] = []
        let ordered = ordered(documents)
        for docroot in graph.docroots.indices {
            for language in graph.configuration.group.languages {
                let editions = graph.editions.indices.filter {
                    graph.editions[$0].docroot == docroot && graph.editions[$0].language == language
                }
                guard !editions.isEmpty else { continue }
                let groups = editions.map { edition in
                    (
                        graph.configuration.sites[graph.editions[edition].site].name.text(language),
                        ordered[edition]!
                    )
                }
                indexes.append(
                    Index(
                        docroot: docroot, folder: "\(RenderPlan.searchFolder)/\(language)/",
                        index: SearchIndex(groups: groups, synonyms: synonyms(language), jobs: jobs)))
            }
        }
        return indexes
    }

    /// Documents of each edition, the newest first, so that equally good results come in that order.
    private func ordered(_ documents: [Int: SearchDocument]) -> [Int: [SearchDocument]] {
        var nodes: [Int: [Int]] = Dictionary(uniqueKeysWithValues: graph.editions.indices.map { ($0, []) })
        for index in documents.keys.sorted() { nodes[graph.nodes[index].edition]!.append(index) }
        return nodes.mapValues { nodes in
            nodes.sorted { a, b in
                let (x, y) = (graph.nodes[a].page?.front.date, graph.nodes[b].page?.front.date)
                if x != y { return (x?.seconds ?? .min) > (y?.seconds ?? .min) }
                return graph.nodes[a].path.utf8.lexicographicallyPrecedes(graph.nodes[b].path.utf8)
            }.map { documents[$0]! }
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
