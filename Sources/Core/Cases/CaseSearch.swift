package import Authority
import CMS
package import PortalBase
import SQL
import Search
import Workflow

/// Finds cases by words, with an index that holds none: it holds numbers that nobody makes without the master key.
extension CaseStore {
    /// Terms of a search at most; more say nothing more.
    private static let mostTerms = 16
    /// Cases that are opened for one page of a search.
    private static let mostOpened = 200

    /// Cases that somebody in these posts may see and in which every phrase of a query stands, the newest first, behind the one whose
    /// number the query is; nil for a query of single characters, which would find everything.
    ///
    /// - Parameters:
    ///   - query: phrases, apart by spaces.
    ///   - before: numbers below this one.
    package func search(
        _ query: String, before: Int?, limit: Int, as posts: [Post], at now: Instant
    ) throws -> Listing? {
        let phrases = SearchTokenizer.normalized(query).split(whereSeparator: \.isWhitespace).map(String.init)
        let terms = SearchTokenizer.terms(phrases).sorted().prefix(Self.mostTerms)
        let asked = phrases.count == 1 && before == nil ? decimal(phrases[0].utf8).flatMap(Subject.caseNumber) : nil
        guard !terms.isEmpty || asked != nil, posts.contains(where: { $0.isHeld(at: now) }) else { return nil }
        let tokens = keys.indexTokens(terms)
        try record("search", tokens.map { String($0, radix: 16) }.joined(separator: " "), as: posts, at: now)
        let viewers = Self.viewers(posts, at: now).sorted()
        return try database.read { db in
            let tokens = try byRarity(tokens, db)
            var (hits, place, opened) = ([Int](), before ?? Int.max, 0)
            if let asked, try isVisible(asked, to: viewers, db) { hits.append(asked) }
            var isMore = !tokens.isEmpty
            while isMore, hits.count < limit, opened < Self.mostOpened {
                // Most candidates are hits: as many are looked for as are missing, and some more.
                let wanted = min((limit - hits.count) * 5 / 4 + 4, Self.mostOpened - opened)
                let found = try candidates(tokens, viewers, before: place, wanted, db)
                isMore = found.count == wanted
                opened += found.count
                let words = try self.words(of: found, db)
                for number in found where hits.count < limit {
                    place = number
                    if number == asked { continue }
                    // One that cannot be read is no hit; lists name it.
                    let isHit = words[number]?.withUnsafeBufferPointer { own in
                        phrases.allSatisfy { own.find($0) != nil }
                    }
                    if isHit == true { hits.append(number) }
                }
            }
            var listing = try lines(hits, db)
            listing.next = isMore || hits.count == limit ? place : nil
            return listing
        }
    }

    private func isVisible(_ number: Int, to viewers: [String], _ db: any SQLConnection) throws -> Bool {
        let viewers = SQLList(viewers)
        return try !db.rows(
            "SELECT 1 FROM visible WHERE number = ? AND viewer IN (\(viewers.marks)) LIMIT 1",
            values: [.integer(number)] + viewers.values
        ).isEmpty
    }

    /// Every word of some cases, as a search compares it.
    private func words(of numbers: [Int], _ db: any SQLConnection) throws -> [Int: [UInt8]] {
        if numbers.isEmpty { return [:] }
        let list = SQLList(numbers)
        let rows = try db.rows(
            """
            SELECT s.id, s.number, s.key, w.box FROM words w JOIN subject s ON s.number = w.number
            WHERE w.number IN (\(list.marks))
            """, values: list.values)
        var found: [Int: [UInt8]] = [:]
        for row in rows {
            let (id, wrapped, box): (String, [UInt8]?, [UInt8]) = (try row["id"], try row["key"], try row["box"])
            let place = SubjectKeys.Place.projection(subject: id, table: Projection.words.rawValue)
            guard let wrapped, let key = try? keys.unwrap(wrapped, of: id),
                let plain = try? keys.open(box, key: key, at: place)
            else { continue }
            found[try row["number"]] = plain
        }
        return found
    }

    /// The rarest first: the others are only looked up beside it.
    private func byRarity(_ tokens: [Int], _ db: any SQLConnection) throws -> [Int] {
        try tokens.map { token -> (count: Int, token: Int) in
            let count: Int? = try db.value(
                "SELECT count(*) FROM (SELECT 1 FROM word WHERE token = ? LIMIT 1000) AS few", token)
            return (count ?? 0, token)
        }.sorted { $0 < $1 }.map(\.token)
    }

    /// Numbers, the newest first. The planner reads the limit: a few are found one by one, and nothing is joined as a whole.
    private func candidates(
        _ tokens: [Int], _ viewers: [String], before: Int, _ limit: Int, _ db: any SQLConnection
    ) throws -> [Int] {
        let others = tokens.dropFirst().map { _ in
            "AND EXISTS (SELECT 1 FROM word o WHERE o.token = ? AND o.number = w.number)"
        }.joined(separator: " ")
        let viewers = SQLList(viewers)
        return try db.column(
            """
            SELECT w.number FROM word w WHERE w.token = ? AND w.number < ? \(others)
                AND EXISTS (SELECT 1 FROM visible v WHERE v.viewer IN (\(viewers.marks)) AND v.number = w.number)
            ORDER BY w.number DESC LIMIT \(limit)
            """,
            values: [.integer(tokens[0]), .integer(before)] + tokens.dropFirst().map(SQLValue.integer) + viewers.values)
    }

    func tokens(of texts: [String]) -> [Int] { keys.indexTokens(SearchTokenizer.terms(texts)).sorted() }

    /// Puts the words of an event into the index.
    func index(_ texts: [String], of number: Int, _ db: any SQLConnection) throws {
        try insert(tokens(of: texts).map { ($0, number) }, db)
    }

    /// - Returns: how many were not there.
    @discardableResult
    func insert(_ words: [(token: Int, number: Int)], _ db: any SQLConnection) throws -> Int {
        // In the order of the table, which is written faster so.
        let rows = words.sorted { $0 < $1 }.map { [SQLValue.integer($0.token), .integer($0.number)] }
        return try db.insert(into: "word", ["token", "number"], rows)
    }

    /// Takes the words of a case out of the index.
    func forget(_ texts: [String], of number: Int, _ db: any SQLConnection) throws {
        for token in tokens(of: texts) {
            try db.execute("DELETE FROM word WHERE token = ? AND number = ?", token, number)
        }
    }
}

extension Event {
    /// Every word that a person typed, in an order that is always the same.
    var texts: [String] {
        var found: [String] = []
        func collect(_ json: JSON) {
            switch json {
            case .string(let text): found.append(text)
            case .array(let list): list.forEach(collect)
            case .object(let fields): fields.sorted { $0.key < $1.key }.map(\.value).forEach(collect)
            default: break
            }
        }
        for (_, value) in inputs.sorted(by: { $0.key < $1.key }) {
            switch value {
            case .text(let text): found.append(text)
            case .list(let list): found += list
            case .answer(let answer): collect(answer)
            case .number, .limit: break
            }
        }
        for fact in facts {
            switch fact {
            case .told(_, let text): found += [text].compactMap { $0 }
            case .paused(_, let ground): found.append(ground)
            case .filed(let file): found.append(file.name)
            default: break
            }
        }
        return found
    }
}
