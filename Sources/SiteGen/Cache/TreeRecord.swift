import PortalBase
import SiteModel

/// The state of everything that a build read, and of everything that it left: where both are as they were, nothing needs
/// to be read at all.
struct TreeRecord: Sendable {
    private static let format = "xinmi-tree/1"

    /// Of options and sources; see `look`.
    let sources: SHA256Digest
    /// Places outside the source folder's `Content/` and `Themes/` that were read.
    let others: [String]
    let builtAt: Instant
    /// The first instant at which a page becomes due or ends.
    let nextChange: Instant?
    let sourcePages: Int
    /// Variants with the number of their files and the digest of their manifest without its instant.
    let trees: [(variant: String, files: Int, manifest: SHA256Digest)]
    /// Files below the output folder with their state.
    let written: [(path: String, mark: FileMark)]

    init(
        sources: SHA256Digest, others: [String], builtAt: Instant, nextChange: Instant?, sourcePages: Int,
        trees: [(variant: String, files: Int, manifest: SHA256Digest)], written: [(path: String, mark: FileMark)]
    ) {
        self.sources = sources
        self.others = others
        self.builtAt = builtAt
        self.nextChange = nextChange
        self.sourcePages = sourcePages
        self.trees = trees
        self.written = written
    }

    init?(_ bytes: [UInt8]) {
        guard var reader = RecordReader(bytes, format: Self.format) else { return nil }
        sources = reader.digest()
        others = reader.values { $0.text() }
        builtAt = Instant(seconds: reader.number())
        nextChange = reader.flag() ? Instant(seconds: reader.number()) : nil
        sourcePages = reader.number()
        trees = reader.values { (variant: $0.text(), files: $0.number(), manifest: $0.digest()) }
        written = reader.values { (path: $0.text(), mark: $0.mark()) }
    }

    var bytes: [UInt8] {
        var writer = RecordWriter(Self.format)
        writer.put(sources)
        writer.put(others) { $0.put($1) }
        writer.put(builtAt.seconds)
        writer.put(nextChange != nil)
        if let nextChange { writer.put(nextChange.seconds) }
        writer.put(sourcePages)
        writer.put(trees) { writer, tree in
            writer.put(tree.variant)
            writer.put(tree.files)
            writer.put(tree.manifest)
        }
        writer.put(written) { writer, file in
            writer.put(file.path)
            writer.put(file.mark)
        }
        return writer.finished()
    }

    /// Whether a build at `now` would find and leave what this one did.
    func holds(_ request: BuildRequest, sources: SHA256Digest?, output: String) -> Bool {
        guard let sources, sources == self.sources, request.now >= builtAt else { return false }
        if let nextChange, request.now >= nextChange { return false }
        let written = written
        let same = parallelMap(written.count, jobs: request.jobs) { index, _ in
            FileMark(output + "/" + written[index].path) == written[index].mark
        }
        return !same.contains(false)
    }

    /// The state of all that a build with these options reads, without reading it; nil where a file changed so lately
    /// that its state tells nothing yet.
    static func look(_ request: BuildRequest, others: [String]) -> SHA256Digest? {
        var bytes: [UInt8] = []
        func put(_ text: String) {
            bytes += text.utf8
            bytes.append(0)
        }
        OutputInputs.program.append(to: &bytes)
        for option in [request.source, "\(request.ignoresHosts)"] + request.variants.map({ "variant " + $0 }) { put(option) }
        let roots = [request.source + "/Content", request.source + "/Themes"] + request.overlays + others
        let branches = roots.flatMap { root -> [String] in
            put("root " + root)
            guard let entries = try? FileSystem.list(root) else { return [root] }
            return entries.map { root + "/" + $0.name }
        }
        let looked = parallelMap(branches.count, jobs: request.jobs) { index, _ -> [UInt8]? in
            var out: [UInt8] = []
            return walk(branches[index], &out) ? out : nil
        }
        for part in looked {
            guard let part else { return nil }
            bytes += part
        }
        return SHA256Digest(of: bytes)
    }

    private static func walk(_ path: String, _ out: inout [UInt8]) -> Bool {
        out += path.utf8
        out.append(0)
        guard let mark = FileMark(path) else { return true }
        guard let entries = try? FileSystem.list(path) else {
            for word in mark.words { withUnsafeBytes(of: word) { out.append(contentsOf: $0) } }
            return mark.isSettled
        }
        // A folder's own times change with what editors' programs put beside the files; its entries count.
        for entry in entries {
            if entry.kind == .directory {
                guard walk(path + "/" + entry.name, &out) else { return false }
                continue
            }
            out += entry.name.utf8
            out.append(0)
            guard let mark = FileMark(path + "/" + entry.name) else { continue }
            for word in mark.words { withUnsafeBytes(of: word) { out.append(contentsOf: $0) } }
            guard mark.isSettled else { return false }
        }
        return true
    }
}
