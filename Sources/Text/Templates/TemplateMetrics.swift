import Synchronization

/// Where rendering time goes, by template: calls and time with everything included.
package final class TemplateMetrics: Sendable {
    package struct Entry: Sendable {
        package var calls = 0
        package var total = Duration.zero
        package var longest = Duration.zero
    }

    private let entries = Mutex<[String: Entry]>([:])

    package init() {}

    func start() -> ContinuousClock.Instant { ContinuousClock.now }

    func stop(_ name: String, _ start: ContinuousClock.Instant?) {
        guard let start else { return }
        let took = ContinuousClock.now - start
        entries.withLock { entries in
            var entry = entries[name] ?? Entry()
            entry.calls += 1
            entry.total += took
            entry.longest = max(entry.longest, took)
            entries[name] = entry
        }
    }

    /// Most expensive first.
    package var report: [(name: String, entry: Entry)] {
        entries.withLock { $0.map { (name: $0.key, entry: $0.value) } }.sorted {
            ($1.entry.total, $0.name) < ($0.entry.total, $1.name)
        }
    }
}
