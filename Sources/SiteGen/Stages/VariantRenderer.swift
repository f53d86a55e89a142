import Forms
import Markdown
import PortalBase
import SiteModel
import Templates

/// Renders one audience's tree: from jobs to bytes, knowing no disk.
struct VariantRenderer: Sendable {
    private(set) var graph: SiteGraph
    private(set) var themes: [String: Theme]
    private(set) var bodies: PageBodies
    private(set) var assembler: BodyAssembler
    let forms: FormPages
    private let images: ImagePlan
    private let imageMaker: ImageMaker?
    /// By edition; nil where the theme could not be loaded.
    private var values: [PageValues?]
    /// What every page of an edition shares: strings, site, menu, and header and footer already drawn.
    private var frames: [Value]
    /// Of all rows of data files.
    let dataInputs: SHA256Digest

    /// Marks in `shell.<site>.<lang>.html` where formsapi puts its title and content.
    static let titleSlot = "<!--slot:title-->"
    static let mainSlot = "<!--slot:main-->"

    struct Rendered: Sendable {
        var bytes: [UInt8] = []
        var diagnostics: [Diagnostic] = []
        /// The page's own content, for the search index.
        var content: [UInt8]?
    }

    init(
        graph: SiteGraph, themes: [String: Theme], bodies: PageBodies, assembler: BodyAssembler,
        forms: FormPages, images: ImagePlan, imageMaker: ImageMaker?, frames: EditionFrames
    ) {
        self.graph = graph
        self.themes = themes
        self.bodies = bodies
        self.assembler = assembler
        self.forms = forms
        self.images = images
        self.imageMaker = imageMaker
        values = frames.values
        self.frames = frames.frames
        dataInputs = frames.dataInputs
    }

    /// Appends everything that the frame of an edition's pages shows, data files apart.
    func frameInputs(_ edition: Int, to out: inout [UInt8]) {
        dataInputs.append(to: &out)
        guard case .scope(let scope) = frames[edition], let frame = scope as? Fields else { return }
        Value.scope(Fields(frame.members.filter { $0.key != Self.data })).append(to: &out)
    }

    /// What a size of a picture is made by, besides the file.
    func pictureInputs(_ file: Int, _ rendition: Int) -> String {
        guard let picture = images.picture(file), let imageMaker else { return "" }
        return "\(picture.renditions[rendition]) \(imageMaker.inputs)"
    }

    /// The same renderer over objects of its own, for one thread.
    func unshared() -> VariantRenderer {
        var copy = self
        copy.graph = graph.unshared()
        copy.themes = themes.mapValues { $0.unshared() }
        copy.assembler = assembler.replacing(copy.graph, bodies, assembler.loaded)
        copy.values = PageValues.all(copy.graph, bodies, copy.themes)
        copy.frames = frames.map { $0.unshared() }
        return copy
    }

    /// The same renderer over a page whose body changed; what pages share stays as it was drawn.
    func replacing(_ node: Int, _ graph: SiteGraph, _ loaded: LoadedContent) -> VariantRenderer {
        var copy = self
        copy.graph = graph
        copy.bodies = bodies.forgetting(node)
        copy.assembler = assembler.replacing(graph, copy.bodies, loaded)
        copy.values = PageValues.all(graph, copy.bodies, themes)
        return copy
    }

    static func render(
        _ theme: Theme, _ template: String, _ context: [Value], _ diagnostics: inout [Diagnostic]
    ) -> [UInt8] {
        do {
            let result = try theme.templates.render(template, context)
            diagnostics += result.unknownNames
            return result.bytes
        } catch {
            diagnostics.append(error.diagnostic)
            return []
        }
    }

    /// A page's body as a document, with what was found in it.
    typealias Parsed = (document: MarkdownDocument, diagnostics: [Diagnostic])

