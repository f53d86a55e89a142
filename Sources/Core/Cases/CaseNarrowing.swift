package import PortalBase
import SQL

/// What a list of cases is narrowed to, in SQL; nothing where it shows all.
package struct CaseNarrowing: Sendable, Equatable {
    /// Ids of a process and of one of its states.
    package let process: String?
    package let state: String?
    /// That leads it, or has an open task in it.
    package let unit: String?
    /// What was counted in it by a process, such as 督办.
    package let count: Count?
    /// A limit of it ran out: of its clock or of an open task.
    package let isOverdue: Bool
    /// The first of its limits runs out in it: from its first moment up to, and without, its end.
    package let due: Range<Instant>?

    package struct Count: Sendable, Equatable {
        package let process: String
        package let name: String

        package init(process: String, name: String) {
            self.process = process
            self.name = name
        }
    }

    package init(
        process: String? = nil, state: String? = nil, unit: String? = nil, count: Count? = nil, isOverdue: Bool = false,
        due: Range<Instant>? = nil
    ) {
        self.process = process
        self.state = state
        self.unit = unit
        self.count = count
        self.isOverdue = isOverdue
        self.due = due
    }

    /// Whether it asks for cases with a limit that runs: none of them is final.
    package var isOfRunning: Bool { isOverdue || due != nil }

    package static let none = CaseNarrowing()

    /// Conditions over `i`, a row of `case_index`, with the values of their marks.
    func conditions(at now: Instant) -> (text: String, values: [SQLValue]) {
        var (parts, values) = ([String](), [SQLValue]())
        func add(_ part: String, _ value: SQLValue...) {
            parts.append(part)
            values += value
        }
        if let process { add("i.process = ?", .text(process)) }
        if let state { add("i.state = ?", .text(state)) }
        if let unit {
            add(
                "(i.lead = ? OR EXISTS (SELECT 1 FROM task t WHERE t.number = i.number AND t.unit = ?))", .text(unit),
                .text(unit))
        }
        if let count {
            add(
                "EXISTS (SELECT 1 FROM figure f WHERE f.number = i.number AND f.process = ? AND f.kind = 'count' AND f.name = ?)",
                .text(count.process), .text(count.name))
        }
        if isOverdue { add("i.due < ?", .integer(now.seconds)) }
        if let due {
            add(
                "i.due >= ? AND i.due < ?", .integer(due.lowerBound.seconds),
                .integer(due.upperBound.seconds))
        }
        return (parts.joined(separator: " AND "), values)
    }
}

extension CaseStore {
    /// Statements that let a list be narrowed to what is overdue, for the database's owner: when the first limit of a case runs out.
    static let narrowingTables = ["ALTER TABLE case_index ADD COLUMN due INTEGER"]

    /// The number of cases of one viewer that a page of a narrowed list examines: several pages find what is rare.
    package static let mostNarrowed = 20_000

    /// Numbers below one, the newest first, that a viewer may see.
    ///
    /// - Parameter most: the number of cases that a narrowed list examines.
    /// - Returns: the numbers, and the bound below which cases were not examined; nil where there are none.
    func numbers(
        seenBy viewer: String, _ query: Query, most: Int, at now: Instant, _ db: any SQLConnection
    ) throws -> (found: [Int], end: Int?) {
        var first = query.isOthers ? Subject.others : 0
        let last = min(query.before ?? Int.max, query.isOthers ? Int.max : Subject.others)
        let (conditions, values) = query.narrowing.conditions(at: now)
        let isOpen = !query.includesFinal || query.narrowing.isOfRunning
        let seen = "v.viewer = ? AND v.number > ? AND v.number < ? \(isOpen ? "AND v.final = 0" : "")"
        var end: Int?
        if !conditions.isEmpty {
            end = try db.value(
                "SELECT v.number FROM visible v WHERE \(seen) ORDER BY v.number DESC LIMIT 1 OFFSET \(most)",
                viewer, first, last)
            if let behind = end { (first, end) = (behind, behind + 1) }
        }
        let rows = try db.rows(
            """
            SELECT v.number FROM visible v \(conditions.isEmpty ? "" : "JOIN case_index i ON i.number = v.number")
            WHERE \(seen) \(conditions.isEmpty ? "" : "AND \(conditions)")
            ORDER BY v.number DESC LIMIT \(query.limit + 1)
            """, values: [.text(viewer), .integer(first), .integer(last)] + values)
        return (try rows.map { try $0["number"] }, end)
    }
}
