package import Authority
package import PortalBase
package import Procedures

/// What an officer signs who acts at level 4: who does what on which case, and which page they looked at.
package struct ActStatement: Sendable, Equatable {
    /// A line of the act in the officer's own language.
    package struct Line: Sendable, Equatable {
        package let label: String
        package let text: String

        package init(label: String, text: String) {
            self.label = label
            self.text = text
        }
    }

    /// Id of the case; empty for one that the act begins.
    package let subject: String
    package let command: Command
    /// What the page was made from, see `Process.grounds`; the definition's digest where the act begins a case.
    package let grounds: SHA256Digest
    /// Names the page, so that the act counts once.
    package let nonce: String
    package let person: String
    package let role: String
    package let unit: String
    package let deputised: String?
    /// SHA-256 of the signer's public key.
    package let key: SHA256Digest
    /// When the page offered the statement.
    package let at: Instant
    /// The act as the officer reads it before signing.
    package let shown: [Line]

    package init(
        subject: String, command: Command, grounds: SHA256Digest, nonce: String, officer: Officer, key: SHA256Digest,
        at: Instant, shown: [Line]
    ) {
        self.subject = subject
        self.command = command
        self.grounds = grounds
        self.nonce = nonce
        person = officer.post.person
        role = officer.post.role
        unit = officer.post.unit
        deputised = officer.deputised
        self.key = key
        self.at = at
        self.shown = shown
    }

    // MARK: Writing and reading

    private static let format = "xinmi-act-1"

    private var json: JSON {
        var fields: [String: JSON] = [
            "action": .string(command.action), "at": .integer(at.seconds), "format": .string(Self.format),
            "grounds": .string(grounds.hex), "inputs": .object(command.inputs.mapValues(\.json)),
            "key": .string(key.hex), "nonce": .string(nonce), "person": .string(person), "role": .string(role),
            "shown": .array(shown.map { .array([.string($0.label), .string($0.text)]) }),
            "subject": .string(subject), "unit": .string(unit),
        ]
        if let task = command.task { fields["task"] = .integer(task) }
        if let deputised { fields["deputised"] = .string(deputised) }
        return .object(fields)
    }

    /// The bytes that are signed: canonical JSON.
    package var bytes: [UInt8] { json.canonicalBytes }

    /// Nil for anything but the bytes of a statement.
    package init?(bytes: [UInt8]) {
        let json: JSON
        do {
            json = try JSON(parsing: bytes)
        } catch {
            return nil
        }
        guard json["format"]?.string == Self.format,
            let subject = json["subject"]?.string, let action = json["action"]?.string,
            let given = json["inputs"]?.object, let grounds = json["grounds"]?.string.flatMap(SHA256Digest.init(hex:)),
            let nonce = json["nonce"]?.string, let person = json["person"]?.string, let role = json["role"]?.string,
            let unit = json["unit"]?.string, let key = json["key"]?.string.flatMap(SHA256Digest.init(hex:)),
            let at = json["at"]?.integer, let lines = json["shown"]?.array
        else { return nil }
        self.subject = subject
        command = Command(
            action: action, task: json["task"]?.integer, inputs: given.compactMapValues(InputValue.init(json:)))
        self.grounds = grounds
        self.nonce = nonce
        self.person = person
        self.role = role
        self.unit = unit
        deputised = json["deputised"]?.string
        self.key = key
        self.at = Instant(seconds: at)
        shown = lines.compactMap { line in
            guard let parts = line.array?.compactMap(\.string), parts.count == 2 else { return nil }
            return Line(label: parts[0], text: parts[1])
        }
        // What does not come back as it was is another format, or bytes that hide something.
        guard self.bytes == bytes else { return nil }
    }

    // MARK: As an address

    private static let scheme = "xinmi-sign:"

    /// Opens the program that signs, where it is installed: the bytes in base64url (RFC 4648).
    package var link: String {
        Self.scheme + base64(bytes).replacing("+", with: "-").replacing("/", with: "_").filter { $0 != "=" }
    }

    /// Nil for anything but the link of a statement.
    package init?(link: String) {
        guard link.hasPrefix(Self.scheme) else { return nil }
        let digits = link.dropFirst(Self.scheme.count).replacing("-", with: "+").replacing("_", with: "/")
        let padding = String(repeating: "=", count: (4 - digits.utf8.count % 4) % 4)
        guard let bytes = bytesFromBase64(digits + padding) else { return nil }
        self.init(bytes: bytes)
    }

    // MARK: Holding

    /// For so many seconds after its moment it may be signed and brought back.
    package static let validity = 300

    /// Whether it may count at a moment.
    package func isTimely(at moment: Instant) -> Bool {
        at <= moment && moment < at.adding(seconds: Self.validity)
    }

    /// Whether it says what an event of the log says, which came of a definition.
    package func isOf(_ event: Event, on id: String, by process: Process) -> Bool {
        guard case .officer(let officer) = event.actor, isTimely(at: event.at) else { return false }
        let isSameAct: Bool
        if event.action == Process.EventName.begin {
            let asked = Set(process.begin.ask.map(\.id))
            // What the program added to the answers, nothing asks for.
            isSameAct =
                subject.isEmpty && command.action == event.action
                && command.inputs.compactMapValues(\.answer).mapValues(InputValue.answer)
                    == event.inputs.filter { asked.contains($0.key) }
        } else {
            isSameAct =
                subject == id && command.action == event.action && command.task == event.task
                && command.inputs == event.inputs
        }
        return isSameAct && person == officer.post.person && role == officer.post.role && unit == officer.post.unit
            && deputised == officer.deputised
    }
}

extension Process {
    /// Whether what an event did is what its action does to the case before it: states, tasks, papers, posts, keys, words told. What
    /// follows from the calendar or from the tree of units, which may be others by now, is not asked.
    package func explains(_ event: Event, on file: Case, in world: World) -> Bool {
        let command = Command(action: event.action, task: event.task, inputs: event.inputs)
        var decision = Decision(process: self, world: world, file: file, inputs: event.inputs)
        if event.action == EventName.begin {
            decision.begin(command)
        } else {
            guard let action = action(event.action) else { return false }
            do {
                try decision.run(action, command, event.actor)
            } catch {
                return false
            }
        }
        return decision.facts.compactMap(\.lasting) == event.facts.compactMap(\.lasting)
    }
}

extension Fact {
    /// The part of it that follows from the definition, the case and the command alone; nil where none does.
    fileprivate var lasting: Fact? {
        switch self {
        case .opened(let task, let kind, let unit, let isLead, let round, _):
            .opened(task: task, kind: kind, unit: unit, isLead: isLead, round: round, budget: nil)
        case .issued(let document, let series, _, let organ):
            .issued(document: document, series: series, number: 0, organ: organ)
        case .begun, .entered, .answered, .filed, .classified, .closed, .assigned, .stopped, .told, .requested,
            .answeredRequest, .revoked, .published, .retracted, .related, .unrelated, .counted, .scored, .appointed,
            .ended, .trusted, .distrusted, .legalHold, .legalHoldEnded, .excused:
            self
        case .started, .paused, .resumed, .extended, .fired, .notified, .drawn, .signed, .flagged, .undone, .adopted,
            .erased:
            nil
        }
    }
}

/// A statement with its signature, as the event keeps them.
package struct SignedAct: Sendable, Equatable {
    /// The bytes of an `ActStatement`.
    package let statement: [UInt8]
    /// Detached CMS SignedData over them, in DER.
    package let signature: [UInt8]

    package init(statement: [UInt8], signature: [UInt8]) {
        self.statement = statement
        self.signature = signature
    }
}
