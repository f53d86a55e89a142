import CMS
package import PortalBase
package import Procedures
package import SQL
package import Workflow

/// The sender of a case, known by receipt and keys alone.
package struct Correspondent: Sendable, Equatable {
    package let receipt: String
    /// Hexadecimal; what their messages name the case by.
    package let lookup: String
    /// Hexadecimal keys, which receipt and query code give: what is told is sealed with the first, messages are signed with the
    /// second.
    package let statusKey: String
    package let authKey: String
    package let language: String
    /// How it came: `web`, `open311` …
    package let channel: String

    package init(
        receipt: String, lookup: String, statusKey: String, authKey: String, language: String, channel: String
    ) {
        self.receipt = receipt
        self.lookup = lookup
        self.statusKey = statusKey
        self.authKey = authKey
        self.language = language
        self.channel = channel
    }
}

/// A status that the sender of a case has not been told yet.
package struct Telling: Sendable {
    package let subject: CaseStore.Subject
    package let correspondent: Correspondent
    package let answers: [String: JSON]
    package let status: CitizenStatus
    package let papers: [PaperCopy]
    /// Rises with every status of the case.
    package let version: Int
    /// Names this status for ever.
    package let item: String
    package let notices: Notices
    package let at: Instant
}

/// Takes what is told, in the transaction in which it happened.
package protocol Outbox: Sendable {
    func tell(_ telling: Telling, _ db: any SQLConnection) throws
    /// Lets everybody know what became of a paper.
    func vouch(_ vouching: Vouching, _ db: any SQLConnection) throws
}

/// Tokens that show that a message answers what the case said.
package struct Notices: Sendable {
    private let secret: [UInt8]
    private let requests: Int

    init(_ file: Case, secret: [UInt8]) {
        self.secret = secret
        requests = file.requests.count
    }

    /// Of the newest request (补正).
    package var request: String { token("request \(requests)") }
    /// Good for one rating.
    package var rating: String { token("rating") }

    package func isRating(_ token: String) -> Bool { isSame(token, rating) }

    /// Which request a token answers, from 0; nil for one that was never given.
    package func request(_ token: String) -> Int? {
        (0..<requests).first { isSame(token, self.token("request \($0 + 1)")) }
    }

    private func isSame(_ one: String, _ other: String) -> Bool {
        equalInConstantTime(Array(one.utf8), Array(other.utf8))
    }

    private func token(_ what: String) -> String {
        hexText(hmacSHA256(key: secret, Array(what.utf8))[..<16])
    }
}

extension CaseStore {
    func keep(_ correspondent: Correspondent, of id: String, _ secret: [UInt8], _ db: any SQLConnection) throws {
        let words = JSON.object([
            "statusKey": .string(correspondent.statusKey), "authKey": .string(correspondent.authKey),
            "language": .string(correspondent.language), "channel": .string(correspondent.channel),
        ])
        try db.execute(
            "INSERT INTO correspondent (subject, lookup, receipt, box) VALUES (?, ?, ?, ?)", id, correspondent.lookup,
            correspondent.receipt,
            try keys.seal(words.canonicalBytes, key: secret, at: .correspondent(subject: id)))
    }

    func correspondent(of id: String, _ secret: [UInt8], _ db: any SQLConnection) throws -> Correspondent? {
        try db.row("SELECT * FROM correspondent WHERE subject = ?", id).map { try correspondent($0, of: id, secret) }
    }

    func correspondent(_ row: SQLRow, of id: String, _ secret: [UInt8]) throws -> Correspondent {
        let words = try JSON(
            parsing: try keys.open(try row["box"], key: secret, at: .correspondent(subject: id)))
        func word(_ key: String) -> String { words[key]?.string ?? "" }
        return Correspondent(
            receipt: try row["receipt"], lookup: try row["lookup"], statusKey: word("statusKey"),
            authKey: word("authKey"), language: word("language"), channel: word("channel"))
    }

    /// The case that a message names; nil where it has not come.
    package func addressee(
        _ lookup: String, now: Instant, _ db: any SQLConnection
    ) throws -> (subject: Subject, correspondent: Correspondent, process: Process, file: Case, notices: Notices)? {
        guard let id: String = try db.value("SELECT subject FROM correspondent WHERE lookup = ?", lookup) else {
            return nil
        }
        let found = try opened(id, now: now, db)
        guard let correspondent = try correspondent(of: id, found.secret, db) else { return nil }
        return (found.subject, correspondent, found.process, found.file, Notices(found.file, secret: found.secret))
    }

    /// Tells the senders of cases once more what their cases say, after a restored backup: of those that go on, and of those to which something
    /// happened since a moment. What cannot be read is left out: `verify` tells it.
    ///
    /// - Parameter salt: makes the items others than those of the first time.
    /// - Returns: how many were told.
    package func tellAgain(since moment: Instant, salt: String, at now: Instant) throws -> Int {
        let ids: [String] = try database.read { db in
            try db.column(
                """
                SELECT s.id FROM subject s JOIN case_index i ON i.number = s.number JOIN correspondent c ON c.subject = s.id
                WHERE i.final = 0 OR i.running = 1
                    OR EXISTS (SELECT 1 FROM event e WHERE e.subject = s.id AND e.recorded >= ?)
                ORDER BY s.number
                """, moment.seconds)
        }
        var told = 0
        for id in ids {
            told += try database.write { db in
                guard let found = try? opened(id, now: now, db),
                    let world = try? world(of: found.subject, found.process, found.file.answers, now, db),
                    let status = found.process.status(of: found.file, in: world),
                    let correspondent = try correspondent(of: id, found.secret, db)
                else { return 0 }
                let item = makeUUID(of: SHA256Digest(of: found.head.bytes + Array(salt.utf8)))
                try outbox.tell(try telling(found, correspondent, status, item: item, db), db)
                try vouch(for: found, since: [], salt: salt, db)
                return 1
            }
        }
        return told
    }

    /// What the sender of a case is told of it now.
    func telling(
        _ writing: Writing, _ correspondent: Correspondent, _ status: CitizenStatus, item: String,
        _ db: any SQLConnection
    ) throws -> Telling {
        Telling(
            subject: writing.subject, correspondent: correspondent, answers: writing.file.answers, status: status,
            papers: status.papers.isEmpty ? [] : try copies(for: writing, db), version: writing.file.version,
            item: item,
            notices: Notices(writing.file, secret: writing.secret), at: writing.now)
    }

    /// Whether somebody holds this receipt already.
    package func isKnown(receipt: String, _ db: any SQLConnection) throws -> Bool {
        try db.value("SELECT EXISTS (SELECT 1 FROM correspondent WHERE receipt = ?)", receipt) == true
    }

    /// Whether a subject is here, or was and is erased.
    package func isKnown(_ id: String, _ db: any SQLConnection) throws -> Bool {
        if try isSubject(id, db) { return true }
        return try db.value("SELECT EXISTS (SELECT 1 FROM erased_subject WHERE id = ?)", id) == true
    }

    func isSubject(_ id: String, _ db: any SQLConnection) throws -> Bool {
        try db.value("SELECT EXISTS (SELECT 1 FROM subject WHERE id = ?)", id) == true
    }
}
