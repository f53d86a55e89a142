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
    /// Whether records of the last build may spare work.
    var usesCache = true
    /// Whether every file's digest is taken and listed. A tree without cannot be released, and leaves no records.
    var writesManifest = true
    /// Whether the report lists the pages' links to other servers.
    var listsExternalLinks = false
    /// Reads and compares everything, instead of trusting that files whose state is the same are the same.
    var comparesContent = false
}

/// What a build found and did.
struct BuildReport: Sendable {
    /// Kept to the end of the process: taking ten thousand pages apart would only cost time.
    fileprivate var kept: (SiteAssembly, [VariantWriter])?
    var diagnostics: [Diagnostic] = []
    var sourcePages = 0
    /// How many files each variant's trees hold.
    var trees: [(variant: String, files: Int)] = []
    /// What each variant's trees hold, and what formsapi gets of it; empty where nothing had to be looked at.
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
        let transaction: OutputTransaction? =
            if let output = request.output { try OutputTransaction(root: output) } else { nil }
        var cache = BuildCache(request)
        var assembler = SiteAssembler(request: request, clock: clock, metrics: metrics)
        let tree = try assembler.scan(&diagnostics)
        clock.stage("look")
        let sources = cache == nil ? nil : TreeRecord.Look(request, tree)
        if let transaction, let cache, diagnostics.isEmpty {
            if let known = cache.unchanged(sources), try refresh(known, transaction, cache, &report) { return }
        }
        assembler.cache = cache?.open()
        // Mounted files too are looked at before they are read.
        var seen: SHA256Digest?
        let assembled = try assembler.assemble(
            tree, whenConfigured: { seen = sources?.with(mounts($0)) }, whenLoaded: { cache?.lookAtOutputs() },
            &diagnostics)
        guard let assembly = assembled else { return }
        report.sourcePages = assembly.loaded.pages.count
        let selection = SiteSelection(request.sites, assembly.loaded.configuration, diagnostics: &diagnostics)
        guard !selection.isEmpty else { return }
        do {
            // Nothing is staged for a tree that will not be published.
            let isPublished = !selection.relevant(diagnostics).hasErrors
            clock.stage("compare")
            var writers = assembly.variants.map { variant in
                VariantWriter(
                    site: variant, selection: selection, transaction: isPublished ? transaction : nil, request: request,
                    cache: isPublished ? cache : nil)
            }
            writers = try each(writers) { writer, _ throws(FileError) in try writer.begin() }
            clock.stage("render")
            let results = RenderPass(writers: writers, jobs: request.jobs, clock: clock).run()
            clock.stage("collect")
            writers = try each(writers) { writer, index throws(FileError) in try writer.finish(results[index]) }
            for writer in writers {
                diagnostics += writer.diagnostics
                report.externalLinks += writer.externalLinks
                report.variants.append((writer.manifest, writer.runtime))
            }
            report.trees = report.variants.map { ($0.manifest.variant, $0.manifest.files.count) }
            diagnostics = selection.relevant(diagnostics).located(assembly.loaded.configuration.mounts)
            guard let transaction else { return }
            if diagnostics.hasErrors {
                try transaction.abandon()
                return
            }
            clock.stage("write")
            try BuildCache.leaveOpen(transaction.root)
            try transaction.commit()
            (report.changed, report.deleted, report.unchanged) = transaction.counts
            if let cache {
                clock.stage("record")
                try record(&writers, assembly, seen, diagnostics, cache)
            }
            report.kept = (assembly, writers)
        } catch {
            try transaction?.abandon()
            throw error
        }
    }

    /// Audiences side by side.
    private func each(
        _ writers: [VariantWriter], _ work: @escaping @Sendable (inout VariantWriter, Int) throws(FileError) -> Void
    ) throws(FileError) -> [VariantWriter] {
        let done = parallelMap(writers.count, jobs: request.jobs) { index, _ -> (VariantWriter, FileError?) in
            var writer = writers[index]
            do throws(FileError) {
                try work(&writer, index)
                return (writer, nil)
            } catch {
                return (writer, error)
            }
        }
        for case (_, let failure?) in done { throw failure }
        return done.map(\.0)
    }

    /// Nothing changed: only the instant in the manifests is new. False where something that was written is not there
    /// as it was.
    private func refresh(
        _ known: TreeRecord, _ transaction: OutputTransaction, _ cache: BuildCache, _ report: inout BuildReport
    ) throws(FileError) -> Bool {
        cache.lookAtOutputs()
        var manifests: [(path: String, bytes: [UInt8])] = []
        for tree in known.trees {
            let path = "\(tree.variant).manifest.json"
            guard let bytes = try? FileSystem.read(transaction.root + "/" + path),
                let dated = Manifest.dated(bytes, request.now), dated.undated == tree.manifest,
                isIntact(tree, transaction.root, cache)
            else { return false }
            manifests.append((path, dated.bytes))
        }
        for manifest in manifests { try transaction.put(manifest.path, manifest.bytes) }
        try transaction.commit()
        report.sourcePages = known.sourcePages
        report.trees = known.trees.map { ($0.variant, $0.files) }
        (report.changed, report.deleted, report.unchanged) = transaction.counts
        report.unchanged += known.trees.reduce(0) { $0 + $1.files + $1.runtime.count }
        return true
    }

    private func isIntact(_ tree: TreeRecord.Tree, _ root: String, _ cache: BuildCache) -> Bool {
        guard let record = cache.record(tree.variant).record else { return false }
        // Other docroots are there where sites have hosts of their own, and then the tree is looked at in full.
        let folder = "\(root)/\(tree.variant)/"
        return record.outputs.allSatisfy { place, output in
            place.docroot == 0 && (output.isAsWritten || output.files.allSatisfy { $0.checked(folder) != nil })
        }
            && record.search.files.allSatisfy { $0.docroot == 0 && $0.file.checked(folder) != nil }
            && tree.runtime.allSatisfy { file in
                (try? FileSystem.read("\(root)/\(tree.variant).runtime/\(file.name)")).map { SHA256Digest(of: $0) }
                    == file.digest
            }
    }

    private func mounts(_ configuration: SiteConfiguration) -> [String] {
        configuration.mounts.map { request.source + "/" + $0.from }
    }

    /// Leaves what the next build can start from.
    private func record(
        _ writers: inout [VariantWriter], _ assembly: SiteAssembly, _ sources: SHA256Digest?,
        _ diagnostics: [Diagnostic], _ cache: BuildCache
    ) throws(FileError) {
        // Findings must be told again, so a tree with any is looked at again.
        let others = mounts(assembly.loaded.configuration)
        writers = try each(writers) { writer, _ throws(FileError) in try writer.leaveRecord() }
        let isComplete = diagnostics.isEmpty && writers.allSatisfy(\.isRecordComplete)
        try cache.savePages()
        try cache.close()
        guard isComplete, let sources else { return }
        let trees = writers.compactMap { writer in
            Manifest.dated(writer.manifestBytes, request.now).map { (writer, $0.undated) }
        }.map { writer, undated in
            TreeRecord.Tree(
                variant: writer.manifest.variant, files: writer.manifest.files.count, manifest: undated,
                runtime: writer.runtime.sorted { $0.key < $1.key }.map { (name: $0.key, digest: $0.value) })
        }
        guard trees.count == writers.count else { return }
        try cache.save(
            "tree",
            TreeRecord(
                sources: sources, others: others, builtAt: request.now, nextChange: assembly.loaded.nextChange,
                sourcePages: assembly.loaded.pages.count, trees: trees
            ).bytes)
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
