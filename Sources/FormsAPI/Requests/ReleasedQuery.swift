import PortalBase
import Submissions

/// GeoReport v2's arguments of `GET requests`.
///
/// Numbers overrule the rest. Without dates it is the last 90 days; with one of them, 90 days from there; a longer period is
/// an error, as is every value that cannot be read.
struct ReleasedQuery: Sendable, Equatable {
    let selection: ReleasedRequest.Selection

    /// GeoReport's bound on what one call answers.
    static let limit = 1_000
    private static let period = 90 * 86_400
    private static let maxServices = 50

    struct Invalid: Error, Equatable {
        let lines: [String]
    }

    /// - Parameter arguments: an argument's values in the order in which they came; several are as one with commas.
    init(now: Instant, arguments: (String) -> [String]) throws(Invalid) {
        var errors: [String] = []
        func list(_ name: String, limit: Int) -> [String] {
            let values = arguments(name).flatMap { $0.split(separator: ",").map(String.init) }
            if values.count > limit { errors.append("\(name): at most \(limit) values") }
            return values
        }
        func instant(_ name: String, endOfDay: Bool) -> Instant? {
            guard let text = arguments(name).last, !text.isEmpty else { return nil }
            guard let instant = Instant(iso: text, zone: .shanghai) else {
                errors.append("\(name): not a date and time as 2026-09-01T09:00:00+08:00")
                return nil
            }
            return endOfDay && text.utf8.count == 10 ? instant.adding(seconds: 86_399) : instant
        }
        let numbers = list("service_request_id", limit: Self.limit)
        let services = list("service_code", limit: Self.maxServices)
        let states = list("status", limit: 2)
        if !states.allSatisfy({ ["open", "closed"].contains($0) }) { errors.append("status: open or closed") }
        let start = instant("start_date", endOfDay: false)
        let end = instant("end_date", endOfDay: true)
        let to = end ?? start?.adding(seconds: Self.period) ?? now
        let from = start ?? to.adding(seconds: -Self.period)
        if from > to { errors.append("end_date: before start_date") }
        // A day more where the last one is counted whole.
        if to.seconds - from.seconds > Self.period + 86_399 {
            errors.append("end_date: more than 90 days after start_date")
        }
        guard errors.isEmpty else { throw Invalid(lines: errors) }
        if numbers.isEmpty {
            let isOpen = Set(states).count == 1 ? states[0] == "open" : nil
            selection = .period(from: from, to: to, services: services, isOpen: isOpen)
        } else {
            selection = .numbers(numbers)
        }
    }
}
