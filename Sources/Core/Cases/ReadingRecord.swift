package import Authority
package import PortalBase
import SQL

/// The reading record, as auditors see it.
extension CaseStore {
    /// A line of the record.
    package struct Reading: Sendable {
        /// In the order of the record.
        package let position: Int
        package let at: Instant
        package let person: String
        package let role: String
        package let unit: String
        /// A case, a file, a list, a search …
        package let what: String
        /// Number of the case; nil of a list or a search, which have none.
        package let number: Int?
        /// Whether the number is one of what officers began.
        package let isOther: Bool
        /// What was read, where it is no case: of a sign-in, the beginning of the key's digest.
        package let subject: String
    }

    /// Which lines somebody wants.
    package struct ReadingQuery: Sendable {
        /// Empty for everybody's.
        package let person: String
        /// Beginning of the name of what was done, such as a sign-in; empty for all.
        package let what: String
        /// Number of a case; nil for all.
        package let number: Int?
        /// Positions below this one; nil for the newest.
        package let before: Int?
        package let limit: Int

        package init(person: String, what: String = "", number: Int?, before: Int?, limit: Int) {
            self.person = person
            self.what = what
            self.number = number
            self.before = before
            self.limit = limit
        }
    }

    /// Lines that one page examines: what is rare, several pages find.
    private static let mostExamined = 20_000
    private static let examinedAtOnce = 1_000

    /// The newest lines first. That they were read is a line itself.
    ///
    /// - Returns: the lines, and the position below which the next page begins; nil behind the last.
    package func readings(
        _ query: ReadingQuery, as posts: [Post], at now: Instant
    ) throws -> (lines: [Reading], next: Int?) {
        try record("readings", as: posts, at: now)
        return try database.read { db in
            let wanted: String? = try query.number.flatMap { number in
                try db.value("SELECT id FROM subject WHERE number = ?", number)
            }
            var (found, next, examined): ([(position: Int, line: JSON)], Int?, Int) = ([], query.before ?? Int.max, 0)
            while let before = next, found.count < query.limit, examined < Self.mostExamined {
                let rows = try db.rows(
                    "SELECT position, line FROM access WHERE position < ? ORDER BY position DESC LIMIT ?", before,
                    Self.examinedAtOnce)
                for row in rows where found.count < query.limit {
                    let position: Int = try row["position"]
                    (next, examined) = (position, examined + 1)
                    let text: String = try row["line"]
                    guard let line = try? JSON(parsing: Array(text.utf8)) else { continue }  // `verify` tells it.
                    if !query.person.isEmpty, line["person"]?.string != query.person { continue }
                    if !query.what.isEmpty, line["what"]?.string?.hasPrefix(query.what) != true { continue }
                    if query.number != nil, wanted == nil || line["subject"]?.string != wanted { continue }
                    found.append((position, line))
                }
                let end: Int? = try rows.last.map { try $0["position"] }
                if rows.count < Self.examinedAtOnce, next == end || end == nil { next = nil }
            }
            let ids = Set(found.compactMap { $0.line["subject"]?.string })
            let list = SQLList(ids.sorted())
            var numbers: [String: Int] = [:]
            if !ids.isEmpty {
                for row in try db.rows(
                    "SELECT id, number FROM subject WHERE id IN (\(list.marks))", values: list.values)
                {
                    numbers[try row["id"]] = try row["number"]
                }
            }
            let lines = found.map { position, line in
                let number = line["subject"]?.string.flatMap { numbers[$0] }
                return Reading(
                    position: position, at: Instant(seconds: line["at"]?.integer ?? 0),
                    person: line["person"]?.string ?? "", role: line["role"]?.string ?? "",
                    unit: line["unit"]?.string ?? "", what: line["what"]?.string ?? "",
                    number: number.map { $0 > Subject.others ? $0 - Subject.others : $0 },
                    isOther: number.map { $0 > Subject.others } ?? false,
                    subject: number == nil ? line["subject"]?.string ?? "" : "")
            }
            return (lines, next)
        }
    }
}