    /// The bytes of one output. Throws where a file of the source cannot be read or a picture not be made.
    ///
    /// - Parameter parsed: the page's document, where the caller has it already.
    func render(_ output: RenderPlan.Output, _ parsed: Parsed? = nil) throws(FileError) -> Rendered {
        var rendered = Rendered()
        switch output.job {
        case .node(let node, let listPage, let listPages): renderNode(node, listPage, listPages, parsed, &rendered)
        case .archive(let node, let period): rendered.bytes = renderArchive(node, period, &rendered.diagnostics)
        case .terms(let edition, let taxonomy):
            rendered.bytes = renderTerms(edition, taxonomy, &rendered.diagnostics)
        case .term(let edition, let taxonomy, let term, let listPage, let listPages):
            rendered.bytes = renderTerm(edition, taxonomy, term, listPage, listPages, &rendered.diagnostics)
        case .sitemapPage(let edition): rendered.bytes = renderSitemapPage(edition, &rendered.diagnostics)
        case .searchPage(let edition): rendered.bytes = renderSearchPage(edition, &rendered.diagnostics)
        case .notFound(let edition):
            rendered.bytes = renderStandalone(
                "notfound", edition, title: "notFound", path: "404.html", [:], &rendered.diagnostics)
        case .redirect(let node): rendered.bytes = renderRedirect(node, &rendered.diagnostics)
        case .feed(let node, let format):
            guard let values = values[graph.nodes[node].edition] else { break }
            rendered.bytes = FeedWriter(graph: graph, values: values).write(node, format)
        case .sitemapXML(let site, let part): rendered.bytes = SitemapWriter(graph: graph).site(site, part: part)
        case .sitemapIndex(let docroot): rendered.bytes = SitemapWriter(graph: graph).index(docroot)
        case .robots(let docroot): rendered.bytes = SitemapWriter(graph: graph).robots(docroot)
        case .asset(let theme, let index): rendered.bytes = themes[theme]?.assets[index].bytes ?? []
        case .file(let file): rendered.bytes = try FileSystem.read(graph.files[file].location)
        case .picture(let file, let rendition):
            guard let picture = images.picture(file), let imageMaker else { break }
            do throws(FileError) {
                rendered.bytes = try imageMaker.make(
                    picture.renditions[rendition], of: picture.header, from: graph.files[file].location)
            } catch {
                rendered.diagnostics.append(
                    Diagnostic(
                        "image-broken", SourcePosition(path: graph.files[file].source),
                        problem: Bilingual(zh: "图片处理不了：\(error)", en: "this picture cannot be worked: \(error)"),
                        remedy: Bilingual(
                            zh: "请重新导出图片；缺 GraphicsMagick 的请安装 graphicsmagick",
                            en: "export the picture again; where GraphicsMagick is missing, install graphicsmagick")))
            }
        }
        if graph.configuration.output.minify, output.path.hasSuffix(".html") {
            rendered.bytes = Minifier.html(rendered.bytes)
        }
        return rendered
    }

    private func renderNode(
        _ index: Int, _ listPage: Int, _ listPages: Int, _ parsed: Parsed?, _ rendered: inout Rendered
    ) {
        let node = graph.nodes[index]
        guard let values = values[node.edition] else { return }
        let theme = values.theme
        var content: [UInt8] = []
        var document: MarkdownDocument?
        if listPage == 1, let page = node.page {
            let (own, found) = parsed ?? parse(page)
            document = own
            rendered.diagnostics += found
            bodies.remember(PageBodies.Facts(own, of: page), of: index)
            content = assembler.html(of: index, own, theme: theme, diagnostics: &rendered.diagnostics)
            if let form = page.front.form {
                content += forms.html(form, graph: graph, edition: node.edition)
            }
            rendered.content = content
        }
        let path = listPage == 1 ? node.path : "\(node.path)page/\(listPage)/"
        // Looked through one by one: they are few, and every page makes them.
        var fields = [(key: Self.page, value: values.page(index, path: path, content: content, document: document))]
        switch node.kind {
        case .home, .section:
            let slice =
                node.kind == .home
                ? node.children[...]
                : node.children.dropFirst((listPage - 1) * theme.pageSize).prefix(theme.pageSize)
            fields += [
                (Self.items, .list(slice.map(values.card))), (Self.hasItems, .flag(!slice.isEmpty)),
                (Self.sections, .list(node.sections.map { values.section($0, limit: node.kind == .home ? 6 : 3) })),
                (Self.pager, pager(base: node.path, listPage, listPages)),
                (
                    Self.feed,
                    node.kind == .home || !node.children.isEmpty
                        ? .text(percentEncodedPath(node.path + "atom.xml")) : .nothing
                ),
            ]
        case .page: break
        }
        rendered.bytes = Self.render(
            theme, layout(of: node, theme, &rendered.diagnostics), [frames[node.edition], .scope(Fields(fields))],
            &rendered.diagnostics)
    }

