import PortalBase

/// The files of an index in which some documents became others, made from the files that lie there: an edit of one page of
/// ten thousand touches the lists of its words, not all lists. The result is what `SearchIndex` would make of all
/// documents, byte for byte.
package struct SearchPatch {
    /// A document whose words changed; its number, address and date did not.
    package struct Change: Sendable {
        let number: Int
        let old: SearchDocument
        let new: SearchDocument

        /// Nil where the change may move documents.
        package init?(number: Int, old: SearchDocument, new: SearchDocument) {
            guard old.url == new.url, old.date == new.date else { return nil }
            (self.number, self.old, self.new) = (number, old, new)
        }
    }

    /// Files by name, `SearchIndex.metaName` among them.
    package private(set) var files: [(name: String, bytes: [UInt8])] = []
    /// Of all lists, as `SearchIndex.postingBytes`.
    package private(set) var postingBytes: Int

    /// - Parameters:
    ///   - postingBytes: of the index that lies there.
    ///   - read: a file of that index, as it was written.
    ///
    /// - Returns: nil where the index must be made anew: it is not as expected, or has outgrown its shards.
    package init?(_ changes: [Change], postingBytes: Int, read: (String) -> [UInt8]?) {
        self.postingBytes = postingBytes
        guard var meta = read(SearchIndex.metaName).flatMap({ Script($0, "m", 0) }).flatMap({ Meta($0) }) else {
            return nil
        }
        for (shard, edits) in Self.edits(changes, shards: meta.shards).sorted(by: { $0.key < $1.key }) {
            let name = SearchIndex.shardName(shard)
            guard let lists = read(name).flatMap({ Script($0, "s", shard) }).flatMap({ Lists($0) }),
                let (bytes, growth) = lists.edited(edits)
            else { return nil }
            self.postingBytes += growth
            put(SearchIndex.script("s", shard, bytes), name, shard, &meta.shardMarks)
        }
        for (chunk, own) in Dictionary(grouping: changes, by: { $0.number / SearchIndex.documentsInAChunk })
            .sorted(by: { $0.key < $1.key })
        {
            let name = SearchIndex.textsName(chunk)
            guard let script = read(name).flatMap({ Script($0, "t", chunk) }),
                var entries = (try? JSON(parsing: Array(script.value), maxKeyBytes: 4_096))?.array
            else { return nil }
            for change in own {
                let place = change.number % SearchIndex.documentsInAChunk
                guard entries.indices.contains(place), entries[place] == SearchIndex.entry(change.old) else {
                    return nil
                }
                entries[place] = SearchIndex.entry(change.new)
            }
            put(SearchIndex.texts(chunk, entries), name, chunk, &meta.textMarks)
        }
        guard SearchIndex.shardCount(self.postingBytes) == meta.shards else { return nil }
        files.append((SearchIndex.metaName, meta.bytes))
    }

    private mutating func put(_ script: [UInt8], _ name: String, _ number: Int, _ marks: inout [String]) {
        var script = script
        let (bytes, mark) = SearchIndex.marked(&script)
        files.append((name, bytes))
        marks[number] = mark
    }

    /// What becomes of a token's places in a document; nil where it is not in it any more.
    private typealias Edit = (document: Int, places: [UInt32]?)

    /// By shard and token.
    private static func edits(_ changes: [Change], shards: Int) -> [Int: [String: [Edit]]] {
        var found: [Int: [String: [Edit]]] = [:]
        for change in changes.sorted(by: { $0.number < $1.number }) {
            let (old, new) = (DocumentTokens(change.old).places, DocumentTokens(change.new).places)
            for key in Set(old.keys).union(new.keys) where old[key] != new[key] {
                let name = Postings.name(key)
                found[Postings.shard(of: name, shards), default: [:]][name, default: []].append(
                    (change.number, new[key]))
            }
        }
        return found
    }

    /// A file of the index, taken apart.
    private struct Script {
        let bytes: [UInt8]
        let range: Range<Int>
        var value: ArraySlice<UInt8> { bytes[range] }

        init?(_ bytes: [UInt8], _ kind: String, _ number: Int) {
            let lead = SearchIndex.lead(kind, number)
            let end = bytes.count - SearchIndex.tailLength
            guard end >= lead.count, bytes.starts(with: lead), bytes[end] == UInt8(ascii: ",") else { return nil }
            self.bytes = bytes
            range = lead.count..<end
        }
    }

    /// The file that knows the others.
    private struct Meta {
        private let fields: [String: JSON]
        var shardMarks: [String]
        var textMarks: [String]
        var shards: Int { shardMarks.count }

        init?(_ script: Script) {
            guard let json = try? JSON(parsing: Array(script.value), maxKeyBytes: 4_096), let fields = json.object,
                json["fmt"]?.string == SearchIndex.format, json["chunk"]?.integer == SearchIndex.documentsInAChunk,
                let shards = json["marks"]?["s"]?.string, let texts = json["marks"]?["t"]?.string
            else { return nil }
            self.fields = fields
            shardMarks = Self.parted(shards)
            textMarks = Self.parted(texts)
            guard json["shards"]?.integer == shardMarks.count else { return nil }
        }

        private static func parted(_ marks: String) -> [String] {
            let bytes = Array(marks.utf8)
            return stride(from: 0, to: bytes.count, by: SearchIndex.markLength).map {
                String(decoding: bytes[$0..<min($0 + SearchIndex.markLength, bytes.count)], as: UTF8.self)
            }
        }

        var bytes: [UInt8] {
            var fields = fields
            fields["marks"] = SearchIndex.marks(shards: shardMarks, texts: textMarks)
            return SearchIndex.metaFile(fields)
        }
    }

    /// The lists of one shard, in byte order of their tokens.
    private struct Lists {
        private let bytes: [UInt8]
        private var entries: [(name: String, list: Range<Int>)] = []

        init?(_ script: Script) {
            bytes = script.bytes
            var i = script.range.lowerBound
            let end = script.range.upperBound - 1
            guard i <= end, bytes[i] == UInt8(ascii: "{"), bytes[end] == UInt8(ascii: "}") else { return nil }
            i += 1
            while i < end {
                guard let name = literal(&i, end), i + 1 < end, bytes[i] == UInt8(ascii: ":"),
                    bytes[i + 1] == UInt8(ascii: "\"")
                else { return nil }
                let start = i + 2
                guard let close = bytes[start..<end].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
                entries.append((name, start..<close))
                i = close + 1
                if i < end {
                    guard bytes[i] == UInt8(ascii: ",") else { return nil }
                    i += 1
                }
            }
        }

        private func literal(_ i: inout Int, _ end: Int) -> String? {
            let start = i
            guard i < end, bytes[i] == UInt8(ascii: "\"") else { return nil }
            i += 1
            var isPlain = true
            while i < end, bytes[i] != UInt8(ascii: "\"") {
                if bytes[i] == UInt8(ascii: "\\") {
                    isPlain = false
                    i += 1
                }
                i += 1
            }
            guard i < end else { return nil }
            i += 1
            if isPlain { return String(decoding: bytes[(start + 1)..<(i - 1)], as: UTF8.self) }
            return (try? JSON(parsing: Array(bytes[start..<i])))?.string
        }

        /// The shard after edits, and by how much its lists grew.
        func edited(_ edits: [String: [Edit]]) -> (value: [UInt8], growth: Int)? {
            var growth = 0
            var lists: [(name: String, list: [UInt8])] = []
            var known: Set<String> = []
            for (name, range) in entries {
                guard let own = edits[name] else {
                    lists.append((name, Array(bytes[range])))
                    continue
                }
                known.insert(name)
                guard let list = Self.edited(bytes[range], own) else { return nil }
                growth += list.count - range.count
                if list.isEmpty { growth -= Postings.bytesAToken } else { lists.append((name, list)) }
            }
            for (name, own) in edits where !known.contains(name) {
                guard let list = Self.edited([], own), !list.isEmpty else { return nil }
                lists.append((name, list))
                growth += list.count + Postings.bytesAToken
            }
            lists.sort { bytesPrecede($0.name, $1.name) }
            var out: [UInt8] = [UInt8(ascii: "{")]
            for (index, entry) in lists.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                Postings.write(entry.name, entry.list, to: &out)
            }
            out.append(UInt8(ascii: "}"))
            return (out, growth)
        }

        /// One list with other places in some documents.
        private static func edited(_ list: ArraySlice<UInt8>, _ edits: [Edit]) -> [UInt8]? {
            var out: [UInt8] = []
            var (read, written) = (0, 0)
            var pending = edits[...]
            func begin(_ document: Int) {
                if !out.isEmpty { out.append(UInt8(ascii: ";")) }
                appendBase36(document - written, to: &out)
                written = document
            }
            func takeEdits(upTo limit: Int) -> Bool {
                var isTaken = false
                while let edit = pending.first, edit.document <= limit {
                    if let places = edit.places {
                        begin(edit.document)
                        Postings.append(places, to: &out)
                    }
                    isTaken = edit.document == limit
                    pending.removeFirst()
                }
                return isTaken
            }
            for entry in list.split(separator: UInt8(ascii: ";")) {
                let places = entry.drop { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: ".") }
                guard let step = base36(entry[..<places.startIndex]) else { return nil }
                read += step
                if takeEdits(upTo: read) { continue }
                begin(read)
                out += places
            }
            _ = takeEdits(upTo: .max)
            return out
        }
    }
}

/// A number of base 36; nil for anything else.
private func base36(_ digits: ArraySlice<UInt8>) -> Int? {
    guard !digits.isEmpty, digits.count <= 10 else { return nil }
    var number = 0
    for digit in digits {
        switch digit {
        case 0x30...0x39: number = number * 36 + Int(digit - 0x30)
        case 0x61...0x7A: number = number * 36 + Int(digit - 0x57)
        default: return nil
        }
    }
    return number
}
