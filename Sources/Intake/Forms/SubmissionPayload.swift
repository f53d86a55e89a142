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
    package let attachments: [SealedAttachment]

    /// A file and the number of its sealed parts, `aNN-NNNNN.p7m` in the order of this list.
    package struct SealedAttachment: Sendable, Equatable {
        package let file: AttachmentDescription
        package let parts: Int

        package init(file: AttachmentDescription, parts: Int) {
            self.file = file
            self.parts = parts
        }

        var json: JSON { .object(file.fields.merging(["parts": .integer(parts)]) { $1 }) }

        init?(_ json: JSON) {
            guard json.object?.count == 6, let file = AttachmentDescription(json), let parts = json["parts"]?.integer,
                (1...AttachmentDescription.maxParts).contains(parts)
            else { return nil }
            self.init(file: file, parts: parts)
        }
    }

    package init(
        id: String, kind: String, received: Instant, form: String, receipt: String, lookup: String, statusKey: String,
        authKey: String, language: String, channel: String, answers: [String: JSON],
        attachments: [SealedAttachment] = []
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
        self.attachments = attachments
    }

    package var bytes: [UInt8] {
        JSON.object([
            "id": .string(id), "kind": .string(kind), "received": .string(received.rfc3339(in: .shanghai)),
            "form": .string(form),
            "receipt": .string(receipt), "lookup": .string(lookup), "statusKey": .string(statusKey),
            "authKey": .string(authKey),
            "lang": .string(language), "channel": .string(channel), "answers": .object(answers),
            "attachments": .array(attachments.map(\.json)),
        ]).canonicalBytes
    }

    /// Strict reading; nil for anything that formsapi would not have written.
    package init?(_ bytes: [UInt8]) {
        guard let json = try? JSON(parsing: bytes), let id = json["id"]?.string, let kind = json["kind"]?.string,
            let received = json["received"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
            let form = json["form"]?.string,
            let receipt = json["receipt"]?.string, let lookup = json["lookup"]?.string,
            let statusKey = json["statusKey"]?.string,
            let authKey = json["authKey"]?.string, let language = json["lang"]?.string,
            let channel = json["channel"]?.string,
            let answers = json["answers"]?.object, let listed = json["attachments"]?.array,
            [lookup, statusKey, authKey].allSatisfy({ SHA256Digest(hex: $0) != nil }), receipt.utf8.count == 17,
            receipt.hasPrefix("XM")
        else { return nil }
        let attachments = listed.compactMap(SealedAttachment.init)
        guard attachments.count == listed.count else { return nil }
        self.init(
            id: id, kind: kind, received: received, form: form, receipt: receipt, lookup: lookup, statusKey: statusKey,
            authKey: authKey, language: language, channel: channel, answers: answers, attachments: attachments)
        // Other keys, another zone or another spelling would be read as the same and are not what was written.
        guard self.bytes == bytes else { return nil }
    }

    /// The clear `item.json` of this submission: nothing personal.
    package func clearItem(parts: [SealedPart]) -> [UInt8] {
        JSON.object([
            "id": .string(id), "kind": .string(kind), "received": .string(received.rfc3339(in: .shanghai)),
            "form": .string(form),
            "parts": .array(parts.map(\.json)),
        ]).canonicalBytes
    }
}

/// A sealed file of an item, as its clear part lists it.
package struct SealedPart: Sendable {
    package let name: String
    package let bytes: Int
    /// SHA-256, hexadecimal.
    package let digest: String

    package init(name: String, bytes: Int, digest: String) {
        self.name = name
        self.bytes = bytes
        self.digest = digest
    }

    var json: JSON { .object(["name": .string(name), "bytes": .integer(bytes), "sha256": .string(digest)]) }
}
