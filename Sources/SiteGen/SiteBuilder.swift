import PortalBase
import SiteModel
import Templates

/// What to build from where: everything that can change the outcome.
struct BuildRequest: Sendable {
    /// Folder that holds `Content/` and `Themes/`.
    var source: String
    /// Folder of all output trees; nil to check only.
    var output: String?
    /// Names of variants; empty for all.
    var variants: [String] = []
    /// Slugs of the sites to publish; empty for all.
    var sites: [String] = []
    var overlays: [String] = []
    /// Shows sites with a host name of their own in the shared tree.
    var ignoresHosts = false
    var now: Instant
    var jobs: Int
}

/// What a build found and did.
struct BuildReport: Sendable {
    /// Kept to the end of the process: taking ten thousand pages apart would only cost time.
    fileprivate(set) var assembly: SiteAssembly?
    var diagnostics: [Diagnostic] = []
    var sourcePages = 0
    /// What each variant's trees hold, and what formsapi gets of it.
    var variants: [(manifest: Manifest, runtime: [String: SHA256Digest])] = []
    var changed = 0
    var deleted = 0
    var unchanged = 0
    /// Addresses of other servers in pages, with the first place of each.
    var externalLinks: [(url: String, position: SourcePosition)] = []
    var hasErrors: Bool { diagnostics.hasErrors }
}

/// The one road from a source folder to output trees.
///
/// load → filter by audience → site graph → documents → render → staged files → commit. A run that finds an error in
/// the content writes nothing; findings of all stages that could run are reported together.
struct SiteBuilder: Sendable {
    let request: BuildRequest
    let clock: BuildClock
    var metrics: TemplateMetrics?

    func run() throws(FileError) -> BuildReport {
        var report = BuildReport()
        var found: [Diagnostic] = []
        try build(&report, &found)
        report.diagnostics = found.uniqueInOrder()
        return report
    }

    private func build(_ report: inout BuildReport, _ diagnostics: inout [Diagnostic]) throws(FileError) {
        let assembler = SiteAssembler(request: request, clock: clock, metrics: metrics)
        guard let assembly = try assembler.assemble(&diagnostics) else { return }
        report.assembly = assembly
        report.sourcePages = assembly.loaded.pages.count
        let selection = SiteSelection(request.sites, assembly.loaded.configuration, diagnostics: &diagnostics)
        guard !selection.isEmpty else { return }
        let transaction: OutputTransaction? =
            if let output = request.output { try OutputTransaction(root: output) } else { nil }
        do {
            // Nothing is staged for a tree that will not be published.
            let isPublished = !selection.relevant(diagnostics).hasErrors
            var writers = assembly.variants.map { variant in
                VariantWriter(
                    site: variant, selection: selection, transaction: isPublished ? transaction : nil, request: request)
            }
            for index in writers.indices { writers[index].begin() }
            clock.stage("render")
            let results = RenderPass(writers: writers, jobs: request.jobs, clock: clock).run()
            clock.stage("collect")
            for (index, results) in results.enumerated() {
                try writers[index].finish(results)
                diagnostics += writers[index].diagnostics
                report.externalLinks += writers[index].externalLinks
                report.variants.append((writers[index].manifest, writers[index].runtime))
            }
        } catch {
            try transaction?.abandon()
            throw error
        }
        diagnostics = selection.relevant(diagnostics).located(assembly.loaded.configuration.mounts)
        guard let transaction else { return }
        if diagnostics.hasErrors {
            try transaction.abandon()
            return
        }
        clock.stage("write")
        try transaction.commit()
        (report.changed, report.deleted, report.unchanged) = transaction.counts
    }
}

extension Array where Element == Diagnostic {
    /// Findings in mounted files under the names that their authors know.
    func located(_ mounts: [SiteConfiguration.Mount]) -> [Diagnostic] {
        guard !mounts.isEmpty else { return self }
        func place(_ position: SourcePosition) -> SourcePosition {
            for mount in mounts {
                let inside = "Content/" + mount.to
                guard position.path == inside || position.path.hasPrefix(inside + "/") else { continue }
                return SourcePosition(
                    path: mount.from + position.path.dropFirst(inside.count), line: position.line,
                    column: position.column)
            }
            return position
        }
        return map {
            Diagnostic(
                $0.rule, place($0.position), severity: $0.severity, problem: $0.problem, remedy: $0.remedy,
                related: $0.related.map(place))
        }
    }

    /// Both variants find the same mistake in a shared page or template.
    func uniqueInOrder() -> [Diagnostic] {
        var seen: Set<String> = []
        return inOrder().filter { seen.insert($0.line(language: "en")).inserted }
    }
}
