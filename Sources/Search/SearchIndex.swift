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

    package var digest: SHA256Digest {
        var writer = RecordWriter("")
        write(to: &writer)
        return SHA256Digest(of: writer.bytes)
    }
}

/// A static full-text index: positional postings in shards by first character, and page texts in chunks.
///
/// Every file is a script that calls `xinmiSearch(kind, number, value, version)`, one version an index: scripts load where `fetch` may not, so the index
/// works from a disk or a stick too, and under a policy of `script-src 'self'`.
package struct SearchIndex: Sendable {
    package static let format = "xinmi-search/1"
    private static let documentsInAChunk = 8
    private static let bytesInAShard = 24 * 1024
    private static let maxShards = 512

    /// Name below the index's folder and bytes, in byte order of the names.
    package let files: [(name: String, bytes: [UInt8])]

    /// - Parameters:
    ///   - groups: documents of each site, with the site's name; a document's number is its place in all of them.
    ///   - synonyms: texts that also stand for a text, by that text.
    package init(groups: [(name: String, documents: [SearchDocument])], synonyms: [String: [String]], jobs: Int) {
        let documents = groups.flatMap(\.documents)
        var postings = Postings()
        // A batch at a time, so that only a batch's tokens are in memory besides the postings.
        for start in stride(from: 0, to: documents.count, by: 256) {
            let batch = Array(documents[start..<min(start + 256, documents.count)])
            let tokens = parallelMap(batch.count, jobs: jobs) { index, _ in DocumentTokens(batch[index]) }
            for (offset, tokens) in tokens.enumerated() { postings.add(tokens, document: start + offset) }
        }
        let shardCount = Self.shardCount(postings.byteCount)
        // Calls of all files without their ends, which carry the version.
        var files = postings.shards(shardCount).enumerated().map { index, bytes in
            ("s\(index).js", Array("xinmiSearch(\"s\",\(index),{".utf8) + bytes + Array("}".utf8))
        }
        for start in stride(from: 0, to: documents.count, by: Self.documentsInAChunk) {
            let number = start / Self.documentsInAChunk
            let entries = documents[start..<min(start + Self.documentsInAChunk, documents.count)].map { document in
                JSON.array([
                    .string(document.url), .string(document.title), .string(document.date ?? ""),
                    .string(document.text),
                ])
            }
            files.append(("t\(number).js", Self.script("t", number, .array(entries))))
        }
        var first = 0
        var sites: [JSON] = []
        for group in groups {
            sites.append(
                .array([.string(group.name), .integer(first), .integer(first + group.documents.count)]))
            first += group.documents.count
        }
        let meta = JSON.object([
            "fmt": .string(Self.format), "documents": .integer(documents.count), "shards": .integer(shardCount),
            "chunk": .integer(Self.documentsInAChunk), "sites": .array(sites),
            "synonyms": .object(synonyms.mapValues { .array($0.sorted().map(JSON.string)) }),
        ])
        files.append(("meta.js", Self.script("m", 0, meta)))
        files.sort { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
        let digests = files.flatMap { SHA256Digest(of: $0.1).bytes }
        let end = Array(",\"\(SHA256Digest(of: digests).hex.prefix(12))\")\n".utf8)
        self.files = files.map { ($0.0, $0.1 + end) }
    }

    /// A power of two, so that a shard is some tens of kilobytes.
    private static func shardCount(_ bytes: Int) -> Int {
        var count = 1
        while count < maxShards, bytes / count > bytesInAShard { count *= 2 }
        return count
    }

    private static func script(_ kind: String, _ number: Int, _ value: JSON) -> [UInt8] {
        var out = Array("xinmiSearch(\"\(kind)\",\(number),".utf8)
        out += scriptSafe(value.canonicalBytes)
        return out
    }

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
