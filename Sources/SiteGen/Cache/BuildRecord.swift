import PortalBase
import Synchronization

/// What an earlier build left about one audience's tree: what each output was made from, and the state of the file that
/// was written. A cache: where it is missing, damaged or of another program, everything is made anew.
struct BuildRecord: Sendable {
    private static let format = "xinmi-build/6"

    /// A file as it was written.
    struct Written: Sendable {
        /// Below the docroot.
        let path: String
        let digest: SHA256Digest
        let bytes: Int
        /// Nil where the file was younger than the file system's clock tells apart.
        let mark: FileMark?

        /// Whether its state is what it was, so that it need not be read.
        func isAsWritten(_ folder: String) -> Bool { mark != nil && FileMark(folder + path) == mark }

        /// The file with its present state, if it holds what was written; nil where it must be written again.
        func checked(_ folder: String, trustsMark: Bool = true) -> Written? {
            if trustsMark, isAsWritten(folder) { return self }
            let location = folder + path
            guard FileSystem.kind(location) == .file, let (bytes, mark) = try? FileSystem.readMarked(location),
                SHA256Digest(of: bytes) == digest
            else { return nil }
            return Written(path: path, digest: digest, bytes: self.bytes, mark: mark.isSettled ? mark : nil)
        }
    }

    final class Output: Sendable {
        let inputs: SHA256Digest
        /// The output and its compressed copies; the first is the output.
        let files: [Written]
        private let isSeen = Atomic<Bool>(false)
        /// For outputs that show a body.
        let body: Body?

        init(inputs: SHA256Digest, files: [Written], body: Body?) {
            self.inputs = inputs
            self.files = files
            self.body = body
        }

        /// Whether all files were found as they were written when somebody looked.
        var isAsWritten: Bool { isSeen.load(ordering: .relaxed) }

        /// Looks at the files without reading them.
        func look(_ folder: String) {
            if files.allSatisfy({ $0.isAsWritten(folder) }) { isSeen.store(true, ordering: .relaxed) }
        }

        /// An output with findings: it is made again, so that they are told again, and only its files are known.
        static func withFindings(_ files: [Written]) -> Output {
            Output(inputs: noInputs, files: files, body: nil)
        }

        var hasFindings: Bool { inputs == Self.noInputs }

        private static let noInputs = SHA256Digest(of: [])

        fileprivate func write(to writer: inout RecordWriter) {
            writer.put(inputs)
            writer.put(files) { BuildRecord.write($1, &$0) }
            writer.put(body != nil)
            body?.write(to: &writer)
        }
    }

    /// The source that a body was read from, and what is known of it.
    struct Body: Sendable {
        let source: SHA256Digest
        let facts: PageBodies.Facts
        let links: SHA256Digest
        /// Of the page in the search index, if it is in it.
        let search: SHA256Digest?

        init(source: SHA256Digest, facts: PageBodies.Facts, links: SHA256Digest, search: SHA256Digest?) {
            self.source = source
            self.facts = facts
            self.links = links
            self.search = search
        }

        fileprivate init(_ reader: inout RecordReader) {
            source = reader.digest()
            links = reader.digest()
            search = reader.flag() ? reader.digest() : nil
            facts = PageBodies.Facts(packed: reader.blob())
        }

        fileprivate func write(to writer: inout RecordWriter) {
            writer.put(source)
            writer.put(links)
            writer.put(search != nil)
            if let search { writer.put(search) }
            writer.put(facts.packed)
        }
    }

    /// Of the program and the settings: `OutputInputs.common`.
    var common = SHA256Digest(of: [])
    /// Where links led: `OutputInputs.addresses`.
    var addresses = SHA256Digest(of: [])
    /// Of everything but bodies: `OutputInputs.world`.
    var world = SHA256Digest(of: [])
    var outputs: [RenderPlan.Place: Output] = [:]
    var search = Search()

    /// The search indexes: what they were made from, and their files.
    struct Search: Sendable {
        typealias File = (docroot: Int, file: Written)

        /// Of everything.
        var inputs = SHA256Digest(of: [])
        /// Of everything but the documents' words: while it is the same, each has the number that it had.
        var order = SHA256Digest(of: [])
        /// `SearchIndex.postingBytes` of each.
        var postingBytes: [Int] = []
        var files: [File] = []
    }

    /// How a record differs from the one before it.
    struct Change {
        var made: [(place: RenderPlan.Place, output: Output)] = []
        var gone: [RenderPlan.Place] = []
        let changesSearch: Bool
    }

    init() {}

    /// - Parameter log: a whole record and then changes to it, each a block of its own.
    init?(_ log: RecordLog) {
        for block in log.blocks {
            guard var reader = RecordReader(block, format: Self.format) else { return nil }
            common = reader.digest()
            addresses = reader.digest()
            world = reader.digest()
            if outputs.isEmpty { outputs.reserveCapacity(block.count / 400) }
            for (place, output) in reader.values(Self.readOutput) { outputs[place] = output }
            for place in reader.values(Self.readPlace) { outputs[place] = nil }
            if reader.flag() {
                search.inputs = reader.digest()
                search.order = reader.digest()
                search.postingBytes = reader.values { $0.number() }
                search.files = reader.values { reader in (docroot: reader.number(), file: Self.readFile(&reader)) }
            }
        }
        guard !log.blocks.isEmpty else { return nil }
    }

    /// The block that makes the record before `change` this one; all of it without.
    func block(_ change: Change?) -> [UInt8] {
        var writer = RecordWriter(Self.format)
        writer.put(common)
        writer.put(addresses)
        writer.put(world)
        writer.put(change?.made ?? outputs.map { ($0.key, $0.value) }) { writer, entry in
            Self.write(entry.place, &writer)
            entry.output.write(to: &writer)
        }
        writer.put(change?.gone ?? []) { Self.write($1, &$0) }
        let hasSearch = change?.changesSearch ?? true
        writer.put(hasSearch)
        if hasSearch {
            writer.put(search.inputs)
            writer.put(search.order)
            writer.put(search.postingBytes) { $0.put($1) }
            writer.put(search.files) { writer, entry in
                writer.put(entry.docroot)
                Self.write(entry.file, &writer)
            }
        }
        return writer.finished()
    }

    private static func readPlace(_ reader: inout RecordReader) -> RenderPlan.Place {
        RenderPlan.Place(docroot: reader.number(), path: reader.text())
    }

    private static func write(_ place: RenderPlan.Place, _ writer: inout RecordWriter) {
        writer.put(place.docroot)
        writer.put(place.path)
    }

    private static func readOutput(_ reader: inout RecordReader) -> (RenderPlan.Place, Output) {
        (
            readPlace(&reader),
            Output(
                inputs: reader.digest(), files: reader.values(Self.readFile),
                body: reader.flag() ? Body(&reader) : nil)
        )
    }

    private static func readFile(_ reader: inout RecordReader) -> Written {
        Written(
            path: reader.text(), digest: reader.digest(), bytes: reader.number(),
            mark: reader.flag() ? reader.mark() : nil)
    }

    fileprivate static func write(_ file: Written, _ writer: inout RecordWriter) {
        writer.put(file.path)
        writer.put(file.digest)
        writer.put(file.bytes)
        writer.put(file.mark != nil)
        if let mark = file.mark { writer.put(mark) }
    }
}
