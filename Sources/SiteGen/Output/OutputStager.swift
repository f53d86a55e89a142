import Markdown
import PortalBase
import Search
import SiteModel

/// Draws and stages one audience's outputs, each by itself, on one thread: others have one of their own. A class, so that
/// handing it on for every page costs one count.
final class OutputStager: Sendable {
    let site: VariantSite
    /// The site's, or a copy for the thread.
    private let renderer: VariantRenderer
    private let selection: SiteSelection
    private let transaction: OutputTransaction?
    private let takesDigests: Bool
    private let listsExternalLinks: Bool
    private let hasSearch: Bool
    /// What lies there from the last build, where only a part of the sites is published.
    private let previous: [Manifest.Place: Manifest.Entry]?
    /// By docroot, with a slash at the end.
    private let folders: [String]
    private let encodings: [SiteConfiguration.OutputPolicy.Encoding]

    /// Stands where nobody asked for digests.
    private static let noDigest = SHA256Digest(of: [])

    init(
        site: VariantSite, renderer: VariantRenderer, selection: SiteSelection, transaction: OutputTransaction?,
        takesDigests: Bool, listsExternalLinks: Bool, previous: [Manifest.Place: Manifest.Entry]?
    ) {
        self.site = site
        self.renderer = renderer
        self.selection = selection
        self.transaction = transaction
        self.takesDigests = takesDigests
        self.listsExternalLinks = listsExternalLinks
        self.previous = previous
        hasSearch = site.plan.hasSearch
        folders = site.graph.docroots.indices.map { site.folder($0) + "/" }
        encodings = site.graph.configuration.output.precompress.sorted { $0.rawValue < $1.rawValue }
    }

    var bodies: PageBodies { renderer.bodies }

    /// Renders and stages one output.
    ///
    /// - Parameter parsed: the page's document, where the caller has it already.
    func write(
        _ index: Int, _ parsed: VariantRenderer.Parsed?, _ clock: BuildClock, thread: Int
    ) -> VariantWriter.Result {
        let output = site.plan.outputs[index]
        var result = VariantWriter.Result()
        var diagnostics: [Diagnostic] = []
        var failure: FileError?
        do throws(FileError) {
            // Without a place to put them, pictures are not made.
            if transaction == nil, case .picture = output.job { return result }
            let rendered = try clock.measure(.render, output.path, thread: thread) { () throws(FileError) in
                try renderer.render(output, parsed)
            }
            diagnostics = rendered.diagnostics
            try clock.measure(.write, output.path, thread: thread) { () throws(FileError) in
                result.entries = try stage(output.docroot, output.path, output.site, rendered.bytes)
            }
            if hasSearch, case .node(let node, _, _) = output.job, let content = rendered.content,
                isPublished(output, rendered.bytes), let document = SearchStage.document(node, content, site.graph)
            {
                result.search = VariantWriter.IndexedPage(digest: document.digest, document: document)
            }
        } catch {
            failure = error
        }
        let links = listsExternalLinks ? parsed.map { Self.externalLinks($0.document) } ?? [] : []
        if !diagnostics.isEmpty || failure != nil || !links.isEmpty {
            result.findings = VariantWriter.Findings(diagnostics: diagnostics, externalLinks: links, failure: failure)
        }
        return result
    }

    /// Addresses of other servers that the page links to.
    private static func externalLinks(_ document: MarkdownDocument) -> [(url: String, position: SourcePosition)] {
        document.slots.compactMap { slot in
            guard case .linkOpen(let destination, _, _, let position) = slot.slot,
                destination.hasPrefix("https://") || destination.hasPrefix("http://")
            else { return nil }
            return (destination, position)
        }
    }

    /// Whether visitors see a page as it was drawn now: what waits in a site that is not published is not found either.
    private func isPublished(_ output: RenderPlan.Output, _ bytes: [UInt8]) -> Bool {
        if selection.contains(output.site) { return true }
        return previous?[site.place(output.docroot, output.path)]?.digest == SHA256Digest(of: bytes)
    }

    /// Where a file of a docroot lies on the disk.
    func location(_ docroot: Int, _ path: String) -> String {
        (transaction?.root ?? "") + "/" + folders[docroot] + path
    }

    /// Stages a file and its compressed copies, unless it belongs to a site that is not published now.
    func stage(
        _ docroot: Int, _ path: String, _ owner: Int?, _ bytes: [UInt8]
    ) throws(FileError) -> [(place: Manifest.Place, entry: Manifest.Entry)] {
        guard selection.contains(owner), owner != nil || selection.contains(docroot: docroot, of: site.graph) else {
            return []
        }
        let slug = owner.map { site.graph.configuration.sites[$0].slug }
        var entries = [try stage(docroot, path, slug, bytes)]
        guard !encodings.isEmpty, transaction != nil, Precompression.applies(to: path, bytes) else { return entries }
        for encoding in encodings {
            // An attachment may have that name itself.
            if site.plan.owner(path + "." + encoding.rawValue, docroot: docroot) == nil,
                let packed = Precompression.compressed(bytes, encoding)
            {
                entries.append(try stage(docroot, path + "." + encoding.rawValue, slug, packed))
            }
        }
        return entries
    }

    private func stage(
        _ docroot: Int, _ path: String, _ slug: String?, _ bytes: [UInt8]
    ) throws(FileError) -> (place: Manifest.Place, entry: Manifest.Entry) {
        try transaction?.put(folders[docroot] + path, bytes)
        return (
            site.place(docroot, path),
            Manifest.Entry(
                digest: takesDigests ? SHA256Digest(of: bytes) : Self.noDigest, bytes: bytes.count, site: slug)
        )
    }
}
