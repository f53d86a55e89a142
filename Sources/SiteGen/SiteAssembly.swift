import Markdown
import PortalBase
import SiteModel
import Templates

/// Everything up to rendering: one source folder as each audience's site, ready to be drawn.
struct SiteAssembly: Sendable {
    let loaded: LoadedContent
    /// What was found while it was read.
    let loadFindings: [Diagnostic]
    let themes: [String: Theme]
    let variants: [VariantSite]

    /// What a change in one page's file leaves of the content that was read, and what is wrong with it.
    struct Rereading {
        let loaded: LoadedContent
        let diagnostics: [Diagnostic]
        /// The whole with that page alone drawn anew: it stands where it stood, so that every address and menu and the order
        /// of every list stay too. Nil where the sites must be arranged anew.
        let assembly: SiteAssembly?
    }

    /// - Returns: nil where the change reaches further, and everything must be read again.
    func rereading(_ path: String) -> Rereading? {
        guard let index = loaded.pages.firstIndex(where: { $0.path == path }),
            let (page, stands, found) = ContentLoader.rereading(loaded.pages[index], in: loaded)
        else { return nil }
        let content = loaded.replacing(index, with: page)
        let isRenamed = page.front.title != loaded.pages[index].front.title
        let isInMenu = variants.contains { $0.graph.nodeIndex(ofSource: path).map($0.graph.isInMenu) ?? false }
        guard stands, !(isRenamed && isInMenu) else {
            return Rereading(loaded: content, diagnostics: found, assembly: nil)
        }
        let changed = variants.map { variant -> VariantSite in
            guard let node = variant.graph.nodeIndex(ofSource: path),
                let visible = AudienceFilter.page(index, of: content, for: variant.graph.variant)
            else { return variant }
            return variant.replacing(node, with: visible, content)
        }
        return Rereading(
            loaded: content, diagnostics: found,
            assembly: SiteAssembly(
                loaded: content, loadFindings: loadFindings + found, themes: themes, variants: changed))
    }
}

/// One audience's sites: what will be written, and what writes it.
struct VariantSite: Sendable {
    let graph: SiteGraph
    let plan: RenderPlan
    let renderer: VariantRenderer
    let forms: FormPages

    /// The same site with one page's body in another state.
    func replacing(_ node: Int, with page: VisiblePage, _ loaded: LoadedContent) -> VariantSite {
        let graph = graph.replacing(node, with: page)
        return VariantSite(graph: graph, plan: plan, renderer: renderer.replacing(node, graph, loaded), forms: forms)
    }

    /// Where a file of a docroot lies.
    func place(_ docroot: Int, _ path: String) -> Manifest.Place {
        Manifest.Place(host: graph.docroots[docroot].site, path: path)
    }

    /// Folder of a docroot below the output folder.
    func folder(_ docroot: Int) -> String {
        graph.docroots[docroot].site.map { "\(graph.variant.name).hosts/\($0)" } ?? graph.variant.name
    }
}

/// Loads, filters and plans. Shared by the builds, which render all of it, and the preview, which renders what is asked
/// for.
struct SiteAssembler: Sendable {
    let request: BuildRequest
    let clock: BuildClock
    /// Kept from one assembly to the next in a process that goes on; nil reads everything anew.
    var cache: PageCache?
    var metrics: TemplateMetrics?

    /// Lists the files.
    func scan(_ diagnostics: inout [Diagnostic]) throws(FileError) -> SourceTree {
        clock.stage("scan")
        return try SourceTree(
            root: request.source, overlays: request.overlays, jobs: request.jobs, diagnostics: &diagnostics)
    }

    /// - Returns: nil when too little could be read to go on; `diagnostics` says why.
    ///
    /// - Parameters:
    ///   - whenConfigured: called when the list of sites is read, and nothing else yet.
    ///   - whenLoaded: called when all pages are read: what follows leaves processors idle.
    func assemble(
        _ tree: SourceTree, whenConfigured: (SiteConfiguration) -> Void = { _ in }, whenLoaded: () -> Void = {},
        _ diagnostics: inout [Diagnostic]
    ) throws(FileError) -> SiteAssembly? {
        guard let loaded = try load(tree, whenConfigured, &diagnostics) else { return nil }
        whenLoaded()
        return arrange(loaded, &diagnostics)
    }

