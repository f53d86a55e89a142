import PortalBase
import Search
import SiteModel

/// Renders one audience's outputs and stages them: pages, pictures, search index, manifest, and what formsapi reads.
struct VariantWriter {
    let site: VariantSite
    let selection: SiteSelection
    let transaction: OutputTransaction?
    let request: BuildRequest
    private let hasSearch: Bool
    private let cache: BuildCache?
    private var records: VariantCache?
    private var isRecordWorn = true
    /// Whether the record that was left says everything: outputs with findings must be made again.
    private(set) var isRecordComplete = false
    /// Whether an output stays as it is on the disk; empty where none does.
    private var kept: [Bool] = []
    /// What became of all outputs, and of the search index.
    private(set) var results: [Result] = []
    private var search = BuildRecord.Search()

    private(set) var diagnostics: [Diagnostic] = []
    private(set) var manifest: Manifest
    private(set) var manifestBytes: [UInt8] = []
    private(set) var externalLinks: [(url: String, position: SourcePosition)] = []
    /// Digests of what formsapi reads, by name below the runtime folder.
    private(set) var runtime: [String: SHA256Digest] = [:]
    /// What lies there from the last build; only looked at when a part of the sites is published.
    private var previous: [Manifest.Place: Manifest.Entry]?

    init(
        site: VariantSite, selection: SiteSelection, transaction: OutputTransaction?, request: BuildRequest,
        cache: BuildCache?
    ) {
        self.cache = cache
        self.site = site
        self.selection = selection
        self.transaction = transaction
        self.request = request
        hasSearch = site.plan.hasSearch
        manifest = Manifest(
            variant: site.graph.variant.name, now: request.now, zone: site.graph.configuration.group.zone)
    }

    private var name: String { site.graph.variant.name }
    private var manifestPath: String { "\(name).manifest.json" }

    /// Before anything is rendered: what lies there, where only a part of it is published.
    mutating func begin() throws(FileError) {
        results = Array(repeating: Result(), count: site.plan.outputs.count)
        guard let transaction else { return }
        if let cache, let pages = cache.pages {
            let (record, isWorn) = cache.record(name)
            var records = VariantCache(site: site, request: request, pages: pages, record: record)
            let reusable = try records.reusable()
            self.records = records
            isRecordWorn = isWorn
            kept = reusable.map { $0 != nil }
            for (index, result) in reusable.enumerated() {
                guard let result else { continue }
                results[index] = result
                transaction.keep(result.entries.count)
            }
        }
        guard selection.isPartial else { return }
        previous = (try? FileSystem.read(transaction.root + "/" + manifestPath)).flatMap { Manifest($0) }?.byPlace
        if previous == nil {
            report(
                "partial-first", zh: "还没有完整构建过", en: "there is no whole build to change a part of",
                remedyZh: "请先不带 --site 构建一次", remedyEn: "build once without --site")
        }
    }

    /// What draws and stages this audience's outputs on one thread; asked for when it has begun.
    ///
    /// - Parameter isShared: whether other threads draw meanwhile, so that this one is better off with copies.
    func stager(isShared: Bool = false) -> OutputStager {
        OutputStager(
            site: site, renderer: isShared ? site.renderer.unshared() : site.renderer, selection: selection,
            transaction: transaction, takesDigests: request.writesManifest,
            listsExternalLinks: request.listsExternalLinks, previous: previous)
    }

    /// Whether an output stays as it is on the disk.
    func isKept(_ output: Int) -> Bool { !kept.isEmpty && kept[output] }

