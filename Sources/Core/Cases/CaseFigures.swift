package import Authority
package import PortalBase
import Procedures
import SQL
package import Workflow

/// Figures of all cases, counted for a period. Every one leads to its cases.
extension CaseStore {
    /// Statements that make the table of figures, for the database's owner.
    static let figureTables = [
        """
        CREATE TABLE figure (
            number INTEGER NOT NULL, place INTEGER NOT NULL, process TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
            unit TEXT NOT NULL, due INTEGER, done INTEGER, outcome TEXT NOT NULL, value INTEGER NOT NULL,
            excused INTEGER NOT NULL, PRIMARY KEY (number, place))
        """,
        // In the order in which tallies are counted, with all that they read: they go over it once and sort nothing.
        "CREATE INDEX figure_tally ON figure (process, kind, name, unit, outcome, excused, value, due, done)",
        "CREATE INDEX figure_due ON figure (process, due)",
        "CREATE INDEX figure_done ON figure (process, done)",
    ]

    /// How often each figure fell due, or happened, in a period.
    ///
    /// - Parameter period: from its first moment up to, and without, its end.
    package func tallies(of process: String, in period: Range<Instant>) throws -> [Tally] {
        let (from, to) = (period.lowerBound.seconds, period.upperBound.seconds)
        return try database.read { db in
            // The plus keeps both engines from the index by time, whose rows they would look up one by one.
            let due = try db.rows(
                """
                SELECT kind, name, unit, outcome, excused, count(*) AS n,
                    CAST(sum(CASE WHEN done IS NOT NULL AND done <= due THEN 1 ELSE 0 END) AS BIGINT) AS good
                FROM figure WHERE process = ? AND +due >= ? AND +due < ? GROUP BY kind, name, unit, outcome, excused
                """, process, from, to)
            let happened = try db.rows(
                """
                SELECT kind, name, unit, outcome, excused, value, count(*) AS n FROM figure
                WHERE process = ? AND +done >= ? AND +done < ? GROUP BY kind, name, unit, outcome, excused, value
                """, process, from, to)
            return try due.map { try Self.tally($0, .due(inTime: $0["good"])) }
                + (try happened.map { try Self.tally($0, .happened(value: $0["value"])) })
        }
    }

    private static func tally(_ row: SQLRow, _ what: Tally.What) throws -> Tally {
        Tally(
            kind: try kind(row), name: try row["name"], unit: try row["unit"], outcome: try row["outcome"],
            isExcused: try row["excused"], what: what, count: try row["n"])
    }

    private static func kind(_ row: SQLRow) throws -> Figure.Kind {
        guard let kind = Figure.Kind(rawValue: try row["kind"]) else { throw SQLError(.fault, "an unknown figure") }
        return kind
    }

    /// Limits whose end the calendar does not know, of cases of a process that are open: no period counts them.
    package func undated(of process: String) throws -> Int {
        try database.read { db in
            try db.value(
                """
                SELECT count(*) FROM figure WHERE process = ? AND due IS NULL AND done IS NULL AND kind IN ('signing', 'task', 'clock')
                """, process) ?? 0
        }
    }

    /// Who looks at a list of figures, and sees those of cases that their posts may see.
    package struct FigureReader: Sendable {
        let posts: [Post]
        let now: Instant

        package init(posts: [Post], now: Instant) {
            self.posts = posts
            self.now = now
        }
    }

    /// A figure with its case.
    package struct CaseFigure: Sendable {
        package let number: Int
        /// Among the figures of its case, from 0.
        package let place: Int
        package let subject: String
        package let figure: Figure
    }

    /// The figures of a period, by number of case and place.
    ///
    /// - Parameters:
    ///   - reader: who sees the list, which is on record; nil for all cases, where no case is looked into.
    ///   - last: number and place of the figure before the first that is wanted; nil for the first of all.
    package func figures(
        of process: String, in period: Range<Instant>, unit: String? = nil, for reader: FigureReader? = nil,
        after last: (number: Int, place: Int)? = nil, limit: Int
    ) throws -> [CaseFigure] {
        let (from, to) = (period.lowerBound.seconds, period.upperBound.seconds)
        var values: [SQLValue] = [
            .text(process), .integer(from), .integer(to), .integer(from), .integer(to),
        ]
        var filter = ""
        if let last {
            filter += " AND (f.number, f.place) > (?, ?)"
            values += [.integer(last.number), .integer(last.place)]
        }
        if let unit {
            filter += " AND f.unit = ?"
            values.append(.text(unit))
        }
        if let reader {
            try record("figures", as: reader.posts, at: reader.now)
            let viewers = SQLList(Self.viewers(reader.posts, at: reader.now).sorted())
            filter += " AND f.number IN (SELECT number FROM visible WHERE viewer IN (\(viewers.marks)))"
            values += viewers.values
        }
        return try database.read { db in
            try db.rows(
                """
                SELECT f.*, s.id AS subject FROM figure f JOIN subject s ON s.number = f.number
                WHERE f.process = ? AND ((f.due >= ? AND f.due < ?) OR (f.done >= ? AND f.done < ?))\(filter)
                ORDER BY f.number, f.place LIMIT ?
                """, values: values + [.integer(limit)]
            ).map { row in
                func instant(_ column: String) throws -> Instant? {
                    let seconds: Int? = try row[column]
                    return seconds.map(Instant.init(seconds:))
                }
                return CaseFigure(
                    number: try row["number"], place: try row["place"], subject: try row["subject"],
                    figure: Figure(
                        kind: try Self.kind(row), name: try row["name"], unit: try row["unit"], due: try instant("due"),
                        done: try instant("done"), outcome: try row["outcome"], value: try row["value"],
                        isExcused: try row["excused"]))
            }
        }
    }
}