    /// The sites of content that was read.
    ///
    /// - Parameter diagnostics: holds what was found while it was read.
    func arrange(_ loaded: LoadedContent, _ diagnostics: inout [Diagnostic]) -> SiteAssembly {
        let loadFindings = diagnostics
        let variants = chosenVariants(loaded.configuration, &diagnostics)
        let loader = ThemeLoader(root: request.source, minify: loaded.configuration.output.minify)
        var themes: [String: Theme] = [:]
        for name in Set(loaded.configuration.sites.map(\.theme)).sorted() {
            let theme = loader.load(name, diagnostics: &diagnostics)
            themes[name] = metrics.flatMap { theme?.measuring($0) } ?? theme
        }
        for (name, theme) in themes.sorted(by: { $0.key < $1.key }) {
            for language in loaded.configuration.group.languages where theme.strings[language] == nil {
                diagnostics.append(
                    Diagnostic(
                        "theme-language", SourcePosition(path: "Themes/\(name)/i18n"), severity: .warning,
                        problem: Bilingual(
                            zh: "主题没有语言“\(language)”的文字", en: "the theme has no strings in `\(language)`"),
                        remedy: Bilingual(zh: "请添加 i18n/\(language).yaml", en: "add i18n/\(language).yaml")))
            }
        }
        clock.stage("graph")
        let contents = variants.map { AudienceFilter.apply($0, to: loaded) }
        let engine = PageBodies.engine(configuration: loaded.configuration, themes: themes)
        let known = themes
        // One for all audiences, which mostly show the same pictures.
        let maker = request.output.map {
            ImageMaker(cache: $0 + "/.cache/images", quality: loaded.configuration.images.quality)
        }
        let sites = parallelMap(contents.count, jobs: request.jobs) { index, _ -> (VariantSite, [Diagnostic]) in
            var found: [Diagnostic] = []
            return (site(contents[index], engine, loaded, known, maker, &found), found)
        }
        for site in sites { diagnostics += site.1 }
        return SiteAssembly(
            loaded: loaded, loadFindings: loadFindings, themes: themes, variants: sites.map(\.0))
    }

    private func load(
        _ tree: SourceTree, _ whenConfigured: (SiteConfiguration) -> Void, _ diagnostics: inout [Diagnostic]
    ) throws(FileError) -> LoadedContent? {
        guard let file = tree.file(SiteConfiguration.path) else {
            diagnostics.append(
                Diagnostic(
                    "no-configuration", SourcePosition(path: SiteConfiguration.path),
                    problem: Bilingual(zh: "没有站点清单", en: "there is no list of sites"),
                    remedy: Bilingual(zh: "请建立 Content/sites.yaml", en: "make Content/sites.yaml")))
            return nil
        }
        guard let text = decodeSource(try FileSystem.read(file.location), path: file.path, diagnostics: &diagnostics),
            var configuration = SiteConfiguration(String(decoding: text, as: UTF8.self), diagnostics: &diagnostics)
        else { return nil }
        if request.ignoresHosts { configuration.ignoreHosts() }
        whenConfigured(configuration)
        clock.stage("load")
        let whole = try tree.adding(configuration.mounts, root: request.source, diagnostics: &diagnostics)
        return ContentLoader(
            tree: whole, configuration: configuration, now: request.now, jobs: request.jobs, cache: cache,
            configurationDigest: SHA256Digest(of: text)
        ).load(diagnostics: &diagnostics)
    }

    private func chosenVariants(
        _ configuration: SiteConfiguration, _ diagnostics: inout [Diagnostic]
    ) -> [SiteConfiguration.Variant] {
        guard !request.variants.isEmpty else { return configuration.variants }
        return request.variants.compactMap { name in
            if let variant = configuration.variants.first(where: { $0.name == name }) { return variant }
            let known = configuration.variants.map(\.name).joined(separator: ", ")
            diagnostics.append(
                Diagnostic(
                    "unknown-variant", SourcePosition(path: SiteConfiguration.path),
                    problem: Bilingual(zh: "没有版本“\(name)”", en: "there is no variant `\(name)`"),
                    remedy: Bilingual(zh: "可用：\(known)", en: "known here: \(known)")))
            return nil
        }
    }

    private func site(
        _ content: VisibleContent, _ engine: MarkdownEngine, _ loaded: LoadedContent, _ themes: [String: Theme],
        _ maker: ImageMaker?, _ diagnostics: inout [Diagnostic]
    ) -> VariantSite {
        let graph = SiteGraph(content, jobs: request.jobs, diagnostics: &diagnostics)
        let bodies = PageBodies(engine: engine, graph: graph)
        let forms = FormPages(graph, source: request.source, diagnostics: &diagnostics)
        let images = ImagePlan(graph, jobs: request.jobs, diagnostics: &diagnostics)
        // The plan is one long list, the frames are made meanwhile.
        let jobs = request.jobs
        let (plan, frames) = sideBySide(
            jobs: jobs, { RenderPlan(graph, themes: themes, images: images) },
            { EditionFrames(graph, bodies, themes, jobs: max(1, jobs - 1)) })
        diagnostics += plan.diagnostics + frames.diagnostics
        let assembler = BodyAssembler(
            graph: graph, bodies: bodies, plan: plan, images: images, loaded: loaded, forms: forms)
        let renderer = VariantRenderer(
            graph: graph, themes: themes, bodies: bodies, assembler: assembler, forms: forms, images: images,
            imageMaker: maker, frames: frames)
        return VariantSite(graph: graph, plan: plan, renderer: renderer, forms: forms)
    }
}
