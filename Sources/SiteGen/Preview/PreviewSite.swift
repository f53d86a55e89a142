import PortalBase
import Search
import SiteModel

/// The sites as they are right now, in memory: pages are drawn when somebody asks for them, so that a change costs the
/// reading of one file and the drawing of one page, however large the tree is.
actor PreviewSite {
    private let request: BuildRequest
    private let assembler: SiteAssembler
    private let report: @Sendable ([Diagnostic]) -> Void

    private var assembly: SiteAssembly?
    /// The list of files as it was walked last, and what was found wrong with their names.
    private var tree: SourceTree?
    private var treeFindings: [Diagnostic] = []
    private var variants: [Variant] = []
    /// Findings of the last reading; those of pages come when the pages are drawn.
    private var findings: [Diagnostic] = []
    private var generation = 0
    private var waiting: [CheckedContinuation<Int, Never>] = []

    private struct Variant {
        let site: VariantSite
        var drawn: [Int: VariantRenderer.Rendered] = [:]
        var searchIndexes: [SearchStage.Index]?
    }

    struct Answer: Sendable {
        let path: String
        let bytes: [UInt8]
        let isFound: Bool
        /// The state that the bytes show.
        let generation: Int
    }

    init(request: BuildRequest, report: @escaping @Sendable ([Diagnostic]) -> Void) {
        self.request = request
        self.report = report
        assembler = SiteAssembler(request: request, clock: .silent, cache: PageCache(isLongLived: true))
    }

    var variantNames: [String] { variants.map(\.site.graph.variant.name) }

    /// Folders outside `Content/` that pages come from.
    var mountedFolders: [String] {
        let mounts = variants.first?.site.graph.configuration.mounts ?? []
        return Set(mounts.map { FileSystem.parent(request.source + "/" + $0.from) }).sorted()
    }

    /// Reads what changed. Where too little could be read, what was shown stays.
    ///
    /// - Parameter path: the one file that changed, if it is known, below the source folder.
    func rebuild(changed path: String? = nil) {
        // Findings about the page come from several stages, not all of which a rereading runs.
        let isClean = !findings.contains { $0.position.path == path || $0.related?.path == path }
        if let path, isClean, let assembly, let read = assembly.rereading(path) {
            if let next = read.assembly {
                show(next, (findings + read.diagnostics).uniqueInOrder())
            } else {
                var found = assembly.loadFindings + read.diagnostics
                let next = assembler.arrange(read.loaded, &found)
                show(next, found.uniqueInOrder())
            }
            return
        }
        var found: [Diagnostic] = []
        var next: SiteAssembly?
        do throws(FileError) {
            // A file that was there and still is leaves the list of files as it was.
            if let path, let known = tree, FileSystem.kind(known.file(path)?.location ?? "") == .file {
                found = treeFindings
                next = try assembler.assemble(known, &found)
            } else {
                let walked = try assembler.scan(&found)
                (tree, treeFindings) = (walked, found)
                next = try assembler.assemble(walked, &found)
            }
        } catch {
            found.append(unreadable(error.path, error))
        }
        show(next, found.uniqueInOrder())
    }

    private func show(_ next: SiteAssembly?, _ found: [Diagnostic]) {
        if let next {
            // Taking an old state of ten thousand pages apart need not keep anybody waiting.
            let old = (assembly, variants)
            Task.detached { _ = old }
            variants = next.variants.map { Variant(site: $0) }
            assembly = next
        }
        findings = found
        report(findings.located(assembly?.loaded.configuration.mounts ?? []))
        generation += 1
        for continuation in waiting { continuation.resume(returning: generation) }
        waiting = []
    }

    /// The number of the current state, once it is later than `known`.
    func generation(after known: Int) async -> Int {
        if generation > known { return generation }
        return await withCheckedContinuation { waiting.append($0) }
    }

    /// A path of one audience's tree; its 404 page where there is none.
    func answer(_ path: String, variant index: Int) -> Answer {
        guard variants.indices.contains(index) else {
            return Answer(
                path: "/none.txt", bytes: Array("no content yet; see the errors".utf8), isFound: false,
                generation: generation)
        }
        let relative = String(path.drop { $0 == "/" })
        for candidate in Self.candidates(relative) {
            if let output = variants[index].site.plan.owner(candidate, docroot: 0) {
                return Answer(path: candidate, bytes: draw(output, index).bytes, isFound: true, generation: generation)
            }
        }
        if relative.hasPrefix(RenderPlan.searchFolder + "/"), let bytes = searchFile(relative, index) {
            return Answer(path: relative, bytes: bytes, isFound: true, generation: generation)
        }
        guard let missing = variants[index].site.plan.owner("404.html", docroot: 0) else {
            return Answer(path: "/404.txt", bytes: Array("404".utf8), isFound: false, generation: generation)
        }
        return Answer(path: "404.html", bytes: draw(missing, index).bytes, isFound: false, generation: generation)
    }

    /// Files that an address may mean.
    private static func candidates(_ relative: String) -> [String] {
        [relative, relative + (relative.isEmpty || relative.hasSuffix("/") ? "" : "/") + "index.html"]
    }

    /// What is wrong, as far as a page's reader cares: with the whole, then with the page.
    func errors(_ path: String, variant index: Int) -> [Diagnostic] {
        var all = findings
        let relative = String(path.drop { $0 == "/" })
        for candidate in Self.candidates(relative) {
            guard variants.indices.contains(index),
                let output = variants[index].site.plan.owner(candidate, docroot: 0)
            else { continue }
            all += draw(output, index).diagnostics
            break
        }
        return all.uniqueInOrder().located(assembly?.loaded.configuration.mounts ?? [])
    }

    private func draw(_ output: Int, _ index: Int) -> VariantRenderer.Rendered {
        if let known = variants[index].drawn[output] { return known }
        var rendered = VariantRenderer.Rendered()
        do throws(FileError) {
            rendered = try variants[index].site.renderer.render(variants[index].site.plan.outputs[output])
        } catch {
            rendered.diagnostics.append(
                unreadable(variants[index].site.plan.outputs[output].owner.path, error))
        }
        if !rendered.diagnostics.isEmpty { report(rendered.diagnostics.uniqueInOrder()) }
        variants[index].drawn[output] = rendered
        return rendered
    }

    /// The search index needs every page: made at its first use after a change.
    private func searchFile(_ path: String, _ index: Int) -> [UInt8]? {
        if variants[index].searchIndexes == nil {
            let site = variants[index].site
            let outputs = site.plan.outputs
            let found = parallelMap(outputs.count, jobs: request.jobs) { number, _ -> (Int, SearchDocument)? in
                // A page that cannot be drawn is not found either; its errors show where it is opened.
                guard case .node(let node, 1, _) = outputs[number].job,
                    let content = (try? site.renderer.render(outputs[number]))?.content,
                    let document = SearchStage.document(node, content, site.graph)
                else { return nil }
                return (node, document)
            }
            let documents = Dictionary(found.compactMap { $0 }) { first, _ in first }
            variants[index].searchIndexes = SearchStage(graph: site.graph, jobs: request.jobs).run(documents)
        }
        guard let made = variants[index].searchIndexes?.first(where: { path.hasPrefix($0.folder) }) else { return nil }
        let name = String(path.dropFirst(made.folder.count))
        if name == SearchIndex.metaName {
            return made.index.meta(
                parallelMap(made.index.names.count, jobs: request.jobs) { number, _ in made.index.file(number).mark })
        }
        return made.index.names.firstIndex(of: name).map { made.index.file($0).bytes }
    }
}
