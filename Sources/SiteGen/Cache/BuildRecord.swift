import PortalBase

/// What an earlier build left about one audience's tree: what each output was made from, and the state of the file that
/// was written. A cache: where it is missing, damaged or of another program, everything is made anew.
struct BuildRecord: Sendable {
    private static let format = "xinmi-build/1"

    /// A file as it was written.
    struct Written: Sendable {
        /// Below the docroot.
        let path: String
        let digest: SHA256Digest
        let bytes: Int
        /// Nil where the file was younger than the file system's clock tells apart.
        var mark: FileMark?
    }

    struct Output: Sendable {
        let inputs: SHA256Digest
        /// The output and its compressed copies; the first is the output.
        var files: [Written]
        /// For outputs that show a body: the source it was read from, and what is known of it.
        var body: Body?
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
    /// By docroot and path, as `key` makes it.
    var outputs: [String: Output] = [:]
    /// Where links led: `OutputInputs.addresses`.
    var addresses = SHA256Digest(of: [])
    /// What the search index was made from, and its files by docroot.
    var searchInputs = SHA256Digest(of: [])
    var searchFiles: [(docroot: Int, file: Written)] = []

    static func key(_ docroot: Int, _ path: String) -> String { "\(docroot)/\(path)" }

    init() {}

    init?(_ bytes: [UInt8]) {
        guard var reader = RecordReader(bytes, format: Self.format) else { return nil }
        common = reader.digest()
        addresses = reader.digest()
        let outputs = reader.values { reader -> (String, Output) in
            let key = reader.text()
            var output = Output(inputs: reader.digest(), files: reader.values(Self.readFile))
            if reader.flag() {
                let source = reader.digest()
                let facts = PageBodies.Facts(
                    excerpt: reader.text(), anchors: reader.values { UInt64(bitPattern: Int64($0.number())) },
                    links: reader.values { $0.text() }, usesShelf: reader.flag())
                output.body = Body(
                    source: source, facts: facts, links: reader.digest(), search: reader.flag() ? reader.digest() : nil)
            }
            return (key, output)
        }
        self.outputs = Dictionary(outputs) { first, _ in first }
        searchInputs = reader.digest()
        searchFiles = reader.values { reader in (docroot: reader.number(), file: Self.readFile(&reader)) }
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

    var bytes: [UInt8] {
        var writer = RecordWriter(Self.format)
        writer.put(common)
        writer.put(addresses)
        writer.put(outputs.sorted { bytesPrecede($0.key, $1.key) }) { writer, entry in
            writer.put(entry.key)
            writer.put(entry.value.inputs)
            writer.put(entry.value.files) { Self.write($1, &$0) }
            writer.put(entry.value.body != nil)
            guard let body = entry.value.body else { return }
            writer.put(body.source)
            writer.put(body.facts.excerpt)
            writer.put(body.facts.anchors) { $0.put(Int(Int64(bitPattern: $1))) }
            writer.put(body.facts.links) { $0.put($1) }
            writer.put(body.facts.usesShelf)
            writer.put(body.links)
            writer.put(body.search != nil)
            if let search = body.search { writer.put(search) }
        }
        writer.put(searchInputs)
        writer.put(searchFiles) { writer, entry in
            writer.put(entry.docroot)
            Self.write(entry.file, &writer)
        }
        return writer.finished()
    }
}
