import Forms
import Markdown
import PortalBase
import SiteModel
import Templates

/// Renders one audience's tree: from jobs to bytes, knowing no disk.
struct VariantRenderer: Sendable {
    let graph: SiteGraph
    let themes: [String: Theme]
    let documents: [MarkdownDocument?]
    let assembler: BodyAssembler
    let forms: FormPages
    private let values: PageValues
    /// What every page of an edition shares: strings, site, menu, and header and footer already drawn.
    private let frames: [Value]

    /// Marks in `shell.<site>.<lang>.html` where formsapi puts its title and content.
    static let titleSlot = "<!--slot:title-->"
    static let mainSlot = "<!--slot:main-->"

    struct Rendered: Sendable {
        var bytes: [UInt8] = []
        var diagnostics: [Diagnostic] = []
    }

    init(
        graph: SiteGraph, themes: [String: Theme], documents: [MarkdownDocument?], assembler: BodyAssembler,
        forms: FormPages, diagnostics: inout [Diagnostic]
    ) {
        self.graph = graph
        self.themes = themes
        self.documents = documents
        self.assembler = assembler
        self.forms = forms
        let values = PageValues(graph: graph, documents: documents)
        self.values = values
        var frames: [Value] = []
        for (index, edition) in graph.editions.enumerated() {
            let site = graph.configuration.sites[edition.site]
            guard let theme = themes[site.theme] else {
                frames.append(.nothing)
                continue
            }
            let language = edition.language
            var frame: [String: Value] = [
                "language": .text(language), "lang": .text(PageValues.tag(language)), "t": theme.stringValues(language),
                "site": values.site(index), "menu": values.menu(index), "sites": values.sites(language),
                "asset": theme.assetValues, "isChinese": .flag(language == "zh"),
                "forms": .optional(graph.variant.forms),
            ]
            for part in ["header", "footer"] {
                frame["chrome_" + part] = .html(
                    Self.render(theme, "chrome/" + part, [.fields(frame)], &diagnostics))
            }
            frames.append(.fields(frame))
        }
        self.frames = frames
    }

