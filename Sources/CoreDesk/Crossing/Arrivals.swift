import CMS
import Cases
import Ferry
import Forms
import LaneDatabase
import PortalBase
import Procedures
import SQL
import Workflow

/// Items that came over the lane: a submission begins a case, a message is taken on one.
struct Arrivals: Sendable {
    let surroundings: Surroundings
    let cases: CaseStore
    let keys: DeskKeys

    static let tables = [
        // Withdrawals that came before their case, and wait for it.
        """
        CREATE TABLE message_waiting (
            id TEXT PRIMARY KEY, lookup TEXT NOT NULL, head BLOB NOT NULL, sealed BLOB NOT NULL)
        """,
        "CREATE INDEX message_waiting_lookup ON message_waiting (lookup)",
    ]

    private typealias Rejected = LaneDatabase.RejectedItem

    /// What one item's failure says about that item alone; a full disk or a busy database is everybody's.
    static func reasonToHold(_ error: any Error) -> String? {
        switch error {
        case let error as ConfigurationError: error.text
        case let error as JSONError: "cannot be read: \(error.code) at byte \(error.offset)"
        case let error as CryptoError where error.code == .notRecipient: "sealed for a key that this side lacks"
        case let error as SQLError where error.code == .constraint: "breaks a rule of the database: \(error)"
        default: nil
        }
    }

    func take(_ db: any SQLConnection, _ item: FerryItem, _ now: Instant) throws {
        do {
            try file(db, item, now)
        } catch let failure as CaseStore.Failure {
            switch failure {
            case .keyReused: throw Rejected(.duplicate)
            case .document, .erased, .unwritable: throw Rejected(.schema)
            default: throw ConfigurationError(text: "cannot be filed: \(failure.code)")
            }
        } catch is CaseStore.Quicker {
            throw SQLError(.busy, "another process filed at the same moment")
        }
    }

    private func file(_ db: any SQLConnection, _ item: FerryItem, _ now: Instant) throws {
        guard let sealed = try item.part("item.p7m"), let clear = try item.part("item.json"),
            let head = try? JSON(parsing: clear)
        else { throw Rejected(.schema) }
        if let kind = CaseMessage.Kind(rawValue: item.kind) { return try message(kind, sealed, head, item, db, now) }
        // The same item in another batch has its effect once.
        if try cases.isKnown(item.id, db) { return }
        // A key or a form that this side lacks is our mistake and no reason to refuse a citizen's words: the item is held.
        let plain = try item.opened ?? opened(sealed)
        guard let payload = SubmissionPayload(plain), payload.id == item.id, payload.kind == item.kind,
            head["received"]?.string == payload.received.rfc3339(in: .shanghai), head["form"]?.string == payload.form
        else { throw Rejected(.schema) }
        guard let definition = surroundings.configuration.definition(payload.form) else {
            throw ConfigurationError(text: "no definition \(payload.form); publish the sites here first")
        }
        guard let process = surroundings.process(for: definition) else {
            throw ConfigurationError(text: "no process handles the form \(definition.id)")
        }
        try check(payload.answers, payload.attachments, by: definition)
        if try cases.isKnown(receipt: payload.receipt, db) { throw Rejected(.duplicate) }
        let isPlausible = Self.isPlausible(payload.received, now)
        let correspondent = Correspondent(
            receipt: payload.receipt, lookup: payload.lookup, statusKey: payload.statusKey, authKey: payload.authKey,
            language: payload.language, channel: payload.channel)
        _ = try cases.begin(
            .init(
                id: payload.id, process: process, form: payload.form, answers: payload.answers,
                received: isPlausible ? payload.received : now, correspondent: correspondent,
                documents: try documents(payload.attachments, of: item),
                flags: isPlausible ? [] : [Self.untrustedClock]), at: now, db)
        try takeWaiting(for: payload.lookup, db, now)
    }

    /// The edge's clock decides when time began, but not against the core's.
    private static func isPlausible(_ received: Instant, _ now: Instant) -> Bool {
        (-oldest...newest).contains(received.seconds - now.seconds)
    }

    /// Flag of a case whose time of receipt could not be right: it began with its import.
    static let untrustedClock = "untrusted-clock"

    /// Answers that the form's own rules would store so.
    private func check(
        _ given: [String: JSON], _ attachments: [SubmissionPayload.SealedAttachment], by form: FormDefinition
    ) throws {
        let files = attachments.map(\.file)
        guard case .success(let answers) = form.validate(form.input(of: given), files: files), answers.values == given,
            answers.files == files
        else { throw Rejected(.schema) }
    }

    /// The item with its words opened, which takes longer than to file them. Whatever fails here fails again where it is filed,
    /// and is answered there.
    func opening(_ item: FerryItem) -> FerryItem {
        guard let part = item.parts.first(where: { $0.name == "item.p7m" }), part.count <= Self.mostOpenedBytes,
            let sealed = try? part.bytes(), let plain = try? opened(sealed)
        else { return item }
        var item = item
        item.opened = plain
        return item
    }

    /// Larger words wait for their turn, so that the memory of a batch stays bounded.
    private static let mostOpenedBytes = 16 << 10

    /// Seconds that a submission may be older or younger than the core's clock: a batch that waited as long as batches live,
    /// and twice over; a day.
    private static let oldest = 60 * 86_400
    private static let newest = 86_400

    /// Damaged bytes are the item's fault alone and must not hold up the others of its batch.
    private func opened(_ sealed: [UInt8]) throws -> [UInt8] {
        let desk = try keys.identities()
        do throws(CryptoError) {
            return try Envelope.open(sealed, withAnyOf: desk)
        } catch {
            if error.code == .open, desk.allSatisfy(Envelope.works) { throw Rejected(.decrypt) }
            throw error
        }
    }

