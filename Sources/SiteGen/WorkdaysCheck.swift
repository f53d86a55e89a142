import PortalBase
import SiteModel

/// Warns while there is time to add the next year to `Content/data/workdays.csv`: deadlines beyond its end are unknown.
enum WorkdaysCheck {
    private static let warningDays = 60

    /// - Parameter source: the folder that holds `Content`.
    static func findings(source: String, on today: CivilDate) -> [Diagnostic] {
        let name = "Content/data/workdays.csv"
        // What is wrong with the table was said when the site was checked.
        var known: [Diagnostic] = []
        guard let bytes = try? FileSystem.read(source + "/" + name, limit: 16 << 20),
            let text = decodeSource(bytes, path: name, diagnostics: &known)
        else { return [] }
        var (last, line): (CivilDate?, Int) = (nil, 0)
        for record in CSV.parse(text, path: name, diagnostics: &known) {
            guard let date = CivilDate(written: record.cells[0]), last.map({ $0 < date }) ?? true else { continue }
            (last, line) = (date, record.line)
        }
        guard let last, let end = CivilDate(year: last.year, month: 12, day: 31),
            end.dayNumber - today.dayNumber < warningDays
        else { return [] }
        return [
            Diagnostic(
                "workdays-end", SourcePosition(path: name, line: line), severity: .warning,
                problem: Bilingual(
                    zh: "工作日安排只到 \(end.text)，此后的办理期限算不出来",
                    en: "the schedule of working days ends on \(end.text); deadlines after it cannot be computed"),
                remedy: Bilingual(
                    zh: "国务院办公厅发布下一年放假安排后，用 coredesk calendar 加进来",
                    en: "add the State Council's next notice with `coredesk calendar`"))
        ]
    }
}
