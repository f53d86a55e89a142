package import PortalBase

/// The sites as one audience sees them: editions (a site in a language), sections, pages, terms, and their URLs.
///
/// Made from a `VisibleContent` only. Relations are indices; all of it is immutable, so that any thread may read it, and
/// nodes and graph are classes, so that passing one on costs one count.
package final class SiteGraph: Sendable {
    package let variant: SiteConfiguration.Variant
    package let configuration: SiteConfiguration
    package let now: Instant
    /// Trees that are served apart. The first is the shared one; sites with a host name of their own have one each.
    package let docroots: [Docroot]
    package let editions: [Edition]
    package let nodes: [Node]
    package let files: [PublishedFile]
    package let tables: [DataTable]
    package let forms: [VisibleForm]
    let nodeBySource: [String: Int]
    let fileBySource: [String: Int]

    package struct Docroot: Sendable, Equatable {
        /// The site that has it for itself; nil for the shared one.
        package let site: String?
        /// `https://host`, without a slash at the end.
        package let origin: String
    }

    /// One site in one language.
    package struct Edition: Sendable {
        package let site: Int
        package let language: String
        package let docroot: Int
        /// Path of its home page, such as `/en/xz/chaohua/`.
        package let path: String
        /// Index of its home node.
        package internal(set) var home: Int
        /// In the configuration's order, empty ones left out.
        package internal(set) var taxonomies: [Taxonomy] = []
        package internal(set) var menu: [MenuItem] = []
    }

    package struct MenuItem: Sendable {
        package enum Target: Sendable {
            case node(Int)
            /// A path of the origin or another site's address.
            case address(String)
        }
        package let title: String
        package let target: Target
        package let position: SourcePosition
    }

    package final class Node: Sendable {
        package enum Kind: Sendable { case home, section, page }

        package let kind: Kind
        package let edition: Int
        package let docroot: Int
        /// Nil for a section without a page of its own.
        package let page: VisiblePage?
        package let title: String
        /// URL path; always ends with a slash.
        package let path: String
        /// The path as links write it within its docroot: percent-encoded.
        package let href: String
        package let parent: Int?
        /// Pages of a section in reading order, pages shown here by reference and untranslated ones included.
        package let children: [Int]
        /// Subsections in menu order.
        package let sections: [Int]
        /// The same page in other languages.
        package let twins: [(language: String, node: Int)]
        package let previous: Int?
        package let next: Int?
        /// Files beside a bundle's page, in byte order of their names.
        package let attachments: [Int]
        package let relations: DocumentRelations

        init(_ draft: GraphBuilder.Draft, docroot: Int) {
            kind = draft.kind
            edition = draft.edition
            self.docroot = docroot
            page = draft.page
            title = draft.title
            path = draft.path
            href = percentEncodedPath(draft.path)
            parent = draft.parent
            children = draft.children
            sections = draft.sections
            twins = draft.twins
            previous = draft.previous
            next = draft.next
            attachments = draft.attachments
            relations = draft.relations
        }

        /// The same node with its page in another state.
        convenience init(_ node: Node, with page: VisiblePage) {
            self.init(
                GraphBuilder.Draft(
                    kind: node.kind, edition: node.edition, page: page,
                    title: node.kind == .page ? page.front.title : node.title, path: node.path,
                    parent: node.parent, children: node.children, sections: node.sections, twins: node.twins,
                    previous: node.previous, next: node.next, attachments: node.attachments, relations: node.relations),
                docroot: node.docroot)
        }
    }

    /// How an official document hangs together with others, both ways.
    package struct DocumentRelations: Sendable {
        package internal(set) var replacedBy: Int?
        package internal(set) var replaces: [Int] = []
        package internal(set) var interprets: Int?
        package internal(set) var interpretedBy: [Int] = []
    }

    package struct Taxonomy: Sendable {
        package let key: String
        package let terms: [Term]
        /// Index of a term by its name.
        package let index: [String: Int]
    }

    /// A term and the pages that carry it, in reading order.
    package struct Term: Sendable {
        package let name: String
        package let slug: String
        package let nodes: [Int]
    }

    package struct PublishedFile: Sendable {
        package let source: String
        package let location: String
        package let site: Int
        package let docroot: Int
        package let path: String
        /// In bytes.
        package let size: Int
    }

    /// Whether a menu names a page by its title.
    package func isInMenu(_ node: Int) -> Bool {
        editions.contains { edition in
            edition.menu.contains { if case .node(node) = $0.target { true } else { false } }
        }
    }

    /// The same graph with a page in another state that stands where it stood.
    package func replacing(_ node: Int, with page: VisiblePage) -> SiteGraph {
        SiteGraph(self) { $0[node] = Node($0[node], with: page) }
    }

    /// The same graph as an object of its own, for one thread: threads that count references to one object wait for each
    /// other.
    package func unshared() -> SiteGraph { SiteGraph(self) { $0.reserveCapacity($0.count + 1) } }

    private init(_ graph: SiteGraph, _ change: (inout [Node]) -> Void) {
        variant = graph.variant
        configuration = graph.configuration
        now = graph.now
        docroots = graph.docroots
        editions = graph.editions.map { $0 }
        var nodes = graph.nodes
        change(&nodes)
        self.nodes = nodes
        files = graph.files
        tables = graph.tables
        forms = graph.forms
        nodeBySource = graph.nodeBySource
        fileBySource = graph.fileBySource
    }

    package init(_ content: VisibleContent, jobs: Int = 1, diagnostics: inout [Diagnostic]) {
        var builder = GraphBuilder(content, jobs: jobs)
        builder.build()
        variant = content.variant
        configuration = content.configuration
        now = content.now
        docroots = builder.docroots
        let editions = builder.editions
        nodes = builder.nodes.map { Node($0, docroot: editions[$0.edition].docroot) }
        files = builder.files
        tables = content.tables
        forms = content.forms
        nodeBySource = builder.nodeBySource
        fileBySource = Dictionary(uniqueKeysWithValues: builder.files.enumerated().map { ($1.source, $0) })
        self.editions = editions
        diagnostics += builder.diagnostics
    }

    package func site(of node: Node) -> SiteConfiguration.Site { configuration.sites[editions[node.edition].site] }

    /// From the home page down to the node itself.
    package func trail(_ index: Int) -> [Int] {
        var trail = [index]
        var at = index
        while let parent = nodes[at].parent {
            trail.append(parent)
            at = parent
        }
        return trail.reversed()
    }

    /// A URL for a path of one docroot, as a page of another (or the same) writes it.
    package func href(_ path: String, in docroot: Int, from: Int) -> String {
        let encoded = percentEncodedPath(path)
        return docroot == from ? encoded : docroots[docroot].origin + encoded
    }

    /// The link that a page of docroot `from` writes to a node.
    package func href(_ node: Int, from docroot: Int) -> String {
        let target = nodes[node]
        return target.docroot == docroot ? target.href : docroots[target.docroot].origin + target.href
    }

    /// Where the forms of an edition's pages go, so that answers come in its site's dress; nil where the audience has no
    /// forms.
    package func formsPrefix(_ edition: Int) -> String? {
        let site = configuration.sites[editions[edition].site]
        return variant.forms.map { site.kind == .portal ? $0 : "\($0)/site/\(site.slug)" }
    }

    /// A node and its translations by language, itself included; none where it has no translation.
    package func versions(_ node: Int) -> [(language: String, node: Int)] {
        let twins = nodes[node].twins
        guard !twins.isEmpty else { return [] }
        return (twins + [(editions[nodes[node].edition].language, node)]).sorted { $0.language < $1.language }
    }

    /// The node's one canonical URL.
    package func canonical(_ node: Int) -> String { href(node, from: -1) }
}

