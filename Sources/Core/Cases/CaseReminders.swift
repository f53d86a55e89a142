package import Authority
package import PortalBase
import SQL
package import Workflow

/// Cases of which somebody's units were reminded (催办, 督办).
extension CaseStore {
    /// Statements that make the table of reminders, for the database's owner.
    static let reminderTables = [
        // `viewer` is who of the unit sees the case, as in `visible`.
        """
        CREATE TABLE reminder (
            number INTEGER NOT NULL, unit TEXT NOT NULL, viewer TEXT NOT NULL, last INTEGER NOT NULL, times INTEGER NOT NULL,
            PRIMARY KEY (number, unit, viewer))
        """,
        "CREATE INDEX reminder_last ON reminder (unit, viewer, last, number)",
    ]

    /// A place among the reminders of somebody's units, the newest first.
    package struct ReminderPlace: Sendable, Hashable {
        package let last: Int
        package let number: Int

        package init(last: Int, number: Int) {
            self.last = last
            self.number = number
        }

        fileprivate static func isNewer(_ one: Self, _ other: Self) -> Bool {
            (one.last, one.number) > (other.last, other.number)
        }
    }

    package struct Reminded: Sendable {
        package fileprivate(set) var lines: [(line: Line, reminder: Case.Reminder)] = []
        /// Cases that cannot be read.
        package fileprivate(set) var damaged: [String] = []
        /// The place of the last line; nil where none is behind it.
        package fileprivate(set) var next: ReminderPlace?
    }

    /// Cases of which a unit of these posts was reminded and that somebody in them may see, each with the newest reminder. On no
    /// record: `record` puts it there.
    package func reminded(_ posts: [Post], after: ReminderPlace?, limit: Int, at now: Instant) throws -> Reminded {
        let readers = Self.readers(posts, at: now)
        return try database.read { db in
            var times: [ReminderPlace: Int] = [:]
            let (last, number) = (after?.last ?? Int.max, after?.number ?? Int.max)
            for reader in readers {
                let rows = try db.rows(
                    """
                    SELECT last, number, times FROM reminder
                    WHERE unit = ? AND viewer = ? AND (last < ? OR (last = ? AND number < ?))
                    ORDER BY last DESC, number DESC LIMIT \(limit + 1)
                    """, reader.unit, reader.viewer, last, last, number)
                for row in rows {
                    times[ReminderPlace(last: try row["last"], number: try row["number"])] = try row["times"]
                }
            }
            let places = times.keys.sorted(by: ReminderPlace.isNewer).prefix(limit + 1)
            // A case of which two of somebody's units were reminded stands at the newer place alone.
            let newest = try Self.newest(of: Set(places.map(\.number)), readers, db)
            let shown = places.prefix(limit)
            let listing = try lines(shown.filter { newest[$0.number] == $0.last }.map(\.number), db)
            return Reminded(
                lines: listing.lines.compactMap { line in
                    let number = line.subject.number
                    guard let last = newest[number],
                        let times = times[ReminderPlace(last: last, number: number)]
                    else { return nil }
                    return (line, Case.Reminder(last: Instant(seconds: last), times: times))
                }, damaged: listing.damaged, next: places.count > limit ? shown.last : nil)
        }
    }

    /// The number of those cases, counted up to `most`.
    package func countReminded(_ posts: [Post], most: Int, at now: Instant) throws -> Int {
        let readers = Self.readers(posts, at: now)
        return try database.read { db in
            var numbers: Set<Int> = []
            for reader in readers where numbers.count < most {
                numbers.formUnion(
                    try db.column(
                        "SELECT number FROM reminder WHERE unit = ? AND viewer = ? LIMIT ?", reader.unit, reader.viewer,
                        most) as [Int])
            }
            return min(most, numbers.count)
        }
    }

    private struct Reader: Hashable {
        let unit: String
        let viewer: String
    }

    /// The pairs of unit and viewer under which holders of these posts find the reminders of their units.
    private static func readers(_ posts: [Post], at now: Instant) -> [Reader] {
        let readers = posts.filter { $0.isHeld(at: now) }.flatMap { post in
            post.viewers.map { Reader(unit: post.unit, viewer: $0.name) }
        }
        return Set(readers).sorted { ($0.unit, $0.viewer) < ($1.unit, $1.viewer) }
    }

    /// When each of some cases was reminded of last, by its number.
    private static func newest(
        of numbers: Set<Int>, _ readers: [Reader], _ db: any SQLConnection
    ) throws -> [Int: Int] {
        if numbers.isEmpty { return [:] }
        var newest: [Int: Int] = [:]
        let list = SQLList(numbers.sorted())
        let rows = try db.rows(
            """
            SELECT number, unit, viewer, last FROM reminder WHERE number IN (\(list.marks))
            """, values: list.values)
        for row in rows where try readers.contains(Reader(unit: row["unit"], viewer: row["viewer"])) {
            let number: Int = try row["number"]
            newest[number] = max(newest[number] ?? 0, try row["last"])
        }
        return newest
    }
}
