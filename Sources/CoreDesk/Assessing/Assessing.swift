import Assessment
import Cases
import Forms
import PortalBase
import Procedures
import Workflow

/// Assessments of a month, counted out of what the log says now.
struct Assessing {
    let desk: Desk

    enum Problem: Error, Equatable {
        /// The rules were not in force in it.
        case notInForce
        /// It has not begun.
        case notBegun
    }

    /// Name under which a recorded assessment holds its report.
    static let figures = "figures"

    func rules(_ id: String) -> RuleSet? { desk.surroundings.ruleSets.first { $0.id == id } }

    /// What of the month is over: what falls due later is not late.
    private func period(of month: Month, at now: Instant) throws -> Range<Instant> {
        guard month.period.lowerBound < now else { throw Problem.notBegun }
        return month.period.lowerBound..<min(month.period.upperBound, now)
    }

    func report(_ rules: RuleSet, _ month: Month, at now: Instant) throws -> AssessmentReport {
        guard rules.covers(month) else { throw Problem.notInForce }
        let assessment = MonthlyAssessment(
            try desk.cases.tallies(of: rules.process, in: period(of: month, at: now)), by: rules, of: month,
            undated: try desk.cases.undated(of: rules.process), isOver: month.period.upperBound <= now)
        return AssessmentReport(assessment, unitName: desk.surroundings.unitName)
    }

    /// The figures behind one number of a report, by case.
    ///
    /// - Returns: those among the next `limit` of the unit that it counts, and the last of these where more follow.
    func figures(
        _ rules: RuleSet, _ indicator: RuleSet.Indicator, _ month: Month, unit: String,
        for reader: CaseStore.FigureReader, after last: (number: Int, place: Int)?, limit: Int, at now: Instant
    ) throws -> (found: [(figure: CaseStore.CaseFigure, isOf: Bool, isGood: Bool)], last: CaseStore.CaseFigure?) {
        let period = try period(of: month, at: now)
        let page = try desk.cases.figures(
            of: rules.process, in: period, unit: unit, for: reader, after: last, limit: limit)
        let found = page.compactMap { item in
            indicator.measure.counts(item.figure, in: period).map { (item, $0.isOf, $0.isGood) }
        }
        return (found, page.count == limit ? page.last : nil)
    }

    /// Every figure behind a report, a line each, by number of case: no word of any case.
    func casesCSV(_ rules: RuleSet, _ month: Month, at now: Instant) throws -> [UInt8] {
        let period = try period(of: month, at: now)
        var lines = [["办件", "单位", "指标", "计入总数", "达到", "剔除", "期限", "完成", "结果"]]
        var last: CaseStore.CaseFigure?
        while true {
            let page = try desk.cases.figures(
                of: rules.process, in: period, after: last.map { ($0.number, $0.place) }, limit: Self.figuresAtOnce)
            for item in page {
                for indicator in rules.indicators {
                    guard let (isOf, isGood) = indicator.measure.counts(item.figure, in: period) else { continue }
                    lines.append([
                        String(item.number), desk.surroundings.unitName(item.figure.unit), indicator.label.text("zh"),
                        isOf ? "1" : "0", isGood ? "1" : "0", item.figure.isExcused ? "1" : "0",
                        item.figure.due?.minuteText(in: .shanghai) ?? "",
                        item.figure.done?.minuteText(in: .shanghai) ?? "",
                        item.figure.outcome,
                    ])
                }
            }
            guard page.count == Self.figuresAtOnce else { return CSV.text(lines) }
            last = page.last
        }
    }

    private static let figuresAtOnce = 20_000
}

enum AssessmentText {
    /// `3/4（75.00%）`, or how many.
    static func cell(_ cell: MonthlyAssessment.Cell, of indicator: AssessmentReport.Indicator) -> String {
        if indicator.isVolume { return String(cell.good) }
        guard let rate = cell.rate else { return cell.good > 0 ? "\(cell.good)" : "—" }
        return "\(cell.good)/\(cell.of)（\(AssessmentReport.percent(rate))）"
    }
}
