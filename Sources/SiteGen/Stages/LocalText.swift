import PortalBase
import SiteModel

/// Dates and numbers as people of a language write them: patterns come from the theme's `i18n/<language>.yaml`, so that
/// another language needs only data.
struct LocalText: Sendable {
    let theme: Theme
    let language: String

    private func pattern(_ key: String) -> String? { theme.strings[language]?[key] }

    private var months: [String] {
        (pattern("months") ?? "").split(separator: ",").map { $0.trimmingPrefix(while: { $0 == " " }) }.map(String.init)
    }

    private func fill(_ pattern: String, _ year: Int, _ month: Int, _ day: Int) -> String {
        let months = months
        let name = months.count == 12 && (1...12).contains(month) ? months[month - 1] : String(month)
        return pattern.replacing("{year}", with: String(year)).replacing("{monthName}", with: name)
            .replacing("{month}", with: String(month)).replacing("{day}", with: String(day))
    }

    func date(_ date: CivilDate) -> String {
        pattern("dateFormat").map { fill($0, date.year, date.month, date.day) } ?? date.text
    }

    func month(_ year: Int, _ month: Int) -> String {
        pattern("monthFormat").map { fill($0, year, month, 1) } ?? "\(year)-\(padded(month, 2))"
    }

    func year(_ year: Int) -> String { pattern("yearFormat").map { fill($0, year, 1, 1) } ?? String(year) }

    /// Thousands set apart where the language does so.
    func number(_ number: Int) -> String {
        guard let separator = pattern("groupSeparator"), !separator.isEmpty else { return String(number) }
        var groups: [String] = []
        var rest = number
        while rest >= 1000 {
            groups.insert(padded(rest % 1000, 3), at: 0)
            rest /= 1000
        }
        return ([String(rest)] + groups).joined(separator: separator)
    }
}
