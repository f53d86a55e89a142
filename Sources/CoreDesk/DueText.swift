import PortalBase
import Procedures
import Workflow

/// The end of a time limit in words.
enum DueText {
    /// - Parameter isHours: whether the limit is one of hours, whose end is a moment.
    static func text(_ due: Due, _ calendar: WorkingCalendar, isHours: Bool = false) -> String {
        switch due {
        case .at(let end): isHours ? end.minuteText(in: .shanghai) : end.date(in: .shanghai).text
        case .unknown: "未知（放假安排只公布到 \(calendar.last.text)）"
        case .paused: "暂停计时"
        }
    }

    /// The end of a case's clock, and behind it that of a task or of signing for one, where that comes first.
    static func text(_ run: ClockRun?, first: Instant?, in world: World) -> String {
        let task = first.flatMap { end -> String? in
            if end == run?.end(in: world) { return nil }
            // A limit of days ends with its day.
            let day = end.date(in: .shanghai)
            let isDay = day < end.adding(seconds: 1).date(in: .shanghai)
            return "任务 " + (isDay ? day.text : end.minuteText(in: .shanghai))
        }
        return [run.map { text($0, in: world) }, task].compactMap { $0 }.joined(separator: "；")
    }

    /// For officers: an unknown end with its estimate, marked as one.
    static func text(_ run: ClockRun, in world: World) -> String {
        let due = run.due(in: world)
        guard due == .unknown, let estimate = run.estimate(in: world) else {
            return text(due, world.calendar, isHours: run.budget?.isHours ?? false)
        }
        return "未知（放假安排只公布到 \(world.calendar.last.text)；预计 \(estimate.date(in: .shanghai).text)）"
    }
}
