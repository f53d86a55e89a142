package import PortalBase

/// One page as the index sees it.
package struct SearchDocument: Sendable {
    package let title: String
    /// Texts that are also found as a whole, such as 文号 and 索引号.
    package let identifiers: [String]
    /// The body as plain text.
    package let text: String
    package let url: String
    package let date: String?

    package init(title: String, identifiers: [String], text: String, url: String, date: String?) {
        self.title = title
        self.identifiers = identifiers
        self.text = text
        self.url = url
        self.date = date
    }

    /// For a record of the page as it was indexed.
    package func write(to writer: inout RecordWriter) {
        writer.put(title)
        writer.put(identifiers) { $0.put($1) }
        writer.put(text)
        writer.put(url)
        writer.put(date ?? "")
    }

    package init(from reader: inout RecordReader) {
        title = reader.text()
        identifiers = reader.values { $0.text() }
        text = reader.text()
        url = reader.text()
        let date = reader.text()
        self.date = date.isEmpty ? nil : date
    }

    /// Passes over one in a record.
    package static func skip(_ reader: inout RecordReader) {
        reader.skip()
        _ = reader.values { $0.skip() }
        for _ in 0..<3 { reader.skip() }
    }

    package var digest: SHA256Digest {
        var writer = RecordWriter("")
        write(to: &writer)
        return SHA256Digest(of: writer.bytes)
    }
}

