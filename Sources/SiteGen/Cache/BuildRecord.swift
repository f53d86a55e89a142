import PortalBase

/// What an earlier build left about one audience's tree: what each output was made from, and the state of the file that
/// was written. A cache: where it is missing, damaged or of another program, everything is made anew.
struct BuildRecord: Sendable {
    private static let format = "xinmi-build/2"

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
        /// For outputs that show a body: the source it was read from, and what is known of it.
        let body: Body?

        init(inputs: SHA256Digest, files: [Written], body: Body?) {
            self.inputs = inputs
            self.files = files
            self.body = body
        }
    }

    struct Body: Sendable {
        let source: SHA256Digest
        let facts: PageBodies.Facts
        let links: SHA256Digest
        /// Of the page in the search index, if it is in it.
        let search: SHA256Digest?
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

    init() {}

    /// - Parameter blocks: a whole record and then changes to it, each a block of its own.
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
        writer.put(outputs.filter { known[$0.key] !== $0.value }) { Self.write($1.key, $1.value, &$0) }
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
        let inputs = reader.digest()
        let files = reader.values(Self.readFile)
        guard reader.flag() else { return (key, Output(inputs: inputs, files: files, body: nil)) }
        let source = reader.digest()
        let facts = PageBodies.Facts(
            excerpt: reader.text(), anchors: reader.values { UInt64(bitPattern: Int64($0.number())) },
            links: reader.values { $0.text() }, usesShelf: reader.flag())
        let body = Body(
            source: source, facts: facts, links: reader.digest(), search: reader.flag() ? reader.digest() : nil)
        return (key, Output(inputs: inputs, files: files, body: body))
    }

    private static func write(_ key: String, _ output: Output, _ writer: inout RecordWriter) {
        writer.put(key)
        writer.put(output.inputs)
        writer.put(output.files) { Self.write($1, &$0) }
        writer.put(output.body != nil)
        guard let body = output.body else { return }
        writer.put(body.source)
        writer.put(body.facts.excerpt)
        writer.put(body.facts.anchors) { $0.put(Int(Int64(bitPattern: $1))) }
        writer.put(body.facts.links) { $0.put($1) }
        writer.put(body.facts.usesShelf)
        writer.put(body.links)
        writer.put(body.search != nil)
        if let search = body.search { writer.put(search) }
    }

    private static func readFile(_ reader: inout RecordReader) -> Written {
        Written(
            path: reader.text(), digest: reader.digest(), bytes: reader.number(),
            mark: reader.flag() ? reader.mark() : nil)
    }

    private static func write(_ file: Written, _ writer: inout RecordWriter) {
        writer.put(file.path)
        writer.put(file.digest)
        writer.put(file.bytes)
        writer.put(file.mark != nil)
        if let mark = file.mark { writer.put(mark) }
    }
}
