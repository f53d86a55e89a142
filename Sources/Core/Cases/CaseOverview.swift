package import Authority
package import PortalBase
import SQL

/// What is open among the cases that somebody may see, counted in SQL. Every count is that of a narrowed list.
extension CaseStore {
    package struct OpenCount: Sendable, Equatable {
        package let process: String
        /// Id of a state, a unit, or of what was counted in a case; empty for all of a process.
        package let name: String
        package let open: Int
        package let overdue: Int
    }

    package struct Overview: Sendable {
        /// By process and state.
        package let states: [OpenCount]
        /// By process and unit that leads the case or has an open task in it; a case of several units counts for each.
        package let units: [OpenCount]
        /// By process and what was counted, such as 督办.
        package let marks: [OpenCount]
    }

    /// Open cases, as `list` shows them to somebody in these posts. On record as one line.
    package func overview(as posts: [Post], at now: Instant) throws -> Overview {
        try record("overview", as: posts, at: now)
        let seen = Self.openCases(posts, at: now)
        return try database.read { db in
            /// - Parameter names: of numbers and names; its marks are the values of `seen`, so many times.
            func counts(_ names: String, times: Int = 1) throws -> [OpenCount] {
                try db.rows(
                    """
                    SELECT i.process AS process, n.name AS name, count(*) AS n,
                        CAST(sum(CASE WHEN i.due < ? THEN 1 ELSE 0 END) AS BIGINT) AS late
                    FROM (\(names)) n JOIN case_index i ON i.number = n.number
                    GROUP BY i.process, n.name ORDER BY i.process, n.name
                    """, values: [.integer(now.seconds)] + (0..<times).flatMap { _ in seen.values }
                ).map {
                    OpenCount(
                        process: try $0["process"], name: try $0["name"], open: try $0["n"], overdue: try $0["late"])
                }
            }
            // A union names a case once for each unit.
            return Overview(
                states: try counts("SELECT number, state AS name FROM case_index WHERE number IN (\(seen.text))"),
                units: try counts(
                    """
                    SELECT number, lead AS name FROM case_index WHERE lead IS NOT NULL AND number IN (\(seen.text))
                    UNION SELECT number, unit AS name FROM task WHERE number IN (\(seen.text))
                    """, times: 2),
                marks: try counts(
                    "SELECT DISTINCT number, name FROM figure WHERE kind = 'count' AND number IN (\(seen.text))"))
        }
    }

    /// When the first limits of open cases run out that somebody in these posts may see, in a period.
    ///
    /// - Parameter period: from its first moment up to, and without, its end.
    package func dueMoments(in period: Range<Instant>, as posts: [Post], at now: Instant) throws -> [Instant] {
        try record("calendar", as: posts, at: now)
        let seen = Self.openCases(posts, at: now)
        return try database.read { db in
            let moments: [Int] = try db.column(
                """
                SELECT i.due FROM case_index i
                WHERE i.due >= ? AND i.due < ? AND i.number IN (\(seen.text)) ORDER BY i.due
                """,
                values: [.integer(period.lowerBound.seconds), .integer(period.upperBound.seconds)] + seen.values)
            return moments.map(Instant.init(seconds:))
        }
    }

    /// Numbers of open cases that somebody may see, as a subselect.
    private static func openCases(_ posts: [Post], at now: Instant) -> (text: String, values: [SQLValue]) {
        let viewers = SQLList(viewers(posts, at: now).sorted())
        return (
            "SELECT v.number FROM visible v WHERE v.viewer IN (\(viewers.marks)) AND v.final = 0 AND v.number < ?",
            viewers.values + [.integer(Subject.others)]
        )
    }
}
