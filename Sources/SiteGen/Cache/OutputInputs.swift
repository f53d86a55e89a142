import Glibc
import PortalBase
import SiteModel
import Synchronization
import Templates

/// What every output of one audience is made from, as one digest each: equal digests mean equal bytes.
///
/// This file says for each kind of output what `VariantRenderer` and `PageValues` can read for it, at the grain of a
/// page's *face*: what others see of a page, which is its head, address and first words. It may say more than a theme
/// uses, never less: `IncrementalTests` edits trees at random and compares with builds from nothing.
final class OutputInputs: Sendable {
    private let site: VariantSite
    private let graph: SiteGraph

    /// Of the program, the settings and what all pages share.
    let common: SHA256Digest
    /// By edition: everything that the frame of its pages shows.
    private let frames: [SHA256Digest]
    /// By theme and template.
    private let templates: [String: [String: SHA256Digest]]
    private let faces: [SHA256Digest]
    /// By file of the graph: where it lies and what is in it.
    private let files: [SHA256Digest]
    /// Of everything that a directive may show: files, rows, forms, addresses.
    private let shelf: SHA256Digest
    /// Of everything but bodies: while it is the same, an output changed only if its own body did.
    let world: SHA256Digest
    private let lists: Mutex<Lists?>

    /// What only those ask for who digest an output.
    private final class Lists: Sendable {
        /// By node: of its face and everything below it, in the order of the lists. A page has its face alone.
        let trees: [SHA256Digest]
        /// By edition, taxonomy and term: sums of the faces up to a place, and what a page shows of the term.
        let terms: [[[TermSums]]]

        init(_ graph: SiteGraph, _ faces: [SHA256Digest]) {
            var trees = faces
            func tree(_ index: Int) -> SHA256Digest {
                let node = graph.nodes[index]
                let digest = OutputInputs.digest { out in
                    faces[index].append(to: &out)
                    for child in node.children { faces[child].append(to: &out) }
                    out.append(0)
                    for section in node.sections { tree(section).append(to: &out) }
                }
                trees[index] = digest
                return digest
            }
            for edition in graph.editions { _ = tree(edition.home) }
            self.trees = trees
            terms = graph.editions.map { edition in
                edition.taxonomies.map { taxonomy in
                    taxonomy.terms.map { term in
                        var sums: [UInt64] = [0]
                        sums.reserveCapacity(term.nodes.count + 1)
                        for node in term.nodes { sums.append(sums.last! &+ faces[node].prefix) }
                        return TermSums(
                            label: OutputInputs.digest {
                                $0 += "\(taxonomy.key)\0\(term.name)\0\(term.slug)\0\(term.nodes.count)".utf8
                            },
                            sums: sums,
                            places: Dictionary(uniqueKeysWithValues: term.nodes.enumerated().map { ($1, $0) }))
                    }
                }
            }
        }
    }

    private var known: Lists {
        lists.withLock { lists in
            if let lists { return lists }
            let made = Lists(graph, faces)
            lists = made
            return made
        }
    }

    private struct TermSums: Sendable {
        let label: SHA256Digest
        /// `sums[i]`: of the faces of the first i nodes.
        let sums: [UInt64]
        let places: [Int: Int]
    }

    /// Where every source lies in this tree: while it is the same, links that were resolved before lead where they led.
    let addresses: SHA256Digest

