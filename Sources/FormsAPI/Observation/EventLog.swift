import Forms
import Glibc
import PortalBase
import SQL
import Synchronization

/// What may be logged: words of this program, numbers, and names of the operator's own configuration. Nothing that came
/// from outside can be put into an event, so no log holds a person's words, address or receipt.
struct Event: Sendable {
    private var fields: [String: JSON]

    init(_ name: StaticString) {
        fields = ["event": .string("\(name)")]
    }

    func with(_ key: StaticString, _ value: Int) -> Event { adding(key, .integer(value)) }
    func with(_ key: StaticString, _ value: StaticString) -> Event { adding(key, .string("\(value)")) }
    func with(_ key: StaticString, _ refusal: Refusal) -> Event { adding(key, .string(refusal.rawValue)) }
    func with(_ key: StaticString, _ route: Route) -> Event { adding(key, .string(route.rawValue)) }
    /// An error of the database or the disk in its words, which hold none from outside; of another its kind alone.
    func with(_ key: StaticString, _ error: any Error) -> Event {
        switch error {
        case let error as SQLError: adding(key, .string(error.description))
        case let error as FileError: adding(key, .string(error.description))
        default: adding(key, .string("\(type(of: error))"))
        }
    }
    /// A form's id, as the operator's definitions name it.
    func with(_ key: StaticString, form: KnownForm) -> Event { adding(key, .string(form.id)) }

    private func adding(_ key: StaticString, _ value: JSON) -> Event {
        var event = self
        event.fields["\(key)"] = value
        return event
    }

    func line(at now: Instant) -> String {
        var fields = fields
        fields["at"] = .string(now.rfc3339(in: .shanghai))
        return JSON.object(fields).canonicalText
    }
}

/// The id of a form that this service has a definition of.
struct KnownForm: Sendable, Hashable {
    let id: String

    init(_ definition: FormDefinition) {
        id = definition.id
    }
}

/// JSON lines on standard error, one an event, and not more in a second than somebody can use: a flood of bad requests
/// must not become a flood of lines. What was left out is counted in the next line.
final class EventLog: Sendable {
    private struct State {
        var second = 0
        var written = 0
        var suppressed = 0
    }

    private static let perSecond = 50

    private let now: @Sendable () -> Instant
    private let state = Mutex(State())

    init(now: @escaping @Sendable () -> Instant) {
        self.now = now
    }

    func write(_ event: Event) {
        var event = event
        // The rate is real time's, whatever clock the service stands on.
        let second = Instant.systemNow().seconds
        let isWritten = state.withLock { state in
            if state.second != second { (state.second, state.written) = (second, 0) }
            guard state.written < Self.perSecond else {
                state.suppressed += 1
                return false
            }
            state.written += 1
            if state.suppressed > 0 { event = event.with("suppressed", state.suppressed) }
            state.suppressed = 0
            return true
        }
        guard isWritten else { return }
        let line = Array((event.line(at: now()) + "\n").utf8)
        // A log that cannot be written must not stop the service.
        _ = line.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress!, $0.count) }
    }
}
