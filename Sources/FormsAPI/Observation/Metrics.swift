import Synchronization

/// Which part of the service a request was for; what logs and metrics say instead of an address.
enum Route: String, Sendable, CaseIterable {
    case submit, attachment, status, receipt, challenge, definition, open311, other
}

/// Counters and durations in Prometheus' text format.
final class Metrics: Sendable {
    private struct Histogram {
        var counts = [Int](repeating: 0, count: Metrics.bounds.count + 1)
        var sum = 0.0
    }

    private struct State {
        var requests: [Route: [Int: Int]] = [:]
        var durations: [Route: Histogram] = [:]
        var submissions: [String: [String: Int]] = [:]
        var refusals: [Refusal: Int] = [:]
        var files: [String: Int] = [:]
        var inFlight = 0
    }

    /// Seconds.
    private static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private let state = Mutex(State())

    func began() { state.withLock { $0.inFlight += 1 } }

    func ended(_ route: Route, status: Int, seconds: Double) {
        state.withLock { state in
            state.inFlight -= 1
            state.requests[route, default: [:]][status, default: 0] += 1
            let place = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
            state.durations[route, default: Histogram()].counts[place] += 1
            state.durations[route, default: Histogram()].sum += seconds
        }
    }

    func refused(_ refusal: Refusal) { state.withLock { $0.refusals[refusal, default: 0] += 1 } }

    func submitted(_ form: KnownForm, _ outcome: StaticString) {
        state.withLock { $0.submissions[form.id, default: [:]]["\(outcome)", default: 0] += 1 }
    }

    /// - Parameter outcome: `stored`, or the code of a `FieldError`.
    func file(_ outcome: String) { state.withLock { $0.files[outcome, default: 0] += 1 } }

    /// - Parameter gauges: what is read from elsewhere at this moment.
    func text(gauges: [(name: String, help: String, value: Int)]) -> String {
        let state = state.withLock { $0 }
        var out = ""
        func family(_ name: String, _ kind: String, _ help: String) {
            out += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
        }
        family("formsapi_requests_total", "counter", "Requests by route and status.")
        for (route, statuses) in state.requests.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            for (status, count) in statuses.sorted(by: { $0.key < $1.key }) {
                out += "formsapi_requests_total{route=\"\(route.rawValue)\",status=\"\(status)\"} \(count)\n"
            }
        }
        family("formsapi_request_duration_seconds", "histogram", "Time from the head of a request to its answer.")
        for (route, histogram) in state.durations.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            var sum = 0
            for (place, count) in histogram.counts.enumerated() {
                sum += count
                let bound = place < Self.bounds.count ? "\(Self.bounds[place])" : "+Inf"
                out += "formsapi_request_duration_seconds_bucket{route=\"\(route.rawValue)\",le=\"\(bound)\"} \(sum)\n"
            }
            out += "formsapi_request_duration_seconds_sum{route=\"\(route.rawValue)\"} \(histogram.sum)\n"
            out += "formsapi_request_duration_seconds_count{route=\"\(route.rawValue)\"} \(sum)\n"
        }
        family("formsapi_submissions_total", "counter", "Forms by what became of them.")
        for (form, outcomes) in state.submissions.sorted(by: { $0.key < $1.key }) {
            for (outcome, count) in outcomes.sorted(by: { $0.key < $1.key }) {
                out += "formsapi_submissions_total{form=\"\(form)\",outcome=\"\(outcome)\"} \(count)\n"
            }
        }
        family("formsapi_refusals_total", "counter", "Requests refused, by reason: what an intrusion watch looks at.")
        for (refusal, count) in state.refusals.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            out += "formsapi_refusals_total{code=\"\(refusal.rawValue)\"} \(count)\n"
        }
        family("formsapi_files_total", "counter", "Files by what became of them.")
        for (outcome, count) in state.files.sorted(by: { $0.key < $1.key }) {
            out += "formsapi_files_total{outcome=\"\(outcome)\"} \(count)\n"
        }
        for gauge in gauges + [("formsapi_requests_in_flight", "Requests being answered.", state.inFlight)] {
            family(gauge.name, "gauge", gauge.help)
            out += "\(gauge.name) \(gauge.value)\n"
        }
        return out
    }
}