    private static let data = Key("data")
    private static let page = Key("page")
    private static let items = Key("items")
    private static let hasItems = Key("hasItems")
    private static let sections = Key("sections")
    private static let pager = Key("pager")
    private static let feed = Key("feed")

    private func parse(_ page: VisiblePage) -> Parsed {
        var diagnostics: [Diagnostic] = []
        let document = bodies.document(of: page, &diagnostics)
        return (document, diagnostics)
    }

    /// The template that a page asks for, or its kind's. With `unknownKeys: warn` a layout of another generator's theme
    /// is only worth a warning.
    private func layout(of node: SiteGraph.Node, _ theme: Theme, _ diagnostics: inout [Diagnostic]) -> String {
        let standard = node.kind == .home ? "home" : node.kind == .section ? "section" : "page"
        guard let page = node.page, let layout = page.front.layout else { return standard }
        if theme.has(layout) { return layout }
        diagnostics.append(
            Diagnostic(
                "unknown-layout", page.front.places.layout ?? SourcePosition(path: page.path),
                severity: graph.configuration.unknownKeys,
                problem: Bilingual(zh: "主题没有版式“\(layout)”", en: "the theme has no layout `\(layout)`"),
                remedy: Bilingual(zh: "请改正 layout，或删去它", en: "correct `layout` or drop it")))
        return standard
    }

    private func pager(base: String, _ page: Int, _ pages: Int) -> Value {
        guard pages > 1 else { return .nothing }
        func path(_ number: Int) -> Value { .text(percentEncodedPath(number == 1 ? base : "\(base)page/\(number)/")) }
        return .fields([
            "current": .number(page), "count": .number(pages),
            "previous": page > 1 ? .fields(["path": path(page - 1)]) : .nothing,
            "next": page < pages ? .fields(["path": path(page + 1)]) : .nothing,
        ])
    }

    /// A page that no source file stands for: it has a title and a place, and no article.
    private func renderStandalone(
        _ template: String, _ edition: Int, title key: String, path: String, _ more: [String: Value],
        titleText: String? = nil, _ diagnostics: inout [Diagnostic]
    ) -> [UInt8] {
        guard let values = values[edition] else { return [] }
        let title = titleText ?? values.theme.string(key, graph.editions[edition].language)
        var fields = more
        fields["page"] = values.blankPage(title: title, path: graph.editions[edition].path + path)
        return Self.render(values.theme, template, [frames[edition], .fields(fields)], &diagnostics)
    }

    private func renderArchive(_ index: Int, _ period: Int, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        let node = graph.nodes[index]
        guard let values = values[node.edition] else { return [] }
        let chosen = graph.archive(of: index)[period]
        let base = String(
            decoding: node.path.utf8.dropFirst(graph.editions[node.edition].path.utf8.count), as: UTF8.self)
        return renderStandalone(
            "archive", node.edition, title: "archive", path: base + chosen.path,
            [
                "items": .list(chosen.nodes.map(values.card)), "hasItems": .flag(true), "pager": .nothing,
                "section": .fields(["title": .text(node.title), "path": .text(percentEncodedPath(node.path))]),
            ], titleText: node.title + " " + values.periodTitle(chosen), &diagnostics)
    }

    private func renderTerms(_ edition: Int, _ index: Int, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        guard let values = values[edition] else { return [] }
        let taxonomy = graph.editions[edition].taxonomies[index]
        return renderStandalone(
            "terms", edition, title: "tags", path: taxonomy.key + "/",
            ["terms": .list(values.terms(index))],
            titleText: taxonomyName(taxonomy, edition), &diagnostics)
    }

    private func taxonomyName(_ taxonomy: SiteGraph.Taxonomy, _ edition: Int) -> String {
        graph.configuration.taxonomies.first { $0.key == taxonomy.key }?.name
            .text(graph.editions[edition].language) ?? taxonomy.key
    }