    private static func render(
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

    private func theme(_ edition: Int) -> Theme? {
        themes[graph.configuration.sites[graph.editions[edition].site].theme]
    }

    /// - Returns: nil for jobs whose bytes are a file on disk.
    func render(_ output: RenderPlan.Output) -> Rendered? {
        var rendered = Rendered()
        switch output.job {
        case .node(let node, let listPage, let listPages):
            rendered.bytes = renderNode(node, listPage, listPages, &rendered.diagnostics)
        case .terms(let edition): rendered.bytes = renderTerms(edition, &rendered.diagnostics)
        case .term(let edition, let term, let listPage, let listPages):
            rendered.bytes = renderTerm(edition, term, listPage, listPages, &rendered.diagnostics)
        case .sitemapPage(let edition): rendered.bytes = renderSitemapPage(edition, &rendered.diagnostics)
        case .notFound(let edition):
            rendered.bytes = renderStandalone(
                "notfound", edition, title: "notFound", path: "404.html", [:], &rendered.diagnostics)
        case .redirect(let node): rendered.bytes = renderRedirect(node, &rendered.diagnostics)
        case .feed(let node, let format): rendered.bytes = FeedWriter(graph: graph, values: values).write(node, format)
        case .sitemapXML(let site): rendered.bytes = SitemapWriter(graph: graph).site(site)
        case .sitemapIndex: rendered.bytes = SitemapWriter(graph: graph).index()
        case .robots: rendered.bytes = SitemapWriter(graph: graph).robots()
        case .asset(let theme, let index): rendered.bytes = themes[theme]?.assets[index].bytes ?? []
        case .file: return nil
        }
        return rendered
    }

    private func renderNode(_ index: Int, _ listPage: Int, _ listPages: Int, _ diagnostics: inout [Diagnostic])
        -> [UInt8]
    {
        let node = graph.nodes[index]
        guard let theme = theme(node.edition) else { return [] }
        var content: [UInt8] = []
        if listPage == 1 {
            content = assembler.html(of: index, theme: theme, diagnostics: &diagnostics)
            if let form = node.page?.front.form {
                content += forms.html(form, graph: graph, language: graph.editions[node.edition].language)
            }
        }
        let path = listPage == 1 ? node.path : "\(node.path)page/\(listPage)/"
        var fields: [String: Value] = ["page": values.page(index, path: path, content: content)]
        switch node.kind {
        case .home, .section:
            let slice =
                node.kind == .home
                ? node.children[...]
                : node.children.dropFirst((listPage - 1) * theme.pageSize).prefix(theme.pageSize)
            fields["items"] = .list(slice.map(values.card))
            fields["sections"] = .list(node.sections.map { values.section($0, limit: node.kind == .home ? 6 : 3) })
            fields["pager"] = pager(base: node.path, listPage, listPages)
            fields["feed"] =
                node.kind == .home || !node.children.isEmpty
                ? .text(percentEncodedPath(node.path + "atom.xml")) : .nothing
        case .page: break
        }
        let template: String
        if let layout = node.page?.front.layout {
            template = layout
            if !theme.templates.contains(layout) {
                diagnostics.append(
                    Diagnostic(
                        "unknown-layout", SourcePosition(path: node.page?.path ?? ""),
                        problem: Bilingual(zh: "主题没有版式“\(layout)”", en: "the theme has no layout `\(layout)`"),
                        remedy: Bilingual(zh: "请改正 layout，或删去它", en: "correct `layout` or drop it")))
                return []
            }
        } else {
            template = node.kind == .home ? "home" : node.kind == .section ? "section" : "page"
        }
        return Self.render(theme, template, [frames[node.edition], .fields(fields)], &diagnostics)
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
        guard let theme = theme(edition) else { return [] }
        let home = graph.editions[edition].home
        let title = titleText ?? theme.string(key, graph.editions[edition].language)
        let full = graph.editions[edition].path + path
        guard case .scope(let base) = values.page(home, path: full, content: []), var page = base as? [String: Value]
        else { return [] }
        let nothing: [String: Value] = [
            "title": .text(title), "summary": .nothing, "isHome": .flag(false), "isSection": .flag(true),
            "alternates": .list([]),
            "sample": .flag(false), "date": .nothing, "updated": .nothing, "pubDate": .nothing, "tags": .list([]),
            "keywords": .nothing,
            "toc": .nothing, "document": .nothing,
            "trail": .list([
                .fields([
                    "title": .text(
                        graph.configuration.sites[graph.editions[edition].site].name.text(
                            graph.editions[edition].language)),
                    "path": .text(percentEncodedPath(graph.editions[edition].path)),
                ])
            ]),
        ]
        page.merge(nothing) { $1 }
        var fields = more
        fields["page"] = .fields(page)
        return Self.render(theme, template, [frames[edition], .fields(fields)], &diagnostics)
    }

    private func renderTerms(_ edition: Int, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        let terms = graph.editions[edition].terms.map { term in
            Value.fields([
                "name": .text(term.name), "path": .text(percentEncodedPath(values.termPath(edition, term))),
                "count": .number(term.nodes.count),
            ])
        }
        return renderStandalone("terms", edition, title: "tags", path: "tags/", ["terms": .list(terms)], &diagnostics)
    }

    private func renderTerm(
        _ edition: Int, _ index: Int, _ listPage: Int, _ listPages: Int, _ diagnostics: inout [Diagnostic]
    ) -> [UInt8] {
        guard let theme = theme(edition) else { return [] }
        let term = graph.editions[edition].terms[index]
        let items = term.nodes.dropFirst((listPage - 1) * theme.pageSize).prefix(theme.pageSize)
        let base = values.termPath(edition, term)
        let path = "tags/\(term.slug)/" + (listPage == 1 ? "" : "page/\(listPage)/")
        return renderStandalone(
            "term", edition, title: "tags", path: path,
            ["items": .list(items.map(values.card)), "pager": pager(base: base, listPage, listPages)],
            titleText: theme.string("tag", graph.editions[edition].language) + " " + term.name, &diagnostics)
    }

    private func renderSitemapPage(_ edition: Int, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        func branch(_ index: Int) -> Value {
            let node = graph.nodes[index]
            return .fields([
                "title": .text(node.title), "path": .text(percentEncodedPath(node.path)),
                "items": .list(node.children.filter { graph.nodes[$0].parent == index }.map(values.card)),
                "branches": .list(node.sections.map(branch)),
            ])
        }
        let home = graph.nodes[graph.editions[edition].home]
        return renderStandalone(
            "sitemap", edition, title: "sitemap", path: "sitemap/",
            ["branches": .list(home.sections.map(branch)), "items": .list(home.children.map(values.card))], &diagnostics
        )
    }

    private func renderRedirect(_ index: Int, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        let node = graph.nodes[index]
        guard let theme = theme(node.edition) else { return [] }
        let fields: [String: Value] = [
            "target": .text(percentEncodedPath(node.path)), "canonical": .text(values.absolute(node.path)),
            "title": .text(node.title),
        ]
        return Self.render(theme, "redirect", [frames[node.edition], .fields(fields)], &diagnostics)
    }

    /// The page frame that formsapi fills, for each edition.
    func shells(_ diagnostics: inout [Diagnostic]) -> [(name: String, bytes: [UInt8])] {
        graph.editions.indices.map { edition in
            let site = graph.configuration.sites[graph.editions[edition].site]
            var found: [Diagnostic] = []
            var bytes = renderStandalone(
                "shell", edition, title: "hotline", path: "", ["main": .html(Array(Self.mainSlot.utf8))],
                titleText: "\u{1}title\u{1}", &found)
            diagnostics += found
            // The title is escaped wherever the theme writes it; the slot goes in afterwards.
            bytes = Array(
                String(decoding: bytes, as: UTF8.self).replacing("\u{1}title\u{1}", with: Self.titleSlot).utf8)
            return ("shell.\(site.slug).\(graph.editions[edition].language).html", bytes)
        }
    }
}
