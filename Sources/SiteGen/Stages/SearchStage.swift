import PortalBase
import Search
import SiteModel

/// Rendered pages to the search indexes of one audience: one for each docroot and language.
struct SearchStage {
    let graph: SiteGraph
    let jobs: Int

    /// - Parameter contents: the body of each node that was rendered.
    /// - Returns: files of each docroot, their paths below it.
    func run(_ contents: [Int: [UInt8]]) -> [(docroot: Int, path: String, bytes: [UInt8])] {
        var files: [(docroot: Int, path: String, bytes: [UInt8])] = []
        for docroot in graph.docroots.indices {
            for language in graph.configuration.group.languages {
                let editions = graph.editions.indices.filter {
                    graph.editions[$0].docroot == docroot && graph.editions[$0].language == language
                }
                guard !editions.isEmpty else { continue }
                let groups = editions.map { edition in
                    (
                        graph.configuration.sites[graph.editions[edition].site].name.text(language),
                        documents(edition, contents)
                    )
                }
                let index = SearchIndex(groups: groups, synonyms: synonyms(language), jobs: jobs)
                for file in index.files {
                    files.append((docroot, "\(RenderPlan.searchFolder)/\(language)/\(file.name)", file.bytes))
                }
            }
        }
        return files
    }

    /// Newest first, so that equally good results come in that order.
    private func documents(_ edition: Int, _ contents: [Int: [UInt8]]) -> [SearchDocument] {
        let nodes = contents.keys.filter {
            graph.nodes[$0].edition == edition && (graph.nodes[$0].page?.front.inSearch ?? false)
        }
        let sorted = nodes.sorted { a, b in
            let (x, y) = (graph.nodes[a].page?.front.date, graph.nodes[b].page?.front.date)
            if x != y { return (x?.seconds ?? .min) > (y?.seconds ?? .min) }
            return graph.nodes[a].path.utf8.lexicographicallyPrecedes(graph.nodes[b].path.utf8)
        }
        let zone = graph.configuration.group.zone
        return parallelMap(sorted.count, jobs: jobs) { position, _ in
            let index = sorted[position]
            let node = graph.nodes[index]
            let document = node.page?.front.document
            return SearchDocument(
                title: node.title, identifiers: [document?.number, document?.index].compactMap { $0 },
                text: PlainText.of(contents[index] ?? []), url: percentEncodedPath(node.path),
                date: node.page?.front.date?.date(in: zone).text)
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
