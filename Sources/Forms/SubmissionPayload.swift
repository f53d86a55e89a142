package import PortalBase

/// The plain content of a submission as it is sealed at receipt: written by formsapi, read by coredesk only.
package struct SubmissionPayload: Sendable, Equatable {
    /// UUID; repeated from the clear `item.json`, as are kind, received and form: the core refuses a difference.
    package let id: String
    package let kind: String
    package let received: Instant
    /// Digest of the definition that the answers were checked against.
    package let form: String
    package let receipt: String
    /// Hexadecimal keys that let the core answer for the citizen alone.
    package let lookup: String
    package let statusKey: String
    package let authKey: String
    package let language: String
    package let channel: String
    package let answers: [String: JSON]

    package init(
        id: String, kind: String, received: Instant, form: String, receipt: String, lookup: String, statusKey: String,
        authKey: String, language: String, channel: String, answers: [String: JSON]
    ) {
        self.id = id
        self.kind = kind
        self.received = received
        self.form = form
        self.receipt = receipt
        self.lookup = lookup
        self.statusKey = statusKey
        self.authKey = authKey
        self.language = language
        self.channel = channel
        self.answers = answers
    }

    package var bytes: [UInt8] {
        JSON.object([
            "id": .string(id), "kind": .string(kind), "received": .string(received.rfc3339(in: .shanghai)),
            "form": .string(form),
            "receipt": .string(receipt), "lookup": .string(lookup), "statusKey": .string(statusKey),
            "authKey": .string(authKey),
            "lang": .string(language), "channel": .string(channel), "answers": .object(answers),
            "attachments": .array([]),
        ]).canonicalBytes
    }

    /// Strict reading; nil for anything that formsapi would not have written.
    package init?(_ bytes: [UInt8]) {
        guard let json = try? JSON(parsing: bytes), json.canonicalBytes == bytes, json.object?.count == 12,
            let id = json["id"]?.string, let kind = json["kind"]?.string,
            let received = json["received"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
            let form = json["form"]?.string,
            let receipt = json["receipt"]?.string, let lookup = json["lookup"]?.string,
            let statusKey = json["statusKey"]?.string,
            let authKey = json["authKey"]?.string, let language = json["lang"]?.string,
            let channel = json["channel"]?.string,
            let answers = json["answers"]?.object, json["attachments"] == .array([]),
            [lookup, statusKey, authKey].allSatisfy({ SHA256Digest(hex: $0) != nil }), receipt.utf8.count == 17,
            receipt.hasPrefix("XM")
        else { return nil }
        self.init(
            id: id, kind: kind, received: received, form: form, receipt: receipt, lookup: lookup, statusKey: statusKey,
            authKey: authKey, language: language, channel: channel, answers: answers)
    }

    /// The clear `item.json` of this submission: nothing personal.
    package func clearItem(parts: [(name: String, bytes: [UInt8])]) -> [UInt8] {
        JSON.object([
            "id": .string(id), "kind": .string(kind), "received": .string(received.rfc3339(in: .shanghai)),
            "form": .string(form),
            "parts": .array(
                parts.map {
                    .object([
                        "name": .string($0.name), "bytes": .integer($0.bytes.count),
                        "sha256": .string(SHA256Digest(of: $0.bytes).hex),
                    ])
                }),
        ]).canonicalBytes
    }
}
