import PortalBase

/// A document's tokens: places in the title (identifiers after it) and in the body, by key.
struct DocumentTokens: Sendable {
    /// Han bigrams and single characters as numbers, words as text.
    enum Key: Hashable, Sendable {
        case han(UInt64)
        case word(String)
    }
    private(set) var places: [Key: (title: [Int], body: [Int])] = [:]

    init(_ document: SearchDocument) {
        var start = 0
        for text in [document.title] + document.identifiers {
            var last = start
            SearchTokenizer.scan(SearchTokenizer.scalars(text)) { token, position in
                places[Self.key(token), default: ([], [])].title.append(start + position)
                last = start + position
            }
            start = last + 3
        }
        for identifier in document.identifiers {
            places[.word("=" + SearchTokenizer.normalized(identifier)), default: ([], [])].title.append(0)
        }
        SearchTokenizer.scan(SearchTokenizer.scalars(document.text)) { token, position in
            places[Self.key(token), default: ([], [])].body.append(position)
        }
    }

    private static func key(_ token: SearchTokenizer.Raw) -> Key {
        switch token {
        case .han(let first, let second): .han(UInt64(first.value) << 32 | UInt64(second?.value ?? 0))
        case .word: .word(token.text)
        }
    }
}

/// Postings of all documents, as the text that the shards hold:
/// `document[:title places][.body places];…`, every number in base 36 and as a difference to the one before it.
struct Postings {
    private var lists: [DocumentTokens.Key: List] = [:]

    private struct List {
        var text: [UInt8] = []
        var last = 0
    }

    mutating func add(_ tokens: DocumentTokens, document: Int) {
        for (key, places) in tokens.places {
            var list = lists[key] ?? List()
            lists[key] = nil
            if !list.text.isEmpty { list.text.append(UInt8(ascii: ";")) }
            appendBase36(document - list.last, to: &list.text)
            list.last = document
            append(places.title, after: UInt8(ascii: ":"), to: &list.text)
            append(places.body, after: UInt8(ascii: "."), to: &list.text)
            lists[key] = list
        }
    }

    private func append(_ places: [Int], after sign: UInt8, to text: inout [UInt8]) {
        guard !places.isEmpty else { return }
        text.append(sign)
        var last = 0
        for (n, place) in places.enumerated() {
            if n > 0 { text.append(UInt8(ascii: ",")) }
            appendBase36(place - last, to: &text)
            last = place
        }
    }

    var byteCount: Int { lists.values.reduce(0) { $0 + $1.text.count + 12 } }

    /// `"token":"postings",…` of each shard; a token lies in the shard of its first character.
    func shards(_ count: Int) -> [[UInt8]] {
        var byShard: [[(name: String, key: DocumentTokens.Key)]] = Array(repeating: [], count: count)
        for key in lists.keys {
            let name = Self.name(key)
            byShard[Int(name.unicodeScalars.first?.value ?? 0) % count].append((name, key))
        }
        return byShard.map { entries in
            var out: [UInt8] = []
            for entry in entries.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
                if !out.isEmpty { out.append(UInt8(ascii: ",")) }
                out += JSON.string(entry.name).canonicalBytes
                out += ":\"".utf8
                out += lists[entry.key]!.text
                out.append(UInt8(ascii: "\""))
            }
            return out
        }
    }

    private static func name(_ key: DocumentTokens.Key) -> String {
        switch key {
        case .word(let text): return text
        case .han(let pair):
            var view = String.UnicodeScalarView()
            for value in [UInt32(pair >> 32), UInt32(truncatingIfNeeded: pair)] where value != 0 {
                if let scalar = Unicode.Scalar(value) { view.append(scalar) }
            }
            return String(view)
        }
    }
}

private func appendBase36(_ number: Int, to out: inout [UInt8]) {
    var digits: [UInt8] = []
    var rest = number
    repeat {
        let digit = UInt8(rest % 36)
        digits.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        rest /= 36
    } while rest > 0
    out += digits.reversed()
}
