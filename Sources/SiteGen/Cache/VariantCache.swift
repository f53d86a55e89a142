import PortalBase
import SiteModel

/// What the record of an earlier build spares one audience's tree, and the record that this build leaves.
struct VariantCache: Sendable {
    private let site: VariantSite
    private let request: BuildRequest
    private let pages: PageCache
    /// Of the earlier build; nil where there is none, or it cannot be read.
    let record: BuildRecord?
    private var inputs: OutputInputs?
    /// By output, as far as they are known.
    private var digests: [SHA256Digest?]
    private var links: [SHA256Digest?]

    init(site: VariantSite, request: BuildRequest, pages: PageCache, record: BuildRecord?) {
        self.site = site
        self.request = request
        self.pages = pages
        self.record = record
        folders = site.graph.docroots.indices.map { request.output! + "/" + site.folder($0) + "/" }
        digests = Array(repeating: nil, count: site.plan.outputs.count)
        links = digests
    }

    /// Of each docroot on the disk, with a slash at the end.
    private let folders: [String]

    /// The page whose body an output shows.
    private func page(_ output: RenderPlan.Output) -> (node: Int, page: VisiblePage)? {
        guard case .node(let node, 1, _) = output.job, let page = site.graph.nodes[node].page else { return nil }
        return (node, page)
    }

    private func makeInputs() throws(FileError) -> OutputInputs {
        let pages = pages
        return try OutputInputs(site: site, jobs: request.jobs) { location throws(FileError) in
            try pages.digest(of: location)
        }
    }

    // MARK: Before rendering

    /// Outputs that are on the disk as they would be made.
    mutating func reusable() throws(FileError) -> [Int: VariantWriter.Result] {
        guard let record, record.common == OutputInputs.common(site) else { return [:] }
        let outputs = site.plan.outputs
        let bodies = site.renderer.bodies
        let recorded = outputs.map { record.outputs[BuildRecord.key($0.docroot, $0.path)] }
        // Bodies that are as they were, with what is known of them.
        let this = self
        let known = parallelMap(outputs.count, jobs: request.jobs) { index, _ -> BuildRecord.Body? in
            guard let (_, page) = this.page(outputs[index]), let body = recorded[index]?.body,
                body.source == page.digest
            else { return nil }
            return body
        }
        for (output, body) in zip(outputs, known) {
            if let body, let (node, _) = page(output) { bodies.remember(body.facts, of: node) }
        }
        let inputs = try makeInputs()
        self.inputs = inputs
        let isSettled = inputs.addresses == record.addresses
        let copies = (0..<request.jobs).map { _ in request.jobs > 1 ? inputs.unshared() : inputs }
        let decided = parallelMap(outputs.count, jobs: request.jobs) { index, thread -> Decision in
            this.decide(outputs[index], recorded[index], known[index], copies[thread], addressesAreSame: isSettled)
        }
        var kept: [Int: VariantWriter.Result] = [:]
        kept.reserveCapacity(outputs.count)
        for (index, decision) in decided.enumerated() {
            digests[index] = decision.inputs
            links[index] = decision.links
            kept[index] = decision.result
        }
        return kept
    }

    private struct Decision: Sendable {
        var inputs: SHA256Digest?
        var links: SHA256Digest?
        var result: VariantWriter.Result?
    }

    private func decide(
        _ output: RenderPlan.Output, _ recorded: BuildRecord.Output?, _ body: BuildRecord.Body?,
        _ inputs: OutputInputs, addressesAreSame: Bool
    ) -> Decision {
        var decision = Decision()
        if let (node, _) = page(output) {
            // What changed is drawn in any case, and its inputs are known after that.
            guard let body else { return decision }
            let isLinkedAsBefore = addressesAreSame && !body.facts.hasFragments && !body.facts.usesShelf
            decision.links = isLinkedAsBefore ? body.links : inputs.links(of: node, body.facts)
        }
        let digest = inputs.digest(of: output, links: decision.links)
        decision.inputs = digest
        guard let recorded, recorded.inputs == digest else { return decision }
        var files: [BuildRecord.Written] = []
        for file in recorded.files {
            guard let checked = check(file, output.docroot) else { return decision }
            files.append(checked)
        }
        let isSame =
            zip(files, recorded.files).allSatisfy { $0.mark == $1.mark } && body?.links == decision.links
        decision.result = VariantWriter.Result(
            entries: entries(files, output), written: files, recorded: isSame ? recorded : nil,
            searchDigest: body?.search)
        return decision
    }

    private func entries(
        _ files: [BuildRecord.Written], _ output: RenderPlan.Output
    ) -> [(place: Manifest.Place, entry: Manifest.Entry)] {
        let host = site.graph.docroots[output.docroot].site
        let slug = output.site.map { site.graph.configuration.sites[$0].slug }
        return files.map { file in
            (
                Manifest.Place(host: host, path: file.path),
                Manifest.Entry(digest: file.digest, bytes: file.bytes, site: slug)
            )
        }
    }

