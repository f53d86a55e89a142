import Forms
import Glibc
import PortalBase

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
    /// The kind of an error, never its words.
    func with(_ key: StaticString, _ error: any Error) -> Event { adding(key, .string("\(type(of: error))")) }
    /// A form's id, as the operator's definitions name it.
    func with(_ key: StaticString, form: KnownForm) -> Event { adding(key, .string(form.id)) }

    private func adding(_ key: StaticString, _ value: JSON) -> Event {
        var event = self
        event.fields["\(key)"] = value
        return event
    }

    fileprivate func line(at now: Instant) -> String {
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

/// JSON lines on standard error, one an event.
struct EventLog: Sendable {
    let now: @Sendable () -> Instant

    func write(_ event: Event) {
        let line = Array((event.line(at: now()) + "\n").utf8)
        // A log that cannot be written must not stop the service.
        _ = line.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress!, $0.count) }
    }
}
