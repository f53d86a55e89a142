package import PortalBase

/// Working days (工作日) as the State Council's yearly schedules make them.
///
/// A listed holiday is not worked, a listed adjusted day is; any other day is worked from Monday to Friday, up to the
/// last year with a schedule. Beyond it nothing is known, and this type says so instead of guessing.
package struct WorkingCalendar: Sendable {
    private let holidays: Set<Int>
    private let adjusted: Set<Int>
    /// The first and last day with a schedule.
    /// Days that are not as their weekday says, one a line: what tells one calendar from another.
    package var exceptions: String {
        (holidays.sorted().map { "-\($0)" } + adjusted.sorted().map { "+\($0)" }).joined(separator: "\n")
    }

    package let first: CivilDate
    package let last: CivilDate

    /// A mistake in a calendar's file, in words for the person who typed it.
    package struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
        /// From 1; 0 for the file as a whole.
        package let line: Int
        package let text: Bilingual

        package init(line: Int, text: Bilingual) {
            self.line = line
            self.text = text
        }

        package var description: String { line > 0 ? "line \(line): \(text.en)" : text.en }
    }

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

    /// A day of a schedule.
    package struct Row: Sendable, Equatable {
        package let date: CivilDate
        /// `holiday` or `workday-adjusted`.
        package let kind: String
        package let name: String
        package let line: Int
    }

    /// Reads `workdays.csv`: `date,kind,name`, as any program saves it.
    package init(csv bytes: [UInt8]) throws(Problem) {
        guard let calendar = WorkingCalendar(rows: try Self.rows(csv: bytes).map { ($0.date, $0.kind) }) else {
            throw Problem(line: 0, text: Bilingual(zh: "没有放假安排", en: "it holds no days"))
        }
        self = calendar
    }

    /// The days of a file. Throws for the first line that cannot be read or contradicts another.
    package static func rows(csv bytes: [UInt8]) throws(Problem) -> [Row] {
        func problem(_ line: Int, _ zh: String, _ en: String) -> Problem {
            Problem(line: line, text: Bilingual(zh: zh, en: en))
        }
        guard let whole = String(validating: bytes, as: UTF8.self) else {
            throw problem(0, "文件不是 UTF-8 编码", "the file is not UTF-8")
        }
        var rows: [Row] = []
        var known: [Int: Row] = [:]
        var number = 0
        // CRLF is one character, and a line end like any other.
        for line in whole.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            let text = line.trimmingPrefix("\u{FEFF}")
            let cells = text.split(separator: ",", omittingEmptySubsequences: false).map { cell in
                cell.filter { $0 != "\"" && $0 != " " }
            }
            if cells.allSatisfy(\.isEmpty) { continue }
            if number == 1, let head = cells.first, ["date", "日期"].contains(head.lowercased()) { continue }
            guard let date = CivilDate(written: cells[0]) else {
                throw problem(number, "“\(cells[0].prefix(40))”不是日期", "`\(cells[0].prefix(40))` is no date")
            }
            let kinds = [
                "holiday": "holiday", "放假": "holiday", "workday-adjusted": "workday-adjusted", "上班": "workday-adjusted",
            ]
            guard cells.count >= 2, let kind = kinds[cells[1]] else {
                throw problem(
                    number, "第二列应当是 holiday（放假）或 workday-adjusted（上班）",
                    "the second column must be holiday or workday-adjusted")
            }
            let row = Row(date: date, kind: kind, name: cells.count > 2 ? cells[2] : "", line: number)
            if let earlier = known[date.dayNumber] {
                throw problem(
                    number, "\(date.text) 在第 \(earlier.line) 行已经写过",
                    "\(date.text) stands in line \(earlier.line) already")
            }
            if kind == "workday-adjusted", date.isoWeekday <= 5 {
                throw problem(
                    number, "\(date.text) 本来就是工作日，不会是调休上班",
                    "\(date.text) is a weekday and cannot be worked instead of one")
            }
            known[date.dayNumber] = row
            rows.append(row)
        }
        return rows
    }

    /// The same schedule with the days of another file. A notice may change days of the year before it too.
    ///
    /// - Parameter replaces: whether a day that both have is taken from the new one; else a day of another kind is an error.
    package static func merged(_ old: [Row], with new: [Row], replaces: Bool) throws(Problem) -> [Row] {
        var byDay = Dictionary(old.map { ($0.date.dayNumber, $0) }) { first, _ in first }
        for row in new {
            if let known = byDay[row.date.dayNumber], known.kind != row.kind, !replaces {
                throw Problem(
                    line: row.line,
                    text: Bilingual(
                        zh: "\(row.date.text) 与现有日历矛盾：现有第 \(known.line) 行是 \(known.kind)；确实改了请加 --replace",
                        en:
                            "\(row.date.text) contradicts line \(known.line) of the calendar, which says \(known.kind); add --replace where it was changed"
                    ))
            }
            byDay[row.date.dayNumber] = row
        }
        return byDay.values.sorted { $0.date < $1.date }
    }

    /// Days of the file as it is written.
    package static func csv(_ rows: [Row]) -> [UInt8] {
        Array(("date,kind,name\n" + rows.map { "\($0.date.text),\($0.kind),\($0.name)\n" }.joined()).utf8)
    }

    /// Days left before the schedule ends.
    package func daysLeft(on today: CivilDate) -> Int { last.dayNumber - today.dayNumber }

    /// Days before the end from which everybody is warned.
    package static let warningDays = 60

    /// Nil outside the known years.
    package func isWorkingDay(_ date: CivilDate) -> Bool? {
        guard first <= date, date <= last else { return nil }
        if adjusted.contains(date.dayNumber) { return true }
        if holidays.contains(date.dayNumber) { return false }
        return date.isoWeekday <= 5
    }
}
