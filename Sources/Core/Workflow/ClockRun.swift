package import PortalBase
package import Procedures

/// One run of a clock: budget, extensions and pauses. Overdue is computed from these, never stored.
package struct ClockRun: Sendable, Equatable {
    package struct Pause: Sendable, Equatable {
        package let ground: String
        package let from: Instant
        package internal(set) var to: Instant?
    }

    /// A rung that has fired, and how many extensions the clock had then: each extension lets every rung fire once more.
    package struct Fired: Sendable, Hashable {
        package let rung: Int
        package let extensions: Int
    }

    package let clock: String
    /// From 1; one more each time it is started.
    package let instance: Int
    package let since: Instant
    /// Nil where nobody could say it: the end is unknown then.
    package let budget: Process.Limit?
    package internal(set) var extensions: [Process.Limit] = []
    package internal(set) var pauses: [Pause] = []
    package internal(set) var stopped: Instant?
    package internal(set) var fired: Set<Fired> = []

    package var isRunning: Bool { stopped == nil }
    package var isPaused: Bool { pauses.contains { $0.to == nil } }

    /// When the budget with its extensions is used up.
    package func due(in world: World) -> Due { moment(percent: 100, later: nil, in: world) }

    /// The moment of `due`; nil where that is unknown, or the clock paused.
    package func end(in world: World) -> Instant? { if case .at(let end) = due(in: world) { end } else { nil } }

    /// When it would be used up if every weekday beyond the calendar were worked: for the order of a list, and nothing legal.
    package func estimate(in world: World) -> Instant? {
        if case .at(let end) = moment(percent: 100, later: nil, in: world, guesses: true) { end } else { nil }
    }

    package func isOverdue(in world: World) -> Bool { isRunning && end(in: world).map { $0 < world.now } ?? false }

    /// When a share of it is used up, and some time later. Shares of days round up to whole days.
    ///
    /// - Parameter guesses: takes every weekday beyond the calendar as worked.
    package func moment(percent: Int, later: Process.Limit?, in world: World, guesses: Bool = false) -> Due {
        guard let budget else { return .unknown }
        if isRunning && isPaused { return .paused }
        // Extensions in the budget's unit lengthen it; others come behind it.
        let same = extensions.filter { $0.unit == budget.unit }
        let whole = Process.Limit(count: same.reduce(budget.count) { $0 + $1.count }, unit: budget.unit)
        var legs = [(limit: whole, percent: percent)]
        if percent >= 100 { legs += extensions.filter { $0.unit != budget.unit }.map { ($0, 100) } }
        legs += later.map { [($0, 100)] } ?? []
        var at = since
        for leg in legs {
            let budget = TimeBudget(world: world, pauses: pauses, guesses: guesses)
            guard let end = budget.end(of: leg.limit, percent: leg.percent, from: at) else { return .unknown }
            at = end
        }
        return .at(at)
    }
}

extension Case.Task {
    /// When its time is used up; nil where nobody set one.
    package func due(in world: World) -> Due? {
        budget.map { budget in TimeBudget(world: world).end(of: budget, from: opened).map(Due.at) ?? .unknown }
    }
}

extension Case.Request {
    /// Until when the citizen may answer.
    package func due(in world: World) -> Due {
        TimeBudget(world: world).end(of: within, from: made).map(Due.at) ?? .unknown
    }
}

/// The end of a time limit.
package enum Due: Sendable, Equatable {
    case at(Instant)
    /// The calendar does not reach so far, or nobody said how long.
    case unknown
    /// It does not run just now.
    case paused
}

/// Counts a time limit over working days, office hours and pauses.
struct TimeBudget {
    let world: World
    var pauses: [ClockRun.Pause] = []
    var guesses = false
    private static let zone = ZoneOffset.shanghai
    /// Seconds; beyond every calendar, and far from where sums overflow.
    private static let farAway = 1 << 40

    /// Nil beyond the calendar's end.
    func end(of limit: Process.Limit, percent: Int = 100, from start: Instant) -> Instant? {
        switch limit.unit {
        case .d, .wd: days(Process.Limit(count: (limit.count * percent + 99) / 100, unit: limit.unit), start)
        case .h: hours(limit.count * 36 * percent, from: start)
        case .wh: officeHours(limit.count * 36 * percent, from: start)
        }
    }

    /// Nil beyond the calendar.
    private func isWorked(_ day: CivilDate) -> Bool? {
        world.calendar.isWorkingDay(day) ?? (guesses ? day.isoWeekday <= 5 : nil)
    }

    /// Whether a pause covers the moment.
    private func isPaused(_ moment: Instant) -> Bool {
        pauses.contains { $0.from <= moment && ($0.to.map { moment < $0 } ?? true) }
    }

    /// The last second of a day.
    private func lastSecond(_ day: CivilDate) -> Instant {
        CivilDate(dayNumber: day.dayNumber + 1).start(in: Self.zone).adding(seconds: -1)
    }

    /// The start day is not counted (民法典 article 201); a day counts when it was worked, for working days, and no pause covered
    /// its end; calendar days that end on a day off roll forward (article 203).
    private func days(_ limit: Process.Limit, _ start: Instant) -> Instant? {
        var day = start.date(in: Self.zone)
        var left = limit.count
        while left > 0 {
            day = CivilDate(dayNumber: day.dayNumber + 1)
            guard let isWorked = self.isWorked(day) else { return nil }
            if (isWorked || limit.unit == .d) && !isPaused(lastSecond(day)) { left -= 1 }
        }
        while true {
            guard let isWorked = self.isWorked(day) else { return nil }
            if isWorked && !isPaused(lastSecond(day)) { return lastSecond(day) }
            day = CivilDate(dayNumber: day.dayNumber + 1)
        }
    }

    private func hours(_ seconds: Int, from start: Instant) -> Instant {
        spend(seconds, over: start.seconds..<Self.farAway).end ?? Instant(seconds: start.seconds + seconds)
    }

    /// Runs through a span without its pauses: the end where the budget is used up in it, else what is left.
    private func spend(_ seconds: Int, over span: Range<Int>) -> (end: Instant?, left: Int) {
        var at = span.lowerBound
        var left = seconds
        let stops = pauses.map { ($0.from.seconds, $0.to?.seconds ?? Self.farAway) }.sorted { $0.0 < $1.0 }
        for (from, to) in stops where to > at && from < span.upperBound {
            if from > at {
                if from - at >= left { break }
                left -= from - at
            }
            at = max(at, min(to, span.upperBound))
        }
        guard at < span.upperBound, span.upperBound - at >= left else {
            return (nil, max(0, left - max(0, span.upperBound - at)))
        }
        return (Instant(seconds: at + left), 0)
    }

    private func officeHours(_ seconds: Int, from start: Instant) -> Instant? {
        var day = start.date(in: Self.zone)
        var left = seconds
        while true {
            guard let isWorked = self.isWorked(day) else { return nil }
            let midnight = day.start(in: Self.zone).seconds
            for span in isWorked ? world.hours.spans : [] {
                let open =
                    max(
                        start.seconds, midnight + span.lowerBound * 60)..<max(
                        start.seconds, midnight + span.upperBound * 60)
                guard !open.isEmpty else { continue }
                let (end, rest) = spend(left, over: open)
                if let end { return end }
                left = rest
            }
            day = CivilDate(dayNumber: day.dayNumber + 1)
        }
    }
}