    /// - Parameter digestOfFile: of a file of the source that is not a page. Throws where it cannot be read.
    init(
        site: VariantSite, jobs: Int, digestOfFile: @escaping @Sendable (String) throws(FileError) -> SHA256Digest
    ) throws(FileError) {
        self.site = site
        let graph = site.graph
        self.graph = graph
        let renderer = site.renderer
        let common = Self.common(site)
        self.common = common
        frames = parallelMap(graph.editions.count, jobs: jobs) { edition, _ in
            Self.digest { out in
                common.append(to: &out)
                renderer.frameInputs(edition, to: &out)
            }
        }
        templates = renderer.themes.mapValues { theme in
            var digests = Dictionary(
                uniqueKeysWithValues: theme.templates.names.map { ($0, theme.templates.digest(of: $0)) })
            digests["directives/"] = Self.digest { out in
                for name in theme.templates.names where name.hasPrefix("directives/") {
                    digests[name]!.append(to: &out)
                }
            }
            return digests
        }
        let faces = parallelMap(graph.nodes.count, jobs: jobs) { index, _ in Self.face(index, graph, renderer.bodies) }
        self.faces = faces
        var files: [SHA256Digest] = []
        for file in graph.files {
            let content = try digestOfFile(file.location)
            files.append(
                Self.digest { out in
                    out += "\(file.source)\0\(file.docroot)\0\(file.path)\0\(file.size)".utf8
                    content.append(to: &out)
                })
        }
        self.files = files
        let addresses = Self.digest { out in
            for node in graph.nodes {
                out += (node.page?.path ?? "").utf8
                out.append(0)
                out += node.href.utf8
                out.append(UInt8(truncatingIfNeeded: node.docroot))
            }
            for file in files { file.append(to: &out) }
            for output in site.plan.outputs {
                out += output.path.utf8
                out.append(UInt8(truncatingIfNeeded: output.docroot))
            }
        }
        self.addresses = addresses
        shelf = Self.digest { out in
            common.append(to: &out)
            addresses.append(to: &out)
            renderer.dataInputs.append(to: &out)
            for form in site.forms.current { out += "\(form.id) \(form.digest);".utf8 }
            site.forms.processes.inputs.append(to: &out)
            for (index, node) in graph.nodes.enumerated() where node.page?.front.form != nil {
                out += "\(node.page!.front.form!)".utf8
                faces[index].append(to: &out)
            }
        }
        lists = Mutex(nil)
        let (frames, templates, shelf) = (self.frames, self.templates, self.shelf)
        world = Self.digest { out in
            addresses.append(to: &out)
            for digest in frames + [shelf] + faces { digest.append(to: &out) }
            for (name, theme) in templates.sorted(by: { $0.key < $1.key }) {
                out += name.utf8
                for (template, digest) in theme.sorted(by: { $0.key < $1.key }) {
                    out += template.utf8
                    digest.append(to: &out)
                }
            }
            for output in site.plan.outputs {
                switch output.job {
                case .picture(let file, let rendition): out += renderer.pictureInputs(file, rendition).utf8
                case .asset(let theme, let index): out += (renderer.themes[theme]?.assets[index].integrity ?? "").utf8
                default: continue
                }
            }
        }
    }

    /// The same over a graph of its own, for one thread.
    func unshared() -> OutputInputs { OutputInputs(self, graph.unshared()) }

    private init(_ other: OutputInputs, _ graph: SiteGraph) {
        site = other.site
        self.graph = graph
        common = other.common
        frames = other.frames
        templates = other.templates
        faces = other.faces
        files = other.files
        shelf = other.shelf
        addresses = other.addresses
        world = other.world
        lists = Mutex(other.known)
    }

    static func common(_ site: VariantSite) -> SHA256Digest {
        let graph = site.graph
        return digest { out in
            program.append(to: &out)
            graph.configuration.settings.append(to: &out)
            out += graph.variant.name.utf8
            for (name, theme) in site.renderer.themes.sorted(by: { $0.key < $1.key }) {
                out += "\(name) \(theme.pageSize)".utf8
                for (directive, shape) in theme.directives.sorted(by: { $0.key < $1.key }) {
                    out += "\(directive) \(shape.attributes) \(shape.required)".utf8
                }
                // Pages name other languages in their own words, and ask whether a language has words of its own.
                for (language, strings) in theme.strings.sorted(by: { $0.key < $1.key }) {
                    out += "\(language)\0".utf8
                    for (key, text) in strings.sorted(by: { $0.key < $1.key }) { out += "\(key)\0\(text)\0".utf8 }
                }
            }
            out.append(site.plan.hasSearch ? 1 : 0)
            // Which sites and languages have pages at all shows in menus and language links.
            for edition in graph.editions {
                out += "\(edition.site) \(edition.language) \(edition.path) \(edition.docroot);".utf8
            }
        }
    }

    private static func digest(_ write: (inout [UInt8]) -> Void) -> SHA256Digest {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        write(&bytes)
        return SHA256Digest(of: bytes)
    }

    /// The state of this executable, of the libraries that were loaded with it and of the tool that works pictures:
    /// another program draws otherwise.
    static let program: SHA256Digest = {
        let loaded = mappings.split(separator: "\n").compactMap { line in
            line.firstIndex(of: "/").map { String(line[$0...]) }
        }
        let tools = (environmentVariable("PATH") ?? "").split(separator: ":").map { "\($0)/gm" }
        return digest { out in
            for path in Set(loaded + tools).sorted() {
                guard let mark = FileMark(path) else { continue }
                out += "\(path)\0".utf8
                for word in mark.words { out += "\(word) ".utf8 }
            }
        }
    }()

