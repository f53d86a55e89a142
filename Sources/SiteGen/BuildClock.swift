import Glibc
import PortalBase
import Synchronization

/// The stages of a run: told to a person at a terminal, measured, and written down as a trace.
///
/// Stages follow one another; inside one of them threads do work of a kind (`parse`, `render`, `write`), whose time is
/// summed over the threads. Measuring is off unless asked for and then costs some clock readings a page.
final class BuildClock: Sendable {
    struct Stage: Sendable {
        let name: String
        /// Nanoseconds since the clock was made.
        let start: Int
        /// Nanoseconds.
        var wall = 0
        /// Nanoseconds of all threads together.
        var cpu = 0
    }

    /// Kinds of work that threads do side by side within a stage.
    enum Work: String, Sendable, CaseIterable { case parse, render, write }

    private struct Event: Sendable {
        let name: String
        let label: String
        let thread: Int
        let start: Int
        let wall: Int
    }

    private struct State {
        var stages: [Stage] = []
        var cpuAtStart = 0
        var events: [Event] = []
        var sums = [(wall: Int, cpu: Int, count: Int)](repeating: (0, 0, 0), count: Work.allCases.count)
    }

    private let isShown: Bool
    private let isMeasured: Bool
    private let isTraced: Bool
    private let origin: Int
    private let state = Mutex(State())

    init(isShown: Bool = false, isMeasured: Bool = false, isTraced: Bool = false) {
        self.isShown = isShown
        self.isMeasured = isMeasured || isTraced
        self.isTraced = isTraced
        origin = Self.nanoseconds(CLOCK_MONOTONIC)
    }

    static let silent = BuildClock()

    /// Shows stages only where somebody looks on.
    static func terminal(isMeasured: Bool, isTraced: Bool) -> BuildClock {
        BuildClock(isShown: isatty(2) == 1, isMeasured: isMeasured, isTraced: isTraced)
    }

    private static func nanoseconds(_ clock: clockid_t) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    /// Ends the stage before and begins one.
    func stage(_ name: String) {
        if isShown {
            let line = "\r\u{1B}[K\(name)…"
            _ = line.withCString { Glibc.write(2, $0, strlen($0)) }
        }
        guard isMeasured else { return }
        let (now, cpu) = (Self.nanoseconds(CLOCK_MONOTONIC) - origin, Self.nanoseconds(CLOCK_PROCESS_CPUTIME_ID))
        state.withLock { state in
            Self.end(&state, now, cpu)
            state.stages.append(Stage(name: name, start: now))
            state.cpuAtStart = cpu
        }
    }

    private static func end(_ state: inout State, _ now: Int, _ cpu: Int) {
        guard !state.stages.isEmpty else { return }
        let last = state.stages.count - 1
        state.stages[last].wall = now - state.stages[last].start
        state.stages[last].cpu = cpu - state.cpuAtStart
    }

    /// Ends the last stage.
    func done() {
        if isShown { _ = Glibc.write(2, "\r\u{1B}[K", 4) }
        guard isMeasured else { return }
        let (now, cpu) = (Self.nanoseconds(CLOCK_MONOTONIC) - origin, Self.nanoseconds(CLOCK_PROCESS_CPUTIME_ID))
        state.withLock { Self.end(&$0, now, cpu) }
    }

    /// Does a piece of work on the calling thread and adds its time to its kind's.
    func measure<T, E: Error>(
        _ work: Work, _ label: @autoclosure () -> String, thread: Int, _ body: () throws(E) -> T
    ) throws(E) -> T {
        guard isMeasured else { return try body() }
        let (start, cpu) = (Self.nanoseconds(CLOCK_MONOTONIC) - origin, Self.nanoseconds(CLOCK_THREAD_CPUTIME_ID))
        defer {
            let wall = Self.nanoseconds(CLOCK_MONOTONIC) - origin - start
            let spent = Self.nanoseconds(CLOCK_THREAD_CPUTIME_ID) - cpu
            let event =
                isTraced ? Event(name: work.rawValue, label: label(), thread: thread, start: start, wall: wall) : nil
            let index = Work.allCases.firstIndex(of: work)!
            state.withLock { state in
                state.sums[index].wall += wall
                state.sums[index].cpu += spent
                state.sums[index].count += 1
                if let event { state.events.append(event) }
            }
        }
        return try body()
    }

    /// Stages with their wall and processor time, then the work of threads within them.
    var report: String {
        state.withLock { state in
            var lines = [line("stage", "wall ms", "CPU ms", "")]
            for stage in state.stages {
                lines.append(line(stage.name, Self.tenths(stage.wall), Self.tenths(stage.cpu), ""))
            }
            let (wall, cpu) = state.stages.reduce((0, 0)) { ($0.0 + $1.wall, $0.1 + $1.cpu) }
            lines.append(line("total", Self.tenths(wall), Self.tenths(cpu), ""))
            for (work, sum) in zip(Work.allCases, state.sums) where sum.count > 0 {
                lines.append(
                    line("  " + work.rawValue, Self.tenths(sum.wall), Self.tenths(sum.cpu), "\(sum.count) times"))
            }
            return lines.joined(separator: "\n") + "\n"
        }
    }

    private func line(_ name: String, _ wall: String, _ cpu: String, _ note: String) -> String {
        func right(_ text: String) -> String { String(repeating: " ", count: max(0, 10 - text.count)) + text }
        let left = name + String(repeating: " ", count: max(0, 24 - name.count))
        return left + right(wall) + right(cpu) + (note.isEmpty ? "" : "  " + note)
    }

    private static func tenths(_ nanoseconds: Int) -> String {
        let tenths = (nanoseconds + 50_000) / 100_000
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// Everything measured, as a Chrome trace: `chrome://tracing` and Perfetto read it. Times are in microseconds.
    var trace: [UInt8] {
        state.withLock { state in
            func event(_ name: String, _ category: String, _ thread: Int, _ start: Int, _ wall: Int) -> JSON {
                .object([
                    "name": .string(name), "cat": .string(category), "ph": .string("X"), "pid": .integer(1),
                    "tid": .integer(thread), "ts": .integer(start / 1000), "dur": .integer(wall / 1000),
                ])
            }
            let stages = state.stages.map { event($0.name, "stage", 0, $0.start, $0.wall) }
            let work = state.events.map { event($0.label, $0.name, $0.thread + 1, $0.start, $0.wall) }
            return JSON.object(["traceEvents": .array(stages + work)]).canonicalBytes + [0x0A]
        }
    }
}