    private func renderTerm(
        _ edition: Int, _ index: Int, _ number: Int, _ listPage: Int, _ listPages: Int,
        _ diagnostics: inout [Diagnostic]
    ) -> [UInt8] {
        guard let values = values[edition] else { return [] }
        let taxonomy = graph.editions[edition].taxonomies[index]
        let term = taxonomy.terms[number]
        let pageSize = values.theme.pageSize
        let items = term.nodes.dropFirst((listPage - 1) * pageSize).prefix(pageSize)
        let base = "\(taxonomy.key)/\(term.slug)/"
        return renderStandalone(
            "term", edition, title: "tags", path: base + (listPage == 1 ? "" : "page/\(listPage)/"),
            [
                "items": .list(items.map(values.card)), "hasItems": .flag(true),
                "pager": pager(base: graph.editions[edition].path + base, listPage, listPages),
            ],
            titleText: taxonomyName(taxonomy, edition) + " " + term.name, &diagnostics)
    }

    private func renderSitemapPage(_ edition: Int, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        renderStandalone("sitemap", edition, title: "sitemap", path: "sitemap/", tree(edition), &diagnostics)
    }

    /// The page that searches; without JavaScript it is a way into the site by sections and tags.
    private func renderSearchPage(_ edition: Int, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        guard let values = values[edition] else { return [] }
        let place = graph.editions[edition]
        var fields = tree(edition)
        // Relative, so that the page also works where the site does not lie at a server's root.
        let depth = place.path.split(separator: "/").count + 1
        let root = String(repeating: "../", count: depth)
        fields["search"] = .fields([
            "root": .text(root), "index": .text("\(root)\(RenderPlan.searchFolder)/\(place.language)/"),
            "site": .text(graph.configuration.sites[place.site].name.text(place.language)),
        ])
        fields["terms"] = .list(
            place.taxonomies.indices.flatMap(values.terms))
        return renderStandalone("search", edition, title: "search", path: "search/", fields, &diagnostics)
    }

    /// Everything of an edition as nested lists.
    private func tree(_ edition: Int) -> [String: Value] {
        guard let values = values[edition] else { return [:] }
        func branch(_ index: Int) -> Value {
            let node = graph.nodes[index]
            let own = node.children.filter { graph.nodes[$0].parent == index }
            return .fields([
                "title": .text(node.title), "path": .text(percentEncodedPath(node.path)),
                "items": .list(own.map(values.card)), "hasEntries": .flag(!own.isEmpty || !node.sections.isEmpty),
                "branches": .list(node.sections.map(branch)),
            ])
        }
        let home = graph.nodes[graph.editions[edition].home]
        return [
            "branches": .list(home.sections.map(branch)), "items": .list(home.children.map(values.card)),
            "hasEntries": .flag(!home.sections.isEmpty || !home.children.isEmpty),
        ]
    }

    private func renderRedirect(_ index: Int, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        let node = graph.nodes[index]
        guard let theme = values[node.edition]?.theme else { return [] }
        let fields: [String: Value] = [
            "target": .text(percentEncodedPath(node.path)), "canonical": .text(graph.canonical(index)),
            "title": .text(node.title),
        ]
        return Self.render(theme, "redirect", [frames[node.edition], .fields(fields)], &diagnostics)
    }

    /// The title's slot in the place of its mark.
    private static func filled(_ bytes: [UInt8]) -> [UInt8] {
        let mark = Array("\u{1}title\u{1}".utf8)
        var out: [UInt8] = []
        var rest = bytes[...]
        while let start = rest.firstIndex(of: mark[0]), rest[start...].starts(with: mark) {
            out += rest[..<start]
            out += titleSlot.utf8
            rest = rest[(start + mark.count)...]
        }
        return out + rest
    }

    /// The page frame that formsapi fills, for each edition.
    func shells(_ diagnostics: inout [Diagnostic]) -> [(site: Int, name: String, bytes: [UInt8])] {
        graph.editions.indices.map { edition in
            let site = graph.configuration.sites[graph.editions[edition].site]
            var found: [Diagnostic] = []
            var bytes = renderStandalone(
                "shell", edition, title: "hotline", path: "", ["main": .html(Array(Self.mainSlot.utf8))],
                titleText: "\u{1}title\u{1}", &found)
            diagnostics += found
            // The title is escaped wherever the theme writes it; the slot goes in afterwards.
            bytes = Self.filled(bytes)
            return (graph.editions[edition].site, "shell.\(site.slug).\(graph.editions[edition].language).html", bytes)
        }
    }
}
