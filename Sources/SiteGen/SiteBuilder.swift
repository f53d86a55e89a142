import Glibc
import Markdown
import PortalBase
import SiteModel

/// What to build from where: everything that can change the outcome.
struct BuildRequest: Sendable {
    /// Folder that holds `Content/` and `Themes/`.
    var source: String
    /// Folder of all output trees; nil to check only.
    var output: String?
    /// Names of variants; empty for all.
    var variants: [String] = []
    var overlays: [String] = []
    var now: Instant
    var jobs: Int
}

/// What a build found and did.
struct BuildReport: Sendable {
    var diagnostics: [Diagnostic] = []
    var sourcePages = 0
    /// Files of each variant's docroot.
    var outputs: [(variant: String, files: Int)] = []
    var changed = 0
    var deleted = 0
    var unchanged = 0
    var hasErrors: Bool { diagnostics.hasErrors }
}

/// The one road from a source folder to output trees.
///
/// load → filter by audience → site graph → documents → render → staged files → commit. A run that finds an error in
/// the content writes nothing; findings of all stages that could run are reported together.
struct SiteBuilder: Sendable {
    let request: BuildRequest
    let progress: Progress

    func run() throws(FileError) -> BuildReport {
        var report = BuildReport()
        var found: [Diagnostic] = []
        try build(&report, &found)
        report.diagnostics = unique(found.inOrder())
        return report
    }

    private func build(_ report: inout BuildReport, _ diagnostics: inout [Diagnostic]) throws(FileError) {
        progress.stage("load")
        let tree = try SourceTree(root: request.source, overlays: request.overlays, diagnostics: &diagnostics)
        guard let loaded = try load(tree, &diagnostics) else { return }
        report.sourcePages = loaded.pages.count
        let variants = chosenVariants(loaded.configuration, &diagnostics)
        var themes: [String: Theme] = [:]
        for name in Set(loaded.configuration.sites.map(\.theme)).sorted() {
            themes[name] = Theme.load(name, root: request.source, diagnostics: &diagnostics)
        }
        progress.stage("parse")
        let contents = variants.map { AudienceFilter.apply($0, to: loaded, diagnostics: &diagnostics) }
        let directives = themes.values.reduce(into: Set<String>()) { $0.formUnion($1.directives) }
        let documents = DocumentStage(configuration: loaded.configuration, directives: directives, jobs: request.jobs)
            .run(contents, diagnostics: &diagnostics)

        let transaction: OutputTransaction? =
            if let output = request.output { try OutputTransaction(root: output) } else { nil }
        do {
            for (content, parsed) in zip(contents, documents) {
                progress.stage("render \(content.variant.name)")
                try renderVariant(content, parsed, loaded, themes, transaction, &report, &diagnostics)
            }
        } catch {
            try transaction?.abandon()
            throw error
        }
        guard let transaction else { return }
        if diagnostics.hasErrors {
            try transaction.abandon()
            return
        }
        progress.stage("write")
        try transaction.commit()
        (report.changed, report.deleted, report.unchanged) = transaction.counts
    }

