import Forms
import PortalBase
import PositionedYAML
import Procedures
import TestSupport
import Testing
import Workflow

@testable import Assessment

@Suite struct AssessmentTests {
    static let processes: [Procedures.Process] = {
        var diagnostics: [Diagnostic] = []
        return ProcessLibrary(source: repositoryRoot, diagnostics: &diagnostics).processes
    }()

    private static let rules = """
        id: points
        title: { zh: 考核, en: Assessment }
        process: hotline
        from: 2026-01
        until: 2026-12
        indicators:
          signed: { zh: 签收, en: Signed, inTime: { sign: handle }, without: [moot], weight: 20, none: 80%, full: 100% }
          closed: { zh: 办结, en: Closed, inTime: { clock: answer }, weight: 40, none: 75%, full: 100%, least: 2 }
          redone: { zh: 重办, en: Redone, count: redone, per: handle, is: [answered], weight: 30, none: 25%, full: 0% }
          rated: { zh: 评价, en: Rated, score: rating, atLeast: 4, weight: 10, none: 0%, full: 100% }
          returned: { zh: 退回, en: Returned, outcome: handle, is: [returned], without: [moot] }
          volume: { zh: 工单量, en: Volume, volume: handle }
        classes: [{ from: 90, zh: 优, en: A }, { from: 60, zh: 中, en: B }, { from: 0, zh: 差, en: C }]
        """

    private static func read(_ text: String) -> (rules: RuleSet?, findings: [Diagnostic]) {
        var diagnostics: [Diagnostic] = []
        guard let node = YAMLNode.parse(text, path: "points.yaml", diagnostics: &diagnostics) else {
            return (nil, diagnostics)
        }
        return (RuleSet(node, processes: processes, diagnostics: &diagnostics), diagnostics)
    }

    @Test(arguments: [
        ("weight: 20", "weight: 21", "assessment-weights"),
        ("{ from: 0, zh: 差", "{ from: 5, zh: 差", "assessment-classes"),
        ("sign: handle", "sign: callback", "assessment-name"), ("clock: answer", "clock: answr", "assessment-name"),
        ("count: redone", "count: done", "assessment-name"), ("score: rating", "score: ratings", "assessment-name"),
        ("is: [returned]", "is: [retuned]", "assessment-name"),
        ("process: hotline", "process: line", "assessment-name"),
        ("until: 2026-12", "until: 2025-12", "assessment-until"), ("from: 2026-01", "from: 2026-13", "wrong-type"),
        ("none: 80%", "none: 80", "wrong-type"),
        ("none: 0%, full: 100% }\n  returned", "none: 100%, full: 100% }\n  returned", "wrong-type"),
        ("least: 2", "least: 0", "wrong-type"), ("inTime: { sign: handle }, ", "", "missing-key"),
        ("volume: handle", "volum: handle", "unknown-key"), (", none: 75%", "", "missing-key"),
    ])
    func eachMistakeOfARuleSetIsTold(_ from: String, _ to: String, _ rule: String) throws {
        #expect(Self.read(Self.rules).findings == [])
        let wrong = Self.rules.replacing(from.replacing("\n  ", with: "\n  "), with: to)
        #expect(wrong != Self.rules)
        let (rules, findings) = Self.read(wrong)
        #expect(rules == nil && findings.map(\.rule).contains(rule), "\(findings.map(\.rule))")
    }

    @Test func theCitysRuleSetsAreSound() throws {
        var diagnostics: [Diagnostic] = []
        let sets = try RuleSet.all(source: repositoryRoot, processes: Self.processes, diagnostics: &diagnostics)
        #expect(diagnostics == [] && sets.count == 2)
    }

    private static func tally(
        _ kind: Figure.Kind, _ name: String, _ unit: String, _ count: Int, _ what: Tally.What, outcome: String = "",
        isExcused: Bool = false
    ) -> Tally {
        Tally(kind: kind, name: name, unit: unit, outcome: outcome, isExcused: isExcused, what: what, count: count)
    }

