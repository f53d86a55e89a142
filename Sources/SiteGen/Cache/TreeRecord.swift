import PortalBase
import SiteModel

/// The state of everything that the last build read, and what it left: where both are as they were, nothing needs to be
/// read at all.
struct TreeRecord: Sendable {
    private static let format = "xinmi-tree/2"

    struct Tree: Sendable {
        let variant: String
        /// How many files the manifest lists.
        let files: Int
        /// Of the manifest without its instant.
        let manifest: SHA256Digest
        /// What formsapi reads, by name below the runtime folder.
        let runtime: [(name: String, digest: SHA256Digest)]
    }

    /// Of options and sources; see `Look`.
    let sources: SHA256Digest
    /// Places outside the source folder's `Content/` and `Themes/` that were read.
    let others: [String]
    let builtAt: Instant
    /// The first instant at which a page becomes due or ends.
    let nextChange: Instant?
    let sourcePages: Int
    let trees: [Tree]

    init(
        sources: SHA256Digest, others: [String], builtAt: Instant, nextChange: Instant?, sourcePages: Int, trees: [Tree]
    ) {
        self.sources = sources
        self.others = others
        self.builtAt = builtAt
        self.nextChange = nextChange
        self.sourcePages = sourcePages
        self.trees = trees
    }

    init?(_ bytes: [UInt8]) {
        guard var reader = RecordReader(bytes, format: Self.format) else { return nil }
        sources = reader.digest()
        others = reader.values { $0.text() }
        builtAt = Instant(seconds: reader.number())
        nextChange = reader.flag() ? Instant(seconds: reader.number()) : nil
        sourcePages = reader.number()
        trees = reader.values { reader in
            Tree(
                variant: reader.text(), files: reader.number(), manifest: reader.digest(),
                runtime: reader.values { (name: $0.text(), digest: $0.digest()) })
        }
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
            writer.put(tree.runtime) { writer, file in
                writer.put(file.name)
                writer.put(file.digest)
            }
        }
        return writer.finished()
    }

    /// Whether pages would be due at `now` as they were when this was built.
    func isDue(_ now: Instant) -> Bool { now >= builtAt && (nextChange.map { now < $0 } ?? true) }

    /// The state of what every build with these options reads, without reading it. It is looked at before anything is
    /// read: what changes meanwhile is then seen by the next build.
    struct Look: Sendable {
        private let bytes: [UInt8]

        /// Nil where a file changed so lately that its state tells nothing yet.
        init?(_ request: BuildRequest, _ tree: SourceTree) {
            guard let content = tree.state else { return nil }
            var bytes: [UInt8] = []
            OutputInputs.program.append(to: &bytes)
            content.append(to: &bytes)
            for option in [request.source, "\(request.ignoresHosts)"] + request.overlays
                + request.variants.map({ "variant " + $0 })
            {
                bytes += option.utf8
                bytes.append(0)
            }
            guard Self.append(request.source + "/Themes", to: &bytes) else { return nil }
            self.bytes = bytes
        }

        /// Together with places outside `Content/` and `Themes/`.
        func with(_ others: [String]) -> SHA256Digest? {
            var bytes = bytes
            for root in others {
                guard Self.append(root, to: &bytes) else { return nil }
            }
            return SHA256Digest(of: bytes)
        }

        /// Links are followed, as those do who read.
        private static func append(_ path: String, to out: inout [UInt8], depth: Int = 0) -> Bool {
            out += path.utf8
            out.append(0)
            let kind = FileSystem.kind(path)
            let entries = kind == .directory || kind == .symlink ? try? FileSystem.list(path) : nil
            if kind == .directory || entries != nil {
                // A link to a folder above itself has no end.
                guard let entries, depth < 32 else { return false }
                return entries.allSatisfy { append(path + "/" + $0.name, to: &out, depth: depth + 1) }
            }
            guard let mark = FileMark(path) else { return true }
            mark.append(to: &out)
            return mark.isSettled
        }
    }
}