    /// Takes in what was rendered and stages what follows from all of it: search, manifest, what formsapi reads.
    mutating func finish(_ results: [Result]) throws(FileError) {
        self.results = results
        manifest.reserveCapacity(results.reduce(0) { $0 + $1.entries.count })
        var documents: [Int: SearchDocument] = [:]
        for (output, result) in zip(site.plan.outputs, results) {
            if let found = result.findings {
                diagnostics += found.diagnostics
                externalLinks += found.externalLinks
                if let failure = found.failure { throw failure }
            }
            for (place, entry) in result.entries { manifest.add(place, entry) }
            if case .node(let node, _, _) = output.job, let document = result.search?.document {
                documents[node] = document
            }
        }
        diagnostics += site.renderer.bodies.findings
        if hasSearch { try writeSearch(documents) }
        let runtimeFiles = runtimeFiles()
        runtime = Dictionary(runtimeFiles.map { ($0.name, SHA256Digest(of: $0.bytes)) }) { first, _ in first }
        guard let transaction else { return }
        if let previous {
            keepWhatStays(previous)
            checkWithdrawn(previous, transaction)
        }
        // Two long lists are gone through side by side.
        let this = self
        let (bytes, failure) = sideBySide(
            jobs: request.jobs, { this.request.writesManifest ? this.manifest.bytes : [] },
            { () -> FileError? in
                do throws(FileError) { try this.deleteStrays(transaction) } catch { return error }
                return nil
            })
        if let failure { throw failure }
        manifestBytes = bytes
        if request.writesManifest {
            try transaction.put(manifestPath, manifestBytes)
        } else if FileSystem.kind(transaction.root + "/" + manifestPath) != nil {
            // Nobody must take the last build's list for this tree's.
            transaction.delete(manifestPath)
        }
        try putRuntime(runtimeFiles, transaction)
    }

    // MARK: Files

    /// What became of one output. There is one for every output, so that what few have stands apart.
    struct Result: Sendable {
        var entries: [(place: Manifest.Place, entry: Manifest.Entry)] = []
        var findings: Findings?
        /// Of the page in the search index.
        var search: IndexedPage?
        /// State of the files, where it is known.
        var written: [BuildRecord.Written]?
        /// What the record says of it, where that still holds.
        var recorded: BuildRecord.Output?
    }

    /// What was found in one output.
    final class Findings: Sendable {
        let diagnostics: [Diagnostic]
        let externalLinks: [(url: String, position: SourcePosition)]
        let failure: FileError?

        init(
            diagnostics: [Diagnostic], externalLinks: [(url: String, position: SourcePosition)], failure: FileError?
        ) {
            self.diagnostics = diagnostics
            self.externalLinks = externalLinks
            self.failure = failure
        }
    }

    /// A page in the search index.
    final class IndexedPage: Sendable {
        let digest: SHA256Digest
        /// Nil for a page that was not drawn now.
        let document: SearchDocument?

        init(digest: SHA256Digest, document: SearchDocument?) {
            self.digest = digest
            self.document = document
        }
    }

    private mutating func writeSearch(_ drawn: [Int: SearchDocument]) throws(FileError) {
        let writer = SearchWriter(
            site: site, jobs: request.jobs, stager: stager(), cache: cache, records: records)
        let outcome = try writer.write(results, drawn)
        search = outcome.record
        transaction?.keep(outcome.kept)
        for (docroot, file) in search.files {
            manifest.add(
                place(docroot, file.path), Manifest.Entry(digest: file.digest, bytes: file.bytes, site: nil))
        }
    }

    /// Leaves what the next build can start from.
    mutating func leaveRecord() throws(FileError) {
        guard let cache, var records else { return }
        search.files = search.files.map { docroot, file in
            (docroot, file.mark == nil ? records.written(file.path, file.digest, file.bytes, docroot) : file)
        }
        let (record, change) = try records.after(results, search: search)
        // The words of a page that is gone go from the record too.
        let isShorter = !change.gone.isEmpty
        try cache.saveRecord(name, record, isRecordWorn || isShorter ? nil : change)
        // What was kept has no findings.
        isRecordComplete = record.outputs.count == results.count && !change.made.contains { $0.output.hasFindings }
    }

    private func place(_ docroot: Int, _ path: String) -> Manifest.Place { site.place(docroot, path) }

