import PortalBase

/// What an earlier build left about one audience's tree: what each output was made from, and the state of the file that
/// was written. A cache: where it is missing, damaged or of another program, everything is made anew.
struct BuildRecord: Sendable {
    private static let format = "xinmi-build/3"

    /// A file as it was written.
    struct Written: Sendable {
        /// Below the docroot.
        let path: String
        let digest: SHA256Digest
        let bytes: Int
        /// Nil where the file was younger than the file system's clock tells apart.
        let mark: FileMark?
    }

    final class Output: Sendable {
        let inputs: SHA256Digest
        /// The output and its compressed copies; the first is the output.
        let files: [Written]
        /// `Body` in a record's form: most builds look at few of them.
        private let bodyBytes: [UInt8]

        /// For outputs that show a body.
        var body: Body? { bodyBytes.isEmpty ? nil : Body(bodyBytes) }

        init(inputs: SHA256Digest, files: [Written], bodyBytes: [UInt8]) {
            self.inputs = inputs
            self.files = files
            self.bodyBytes = bodyBytes
        }

        convenience init(inputs: SHA256Digest, files: [Written], body: Body?) {
            self.init(inputs: inputs, files: files, bodyBytes: body?.bytes ?? [])
        }

        /// An output with findings: it is made again, so that they are told again, and only its files are known.
        static func withFindings(_ files: [Written]) -> Output {
            Output(inputs: SHA256Digest(of: []), files: files, bodyBytes: [])
        }

        var hasFindings: Bool { inputs == SHA256Digest(of: []) }

        fileprivate func write(to writer: inout RecordWriter) {
            writer.put(inputs)
            writer.put(files) { BuildRecord.write($1, &$0) }
            writer.put(bodyBytes)
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

        fileprivate init(_ bytes: [UInt8]) {
            var reader = RecordReader(unchecked: bytes)
            source = reader.digest()
            facts = PageBodies.Facts(
                excerpt: reader.text(), anchors: reader.values { UInt64(bitPattern: Int64($0.number())) },
                links: reader.values { $0.text() }, usesShelf: reader.flag())
            links = reader.digest()
            search = reader.flag() ? reader.digest() : nil
        }

        fileprivate var bytes: [UInt8] {
            var writer = RecordWriter()
            writer.put(source)
            writer.put(facts.excerpt)
            writer.put(facts.anchors) { $0.put(Int(Int64(bitPattern: $1))) }
            writer.put(facts.links) { $0.put($1) }
            writer.put(facts.usesShelf)
            writer.put(links)
            writer.put(search != nil)
            if let search { writer.put(search) }
            return writer.bytes
        }
    }

    /// Of the program and the settings: `OutputInputs.common`.
    var common = SHA256Digest(of: [])
    /// Where links led: `OutputInputs.addresses`.
    var addresses = SHA256Digest(of: [])
    /// By docroot and path, as `key` makes it.
    var outputs: [String: Output] = [:]
    /// What the search index was made from, and its files by docroot.
    var searchInputs = SHA256Digest(of: [])
    var searchFiles: [(docroot: Int, file: Written)] = []

    static func key(_ docroot: Int, _ path: String) -> String { "\(docroot)/\(path)" }

    /// The other way; nil for what `key` did not make.
    static func place(_ key: String) -> (docroot: Int, path: String)? {
        guard let slash = key.firstIndex(of: "/"), let docroot = Int(key[..<slash]) else { return nil }
        return (docroot, String(key[key.index(after: slash)...]))
    }

    init() {}

    /// - Parameter log: a whole record and then changes to it, each a block of its own.
    init?(_ log: RecordLog) {
        for block in log.blocks {
            guard var reader = RecordReader(block, format: Self.format) else { return nil }
            common = reader.digest()
            addresses = reader.digest()
            if outputs.isEmpty { outputs.reserveCapacity(block.count / 400) }
            for (key, output) in reader.values(Self.readOutput) { outputs[key] = output }
            for key in reader.values({ $0.text() }) { outputs[key] = nil }
            if reader.flag() {
                searchInputs = reader.digest()
                searchFiles = reader.values { reader in (docroot: reader.number(), file: Self.readFile(&reader)) }
            }
        }
        guard !log.blocks.isEmpty else { return nil }
    }

    /// The block that makes `earlier` this record; all of it where there is none.
    func block(since earlier: BuildRecord?) -> [UInt8] {
        var writer = RecordWriter(Self.format)
        writer.put(common)
        writer.put(addresses)
        let known = earlier?.outputs ?? [:]
        writer.put(outputs.filter { known[$0.key] !== $0.value }) { writer, entry in
            writer.put(entry.key)
            entry.value.write(to: &writer)
        }
        writer.put(known.keys.filter { outputs[$0] == nil }) { $0.put($1) }
        let hasSearch = earlier?.searchInputs != searchInputs
        writer.put(hasSearch)
        if hasSearch {
            writer.put(searchInputs)
            writer.put(searchFiles) { writer, entry in
                writer.put(entry.docroot)
                Self.write(entry.file, &writer)
            }
        }
        return writer.finished()
    }

    private static func readOutput(_ reader: inout RecordReader) -> (String, Output) {
        let key = reader.text()
        return (key, Output(inputs: reader.digest(), files: reader.values(Self.readFile), bodyBytes: reader.blob()))
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
