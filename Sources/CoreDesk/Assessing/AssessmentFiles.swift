import Assessment
import PortalBase

/// A confirmed assessment as a page of the intranet with its chart and its table, for `sitegen build --overlay`.
struct AssessmentFiles {
    let number: Int
    let report: AssessmentReport
    let published: CivilDate

    static let folder = "portal/internal/assessments"

    /// Paths below the overlay folder, the page first.
    static func paths(_ number: Int) -> [String] {
        ["index.md", "chart.svg", "points.csv"].map { "\(folder)/\(padded(number, 6))/\($0)" }
    }

    /// The files' bytes, in the order of their paths.
    var contents: [[UInt8]] { [Array(page.utf8), Array(AssessmentPage.chart(report).svg.utf8), report.csv] }

    private var page: String {
        let title = "\(report.title) \(report.month.text)"
        let heads = ["单位", "等级", "总分"] + report.indicators.map { "\($0.label)（\($0.weight)）" }
        let rows = report.rows.filter { $0.total != nil }.map { row in
            [row.name, row.label ?? "", row.total.map(AssessmentReport.points) ?? ""]
                + zip(report.indicators, row.cells).map { indicator, cell in
                    AssessmentText.cell(cell, of: indicator)
                        + (cell.points.map { " " + AssessmentReport.points($0) } ?? "")
                }
        }
        let apart = report.rows.filter { $0.total == nil }.map(\.name)
        func line(_ cells: [String]) -> String {
            "| " + cells.map { markdownWords($0).replacing("\n", with: " ") }.joined(separator: " | ") + " |"
        }
        return """
            ---
            title: \(AnswerPage.quoted(title))
            date: \(published.text)
            visibility: intranet
            ---
            ![\(markdownWords(title + "：总分"))](chart.svg)

            \(line(heads))
            |\(heads.map { _ in "---|" }.joined())
            \(rows.map(line).joined(separator: "\n"))

            同一等级按单位排列，不分名次。指标没有到期事项的不计分，权重按其余指标折算。\(apart.isEmpty ? "" : "没有到期事项、不计分的单位：" + markdownWords(apart.joined(separator: "、")) + "。")

            [各项得分的表格](points.csv)

            """
    }
}