    /// The files of sites that are not published now stay as they are, and so do shared ones that their pages may still
    /// need, such as an older style sheet.
    private mutating func keepWhatStays(_ previous: [Manifest.Place: Manifest.Entry]) {
        let configuration = site.graph.configuration
        let published = Set(
            site.graph.docroots.indices.filter { selection.contains(docroot: $0, of: site.graph) }.map {
                site.graph.docroots[$0].site
            })
        checkMoved(previous)
        checkAnnounced(previous)
        let made = manifest.byPlace
        for (place, entry) in previous {
            if entry.site != nil, !selection.contains(slug: entry.site, configuration) {
                if let taken = made[place], taken != entry {
                    report(
                        "other-sites-path", zh: "/\(place.text) 现在属于站点“\(entry.site!)”",
                        en: "/\(place.text) belongs to the site `\(entry.site!)` now", remedyZh: "请一起构建那个站点",
                        remedyEn: "build that site too")
                }
                manifest.add(place, entry)
            } else if entry.site == nil, made[place] == nil,
                !published.contains(place.host) || place.text.hasPrefix("assets/")
            {
                manifest.add(place, entry)
            }
        }
    }

    /// A site whose address changed would be left half at the old place and half at the new one.
    private mutating func checkMoved(_ previous: [Manifest.Place: Manifest.Entry]) {
        let graph = site.graph
        let main = graph.configuration.group.defaultLanguage
        for edition in graph.editions where !selection.contains(edition.site) && edition.language == main {
            let slug = graph.configuration.sites[edition.site].slug
            let home = place(edition.docroot, edition.path.dropFirst() + "index.html")
            guard previous[home]?.site != slug, previous.values.contains(where: { $0.site == slug }) else {
                continue
            }
            report(
                "site-moved", zh: "站点“\(slug)”的地址改了，还没有发布",
                en: "the address of the site `\(slug)` changed and is not published yet", buildingToo: slug)
        }
    }

    /// A page that waits in another site must not be announced by a list here.
    private mutating func checkAnnounced(_ previous: [Manifest.Place: Manifest.Entry]) {
        let graph = site.graph
        var waiting: Set<String> = []
        for node in graph.nodes where selection.contains(graph.editions[node.edition].site) {
            for child in node.children where !selection.contains(graph.editions[graph.nodes[child].edition].site) {
                let edition = graph.editions[graph.nodes[child].edition]
                let place = place(edition.docroot, graph.nodes[child].path.dropFirst() + "index.html")
                if previous[place] == nil { waiting.insert(graph.configuration.sites[edition.site].slug) }
            }
        }
        for slug in waiting.sorted() {
            report(
                "not-published-yet", zh: "这里的栏目列出了站点“\(slug)”还没有发布的页面",
                en: "lists here show pages of the site `\(slug)` that are not published yet", buildingToo: slug)
        }
    }

    /// Whether a docroot holds a site that is published now; what its sites share is written then, and else kept.
    /// Whatever lies in the docroots and is not in the manifest goes: a withdrawn page must not stay behind.
    private func deleteStrays(_ transaction: OutputTransaction) throws(FileError) {
        if cache?.isComplete ?? false, let withdrawn = records?.withdrawn(after: results, search: search.files) {
            for path in withdrawn { transaction.delete(path) }
            return
        }
        let made = Set(manifest.files.map(\.place))
        for (folder, host) in [(name, false), (name + ".hosts", true)] where !transaction.isNew(folder + "/") {
            let location = transaction.root + "/" + folder
            guard FileSystem.kind(location) == .directory else { continue }
            for path in try FileSystem.filesBelow(location) {
                let slash = host ? path.firstIndex(of: "/") : nil
                let place = Manifest.Place(
                    host: slash.map { String(path[..<$0]) },
                    path: slash.map { String(path[path.index(after: $0)...]) } ?? path)
                if made.contains(place) { continue }
                transaction.delete(folder + "/" + path)
            }
        }
    }