// MARK: - Derived relations

extension SiteGraph {
    /// How far round a page its terms' lists are searched for related pages.
    package static let relatedWindow = 24
    private static let relatedLimit = 5

    /// Pages that share terms with a page, the rarest terms counting most; ties go to the newer page.
    package func related(_ index: Int) -> [Int] {
        var scores: [Int: Double] = [:]
        for taxonomy in editions[nodes[index].edition].taxonomies {
            for name in nodes[index].page?.front.terms[taxonomy.key] ?? [] {
                guard let term = taxonomy.index[name].map({ taxonomy.terms[$0] }),
                    let place = term.nodes.firstIndex(of: index)
                else { continue }
                let low = max(0, place - Self.relatedWindow)
                let high = min(term.nodes.count, place + Self.relatedWindow + 1)
                let weight = 1 / Double(term.nodes.count)
                for other in term.nodes[low..<high] where other != index { scores[other, default: 0] += weight }
            }
        }
        let ranked = scores.sorted { a, b in
            a.value != b.value ? a.value > b.value : GraphOrder.precedes(nodes[a.key], nodes[b.key])
        }
        return ranked.prefix(Self.relatedLimit).map(\.key)
    }

    /// A section's own dated pages by year and month, newest first.
    package struct ArchivePeriod: Sendable {
        package let year: Int
        /// Nil for a whole year.
        package let month: Int?
        package let nodes: [Int]

        /// Path below the section, such as `archive/2026/08/`.
        package var path: String { "archive/\(year)/" + (month.map { padded($0, 2) + "/" } ?? "") }
    }

    package func archive(of index: Int) -> [ArchivePeriod] {
        guard let kind = nodes[index].page?.front.archive else { return [] }
        let zone = configuration.group.zone
        var dated: [(date: CivilDate, node: Int)] = []
        for child in nodes[index].children where nodes[child].parent == index {
            if let date = nodes[child].page?.front.date { dated.append((date.date(in: zone), child)) }
        }
        dated.sort { $0.date != $1.date ? $0.date > $1.date : nodes[$0.node].path < nodes[$1.node].path }
        var periods: [ArchivePeriod] = []
        for (year, pages) in grouped(dated, by: \.date.year) {
            periods.append(ArchivePeriod(year: year, month: nil, nodes: pages.map(\.node)))
            guard kind == .month else { continue }
            for (month, pages) in grouped(pages, by: \.date.month) {
                periods.append(ArchivePeriod(year: year, month: month, nodes: pages.map(\.node)))
            }
        }
        return periods
    }

    private func grouped<T>(_ items: [T], by key: (T) -> Int) -> [(Int, [T])] {
        var groups: [(Int, [T])] = []
        for item in items {
            if groups.last?.0 == key(item) {
                groups[groups.count - 1].1.append(item)
            } else {
                groups.append((key(item), [item]))
            }
        }
        return groups
    }
}