    /// What the kernel has put into this process's memory, a line each with the file's path; such files have no size.
    private static var mappings: String {
        let fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return "" }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while case let count = read(fd, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What other pages can show of a node.
    private static func face(_ index: Int, _ graph: SiteGraph, _ bodies: PageBodies) -> SHA256Digest {
        let node = graph.nodes[index]
        return digest { out in
            out += node.href.utf8
            out += [0, UInt8(truncatingIfNeeded: node.docroot), UInt8(truncatingIfNeeded: node.edition)]
            out += node.title.utf8
            guard let page = node.page else { return }
            page.identity.append(to: &out)
            if page.front.summary == nil { out += bodies.facts(of: index, page).excerpt.utf8 }
        }
    }

    // MARK: Outputs

    /// - Parameter links: of the page's links, from `links(of:_:)`; nil for outputs that show no body.
    func digest(of output: RenderPlan.Output, links: SHA256Digest?) -> SHA256Digest {
        var out: [UInt8] = []
        out.reserveCapacity(1024)
        common.append(to: &out)
        out += "\(output.docroot) \(output.site ?? -1) \(output.path)\0".utf8
        links?.append(to: &out)
        // A compressed copy is made where nothing else has its name.
        for encoding in graph.configuration.output.precompress.sorted(by: { $0.rawValue < $1.rawValue }) {
            out.append(site.plan.owner(output.path + "." + encoding.rawValue, docroot: output.docroot) == nil ? 0 : 1)
        }
        switch output.job {
        case .node(let node, let listPage, let listPages): nodeInputs(node, listPage, listPages, &out)
        case .archive(let node, let period):
            let chosen = graph.archive(of: node)[period]
            standalone("archive", graph.nodes[node].edition, &out)
            faces[node].append(to: &out)
            out += chosen.path.utf8
            append(chosen.nodes, &out)
        case .terms(let edition, let taxonomy):
            standalone("terms", edition, &out)
            for term in known.terms[edition][taxonomy] { term.label.append(to: &out) }
        case .term(let edition, let taxonomy, let term, let listPage, let listPages):
            standalone("term", edition, &out)
            known.terms[edition][taxonomy][term].label.append(to: &out)
            out += "\(listPage)/\(listPages)".utf8
            let size = theme(edition)?.pageSize ?? 1
            append(
                graph.editions[edition].taxonomies[taxonomy].terms[term].nodes.dropFirst((listPage - 1) * size).prefix(
                    size), &out)
        case .sitemapPage(let edition):
            standalone("sitemap", edition, &out)
            known.trees[graph.editions[edition].home].append(to: &out)
        case .searchPage(let edition):
            standalone("search", edition, &out)
            known.trees[graph.editions[edition].home].append(to: &out)
            for taxonomy in known.terms[edition] { for term in taxonomy { term.label.append(to: &out) } }
        case .notFound(let edition): standalone("notfound", edition, &out)
        case .redirect(let node):
            standalone("redirect", graph.nodes[node].edition, &out)
            faces[node].append(to: &out)
        case .feed(let node, let format):
            frames[graph.nodes[node].edition].append(to: &out)
            out += format.rawValue.utf8
            known.trees[node].append(to: &out)
        case .sitemapXML(let site, _):
            for (index, node) in graph.nodes.enumerated() where graph.editions[node.edition].site == site {
                faces[index].append(to: &out)
                twins(node, &out)
            }
        case .sitemapIndex:
            for site in Set(graph.editions.map(\.site)).sorted() {
                out += "\(SitemapWriter.parts(of: site, graph)) ".utf8
            }
        case .robots: break
        case .file(let file): files[file].append(to: &out)
        case .picture(let file, let rendition):
            files[file].append(to: &out)
            out += site.renderer.pictureInputs(file, rendition).utf8
        case .asset(let theme, let index):
            out += (site.renderer.themes[theme]?.assets[index].integrity ?? "").utf8
        }
        return SHA256Digest(of: out)
    }

    private func theme(_ edition: Int) -> Theme? {
        site.renderer.themes[graph.configuration.sites[graph.editions[edition].site].theme]
    }

    private func template(_ name: String, _ edition: Int, _ out: inout [UInt8]) {
        let theme = graph.configuration.sites[graph.editions[edition].site].theme
        templates[theme]?[name]?.append(to: &out)
    }

    private func append(_ nodes: some Sequence<Int>, _ out: inout [UInt8]) {
        for node in nodes { faces[node].append(to: &out) }
    }

    /// Pages without a source file stand at the home page.
    private func standalone(_ name: String, _ edition: Int, _ out: inout [UInt8]) {
        frames[edition].append(to: &out)
        template(name, edition, &out)
        let home = graph.editions[edition].home
        faces[home].append(to: &out)
        twins(graph.nodes[home], &out)
    }

    private func twins(_ node: SiteGraph.Node, _ out: inout [UInt8]) {
        for twin in node.twins {
            out += twin.language.utf8
            out += graph.nodes[twin.node].href.utf8
            out.append(UInt8(truncatingIfNeeded: graph.nodes[twin.node].docroot))
        }
        out.append(0)
    }

    private func nodeInputs(_ index: Int, _ listPage: Int, _ listPages: Int, _ out: inout [UInt8]) {
        let node = graph.nodes[index]
        let edition = node.edition
        frames[edition].append(to: &out)
        let standard = node.kind == .home ? "home" : node.kind == .section ? "section" : "page"
        template(standard, edition, &out)
        var hasForm = false
        if let page = node.page {
            if let layout = page.front.layout { template(layout, edition, &out) }
            hasForm = page.front.form != nil
        }
        out += "\(listPage)/\(listPages)".utf8
        node.page?.digest?.append(to: &out)
        append(graph.trail(index), &out)
        twins(node, &out)
        for other in [node.previous, node.next] {
            out.append(other == nil ? 0 : 1)
            if let other { faces[other].append(to: &out) }
        }
        for file in node.attachments { files[file].append(to: &out) }
        out.append(0)
        let relations = node.relations
        for related in [
            relations.replacedBy.map { [$0] } ?? [], relations.replaces, relations.interprets.map { [$0] } ?? [],
            relations.interpretedBy,
        ] {
            append(related, &out)
            out.append(0)
        }
        if hasForm { shelf.append(to: &out) }
        if let page = node.page { termInputs(index, page, &out) }
        guard node.kind != .page else { return }
        let size = theme(edition)?.pageSize ?? 1
        append(
            node.kind == .home ? node.children[...] : node.children.dropFirst((listPage - 1) * size).prefix(size), &out)
        out.append(node.children.isEmpty ? 0 : 1)
        for section in node.sections {
            let inner = graph.nodes[section]
            faces[section].append(to: &out)
            append(inner.children.prefix(6), &out)
            out.append(inner.children.isEmpty ? 0 : 1)
            append(inner.sections, &out)
            out.append(0)
        }
        for period in graph.archive(of: index) { out += "\(period.path) \(period.nodes.count);".utf8 }
    }

    /// A page's terms, and the neighbours among which its related pages are chosen.
    private func termInputs(_ index: Int, _ page: VisiblePage, _ out: inout [UInt8]) {
        let edition = graph.nodes[index].edition
        let terms = known.terms
        for (number, taxonomy) in graph.editions[edition].taxonomies.enumerated() {
            for name in page.front.terms[taxonomy.key] ?? [] {
                guard let place = taxonomy.index[name] else { continue }
                let term = terms[edition][number][place]
                term.label.append(to: &out)
                guard let own = term.places[index] else { continue }
                let low = max(0, own - SiteGraph.relatedWindow)
                let high = min(term.sums.count - 1, own + SiteGraph.relatedWindow + 1)
                withUnsafeBytes(of: term.sums[high] &- term.sums[low]) { out.append(contentsOf: $0) }
            }
        }
    }

    // MARK: Links

    /// Where a page's links lead and what they show of their targets.
    func links(of index: Int, _ facts: PageBodies.Facts) -> SHA256Digest {
        guard let page = graph.nodes[index].page else { return SHA256Digest(of: []) }
        return Self.digest { out in
            if facts.usesShelf {
                shelf.append(to: &out)
                template("directives/", graph.nodes[index].edition, &out)
            }
            for destination in facts.links { link(destination, page, index, &out) }
        }
    }

    private func link(_ destination: String, _ page: VisiblePage, _ index: Int, _ out: inout [UInt8]) {
        switch graph.resolve(destination, from: page) {
        case .external, .forbidden: out.append(0)
        case .fragment(let name): anchor(name, index, &out)
        case .page(let node, let fragment):
            let target = graph.nodes[node]
            out += target.href.utf8
            out += [0, UInt8(truncatingIfNeeded: target.docroot), UInt8(truncatingIfNeeded: target.edition)]
            if let fragment { anchor(fragment, node, &out) }
        case .file(let file): files[file].append(to: &out)
        case .path(let path):
            let isServed = site.plan.serves(path, docroot: graph.nodes[index].docroot, forms: graph.variant.forms)
            out += path.utf8
            out.append(isServed ? 1 : 0)
        case .notShown(let source):
            out.append(UInt8(ascii: "?"))
            out += source.utf8
        }
    }

    private func anchor(_ name: String, _ node: Int, _ out: inout [UInt8]) {
        guard let page = graph.nodes[node].page else { return }
        out.append(site.renderer.bodies.facts(of: node, page).has(anchor: name) ? 1 : 0)
    }
}
