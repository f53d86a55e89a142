package import PortalBase
package import Workflow

/// The units of a month by one rule set: whole numbers only, so that the same figures give the same points everywhere.
package struct MonthlyAssessment: Sendable, Equatable {
    package struct Cell: Sendable, Equatable {
        /// So many of so many.
        package let good: Int
        package let of: Int
        /// Left out by recorded decisions.
        package let excused: Int
        /// Hundredths of a point; nil where it does not count, for want of figures or of weight.
        package let points: Int?

        /// Hundredths of a percent, rounded half up; nil of nothing.
        package var rate: Int? { of == 0 ? nil : (good * 20_000 + of) / (2 * of) }
    }

    package struct Unit: Sendable, Equatable {
        package let unit: String
        /// In the order of the rule set's indicators.
        package let cells: [Cell]
        /// Hundredths of a point of 100: the points over the weights that count; nil for a unit that nothing counts for.
        package let total: Int?
    }

    package let month: Month
    package let rules: RuleSet
    /// By unit id. Units of which nothing counts stand apart, and are not scored.
    package let units: [Unit]
    package let apart: [Unit]
    /// Limits without a known end, which no month counts.
    package let undated: Int
    /// Whether the month was over when it was counted.
    package let isOver: Bool

    package init(
        _ tallies: [Tally], by rules: RuleSet, of month: Month, undated: Int, isOver: Bool
    ) {
        let byUnit = Dictionary(grouping: tallies.filter { !$0.unit.isEmpty }, by: \.unit)
        let all = byUnit.keys.sorted(by: bytesPrecede).map { Self.unit($0, byUnit[$0, default: []], rules) }
        self.month = month
        self.rules = rules
        units = all.filter { $0.total != nil }
        apart = all.filter { $0.total == nil }
        self.undated = undated
        self.isOver = isOver
    }

    private static func unit(_ name: String, _ tallies: [Tally], _ rules: RuleSet) -> Unit {
        let cells = rules.indicators.map { cell($0, tallies) }
        var (points, weights) = (0, 0)
        for (indicator, cell) in zip(rules.indicators, cells) {
            guard let got = cell.points else { continue }
            points += got
            weights += indicator.weight
        }
        // Half up; points are hundredths already.
        return Unit(unit: name, cells: cells, total: weights == 0 ? nil : (points * 200 + weights) / (2 * weights))
    }

    private static func cell(_ indicator: RuleSet.Indicator, _ tallies: [Tally]) -> Cell {
        var (good, of, excused) = (0, 0, 0)
        for tally in tallies {
            guard let (isOf, hits) = indicator.measure.counts(tally), isOf + hits > 0 else { continue }
            if tally.isExcused {
                excused += max(isOf, hits)
            } else {
                of += isOf
                good += hits
            }
        }
        let isCounted = indicator.weight > 0 && of >= indicator.least
        return Cell(good: good, of: of, excused: excused, points: isCounted ? points(good, of, indicator) : nil)
    }

    /// `weight × (rate − none) / (full − none)`, between 0 and the weight, in hundredths, half up.
    private static func points(_ good: Int, _ of: Int, _ indicator: RuleSet.Indicator) -> Int {
        let span = (indicator.full - indicator.none) * of
        let above = good * 10_000 - indicator.none * of
        // Less may be better: then both are negative.
        let (share, whole) = span > 0 ? (above, span) : (-above, -span)
        let bounded = min(max(share, 0), whole)
        return (indicator.weight * 100 * bounded * 2 + whole) / (2 * whole)
    }

    /// The class of a total.
    package func label(of total: Int) -> RuleSet.Localized? {
        rules.classes.first { total >= $0.from * 100 }?.label
    }
}

extension RuleSet.Measure {
    /// How many of a tally it is counted over, and how many of those count as good; nil where it has nothing to do with it.
    func counts(_ tally: Tally) -> (of: Int, good: Int)? {
        switch (self, tally.what) {
        case (.inTime(let kind, let name, let without), .due(let inTime))
        where tally.kind == kind && tally.name == name && !without.contains(tally.outcome):
            (tally.count, inTime)
        case (.outcome(let task, let wanted, let without), .happened)
        where tally.kind == .task && tally.name == task && !without.contains(tally.outcome):
            (tally.count, wanted.contains(tally.outcome) ? tally.count : 0)
        case (.count(let name, _, _), .happened) where tally.kind == .count && tally.name == name: (0, tally.count)
        case (.count(_, let task, let wanted), .happened)
        where tally.kind == .task && tally.name == task && wanted.contains(tally.outcome):
            (tally.count, 0)
        case (.score(let name, let least), .happened(let value)) where tally.kind == .score && tally.name == name:
            (tally.count, value >= least ? tally.count : 0)
        case (.volume(let task, let without), .happened)
        where tally.kind == .task && tally.name == task && !without.contains(tally.outcome):
            (tally.count, tally.count)
        default: nil
        }
    }

    /// Whether a case's figure stands behind a number of a period, and how: counted only, or good too.
    package func counts(_ figure: Figure, in period: Range<Instant>) -> (isOf: Bool, isGood: Bool)? {
        func alike(_ what: Tally.What) -> Tally {
            Tally(
                kind: figure.kind, name: figure.name, unit: figure.unit, outcome: figure.outcome,
                isExcused: figure.isExcused, what: what, count: 1)
        }
        var found: (of: Int, good: Int)?
        if let due = figure.due, period.contains(due) {
            found = counts(alike(.due(inTime: figure.done.map { $0 <= due } == true ? 1 : 0)))
        }
        if found == nil, let done = figure.done, period.contains(done) {
            found = counts(alike(.happened(value: figure.value)))
        }
        return found.map { ($0.of > 0, $0.good > 0) }
    }
}
