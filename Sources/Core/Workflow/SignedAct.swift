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

    package static let scheme = "xinmi-sign:"

    /// Opens the program that signs, where it is installed.
    package var link: String { Self.scheme + base64URL(bytes) }

    /// Nil for anything but the link of a statement.
    package init?(link: String) {
        guard link.hasPrefix(Self.scheme), let bytes = bytesFromBase64URL(String(link.dropFirst(Self.scheme.count)))
        else { return nil }
        self.init(bytes: bytes)
    }

    /// Name of its file and of the signature's, without their endings.
    package var fileName: String { "act-\(nonce.filter { $0.isASCII && $0.isHexDigit }.prefix(8))" }

    // MARK: Holding

    /// For so many seconds after its moment it may be signed and brought back.
    package static let validity = 300

    /// Whether it may count at a moment.
    package func isTimely(at moment: Instant) -> Bool {
        at <= moment && moment < at.adding(seconds: Self.validity)
    }

    /// Whether it says what an event of the log says, which came of a definition.
    package func matches(_ event: Event, on id: String, by process: Process) -> Bool {
        guard case .officer(let officer) = event.actor, isTimely(at: event.at) else { return false }
        let isSameAct: Bool
        if event.isBeginning {
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