    /// The file with its present state, if it holds what was written; nil where it must be written again.
    func check(_ file: BuildRecord.Written, _ docroot: Int) -> BuildRecord.Written? {
        Self.check(file, folders[docroot] + file.path, comparesContent: request.comparesContent)
    }

    static func check(
        _ file: BuildRecord.Written, _ location: String, comparesContent: Bool
    ) -> BuildRecord.Written? {
        if !comparesContent, let mark = file.mark, FileMark(location) == mark { return file }
        return reread(file, location)
    }

    /// The same by content.
    private static func reread(_ file: BuildRecord.Written, _ location: String) -> BuildRecord.Written? {
        guard FileSystem.kind(location) == .file, let (bytes, mark) = try? FileSystem.readMarked(location),
            SHA256Digest(of: bytes) == file.digest
        else { return nil }
        return BuildRecord.Written(
            path: file.path, digest: file.digest, bytes: file.bytes, mark: mark.isSettled ? mark : nil)
    }

    /// Files of the earlier build that this one does not have, below the output folder; nil where only a look at the
    /// disk can tell.
    func withdrawn(
        after results: [VariantWriter.Result], search: [(docroot: Int, file: BuildRecord.Written)]
    ) -> [String]? {
        guard let record, !request.comparesContent else { return nil }
        var gone: [String] = []
        for (key, output) in record.outputs {
            guard let (docroot, path) = BuildRecord.place(key), site.graph.docroots.indices.contains(docroot) else {
                return nil
            }
            var stays: [String] = []
            if let owner = site.plan.owner(path, docroot: docroot) {
                if results[owner].recorded === output { continue }
                stays = results[owner].entries.map(\.place.text)
            }
            for file in output.files where !stays.contains(file.path) {
                gone.append(site.folder(docroot) + "/" + file.path)
            }
        }
        let kept = Set(search.map { BuildRecord.key($0.docroot, $0.file.path) })
        for (docroot, file) in record.searchFiles where !kept.contains(BuildRecord.key(docroot, file.path)) {
            gone.append(site.folder(docroot) + "/" + file.path)
        }
        return gone
    }

    // MARK: Afterwards

    /// The record that this build leaves. Of outputs with findings only the files are kept: they are made and reported
    /// again.
    mutating func after(
        _ results: [VariantWriter.Result],
        search: (inputs: SHA256Digest, files: [(docroot: Int, file: BuildRecord.Written)])
    ) throws(FileError) -> BuildRecord {
        let inputs: OutputInputs
        if let known = self.inputs { inputs = known } else { inputs = try makeInputs() }
        let outputs = site.plan.outputs
        let bodies = site.renderer.bodies
        let (this, digests, links) = (self, digests, links)
        let made = parallelMap(outputs.count, jobs: request.jobs) { index, _ -> BuildRecord.Output? in
            let (output, result) = (outputs[index], results[index])
            if let recorded = result.recorded { return recorded }
            guard result.failure == nil, !result.entries.isEmpty else { return nil }
            guard result.diagnostics.isEmpty else {
                return .withFindings(this.written(result.entries, output.docroot))
            }
            var body: BuildRecord.Body?
            if let (node, page) = this.page(output) {
                guard let facts = bodies.known(node) else { return nil }
                body = BuildRecord.Body(
                    source: page.digest, facts: facts, links: links[index] ?? inputs.links(of: node, facts),
                    search: result.searchDigest)
            }
            return BuildRecord.Output(
                inputs: digests[index] ?? inputs.digest(of: output, links: body?.links),
                files: result.written ?? this.written(result.entries, output.docroot), body: body)
        }
        var record = BuildRecord()
        record.common = inputs.common
        record.addresses = inputs.addresses
        record.outputs.reserveCapacity(outputs.count)
        for (output, made) in zip(outputs, made) {
            if let made { record.outputs[BuildRecord.key(output.docroot, output.path)] = made }
        }
        record.searchInputs = search.inputs
        record.searchFiles = search.files
        return record
    }

    func written(
        _ entries: [(place: Manifest.Place, entry: Manifest.Entry)], _ docroot: Int
    ) -> [BuildRecord.Written] {
        entries.map { place, entry in written(place.text, entry.digest, entry.bytes, docroot) }
    }

    /// A file that was just written, with its state where that can be believed.
    func written(_ path: String, _ digest: SHA256Digest, _ bytes: Int, _ docroot: Int) -> BuildRecord.Written {
        let mark = FileMark(folders[docroot] + path)
        return BuildRecord.Written(
            path: path, digest: digest, bytes: bytes, mark: mark.flatMap { $0.isSettled ? $0 : nil })
    }
}
