package import Authority
package import PortalBase
import SQL
package import Workflow

/// Cases of which units were reminded (催办, 督办), until they are done.
extension CaseStore {
    /// Counts changes of what the tables are made from that are made out of the log: with another number they are made again.
    package static let projectionVersion: UInt8 = 1

    /// Statements that make the table of reminders, for the database's owner.
    static let reminderTables = [
        """
        CREATE TABLE reminder (
            number INTEGER NOT NULL, unit TEXT NOT NULL, last INTEGER NOT NULL, times INTEGER NOT NULL,
            PRIMARY KEY (number, unit))
        """,
        "CREATE INDEX reminder_last ON reminder (unit, last, number)",
    ]

    /// A place among the reminders of somebody's units, the newest first.
    package struct ReminderPlace: Sendable, Hashable {
        package let last: Int
        package let number: Int

        package init(last: Int, number: Int) {
            self.last = last
            self.number = number
        }
    }

    package struct Reminded: Sendable {
        package fileprivate(set) var lines: [Line] = []
        /// By subject.
        package fileprivate(set) var reminders: [String: Case.Reminder] = [:]
        /// Cases that cannot be read.
        package fileprivate(set) var damaged: [String] = []
        /// The place of the last line; nil where none is behind it.
        package fileprivate(set) var next: ReminderPlace?
    }

    /// Cases of which a unit of these posts was reminded and that somebody in them may see. On no record: `record` puts it there.
    package func reminded(
        _ posts: [Post], after: ReminderPlace?, limit: Int, at now: Instant
    ) throws -> Reminded {
        try database.read { db in
            let found = try reminders(posts, after, limit + 1, now, db)
            let shown = found.prefix(limit)
            let listing = try lines(shown.map(\.place.number), db)
            let reminders = Dictionary(shown.map { ($0.place.number, $0.reminder) }) { first, _ in first }
            return Reminded(
                lines: listing.lines,
                reminders: Dictionary(
                    listing.lines.compactMap { line in reminders[line.subject.number].map { (line.subject.id, $0) } }
                ) { first, _ in first },
                damaged: listing.damaged, next: found.count > limit ? shown.last?.place : nil)
        }
    }

    /// How many there are, counted up to `most`.
    package func countReminded(_ posts: [Post], most: Int, at now: Instant) throws -> Int {
        guard let (rows, values) = Self.reminders(of: posts, at: now) else { return 0 }
        return try database.read { db in
            try db.rows(
                "SELECT count(*) AS n FROM (SELECT DISTINCT number \(rows) LIMIT ?) AS found",
                values: values + [.integer(most)]
            ).first.map { try $0["n"] } ?? 0
        }
    }

    private func reminders(
        _ posts: [Post], _ after: ReminderPlace?, _ limit: Int, _ now: Instant, _ db: any SQLConnection
    ) throws -> [(place: ReminderPlace, reminder: Case.Reminder)] {
        guard let (rows, values) = Self.reminders(of: posts, at: now) else { return [] }
        let (last, number) = (after?.last ?? Int.max, after?.number ?? Int.max)
        return try db.rows(
            """
            SELECT number, max(last) AS last, max(times) AS times \(rows)
            GROUP BY number HAVING max(last) < ? OR (max(last) = ? AND number < ?)
            ORDER BY max(last) DESC, number DESC LIMIT ?
            """, values: values + [last, last, number, limit].map(SQLValue.integer)
        ).map { row in
            let place = ReminderPlace(last: try row["last"], number: try row["number"])
            return (place, Case.Reminder(last: Instant(seconds: place.last), times: try row["times"]))
        }
    }

    /// The rows that concern somebody, as a piece of a statement with its values; nil for nobody's posts.
    private static func reminders(of posts: [Post], at now: Instant) -> (rows: String, values: [SQLValue])? {
        let held = posts.filter { $0.isHeld(at: now) }
        let (units, viewers) = (Set(held.map(\.unit)).sorted(), viewers(held, at: now).sorted())
        guard !units.isEmpty, !viewers.isEmpty else { return nil }
        func marks(_ values: [String]) -> String { values.map { _ in "?" }.joined(separator: ", ") }
        return (
            """
            FROM reminder r WHERE unit IN (\(marks(units)))
            AND EXISTS (SELECT 1 FROM visible v WHERE v.number = r.number AND v.viewer IN (\(marks(viewers))))
            """, (units + viewers).map(SQLValue.text)
        )
    }
}