    /// A page that goes must not live on in a list or link of a site that stays as it is.
    private mutating func checkWithdrawn(_ previous: [Manifest.Place: Manifest.Entry], _ transaction: OutputTransaction)
    {
        let configuration = site.graph.configuration
        let made = manifest.byPlace
        let gone = previous.filter { place, entry in
            entry.site != nil && selection.contains(slug: entry.site, configuration) && made[place] == nil
        }
        guard !gone.isEmpty else { return }
        let addresses = gone.keys.map { place -> (host: String?, path: String) in
            let path = place.text.hasSuffix("index.html") ? String(place.text.dropLast("index.html".count)) : place.text
            return (place.host, "/" + percentEncodedPath(path))
        }.sorted { $0.path < $1.path }
        let origins = Dictionary(site.graph.docroots.map { ($0.site ?? "", $0.origin) }) { first, _ in first }
        var showing: [String: Set<String>] = [:]
        for (place, entry) in previous {
            guard let slug = entry.site, !selection.contains(slug: slug, configuration),
                place.text.hasSuffix(".html") || place.text.hasSuffix(".xml")
            else { continue }
            let folder = place.host.map { "\(name).hosts/\($0)" } ?? name
            guard let bytes = try? FileSystem.read("\(transaction.root)/\(folder)/\(place.text)") else { continue }
            for (host, path) in addresses {
                // A page of the same docroot writes the path after a quotation mark, any other the whole address.
                let written = [host == place.host ? "\"" + path : nil, (origins[host ?? ""] ?? "") + path].compactMap {
                    $0
                }
                let isShown = written.contains { text in
                    ["\"", "<", "#", "?"].contains { end in self.contains(bytes, text + end) }
                }
                if isShown { showing[slug, default: []].insert(path) }
            }
        }
        for (slug, addresses) in showing.sorted(by: { $0.key < $1.key }) {
            let list = addresses.sorted().prefix(3).joined(separator: " ")
            report(
                "still-shown", zh: "站点“\(slug)”还在显示要撤下的 \(list)",
                en: "the site `\(slug)` still shows what this withdraws: \(list)", buildingToo: slug)
        }
    }

    private func contains(_ bytes: [UInt8], _ text: String) -> Bool {
        let wanted = Array(text.utf8)
        var start = 0
        while let first = bytes[start...].firstIndex(of: wanted[0]) {
            if bytes[first...].starts(with: wanted) { return true }
            start = first + 1
        }
        return false
    }

    private mutating func report(_ rule: String, zh: String, en: String, buildingToo slug: String) {
        let sites = (request.sites + [slug]).joined(separator: " ")
        report(
            rule, zh: zh, en: en, remedyZh: "请一起构建：--site \(sites)", remedyEn: "build it too: --site \(sites)")
    }

    private mutating func report(_ rule: String, zh: String, en: String, remedyZh: String, remedyEn: String) {
        diagnostics.append(
            Diagnostic(
                rule, SourcePosition(path: SiteConfiguration.path), problem: Bilingual(zh: zh, en: en),
                remedy: Bilingual(zh: remedyZh, en: remedyEn)))
    }

    // MARK: What formsapi reads

    /// Definitions by digest (old ones stay, their submissions are still answerable) and shells.
    private mutating func runtimeFiles() -> [(name: String, bytes: [UInt8], site: Int?)] {
        var files = site.forms.runtimeFiles.map { (name: "forms/\($0.digest).json", bytes: $0.bytes, site: Int?.none) }
        let current = JSON.object(
            Dictionary(uniqueKeysWithValues: site.forms.current.map { ($0.id, JSON.string($0.digest)) }))
        files.append(("current.json", current.canonicalBytes, nil))
        files.append(("pages.json", site.forms.addresses.canonicalBytes, nil))
        files.append(("gazetteer.json", FormPages.gazetteerBytes(site.graph), nil))
        for shell in site.renderer.shells(&diagnostics) { files.append((shell.name, shell.bytes, shell.site)) }
        return files
    }

    private func putRuntime(
        _ files: [(name: String, bytes: [UInt8], site: Int?)], _ transaction: OutputTransaction
    ) throws(FileError) {
        let folder = "\(name).runtime"
        for file in files where selection.contains(file.site) {
            try transaction.put("\(folder)/\(file.name)", file.bytes)
        }
        // The frame of a site that this audience no longer sees names it.
        let location = transaction.root + "/" + folder
        guard FileSystem.kind(location) == .directory else { return }
        for entry in try FileSystem.list(location) where entry.name.hasPrefix("shell.") {
            if !files.contains(where: { $0.name == entry.name }) { transaction.delete("\(folder)/\(entry.name)") }
        }
    }
}