    @Test func pointsFollowFromFiguresInWholeNumbers() throws {
        let rules = try #require(Self.read(Self.rules).rules)
        let tallies = [
            // 9 of 10 in time: half way from 80 to 100.
            Self.tally(.signing, "handle", "market", 10, .due(inTime: 9), outcome: "answered"),
            Self.tally(.signing, "handle", "market", 5, .due(inTime: 0), outcome: "moot"),
            // 2 of 3: below 75.
            Self.tally(.clock, "answer", "market", 3, .due(inTime: 2)),
            Self.tally(.clock, "answer", "market", 4, .due(inTime: 0), isExcused: true),
            // 1 of 8 done again: half of 25.
            Self.tally(.count, "redone", "market", 1, .happened(value: 1)),
            Self.tally(.task, "handle", "market", 8, .happened(value: 1), outcome: "answered"),
            Self.tally(.task, "handle", "market", 2, .happened(value: 1), outcome: "returned"),
            Self.tally(.score, "rating", "market", 2, .happened(value: 5)),
            Self.tally(.score, "rating", "market", 1, .happened(value: 3)),
            // One limit alone is fewer than this indicator counts from: nothing else is there.
            Self.tally(.clock, "answer", "fire", 1, .due(inTime: 1)),
            Self.tally(.signing, "handle", "", 1, .due(inTime: 0)),
        ]
        let result = MonthlyAssessment(tallies, by: rules, of: Month("2026-09")!, undated: 2, isOver: true)
        #expect(result.units.map(\.unit) == ["market"] && result.apart.map(\.unit) == ["fire"])
        let market = try #require(result.units.first)
        #expect(market.cells.map(\.points) == [1_000, 0, 1_500, 667, nil, nil])
        #expect(market.cells.map { "\($0.good)/\($0.of)" } == ["9/10", "2/3", "1/8", "2/3", "2/10", "10/10"])
        #expect(market.cells[1].excused == 4 && market.cells[1].rate == 6_667)
        #expect(market.total == 3_167 && result.label(of: 3_167)?.text("zh") == "差")
        #expect(result.label(of: 9_000)?.text("zh") == "优" && result.label(of: 8_999)?.text("zh") == "中")
        // What does not count gives its weight to the rest.
        let less = MonthlyAssessment(
            tallies.filter { $0.kind == .signing }, by: rules, of: Month("2026-09")!, undated: 0, isOver: true)
        #expect(less.units.first?.total == 5_000)
        let report = AssessmentReport(result) { "单位 " + $0 }
        #expect(AssessmentReport(report.json) == report)
        #expect(report.rows.map(\.name) == ["单位 market", "单位 fire"])
        let csv = String(decoding: report.csv, as: UTF8.self)
        #expect(csv.contains("单位 market,差,31.67,签收,20,9,10,0,90.00%,10.00\r\n"))
    }

    @Test func aSpreadsheetRunsNothing() {
        let text = String(decoding: CSV.text([["=1+1", "a,b", "\"x\"", "@y"]]).dropFirst(3), as: UTF8.self)
        #expect(text == "'=1+1,\"a,b\",\"\"\"x\"\"\",'@y\r\n")
    }

    @Test func aMonthIsThatOfShanghai() throws {
        let month = try #require(Month("2026-12"))
        #expect(month.period.lowerBound.rfc3339(in: .shanghai) == "2026-12-01T00:00:00+08:00")
        #expect(month.period.upperBound.rfc3339(in: .shanghai) == "2027-01-01T00:00:00+08:00")
        #expect(Month(of: month.period.upperBound.adding(seconds: -1)) == month)
        for wrong in ["2026", "2026-00", "2026-13", "26-01", "2026-1", "x", "2026-01-01"] {
            #expect(Month(wrong) == nil)
        }
    }
}
