import ArgumentParser
import Assessment
import LaneService
import PortalBase

/// A month's assessment of the units (自动考核).
struct Assess: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Counts how the units kept their limits in a month, by the rules of Content/assessment.",
        discussion:
            "Every number leads to its cases: --out writes them beside the points. An officer records the month on the desk's page 考核."
    )
    @OptionGroup var configurationOption: ConfigurationOption
    @Argument(help: "The month, such as 2026-09.") var month: String
    @Option(help: "Id of one rule set; all that were in force, side by side, without it.") var rules: String?
    @Option(help: "New folder for CSV files: points, and every case behind them.") var out: String?

    func run() throws {
        guard let month = Month(month) else { throw ValidationError("\(month): write a month such as 2026-09") }
        let desk = try Desk(configurationOption.load(), random: systemRandomBytes)
        let assessing = Assessing(desk: desk)
        let all = desk.surroundings.ruleSets
        if let rules, !all.contains(where: { $0.id == rules }) {
            throw ValidationError("there is no rule set \(rules); there are: \(all.map(\.id).joined(separator: ", "))")
        }
        let chosen = all.filter { $0.covers(month) && (rules == nil || $0.id == rules) }
        guard !chosen.isEmpty else { throw CommandRefused(description: "no rules were in force in \(month.text)") }
        if let out {
            guard FileSystem.kind(out) == nil else { throw CommandRefused(description: "\(out) is there already") }
            try FileSystem.makeDirectories(out)
        }
        let now = desk.configuration.now()
        for rules in chosen {
            do {
                let report = try assessing.report(rules, month, at: now)
                print(Self.text(report))
                guard let out else { continue }
                try FileSystem.replaceDurably("\(out)/\(rules.id).csv", with: report.csv)
                try FileSystem.replaceDurably(
                    "\(out)/\(rules.id)-cases.csv", with: try assessing.casesCSV(rules, month, at: now), mode: 0o640)
            } catch Assessing.Problem.notBegun {
                throw CommandRefused(description: "\(month.text) has not begun")
            }
        }
    }

    private static func text(_ report: AssessmentReport) -> String {
        var lines = [
            "\(report.title) \(report.month.text)\(report.isOver ? "" : "（本月还没有结束）")  \(report.rules) \(report.digest.prefix(12))"
        ]
        for row in report.rows {
            let total = row.total.map { "\(AssessmentReport.points($0)) \(row.label ?? "")" } ?? "不计分：没有到期事项"
            lines.append("  \(row.name)  \(total)")
            for (indicator, cell) in zip(report.indicators, row.cells) where cell.of + cell.good + cell.excused > 0 {
                let points = cell.points.map { "  \(AssessmentReport.points($0))/\(indicator.weight)" } ?? ""
                let excused = cell.excused > 0 ? "  剔除 \(cell.excused)" : ""
                lines.append("    \(indicator.label)  \(AssessmentText.cell(cell, of: indicator))\(points)\(excused)")
            }
        }
        if report.undated > 0 { lines.append("  期限超出工作日历、没有计入的：\(report.undated)") }
        return lines.joined(separator: "\n")
    }
}
