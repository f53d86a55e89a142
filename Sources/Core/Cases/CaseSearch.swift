package import Authority
import CMS
package import PortalBase
import SQL
import Search
import Workflow

/// Finds cases by words, with an index that holds none: it holds numbers that nobody makes without the master key.
extension CaseStore {
    /// What a search found.
    package struct Hits: Sendable {
        /// Ids, the newest first.
        package let cases: [String]
        /// `before` of the next page; nil after the last.
        package let next: Int?
    }

    /// Terms of a search at most; more say nothing more.
    private static let mostTerms = 16
    /// Cases that are opened for one page of a search.
    private static let mostOpened = 200

    /// Cases that somebody in these posts may see and in which every phrase of a query stands, the newest first; nil for a query
    /// of single characters, which would find everything.
    ///
    /// - Parameters:
    ///   - query: phrases, apart by spaces.
    ///   - before: numbers below this one.
    package func search(_ query: String, before: Int?, limit: Int, as posts: [Post], at now: Instant) throws -> Hits? {
        let phrases = SearchTokenizer.normalized(query).split(whereSeparator: \.isWhitespace).map(String.init)
        let terms = Array(Set(phrases.flatMap(Self.terms)).sorted().prefix(Self.mostTerms))
        guard !terms.isEmpty, posts.contains(where: { $0.isHeld(at: now) }) else { return nil }
        let tokens = terms.map(keys.indexToken)
        if let post = posts.first {
            let words = tokens.map { String($0, radix: 16) }.joined(separator: " ")
            try readings.record(post, "search", words, at: now, in: database)
        }
        let viewers = Self.viewers(posts, at: now).sorted()
        let found = try candidates(tokens, viewers, before: before ?? Int(Int32.max))
        var hits: [String] = []
        for (id, number) in found {
            // One that cannot be read is no hit; lists name it.
            guard let view = try? view(id, at: now) else { continue }
            let texts = view.events.flatMap(\.texts) + [view.receipt].compactMap { $0 }
            // Most texts hold a phrase as it was typed; the others are made alike first.
            let isHit = phrases.allSatisfy { phrase in
                texts.contains { $0.contains(phrase) || SearchTokenizer.normalized($0).contains(phrase) }
            }
            guard isHit else { continue }
            hits.append(id)
            if hits.count == limit { return Hits(cases: hits, next: number) }
        }
        return Hits(cases: hits, next: found.count == Self.mostOpened ? found.last?.number : nil)
    }

    private func candidates(
        _ tokens: [Int], _ viewers: [String], before: Int
    ) throws -> [(id: String, number: Int)] {
        try database.read { db in
            // The rarest first: the others are only looked up beside it.
            let rarest = try tokens.map { token -> (count: Int, token: Int) in
                let count: Int? = try db.value(
                    "SELECT count(*) FROM (SELECT 1 FROM word WHERE token = ? LIMIT 1000) AS few", token)
                return (count ?? 0, token)
            }.sorted { $0 < $1 }.map(\.token)
            let others = rarest.dropFirst().map { _ in
                "AND EXISTS (SELECT 1 FROM word o WHERE o.token = ? AND o.number = w.number)"
            }.joined(separator: " ")
            let marks = viewers.map { _ in "?" }.joined(separator: ", ")
            let rows = try db.rows(
                """
                SELECT w.number, s.id FROM word w JOIN subject s ON s.number = w.number
                WHERE w.token = ? AND w.number < ? \(others)
                    AND EXISTS (SELECT 1 FROM visible v WHERE v.viewer IN (\(marks)) AND v.number = w.number)
                ORDER BY w.number DESC LIMIT \(Self.mostOpened)
                """,
                values: [.integer(rarest[0]), .integer(before)] + rarest.dropFirst().map { .integer($0) }
                    + viewers.map { .text($0) })
            return try rows.map { (try $0["id"], try $0["number"]) }
        }
    }

    /// Terms of a text: words, and pairs of neighbouring Han characters.
    private static func terms(_ text: String) -> [String] {
        SearchTokenizer.tokens(text).map(\.text).filter { $0.unicodeScalars.count > 1 || $0.utf8.count == 1 }
    }

    /// Puts the words of an event into the index.
    ///
    /// - Returns: how many were not there.
    @discardableResult
    func index(_ texts: [String], of number: Int, _ db: any SQLConnection) throws -> Int {
        let tokens = Set(texts.flatMap(Self.terms).map(keys.indexToken)).sorted()
        return try db.insert(into: "word", ["token", "number"], tokens.map { [.integer($0), .integer(number)] })
    }

    /// Takes the words of a case out of the index.
    func forget(_ texts: [String], of number: Int, _ db: any SQLConnection) throws {
        for token in Set(texts.flatMap(Self.terms).map(keys.indexToken)) {
            try db.execute("DELETE FROM word WHERE token = ? AND number = ?", token, number)
        }
    }
}

extension Event {
    /// Every word that a person typed.
    var texts: [String] {
        var found: [String] = []
        func collect(_ json: JSON) {
            switch json {
            case .string(let text): found.append(text)
            case .array(let list): list.forEach(collect)
            case .object(let fields): fields.values.forEach(collect)
            default: break
            }
        }
        for value in inputs.values {
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