    private func load(_ tree: SourceTree, _ diagnostics: inout [Diagnostic]) throws(FileError) -> LoadedContent? {
        guard let file = tree.file(SiteConfiguration.path) else {
            diagnostics.append(
                Diagnostic(
                    "no-configuration", SourcePosition(path: SiteConfiguration.path),
                    problem: Bilingual(zh: "没有站点清单", en: "there is no list of sites"),
                    remedy: Bilingual(zh: "请建立 Content/sites.yaml", en: "make Content/sites.yaml")))
            return nil
        }
        guard let text = decodeSource(try FileSystem.read(file.location), path: file.path, diagnostics: &diagnostics),
            let configuration = SiteConfiguration(String(decoding: text, as: UTF8.self), diagnostics: &diagnostics)
        else { return nil }
        return ContentLoader(tree: tree, configuration: configuration, now: request.now, jobs: request.jobs)
            .load(diagnostics: &diagnostics)
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

    private func renderVariant(
        _ content: VisibleContent, _ parsed: [MarkdownDocument], _ loaded: LoadedContent, _ themes: [String: Theme],
        _ transaction: OutputTransaction?, _ report: inout BuildReport, _ diagnostics: inout [Diagnostic]
    ) throws(FileError) {
        let graph = SiteGraph(content, diagnostics: &diagnostics)
        let bySource = Dictionary(zip(content.pages.map(\.path), parsed)) { first, _ in first }
        let documents = graph.nodes.map { node in node.page.flatMap { bySource[$0.path] } }
        let forms = FormPages(graph, diagnostics: &diagnostics)
        let plan = RenderPlan(graph, themes: themes, diagnostics: &diagnostics)
        let assembler = BodyAssembler(
            graph: graph, documents: documents, outputs: Set(plan.outputs.map(\.path)), loaded: loaded, forms: forms)
        let renderer = VariantRenderer(
            graph: graph, themes: themes, documents: documents, assembler: assembler, forms: forms,
            diagnostics: &diagnostics)

        let name = content.variant.name
        let outputs = plan.outputs
        let results = parallelMap(outputs.count, jobs: request.jobs) { index, _ -> OutputResult in
            Self.produce(outputs[index], renderer, graph, docroot: name, transaction)
        }
        var manifest = Manifest(variant: name, now: request.now, zone: loaded.configuration.group.zone)
        for (output, result) in zip(outputs, results) {
            diagnostics += result.diagnostics
            if let failure = result.failure { throw failure }
            manifest.files[output.path] = (result.digest, result.bytes)
        }
        report.outputs.append((name, outputs.count))
        guard let transaction else { return }
        try transaction.put("\(name).manifest.json", manifest.bytes)
        try deleteStrays(below: name, keeping: manifest, transaction)
        try putRuntime(name, renderer, forms, transaction, &diagnostics)
    }

    private struct OutputResult: Sendable {
        var digest = SHA256Digest(of: [])
        var bytes = 0
        var diagnostics: [Diagnostic] = []
        var failure: FileError?
    }

    private static func produce(
        _ output: RenderPlan.Output, _ renderer: VariantRenderer, _ graph: SiteGraph, docroot: String,
        _ transaction: OutputTransaction?
    ) -> OutputResult {
        var result = OutputResult()
        do throws(FileError) {
            let bytes: [UInt8]
            if let rendered = renderer.render(output) {
                bytes = rendered.bytes
                result.diagnostics = rendered.diagnostics
            } else if case .file(let file) = output.job {
                bytes = try FileSystem.read(graph.files[file].location)
            } else {
                bytes = []
            }
            result.digest = SHA256Digest(of: bytes)
            result.bytes = bytes.count
            try transaction?.put(docroot + "/" + output.path, bytes)
        } catch {
            result.failure = error
        }
        return result
    }

    /// Whatever lies in the docroot and is not of this build goes: a withdrawn page must not stay behind.
    private func deleteStrays(
        below docroot: String, keeping manifest: Manifest, _ transaction: OutputTransaction
    ) throws(FileError) {
        let folder = transaction.root + "/" + docroot
        guard FileSystem.kind(folder) == .directory else { return }
        // By bytes: Swift calls two spellings of é the same string, the disk does not.
        let kept = Set(manifest.files.keys.map { Array($0.utf8) })
        for path in try FileSystem.filesBelow(folder) where !kept.contains(Array(path.utf8)) {
            transaction.delete(docroot + "/" + path)
        }
    }

    /// What formsapi reads: definitions by digest (old ones stay, their submissions are still answerable) and shells.
    private func putRuntime(
        _ variant: String, _ renderer: VariantRenderer, _ forms: FormPages, _ transaction: OutputTransaction,
        _ diagnostics: inout [Diagnostic]
    ) throws(FileError) {
        let folder = "\(variant).runtime"
        for file in forms.runtimeFiles { try transaction.put("\(folder)/forms/\(file.digest).json", file.bytes) }
        let current = JSON.object(
            Dictionary(uniqueKeysWithValues: forms.current.map { ($0.id, JSON.string($0.digest)) }))
        try transaction.put("\(folder)/current.json", current.canonicalBytes)
        let shells = renderer.shells(&diagnostics)
        for shell in shells { try transaction.put("\(folder)/\(shell.name)", shell.bytes) }
        // The frame of a site that this audience no longer sees names it.
        let location = transaction.root + "/" + folder
        guard FileSystem.kind(location) == .directory else { return }
        for entry in try FileSystem.list(location) where entry.name.hasPrefix("shell.") {
            if !shells.contains(where: { $0.name == entry.name }) { transaction.delete("\(folder)/\(entry.name)") }
        }
    }

    private func unique(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
        // Both variants find the same mistake in a shared page or template.
        var seen: Set<String> = []
        return diagnostics.filter { seen.insert($0.line(language: "en")).inserted }
    }
}

/// Progress for a person at a terminal; silent in a pipe.
struct Progress: Sendable {
    let isOn: Bool

    static let silent = Progress(isOn: false)
    static func terminal() -> Progress { Progress(isOn: isatty(2) == 1) }

    func stage(_ name: String) {
        guard isOn else { return }
        let line = "\r\u{1B}[K\(name)…"
        _ = line.withCString { write(2, $0, strlen($0)) }
    }

    func done() {
        guard isOn else { return }
        _ = write(2, "\r\u{1B}[K", 4)
    }
}
