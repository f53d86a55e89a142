package import PortalBase

/// Working days (工作日) as the State Council's yearly schedules make them.
///
/// A listed holiday is not worked, a listed adjusted day is; any other day is worked from Monday to Friday, up to the
/// last year with a schedule. Beyond it nothing is known, and this type says so instead of guessing.
package struct WorkingCalendar: Sendable {
    private let holidays: Set<Int>
    private let adjusted: Set<Int>
    /// The first and last day with a schedule.
    package let first: CivilDate
    package let last: CivilDate

    package init?(rows: [(date: CivilDate, kind: String)]) {
        guard let low = rows.map(\.date).min(), let high = rows.map(\.date).max(),
            let first = CivilDate(year: low.year, month: 1, day: 1),
            let last = CivilDate(year: high.year, month: 12, day: 31),
            rows.allSatisfy({ ["holiday", "workday-adjusted"].contains($0.kind) })
        else { return nil }
        self.first = first
        self.last = last
        holidays = Set(rows.filter { $0.kind == "holiday" }.map(\.date.dayNumber))
        adjusted = Set(rows.filter { $0.kind == "workday-adjusted" }.map(\.date.dayNumber))
    }

    /// Reads `workdays.csv`: `date,kind,name`.
    package init?(csv bytes: [UInt8]) {
        var rows: [(date: CivilDate, kind: String)] = []
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst() {
            let cells = line.split(separator: ",", omittingEmptySubsequences: false)
            guard cells.count >= 2, let date = CivilDate(iso: cells[0]) else { return nil }
            rows.append((date, String(cells[1])))
        }
        self.init(rows: rows)
    }

    /// Nil outside the known years.
    package func isWorkingDay(_ date: CivilDate) -> Bool? {
        guard first <= date, date <= last else { return nil }
        if adjusted.contains(date.dayNumber) { return true }
        if holidays.contains(date.dayNumber) { return false }
        return date.isoWeekday <= 5
    }

    /// The last day of a limit that begins on `start`: the start day is not counted (民法典 article 201), and calendar
    /// days that end on a day off roll forward (article 203).
    package func deadline(from start: CivilDate, _ limit: TimeLimit) -> Deadline {
        var day = CivilDate(dayNumber: start.dayNumber + (limit.working ? 0 : limit.days))
        var left = limit.working ? limit.days : 0
        while left > 0 {
            day = CivilDate(dayNumber: day.dayNumber + 1)
            guard let working = isWorkingDay(day) else { return .unknown(after: last) }
            if working { left -= 1 }
        }
        while true {
            guard let working = isWorkingDay(day) else { return .unknown(after: last) }
            if working { return .on(day) }
            day = CivilDate(dayNumber: day.dayNumber + 1)
        }
    }
}

/// A number of working or calendar days.
package struct TimeLimit: Sendable, Equatable {
    package let days: Int
    package let working: Bool

    package init(days: Int, working: Bool) {
        self.days = days
        self.working = working
    }
}

/// The last day of a limit, or that the calendar does not reach it.
package enum Deadline: Sendable, Equatable {
    case on(CivilDate)
    case unknown(after: CivilDate)

    /// Overdue is computed, never stored; an unknown deadline is not overdue.
    package func isOverdue(on today: CivilDate) -> Bool {
        if case .on(let day) = self { day < today } else { false }
    }
}
