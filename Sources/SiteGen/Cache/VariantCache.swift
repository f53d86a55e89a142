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

    /// Whether it may show of a body that it is not the page of: a list goes on, and a theme may show its section's contents.
    private func showsOtherBody(_ output: RenderPlan.Output) -> Bool {
        guard case .node(let node, let listPage, _) = output.job else { return false }
        return listPage > 1 && site.graph.nodes[node].page != nil
    }

    private func makeInputs() throws(FileError) -> OutputInputs {
        let pages = pages
        return try OutputInputs(site: site, jobs: request.jobs) { location throws(FileError) in
            try pages.digest(of: location)
        }
    }

    // MARK: Before rendering

    /// For each output what the last build made of it, if that is on the disk as it would be made now; nothing at all
    /// where no output can be kept.
    mutating func reusable() throws(FileError) -> [VariantWriter.Result?] {
        guard let record, record.common == OutputInputs.common(site) else { return [] }
        let outputs = site.plan.outputs
        let bodies = site.renderer.bodies
        let recorded = outputs.map { record.outputs[$0.place] }
        // Bodies that are as they were, with what is known of them.
        let known = zip(outputs, recorded).map { output, recorded -> BuildRecord.Body? in
            guard let body = recorded?.body, let (node, page) = page(output), body.source == page.digest else {
                return nil
            }
            bodies.remember(body.facts, of: node)
            return body
        }
        let this = self
        let inputs = try makeInputs()
        self.inputs = inputs
        let isSettled = inputs.addresses == record.addresses
        let isSameWorld = inputs.world == record.world
        let copies = (0..<request.jobs).map { _ in request.jobs > 1 && !isSameWorld ? inputs.unshared() : inputs }
        let decided = parallelMap(outputs.count, jobs: request.jobs) { index, thread -> Decision in
            this.decide(
                outputs[index], recorded[index], known[index], copies[thread], addressesAreSame: isSettled,
                onlyBodiesChanged: isSameWorld)
        }
        digests = decided.map(\.inputs)
        links = decided.map(\.links)
        return decided.map(\.result)
    }

    private struct Decision: Sendable {
        var inputs: SHA256Digest?
        var links: SHA256Digest?
        var result: VariantWriter.Result?
    }

    private func decide(
        _ output: RenderPlan.Output, _ recorded: BuildRecord.Output?, _ body: BuildRecord.Body?,
        _ inputs: OutputInputs, addressesAreSame: Bool, onlyBodiesChanged: Bool
    ) -> Decision {
        var decision = Decision()
        if let (node, _) = page(output) {
            // What changed is drawn in any case, and its inputs are known after that.
            guard let body else { return decision }
            let isLinkedAsBefore = addressesAreSame && !body.facts.hasFragments && !body.facts.usesShelf
            decision.links = isLinkedAsBefore ? body.links : inputs.links(of: node, body.facts)
        }
        guard let recorded else { return decision }
        if onlyBodiesChanged, !showsOtherBody(output), body?.links == decision.links, !recorded.hasFindings {
            decision.inputs = recorded.inputs
        } else {
            let digest = inputs.digest(of: output, links: decision.links)
            decision.inputs = digest
            guard recorded.inputs == digest else { return decision }
        }
        var files = recorded.files
        var isSame = body?.links == decision.links
        if !recorded.isAsWritten {
            for (index, file) in recorded.files.enumerated() {
                guard let checked = check(file, output.docroot) else { return decision }
                files[index] = checked
                if checked.mark != file.mark { isSame = false }
            }
        }
        decision.result = VariantWriter.Result(
            entries: entries(files, output),
            search: body?.search.map { VariantWriter.IndexedPage(digest: $0, document: nil) }, written: files,
            recorded: isSame ? recorded : nil)
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
        file.checked(folders[docroot], trustsMark: !request.comparesContent)
    }

    /// Files of the earlier build that this one does not have, below the output folder; nil where only a look at the
    /// disk can tell.
    func withdrawn(
        after results: [VariantWriter.Result], search: [BuildRecord.Search.File]
    ) -> [String]? {
        // With other sites, docroots have other numbers.
        guard let record, !request.comparesContent, record.common == OutputInputs.common(site) else { return nil }
        var gone: [String] = []
        var strangers = record.outputs.count
        for (output, result) in zip(site.plan.outputs, results) {
            if result.recorded == nil {
                guard let earlier = record.outputs[output.place] else { continue }
                for file in earlier.files
                where !result.entries.contains(where: { ByteText($0.place.text) == ByteText(file.path) }) {
                    gone.append(site.folder(output.docroot) + "/" + file.path)
                }
            }
            strangers -= 1
        }
        for (place, output) in strangers > 0 ? record.outputs : [:]
        where site.plan.owner(place.path, docroot: place.docroot) == nil {
            guard site.graph.docroots.indices.contains(place.docroot) else { return nil }
            for file in output.files { gone.append(site.folder(place.docroot) + "/" + file.path) }
        }
        let kept = Set(search.map { RenderPlan.Place(docroot: $0.docroot, path: $0.file.path) })
        for (docroot, file) in record.search.files
        where !kept.contains(RenderPlan.Place(docroot: docroot, path: file.path)) {
            gone.append(site.folder(docroot) + "/" + file.path)
        }
        return gone
    }

    // MARK: Afterwards

    /// The record that this build leaves, and how it differs from the earlier one. Of outputs with findings only the
    /// files are kept: they are made and reported again.
    mutating func after(
        _ results: [VariantWriter.Result],
        search: BuildRecord.Search
    ) throws(FileError) -> (record: BuildRecord, change: BuildRecord.Change) {
        let inputs: OutputInputs
        if let known = self.inputs { inputs = known } else { inputs = try makeInputs() }
        let outputs = site.plan.outputs
        let bodies = site.renderer.bodies
        let (this, digests, links) = (self, digests, links)
        let fresh = outputs.indices.filter { results[$0].recorded == nil }
        let made = parallelMap(fresh.count, jobs: request.jobs) { number, _ -> BuildRecord.Output? in
            let index = fresh[number]
            let (output, result) = (outputs[index], results[index])
            guard result.findings?.failure == nil, !result.entries.isEmpty else { return nil }
            // An attachment that changed after it was copied: what it is made from is not what it holds.
            if case .file(let file) = output.job,
                (try? this.pages.digest(of: this.site.graph.files[file].location)) != result.entries[0].entry.digest
            {
                return .withFindings(this.written(result.entries, output.docroot))
            }
            guard result.findings?.diagnostics.isEmpty ?? true else {
                return .withFindings(this.written(result.entries, output.docroot))
            }
            var body: BuildRecord.Body?
            if let (node, page) = this.page(output) {
                guard let facts = bodies.known(node), let source = page.digest else { return nil }
                body = BuildRecord.Body(
                    source: source, facts: facts, links: links[index] ?? inputs.links(of: node, facts),
                    search: result.search?.digest)
            }
            return BuildRecord.Output(
                inputs: digests[index] ?? inputs.digest(of: output, links: body?.links),
                files: result.written ?? this.written(result.entries, output.docroot), body: body)
        }
        var record = self.record ?? BuildRecord()
        var change = BuildRecord.Change(changesSearch: record.search.inputs != search.inputs)
        record.common = inputs.common
        record.addresses = inputs.addresses
        record.world = inputs.world
        record.outputs.reserveCapacity(outputs.count)
        for (index, made) in zip(fresh, made) {
            let place = outputs[index].place
            if let made {
                change.made.append((place, made))
                record.outputs[place] = made
            } else if record.outputs.removeValue(forKey: place) != nil {
                change.gone.append(place)
            }
        }
        if record.outputs.count > outputs.count {
            for place in record.outputs.keys where site.plan.owner(place.path, docroot: place.docroot) == nil {
                change.gone.append(place)
            }
            for place in change.gone { record.outputs[place] = nil }
        }
        record.search = search
        return (record, change)
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