    /// Files as they are filed: opened piece by piece, each of the type that its words say.
    private func documents(
        _ attachments: [SubmissionPayload.SealedAttachment], of item: FerryItem
    ) throws -> [IncomingDocument] {
        let listed = attachments.reduce(0) { $0 + $1.parts }
        guard item.parts.count(where: { isAttachmentPart($0.name) }) == listed else { throw Rejected(.schema) }
        return attachments.enumerated().map { position, attachment in
            let file = attachment.file
            return IncomingDocument(
                field: file.field, name: file.name, type: file.type, bytes: file.bytes, digest: file.digest,
                pieces: attachment.parts
            ) { number in
                guard let sealed = try item.part(attachmentPartName(position, number)) else { throw Rejected(.schema) }
                let plain = try opened(sealed)
                if number == 0, AttachmentType(head: plain)?.mediaType != file.type { throw Rejected(.type) }
                return plain
            }
        }
    }

    // MARK: Messages about a case

    /// What came before its case.
    private func takeWaiting(for lookup: String, _ db: any SQLConnection, _ now: Instant) throws {
        for row in try db.rows("SELECT * FROM message_waiting WHERE lookup = ? ORDER BY id", lookup) {
            let (head, sealed): ([UInt8], [UInt8]) = (try row["head"], try row["sealed"])
            let item = FerryItem(
                kind: CaseMessage.Kind.withdrawal.rawValue, id: try row["id"],
                parts: [.init(name: "item.json", bytes: head), .init(name: "item.p7m", bytes: sealed)])
            do {
                try message(.withdrawal, sealed, JSON(parsing: head), item, db, now)
            } catch is LaneDatabase.RejectedItem {
                // It was acknowledged already, and whoever sent it does not hold this case's keys.
            }
            try db.execute("DELETE FROM message_waiting WHERE id = ?", item.id)
        }
    }

    /// A withdrawal, a rating, a supplement or a delivery: only from whoever has receipt and code, once. What comes too late is filed and
    /// changes nothing.
    private func message(
        _ kind: CaseMessage.Kind, _ sealed: [UInt8], _ head: JSON, _ item: FerryItem, _ db: any SQLConnection,
        _ now: Instant
    ) throws {
        guard let message = CaseMessage(try item.opened ?? opened(sealed)), message.kind == kind, message.id == item.id,
            head["received"]?.string == message.received.rfc3339(in: .shanghai)
        else { throw Rejected(.schema) }
        guard let addressee = try cases.addressee(message.lookup, now: now, db) else {
            // Batches may come out of order, and a case may come later than its withdrawal or never: that must not hold up
            // the batch. The other kinds answer what the desk said, so there is a case, or they are forged.
            guard kind == .withdrawal else { throw Rejected(.schema) }
            try db.execute(
                "INSERT INTO message_waiting (id, lookup, head, sealed) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                item.id, message.lookup, head.canonicalBytes, sealed)
            return
        }
        guard let key = bytesFromHex(addressee.correspondent.authKey), let mac = bytesFromHex(message.mac),
            equalInConstantTime(hmacSHA256(key: key, message.signed), mac)
        else { throw Rejected(.schema) }
        let actions = addressee.process.actions.filter { $0.message == kind }
        guard let action = actions.first(where: { $0.from.contains(addressee.file.state) }) ?? actions.first else {
            throw Rejected(.schema)
        }
        var inputs: [String: InputValue] = [:]
        var documents: [IncomingDocument] = []
        var isCurrent = true
        switch kind {
        case .withdrawal: break
        case .rating:
            guard let score = message.body["score"]?.integer, (1...5).contains(score),
                let solved = message.body["solved"]?.bool, let words = message.body["words"]?.string,
                CaseMessage.ratingWords(words) == words
            else { throw Rejected(.schema) }
            isCurrent = addressee.notices.isRating(message.notice)
            inputs = ["score": .number(score), "solved": .text(solved ? "yes" : "no")]
            if !words.isEmpty { inputs["words"] = .text(words) }
        case .delivery:
            // Only what was sent can have been opened, and only the newest of it is what the clock waits for.
            let signed = addressee.file.papers.filter { $0.signature != nil }
            let digests = signed.compactMap { paper in addressee.file.files.first { $0.number == paper.file }?.digest }
            guard let opened = message.body["sha256"]?.string.flatMap(SHA256Digest.init(hex:)),
                message.body.count == 1, digests.contains(opened)
            else { throw Rejected(.schema) }
            isCurrent = opened == digests.last
        case .supplement:
            guard let supplement = message.supplement, let asked = addressee.notices.request(message.notice),
                let form = surroundings.configuration.definition(addressee.subject.form)
            else { throw Rejected(.schema) }
            isCurrent = asked == addressee.file.requests.count - 1
            let fields = addressee.file.requests[asked].fields
            try check(supplement.answers, supplement.attachments, by: form.asking(for: fields, title: form.title))
            inputs = supplement.answers.mapValues(InputValue.answer)
            // Officers see what came in any case, the first few times.
            let earlier = addressee.file.acts.count { act in
                act.action == action.id || act.action == Procedures.Process.EventName.late
            }
            if earlier < Self.mostSupplements { documents = try self.documents(supplement.attachments, of: item) }
        }
        // The citizen's own program numbers every message: a number that comes again with other words is a replay.
        try cases.receive(
            Command(action: action.id, inputs: inputs), documents: documents, on: addressee.subject.id,
            key: String(message.counter), isCurrent: isCurrent,
            at: Self.isPlausible(message.received, now) ? message.received : now, now: now, db)
    }

    /// Answers to notices whose files are kept; the edge takes as many.
    private static let mostSupplements = 3
}
