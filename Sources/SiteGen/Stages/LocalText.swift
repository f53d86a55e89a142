import PortalBase
import SiteModel

/// Dates and numbers as people of a language write them: patterns come from the theme's `i18n/<language>.yaml`, so that
/// another language needs only data.
struct LocalText: Sendable {
    private let dateFormat: Pattern?
    private let monthFormat: Pattern?
    private let yearFormat: Pattern?
    private let months: [String]
    private let groupSeparator: String

    init(theme: Theme, language: String) {
        let strings = theme.strings[language] ?? [:]
        dateFormat = strings["dateFormat"].map(Pattern.init)
        monthFormat = strings["monthFormat"].map(Pattern.init)
        yearFormat = strings["yearFormat"].map(Pattern.init)
        months = (strings["months"] ?? "").split(separator: ",").map { String($0.drop { $0 == " " }) }
        groupSeparator = strings["groupSeparator"] ?? ""
    }

    /// `{day} {monthName} {year}`, read once.
    private struct Pattern: Sendable {
        private enum Part: Sendable { case text(String), year, month, monthName, day }
        private let parts: [Part]

        init(_ text: String) {
            var parts: [Part] = []
            var rest = text[...]
            while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
                parts.append(.text(String(rest[..<open])))
                switch rest[rest.index(after: open)..<close] {
                case "year": parts.append(.year)
                case "month": parts.append(.month)
                case "monthName": parts.append(.monthName)
                case "day": parts.append(.day)
                default: parts.append(.text(String(rest[open...close])))
                }
                rest = rest[rest.index(after: close)...]
            }
            self.parts = parts + [.text(String(rest))]
        }

        func fill(year: Int, month: Int, day: Int, months: [String]) -> String {
            parts.reduce(into: "") { text, part in
                switch part {
                case .text(let literal): text += literal
                case .year: text += String(year)
                case .month: text += String(month)
                case .monthName: text += months.count == 12 ? months[month - 1] : String(month)
                case .day: text += String(day)
                }
            }
        }
    }

    func date(_ date: CivilDate) -> String {
        dateFormat?.fill(year: date.year, month: date.month, day: date.day, months: months) ?? date.text
    }

    func month(_ year: Int, _ month: Int) -> String {
        monthFormat?.fill(year: year, month: month, day: 1, months: months) ?? "\(year)-\(padded(month, 2))"
    }

    func year(_ year: Int) -> String {
        yearFormat?.fill(year: year, month: 1, day: 1, months: months) ?? String(year)
    }

    /// Thousands set apart where the language does so.
    func number(_ number: Int) -> String {
        guard !groupSeparator.isEmpty, number >= 1000 else { return String(number) }
        return self.number(number / 1000) + groupSeparator + padded(number % 1000, 3)
    }
}
