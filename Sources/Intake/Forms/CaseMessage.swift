package import PortalBase

/// What a citizen sends about a case that is known already: a withdrawal, how content they are, what a correction
/// notice (补正) asked for, or that they saved a paper (送达). Sealed for the desk like a submission, and signed with the key that receipt and code give.
package struct CaseMessage: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable { case withdrawal, rating, supplement, delivery }

    /// UUID.
    package let id: String
    package let kind: Kind
    package let received: Instant
    /// The case's `lookup`, hexadecimal.
    package let lookup: String
    /// What it answers: the one-time token of a rating or a correction notice; empty for a withdrawal.
    package let notice: String
    /// Rises with every message about a case: none has its effect twice.
    package let counter: Int
    package let body: [String: JSON]
    /// HMAC-SHA-256 of `signed` under the case's `authKey`, hexadecimal.
    package let mac: String

    /// - Parameter sign: the MAC of bytes under the case's `authKey`.
    package init(
        id: String, kind: Kind, received: Instant, lookup: String, notice: String, counter: Int, body: [String: JSON],
        sign: ([UInt8]) -> String
    ) {
        self.id = id
        self.kind = kind
        self.received = received
        self.lookup = lookup
        self.notice = notice
        self.counter = counter
        self.body = body
        mac = sign(Self.signed(kind, lookup, notice, counter, body))
    }

    /// What the MAC is over: the body with everything that says what it is for.
    package var signed: [UInt8] { Self.signed(kind, lookup, notice, counter, body) }

    private static func signed(
        _ kind: Kind, _ lookup: String, _ notice: String, _ counter: Int, _ body: [String: JSON]
    ) -> [UInt8] {
        JSON.object([
            "kind": .string(kind.rawValue), "case": .string(lookup), "notice": .string(notice),
            "counter": .integer(counter), "body": .object(body),
        ]).canonicalBytes
    }

    package var bytes: [UInt8] {
        JSON.object([
            "id": .string(id), "kind": .string(kind.rawValue), "received": .string(received.rfc3339(in: .shanghai)),
            "case": .string(lookup), "notice": .string(notice), "counter": .integer(counter), "body": .object(body),
            "mac": .string(mac),
        ]).canonicalBytes
    }

    /// Strict reading; nil for anything that formsapi would not have written. The MAC is the caller's to check.
    package init?(_ bytes: [UInt8]) {
        guard let json = try? JSON(parsing: bytes), let id = json["id"]?.string,
            let kind = json["kind"]?.string.flatMap(Kind.init(rawValue:)),
            let received = json["received"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
            let lookup = json["case"]?.string, SHA256Digest(hex: lookup) != nil, let notice = json["notice"]?.string,
            let counter = json["counter"]?.integer, let body = json["body"]?.object, let mac = json["mac"]?.string
        else { return nil }
        self.init(
            id: id, kind: kind, received: received, lookup: lookup, notice: notice, counter: counter, body: body
        ) { _ in mac }
        guard self.bytes == bytes else { return nil }
    }

    /// Most characters of what a citizen says beside a rating.
    package static let maxRatingWords = 200

    /// What a citizen says beside a rating as it is stored; nil where it is too long or holds what may not be stored.
    package static func ratingWords(_ text: String) -> String? {
        guard text.utf8.count <= 4 * maxRatingWords + 64,
            case .success(let words) = FormDefinition.stored(words: text, allowsBreaks: true),
            words.unicodeScalars.count <= maxRatingWords
        else { return nil }
        return words
    }

    /// Numbers a message: higher for a later second, and no two alike in one, so that each is told from a replay.
    ///
    /// - Parameter random: three bytes.
    package static func counter(at instant: Instant, _ random: [UInt8]) -> Int {
        instant.seconds * 1_000_000 + random.reduce(0) { $0 << 8 | Int($1) } % 1_000_000
    }

    /// The body of a supplement: only fields and files that the notice names.
    package static func supplement(
        _ answers: [String: JSON], _ attachments: [SubmissionPayload.SealedAttachment]
    ) -> [String: JSON] {
        ["answers": .object(answers), "attachments": .array(attachments.map(\.json))]
    }

    /// A supplement's answers and files; nil where the body is another's.
    package var supplement: (answers: [String: JSON], attachments: [SubmissionPayload.SealedAttachment])? {
        guard body.count == 2, let answers = body["answers"]?.object, let listed = body["attachments"]?.array else {
            return nil
        }
        let attachments = listed.compactMap(SubmissionPayload.SealedAttachment.init)
        return attachments.count == listed.count ? (answers, attachments) : nil
    }

    /// The clear `item.json`: nothing personal, and nothing that names the case.
    package func clearItem(parts: [SealedPart]) -> [UInt8] {
        JSON.object([
            "id": .string(id), "kind": .string(kind.rawValue), "received": .string(received.rfc3339(in: .shanghai)),
            "parts": .array(parts.map(\.json)),
        ]).canonicalBytes
    }
}
