package import PortalBase
package import Procedures
package import Workflow

/// How the units of a process are assessed (考核办法), as dated data: `Content/assessment/<id>.yaml`.
package struct RuleSet: Sendable, Equatable {
    package typealias Localized = Process.Localized

    package let id: String
    package let title: Localized
    /// Id of the process whose figures it counts.
    package let process: String
    /// First and last month in force; nil for no end.
    package let from: Month
    package let until: Month?
    package let indicators: [Indicator]
    /// By total, the highest first; the last begins at 0.
    package let classes: [Class]
    /// Of the file as canonical JSON: a recorded assessment names it.
    package let digest: SHA256Digest

    package struct Class: Sendable, Equatable {
        /// In points of 100.
        package let from: Int
        package let label: Localized
    }

    package struct Indicator: Sendable, Equatable {
        package let id: String
        package let label: Localized
        package let measure: Measure
        /// Points of 100; 0 for what is only shown.
        package let weight: Int
        /// The rates that bring no point and all points, in hundredths of a percent; between them points grow with the rate.
        package let none: Int
        package let full: Int
        /// With fewer, the indicator does not count for a unit.
        package let least: Int
    }

    /// What of what; a closed list.
    package enum Measure: Sendable, Equatable {
        /// Of the limits that fell due, those that were kept. Tasks that ended in one of `without` are none.
        case inTime(Figure.Kind, String, without: Set<String>)
        /// Of the tasks that were closed, those that ended so.
        case outcome(task: String, is: Set<String>, without: Set<String>)
        /// How often it was counted, of the tasks that ended so.
        case count(String, task: String, is: Set<String>)
        /// Of the scores, those of at least so much.
        case score(String, atLeast: Int)
        /// How many tasks were closed.
        case volume(task: String, without: Set<String>)
    }

    /// Whether it is in force in a month.
    package func covers(_ month: Month) -> Bool { from <= month && month <= until ?? month }

    package static let folder = "Content/assessment"
}

/// A month of the calendar in Shanghai.
package struct Month: Sendable, Hashable, Comparable {
    package let year: Int
    package let month: Int

    /// `2026-09`; nil for another text.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 4, parts[1].utf8.count == 2, let year = decimal(parts[0].utf8),
            let month = decimal(parts[1].utf8), (2000...2999).contains(year), (1...12).contains(month)
        else { return nil }
        self.year = year
        self.month = month
    }

    package init(of instant: Instant) {
        let date = instant.date(in: .shanghai)
        (year, month) = (date.year, date.month)
    }

    package var text: String { "\(padded(year, 4))-\(padded(month, 2))" }

    package static func < (a: Self, b: Self) -> Bool { (a.year, a.month) < (b.year, b.month) }

    /// From its first moment up to its end.
    package var period: Range<Instant> {
        let next = month == 12 ? (year: year + 1, month: 1) : (year: year, month: month + 1)
        // Always: the first of a month is a day.
        let days = [(year, month), next].map { CivilDate(year: $0.0, month: $0.1, day: 1)! }
        return days[0].start(in: .shanghai)..<days[1].start(in: .shanghai)
    }
}
