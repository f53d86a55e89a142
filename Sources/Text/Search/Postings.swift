import PortalBase
import Synchronization

/// A document's tokens: places in the title (identifiers after it) and in the body, by key.
struct DocumentTokens: Sendable {
    /// Han bigrams, single characters and short words as numbers, other words as text.
    enum Key: Hashable, Sendable {
        case number(UInt64)
        case word(String)
    }

    /// Places of tokens that are numbers, sorted by the number that `mixed` makes of the token, then title before body, then
    /// place: sorting numbers is several times quicker than a dictionary of lists for every page.
    private(set) var numbers: [(token: UInt64, place: UInt32)] = []
    private(set) var words: [String: [UInt32]] = [:]

    /// Another number for every token, whose first bits part tokens evenly (Fibonacci hashing).
    static func mixed(_ token: UInt64) -> UInt64 { token &* 0x9E37_79B9_7F4A_7C15 }

    /// Set in a place that lies in the body.
    static let body: UInt32 = 1 << 31

    init(_ document: SearchDocument) {
        var start = 0
        for text in [document.title] + document.identifiers {
            start = add(text, from: start, field: 0) + 3
        }
        for identifier in document.identifiers {
            words["=" + SearchTokenizer.normalized(identifier), default: []].append(0)
        }
        _ = add(document.text, from: 0, field: Self.body)
        numbers.sort {
            $0.token != $1.token ? Self.mixed($0.token) < Self.mixed($1.token) : $0.place < $1.place
        }
    }

    /// The same by token, title places first.
    var places: [Key: [UInt32]] {
        var places: [Key: [UInt32]] = [:]
        for (token, place) in numbers { places[.number(token), default: []].append(place) }
        for (word, own) in words { places[.word(word)] = own }
        return places
    }

    /// - Returns: the last place used.
    private mutating func add(_ text: String, from start: Int, field: UInt32) -> Int {
        let scalars = SearchTokenizer.scalars(text)
        numbers.reserveCapacity(numbers.count + scalars.count)
        var last = start
        SearchTokenizer.scan(scalars) { token, position in
            last = start + position
            let place = UInt32(last) | field
            switch token {
            case .han(let first, let second): numbers.append((UInt64(first) << 32 | UInt64(second), place))
            case .word(let range):
                if let packed = Self.packed(scalars[range]) {
                    numbers.append((packed, place))
                } else {
                    words[SearchTokenizer.string(scalars[range]), default: []].append(place)
                }
            }
        }
        return last
    }

    /// Set in the number of a word.
    private static let wordMark: UInt64 = 1 << 63
    private static let longestPacked = 10

    /// A word of up to ten letters and digits as a number, six bits each; nil for others.
    private static func packed(_ scalars: ArraySlice<UInt32>) -> UInt64? {
        guard scalars.count <= longestPacked else { return nil }
        var number = wordMark
        var shift: UInt64 = 0
        for scalar in scalars {
            switch scalar {
            case 0x30...0x39: number |= UInt64(scalar - 0x30 + 1) << shift
            case 0x61...0x7A: number |= UInt64(scalar - 0x61 + 11) << shift
            default: return nil
            }
            shift += 6
        }
        return number
    }

    /// The text of a token that is a number.
    static func text(_ number: UInt64) -> String {
        guard number & wordMark != 0 else {
            let pair = [UInt32(number >> 32), UInt32(truncatingIfNeeded: number)]
            return SearchTokenizer.string((pair[1] == 0 ? [pair[0]] : pair)[...])
        }
        var scalars: [UInt32] = []
        var rest = number & ~wordMark
        while rest != 0 {
            let code = UInt32(rest & 63)
            scalars.append(code <= 10 ? 0x30 + code - 1 : 0x61 + code - 11)
            rest >>= 6
        }
        return SearchTokenizer.string(scalars[...])
    }
}

/// Postings of all documents, as the text that the shards hold:
/// `document[:title places][.body places];…`, every number in base 36 and as a difference to the one before it.
struct Postings: Sendable {
    fileprivate struct List: Sendable {
        var text: [UInt8] = []
        var last = 0
    }

    /// Tokens are parted by their numbers, so that several threads can add to them.
    fileprivate typealias Part = [DocumentTokens.Key: List]
    private static let partBits = 4
    fileprivate static let partCount = 1 << partBits
    private let parts: [Part]

    fileprivate init(_ parts: [Part]) { self.parts = parts }

    fileprivate static func part(of token: UInt64) -> Int { Int(DocumentTokens.mixed(token) >> (64 - partBits)) }

    fileprivate static func part(of word: String) -> Int { Int(word.utf8.last ?? 0) % partCount }

