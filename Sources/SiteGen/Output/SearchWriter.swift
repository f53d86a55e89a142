import PortalBase
import Search
import SiteModel

/// Writes one audience's search indexes: kept where their documents are what they were, patched where some of them have
/// other words, made anew otherwise.
struct SearchWriter {
    typealias Entry = (place: Manifest.Place, entry: Manifest.Entry)
    /// A page of the tree that is found, as an output of the plan.
    private typealias Page = (output: RenderPlan.Output, node: Int, digest: SHA256Digest)

    let site: VariantSite
    let jobs: Int
    let stager: OutputStager
    /// Nil where nothing is known of an earlier build.
    let cache: BuildCache?
    let records: VariantCache?

    private static let textsFormat = "xinmi-search-texts/2"
    /// More changed pages than this, and making all anew is as quick.
    private static let mostPatched = 100
    private static let pagesInABlock = 256
    /// So many blocks of changed texts, and all are written anew.
    private static let mostAdded = 64
    private static func blockCount(_ pages: Int) -> Int { (pages + pagesInABlock - 1) / pagesInABlock }
    private var name: String { site.graph.variant.name }

    /// What became of the indexes.
    struct Outcome {
        var record: BuildRecord.Search
        /// How many files stay as they are.
        var kept = 0
    }

    /// - Parameters:
    ///   - results: of all outputs, in the plan's order.
    ///   - drawn: documents of the pages that were drawn now, by node.
    func write(_ results: [VariantWriter.Result], _ drawn: [Int: SearchDocument]) throws(FileError) -> Outcome {
        let pages = zip(site.plan.outputs, results).compactMap { output, result -> Page? in
            guard case .node(let node, 1, _) = output.job, let digest = result.search?.digest else { return nil }
            return (output, node, digest)
        }
        let (inputs, order) = digests(pages)
        var outcome =
            if let kept = try kept(inputs, order, pages, drawn) { kept } else { try anew(pages, drawn) }
        (outcome.record.inputs, outcome.record.order) = (inputs, order)
        return outcome
    }

    /// The indexes that lie there, with what changed in them; nil where they must be made anew.
    private func kept(
        _ inputs: SHA256Digest, _ order: SHA256Digest, _ pages: [Page], _ drawn: [Int: SearchDocument]
    ) throws(FileError) -> Outcome? {
        // With another order, docroots may have other numbers too.
        guard let record = records?.record, record.search.order == order, let lying = intact(record) else { return nil }
        guard record.search.inputs == inputs else { return try patched(pages, drawn, record, lying) }
        return Outcome(
            record: .init(postingBytes: record.search.postingBytes, files: lying), kept: lying.count)
    }

    /// Of all that the indexes are made from, and of all that the documents' numbers hang on.
    private func digests(_ pages: [Page]) -> (inputs: SHA256Digest, order: SHA256Digest) {
        var order: [UInt8] = []
        OutputInputs.common(site).append(to: &order)
        site.renderer.dataInputs.append(to: &order)
        var words: [UInt8] = []
        for page in pages {
            // Pages stand in the order of their instants, of which they show the day.
            let date = site.graph.nodes[page.node].page?.front.date?.seconds ?? 0
            order += "\(page.output.docroot) \(page.output.path)\0\(date)\0".utf8
            page.digest.append(to: &words)
        }
        return (SHA256Digest(of: order + words), SHA256Digest(of: order))
    }

    /// The files of the last build, if all of them are as they were written.
    private func intact(_ record: BuildRecord) -> [BuildRecord.Search.File]? {
        guard let records, !record.search.files.isEmpty else { return nil }
        var files: [BuildRecord.Search.File] = []
        for (docroot, file) in record.search.files {
            guard let checked = records.check(file, docroot) else { return nil }
            files.append((docroot, checked))
        }
        return files
    }

    // MARK: Some documents