/// A static full-text index: positional postings in shards by first character, and page texts in chunks.
///
/// Every file is a script that calls `xinmiSearch(kind, number, value, mark)`: scripts load where `fetch` may not, so the
/// index works from a disk or a stick too, and under a policy of `script-src 'self'`. A file's mark is made of what stands
/// in it, and `meta.js` lists the marks of all others: a browser keeps what did not change and mixes nothing, and an edit
/// of a page writes the files that hold its words, not the whole index.
///
/// Files are made when they are asked for, so that an index is never in memory beside what it is made of.
package struct SearchIndex: Sendable {
    package static let format = "xinmi-search/2"
    /// Hexadecimal digits.
    static let markLength = 8
    static let documentsInAChunk = 8
    private static let bytesInAShard = 24 * 1024
    private static let maxShards = 512

    private enum Part: Sendable { case shard(Int), texts(Int) }

    private let documents: [SearchDocument]
    private let postings: Postings
    /// Keys of the postings in each shard, in byte order of their names.
    private let shards: [[DocumentTokens.Key]]
    private let sites: [JSON]
    private let synonyms: [String: JSON]
    private let parts: [(name: String, part: Part)]

    /// Name of the file that knows the others.
    package static let metaName = "meta.js"
    /// Names of the others below the index's folder: shards, then chunks of texts.
    package var names: [String] { parts.map(\.name) }

    /// - Parameters:
    ///   - groups: documents of each site, with the site's name; a document's number is its place in all of them.
    ///   - synonyms: texts that also stand for a text, by that text.
    package init(groups: [(name: String, documents: [SearchDocument])], synonyms: [String: [String]], jobs: Int) {
        let documents = groups.flatMap(\.documents)
        let builder = PostingsBuilder()
        // A batch at a time, so that only a batch's tokens are in memory besides the postings.
        for start in stride(from: 0, to: documents.count, by: 256) {
            let end = min(start + 256, documents.count)
            let read = parallelMap(end - start, jobs: jobs) { index, _ in DocumentTokens(documents[start + index]) }
            builder.add(read, from: start, jobs: jobs)
        }
        let postings = builder.postings
        self.documents = documents
        self.postings = postings
        shards = postings.shards(Self.shardCount(postings.byteCount))
        var first = 0
        var sites: [JSON] = []
        for group in groups {
            sites.append(
                .array([.string(group.name), .integer(first), .integer(first + group.documents.count)]))
            first += group.documents.count
        }
        self.sites = sites
        self.synonyms = synonyms.mapValues { .array($0.sorted().map(JSON.string)) }
        let chunks = (documents.count + Self.documentsInAChunk - 1) / Self.documentsInAChunk
        parts =
            shards.indices.map { (Self.shardName($0), .shard($0)) }
            + (0..<chunks).map { (Self.textsName($0), .texts($0)) }
    }

    static func shardName(_ number: Int) -> String { "s\(number).js" }
    static func textsName(_ number: Int) -> String { "t\(number).js" }

    /// Of all lists: how many shards there are hangs on it.
    package var postingBytes: Int { postings.byteCount }

    /// The file of `names[index]`, and its mark.
    package func file(_ index: Int) -> (bytes: [UInt8], mark: String) {
        var out: [UInt8]
        switch parts[index].part {
        case .shard(let number):
            out = Self.lead("s", number)
            out.append(UInt8(ascii: "{"))
            postings.write(shards[number], to: &out)
            out.append(UInt8(ascii: "}"))
        case .texts(let number):
            let start = number * Self.documentsInAChunk
            let end = min(start + Self.documentsInAChunk, documents.count)
            out = Self.texts(number, documents[start..<end].map(Self.entry))
        }
        return Self.marked(&out)
    }

    static func entry(_ document: SearchDocument) -> JSON {
        .array([
            .string(document.url), .string(document.title), .string(document.date ?? ""), .string(document.text),
        ])
    }

    static func texts(_ number: Int, _ entries: [JSON]) -> [UInt8] {
        script("t", number, scriptSafe(JSON.array(entries).canonicalBytes))
    }

    /// The file `metaName`.
    ///
    /// - Parameter marks: of all files, in the order of `names`.
    package func meta(_ marks: [String]) -> [UInt8] {
        Self.metaFile([
            "fmt": .string(Self.format), "documents": .integer(documents.count), "shards": .integer(shards.count),
            "chunk": .integer(Self.documentsInAChunk), "sites": .array(sites), "synonyms": .object(synonyms),
            "marks": Self.marks(
                shards: Array(marks.prefix(shards.count)), texts: Array(marks.dropFirst(shards.count))),
        ])
    }

    static func marks(shards: [String], texts: [String]) -> JSON {
        .object(["s": .string(shards.joined()), "t": .string(texts.joined())])
    }

    static func metaFile(_ fields: [String: JSON]) -> [UInt8] {
        var out = script("m", 0, scriptSafe(JSON.object(fields).canonicalBytes))
        return marked(&out).bytes
    }

    /// How long the mark and what closes a file are.
    static let tailLength = markLength + 5

    static func marked(_ out: inout [UInt8]) -> (bytes: [UInt8], mark: String) {
        let mark = String(SHA256Digest(of: out).hex.prefix(markLength))
        out += ",\"\(mark)\")\n".utf8
        return (out, mark)
    }

    /// A power of two, so that a shard is some tens of kilobytes.
    static func shardCount(_ bytes: Int) -> Int {
        var count = 1
        while count < maxShards, bytes / count > bytesInAShard { count *= 2 }
        return count
    }

    /// How a file begins.
    static func lead(_ kind: String, _ number: Int) -> [UInt8] { Array("xinmiSearch(\"\(kind)\",\(number),".utf8) }

    static func script(_ kind: String, _ number: Int, _ value: [UInt8]) -> [UInt8] { lead(kind, number) + value }

    /// JSON inside a script: line separators are legal in one and not in old readers of the other.
    private static func scriptSafe(_ json: [UInt8]) -> [UInt8] {
        guard json.contains(0xE2) else { return json }
        var out: [UInt8] = []
        var i = 0
        while i < json.count {
            if json[i] == 0xE2, i + 2 < json.count, json[i + 1] == 0x80, json[i + 2] == 0xA8 || json[i + 2] == 0xA9 {
                out += (json[i + 2] == 0xA8 ? "\\u2028" : "\\u2029").utf8
                i += 3
            } else {
                out.append(json[i])
                i += 1
            }
        }
        return out
    }
}