    /// What a token takes besides its list, about.
    static let bytesAToken = 12

    var byteCount: Int { parts.joined().reduce(0) { $0 + $1.value.text.count + Self.bytesAToken } }

    /// A token lies in the shard of its first character.
    static func shard(of name: String, _ count: Int) -> Int { Int(name.unicodeScalars.first?.value ?? 0) % count }

    /// Tokens of each shard in byte order.
    func shards(_ count: Int) -> [[DocumentTokens.Key]] {
        var byShard: [[(name: String, key: DocumentTokens.Key)]] = Array(repeating: [], count: count)
        for key in parts.lazy.map(\.keys).joined() {
            let name = Self.name(key)
            byShard[Self.shard(of: name, count)].append((name, key))
        }
        return byShard.map { $0.sorted { bytesPrecede($0.name, $1.name) }.map(\.key) }
    }

    /// `"token":"postings",…`
    func write(_ keys: [DocumentTokens.Key], to out: inout [UInt8]) {
        for (index, key) in keys.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            let part =
                switch key {
                case .number(let token): Self.part(of: token)
                case .word(let word): Self.part(of: word)
                }
            Self.write(Self.name(key), parts[part][key]!.text, to: &out)
        }
    }

    static func write(_ name: String, _ list: [UInt8], to out: inout [UInt8]) {
        JSON.quote(name, to: &out)
        out += ":\"".utf8
        out += list
        out.append(UInt8(ascii: "\""))
    }

    /// Title places come first, each field in rising order.
    static func append(_ places: some Collection<UInt32>, to list: inout [UInt8]) {
        var last: UInt32 = 0
        var field: UInt32 = .max
        for place in places {
            let own = place & DocumentTokens.body
            if own != field {
                list.append(own == 0 ? UInt8(ascii: ":") : UInt8(ascii: "."))
                (field, last) = (own, own)
            } else {
                list.append(UInt8(ascii: ","))
            }
            appendBase36(Int(place - last), to: &list)
            last = place
        }
    }

    static func name(_ key: DocumentTokens.Key) -> String {
        switch key {
        case .word(let text): return text
        case .number(let number): return DocumentTokens.text(number)
        }
    }
}

/// Makes postings of tokens.
struct PostingsBuilder: Sendable {
    private final class Part: Sendable {
        let lists = Mutex<Postings.Part>([:])
    }

    private let parts = (0..<Postings.partCount).map { _ in Part() }

    var postings: Postings { Postings(parts.map { $0.lists.withLock { $0 } }) }

    /// Adds documents that follow one another.
    func add(_ documents: [DocumentTokens], from first: Int, jobs: Int) {
        _ = parallelMap(parts.count, jobs: jobs) { number, _ in
            parts[number].lists.withLock { lists in
                for (offset, tokens) in documents.enumerated() {
                    Self.add(tokens, document: first + offset, part: number, to: &lists)
                }
            }
        }
    }

    private static func add(
        _ tokens: DocumentTokens, document: Int, part: Int, to lists: inout Postings.Part
    ) {
        let numbers = tokens.numbers
        // The tokens of a part stand side by side.
        var (low, high) = (0, numbers.count)
        while low < high {
            let middle = (low + high) / 2
            if Postings.part(of: numbers[middle].token) < part { low = middle + 1 } else { high = middle }
        }
        var i = low
        while i < numbers.count, Postings.part(of: numbers[i].token) == part {
            let token = numbers[i].token
            var end = i + 1
            while end < numbers.count, numbers[end].token == token { end += 1 }
            append(numbers[i..<end].lazy.map(\.place), document, to: &lists[.number(token), default: Postings.List()])
            i = end
        }
        for (word, places) in tokens.words where Postings.part(of: word) == part {
            append(places, document, to: &lists[.word(word), default: Postings.List()])
        }
    }

    private static func append(_ places: some Collection<UInt32>, _ document: Int, to list: inout Postings.List) {
        if !list.text.isEmpty { list.text.append(UInt8(ascii: ";")) }
        appendBase36(document - list.last, to: &list.text)
        list.last = document
        Postings.append(places, to: &list.text)
    }
}

func appendBase36(_ number: Int, to out: inout [UInt8]) {
    func digit(_ value: Int) -> UInt8 { UInt8(value < 10 ? 0x30 + value : 0x57 + value) }
    if number < 36 { return out.append(digit(number)) }
    if number < 36 * 36 {
        out.append(digit(number / 36))
        return out.append(digit(number % 36))
    }
    appendBase36(number / 36, to: &out)
    out.append(digit(number % 36))
}