    /// Nil where everything must be made anew.
    private func patched(
        _ pages: [Page], _ drawn: [Int: SearchDocument], _ record: BuildRecord, _ lying: [BuildRecord.Search.File]
    ) throws(FileError) -> Outcome? {
        guard let cache else { return nil }
        let known = pages.map { record.outputs[$0.output.place]?.body?.search }
        let changed = pages.indices.filter { known[$0] != pages[$0].digest }
        guard changed.count <= Self.mostPatched else { return nil }
        let log = cache.searchTexts(name)
        guard log.isWhole, log.blocks.count < Self.blockCount(pages.count) + Self.mostAdded else { return nil }
        let paths = Set(changed.map { path(of: pages[$0].node) })
        let earlier = texts(log) { paths.contains($0) }
        let layout = SearchStage(graph: site.graph, jobs: jobs).layout(pages.map(\.node))
        guard layout.count == record.search.postingBytes.count else { return nil }
        var number: [Int: (index: Int, number: Int)] = [:]
        for (index, own) in layout.enumerated() {
            for (place, node) in own.nodes.joined().enumerated() { number[node] = (index, place) }
        }
        var changes: [[SearchPatch.Change]] = Array(repeating: [], count: layout.count)
        var fresh: [(path: String, document: SearchDocument)] = []
        for index in changed {
            let node = pages[index].node
            // What was indexed for it: as the record says, where it says anything.
            guard let new = drawn[node], let old = earlier[path(of: node)], let place = number[node],
                known[index] == nil || known[index] == old.digest
            else { return nil }
            if old.digest == pages[index].digest { continue }
            guard let change = SearchPatch.Change(number: place.number, old: old, new: new) else { return nil }
            changes[place.index].append(change)
            fresh.append((path(of: node), new))
        }
        var outcome = Outcome(record: .init(postingBytes: record.search.postingBytes, files: lying))
        let files = Dictionary(lying.map { (RenderPlan.Place(docroot: $0.docroot, path: $0.file.path), $0.file) }) {
            first, _ in first
        }
        // All of them before the first is staged.
        var made: [(docroot: Int, path: String, bytes: [UInt8])] = []
        for (index, own) in changes.enumerated() where !own.isEmpty {
            let (docroot, folder) = (layout[index].docroot, layout[index].folder)
            let patch = SearchPatch(own, postingBytes: record.search.postingBytes[index]) { name in
                guard let file = files[RenderPlan.Place(docroot: docroot, path: folder + name)],
                    let bytes = try? FileSystem.read(stager.location(docroot, folder + name)),
                    SHA256Digest(of: bytes) == file.digest
                else { return nil }
                return bytes
            }
            guard let patch else { return nil }
            outcome.record.postingBytes[index] = patch.postingBytes
            made += patch.files.map { (docroot, folder + $0.name, $0.bytes) }
        }
        outcome.record.files.removeAll { lying in
            made.contains { made in
                made.docroot == lying.docroot
                    && (lying.file.path == made.path || lying.file.path.hasPrefix(made.path + "."))
            }
        }
        outcome.kept = outcome.record.files.count
        for file in made {
            outcome.record.add(try stager.stage(file.docroot, file.path, nil, file.bytes), file.docroot)
        }
        if !fresh.isEmpty { try cache.addSearchTexts(name, Self.block(fresh)) }
        return outcome
    }

    private func path(of node: Int) -> String { site.graph.nodes[node].page?.path ?? "" }

    /// What was indexed of pages when they were indexed last, by their paths.
    private func texts(_ log: RecordLog, where isWanted: (String) -> Bool) -> [String: SearchDocument] {
        var texts: [String: SearchDocument] = [:]
        for block in log.blocks {
            guard var reader = RecordReader(block, format: Self.textsFormat) else { break }
            _ = reader.values { reader in
                let path = reader.text()
                if isWanted(path) { texts[path] = SearchDocument(from: &reader) } else { SearchDocument.skip(&reader) }
            }
        }
        return texts
    }

    private static func block(_ pages: [(path: String, document: SearchDocument)]) -> [UInt8] {
        var writer = RecordWriter(textsFormat)
        writer.put(pages) { writer, page in
            writer.put(page.path)
            page.document.write(to: &writer)
        }
        return writer.finished()
    }

    // MARK: All documents

    private func anew(_ pages: [Page], _ drawn: [Int: SearchDocument]) throws(FileError) -> Outcome {
        let documents = try allDocuments(pages, drawn)
        var outcome = Outcome(record: .init())
        for index in SearchStage(graph: site.graph, jobs: jobs).run(documents) { try write(index, &outcome.record) }
        // A block at a time: the texts of all pages are in memory once.
        let nodes = documents.keys.sorted()
        try cache?.saveSearchTexts(name, blocks: Self.blockCount(nodes.count)) { number in
            let start = number * Self.pagesInABlock
            return Self.block(
                nodes[start..<min(start + Self.pagesInABlock, nodes.count)].map {
                    (path: path(of: $0), document: documents[$0]!)
                })
        }
        return outcome
    }

    /// The pages that were drawn now, and of the others what they were when they were indexed last.
    private func allDocuments(
        _ pages: [Page], _ drawn: [Int: SearchDocument]
    ) throws(FileError) -> [Int: SearchDocument] {
        let missing = pages.filter { drawn[$0.node] == nil }
        guard !missing.isEmpty else { return drawn }
        let known = cache.map { texts($0.searchTexts(name)) { _ in true } } ?? [:]
        var documents = drawn
        for page in missing {
            if let text = known[path(of: page.node)], text.digest == page.digest {
                documents[page.node] = text
                continue
            }
            documents[page.node] = try site.renderer.render(page.output).content.flatMap {
                SearchStage.document(page.node, $0, site.graph)
            }
        }
        return documents
    }

    private func write(_ made: SearchStage.Index, _ record: inout BuildRecord.Search) throws(FileError) {
        let names = made.index.names
        let stager = stager
        let staged = parallelMap(names.count, jobs: jobs) {
            number, _ -> (entries: [Entry], mark: String, failure: FileError?) in
            let file = made.index.file(number)
            do throws(FileError) {
                return (
                    try stager.stage(made.docroot, made.folder + names[number], nil, file.bytes), file.mark, nil
                )
            } catch {
                return ([], file.mark, error)
            }
        }
        for (entries, _, failure) in staged {
            if let failure { throw failure }
            record.add(entries, made.docroot)
        }
        let meta = made.index.meta(staged.map(\.mark))
        record.add(try stager.stage(made.docroot, made.folder + SearchIndex.metaName, nil, meta), made.docroot)
        record.postingBytes.append(made.index.postingBytes)
    }
}

extension BuildRecord.Search {
    /// Files that were just staged.
    fileprivate mutating func add(_ entries: [SearchWriter.Entry], _ docroot: Int) {
        for (place, entry) in entries {
            files.append(
                (docroot, BuildRecord.Written(path: place.text, digest: entry.digest, bytes: entry.bytes, mark: nil)))
        }
    }
}
