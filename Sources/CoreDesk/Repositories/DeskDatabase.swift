import CMS
import Ferry
import Forms
import Foundation
import LaneDatabase
import PortalBase
import SQL
import Synchronization
import Workflow

/// The core's database: what citizens sent, what became of it, and both lanes' state.
struct DeskDatabase: Sendable {
    let database: any SQLDatabase
    private let keys: DeskKeys
    private let configuration: Configuration
    private let random: @Sendable (Int) -> [UInt8]

    init(_ configuration: Configuration, random: @escaping @Sendable (Int) -> [UInt8]) throws {
        self.configuration = configuration
        self.random = random
        database = try openDatabase(configuration.database)
        keys = DeskKeys(paths: configuration.deskOpen)
        try Self.migrations.run(on: database)
    }

    private static let migrations = Migrations(
        .init(
            [
                """
                CREATE TABLE submission (
                    id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, kind TEXT NOT NULL, received INTEGER NOT NULL,
                    imported INTEGER NOT NULL, form TEXT NOT NULL, receipt TEXT NOT NULL UNIQUE, lookup TEXT NOT NULL,
                    status_key TEXT NOT NULL, auth_key TEXT NOT NULL, language TEXT NOT NULL,
                    channel TEXT NOT NULL, answers TEXT NOT NULL,
                    version INTEGER NOT NULL DEFAULT 0, counter INTEGER NOT NULL DEFAULT 0)
                """,
                """
                CREATE TABLE ticket (
                    id TEXT PRIMARY KEY REFERENCES submission, state TEXT NOT NULL, department TEXT, note TEXT, reply TEXT)
                """,
                """
                CREATE TABLE approval (
                    id TEXT PRIMARY KEY REFERENCES submission, state TEXT NOT NULL, lead TEXT NOT NULL, accepted INTEGER, decision TEXT,
                    notice TEXT, notice_text TEXT, notice_fields TEXT, notice_given INTEGER, notice_answered INTEGER)
                """,
                """
                CREATE TABLE task (
                    id TEXT NOT NULL REFERENCES approval, position INTEGER NOT NULL, department TEXT NOT NULL, days INTEGER NOT NULL,
                    working INTEGER NOT NULL, opinion TEXT NOT NULL, note TEXT, PRIMARY KEY (id, department))
                """,
                """
                CREATE TABLE event (
                    position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, at INTEGER NOT NULL, officer TEXT NOT NULL,
                    action TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, note TEXT)
                """,
                """
                CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
                """,
                """
                CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
                """,
                """
                CREATE TABLE publication (
                    id TEXT PRIMARY KEY REFERENCES ticket, number INTEGER NOT NULL, date TEXT NOT NULL, title TEXT NOT NULL,
                    question TEXT NOT NULL, answer TEXT NOT NULL)
                """,
                """
                CREATE TABLE attachment (
                    id TEXT NOT NULL REFERENCES submission, position INTEGER NOT NULL, field TEXT NOT NULL, name TEXT NOT NULL,
                    type TEXT NOT NULL, bytes INTEGER NOT NULL, digest TEXT NOT NULL, parts INTEGER NOT NULL,
                    PRIMARY KEY (id, position))
                """,
                // As they came, sealed: opened when an officer asks for the file.
                """
                CREATE TABLE attachment_part (
                    id TEXT NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL, sealed BLOB NOT NULL,
                    PRIMARY KEY (id, position, number), FOREIGN KEY (id, position) REFERENCES attachment)
                """,
                "CREATE TABLE status_out (id TEXT PRIMARY KEY, clear BLOB NOT NULL)",
                // The citizen's answer to three questions after the reply; nulls until it comes.
                """
                CREATE TABLE rating (
                    id TEXT PRIMARY KEY REFERENCES ticket, token TEXT NOT NULL, at INTEGER, score INTEGER, solved INTEGER, words TEXT)
                """,
                "CREATE INDEX submission_lookup ON submission (lookup)",
                "CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL)",
            ] + LaneDatabase.tables + SiteReleases.tables),
        .init([
            // Every message that was taken. `submission.counter` is what older programs kept instead: the highest.
            """
            CREATE TABLE message (
                id TEXT PRIMARY KEY, submission TEXT NOT NULL REFERENCES submission, counter INTEGER NOT NULL,
                UNIQUE (submission, counter))
            """,
            // Came before its case, and waits for it.
            """
            CREATE TABLE message_waiting (
                id TEXT PRIMARY KEY, kind TEXT NOT NULL, lookup TEXT NOT NULL, head BLOB NOT NULL, sealed BLOB NOT NULL)
            """,
            "CREATE INDEX message_waiting_lookup ON message_waiting (lookup)",
        ]),
        .init(
            [
                // Every page of a case, every list and every import asks for the events of one case.
                "CREATE INDEX event_id ON event (id)",
                // When it was taken back, and the digest of the file that was written last: another is somebody's own work.
                "ALTER TABLE publication ADD COLUMN withdrawn INTEGER",
                "ALTER TABLE publication ADD COLUMN written TEXT",
            ] + LaneDatabase.heldTables))

    /// A random key of this installation, made once: for the tokens in staff forms.
    func tokenKey() throws -> [UInt8] {
        try database.write { db in
            try db.execute(
                "INSERT INTO setting (name, value) VALUES ('token-key', ?) ON CONFLICT DO NOTHING", random(32))
            return try db.value("SELECT value FROM setting WHERE name = 'token-key'") ?? []
        }
    }

    // MARK: Reading

    /// Which cases a list shows.
    struct Query: Sendable {
        /// Dispatchers see every request; everybody sees what concerns the department.
        let seesRequests: Bool
        let department: String
        /// Closed cases too.
        var includesClosed = false
        /// Numbers below this one; nil for the newest.
        var before: Int?
    }

    /// One row of a list.
    struct Line: Sendable {
        let id: String
        let number: Int
        let kind: String
        let received: Instant
        let receipt: String
        let form: String
        let state: String
        let department: String?
        let accepted: Instant?
        let noticeAnswered: Instant?
        let answers: [String: JSON]

        /// - Parameter row: of a query that begins with `selection`.
        fileprivate init(_ row: SQLRow) throws {
            id = try row["id"]
            number = try row["number"]
            kind = try row["kind"]
            received = Instant(seconds: try row["received"])
            receipt = try row["receipt"]
            form = try row["form"]
            state = try row["state"] ?? ""
            department = try row["department"]
            accepted = (try row["accepted"] as Int?).map(Instant.init(seconds:))
            noticeAnswered = (try row["notice_answered"] as Int?).map(Instant.init(seconds:))
            // Written canonical by this program.
            answers = try storedObject(row["answers"])
        }

        fileprivate static let selection = """
            SELECT s.id, s.number, s.kind, s.received, s.receipt, s.form, s.answers, coalesce(t.state, a.state) AS state,
                coalesce(t.department, a.lead) AS department, a.accepted, a.notice_answered
            FROM submission s LEFT JOIN ticket t USING (id) LEFT JOIN approval a USING (id)
            """
    }

    /// States in which nothing is left to do, of tickets and of approvals.
    static let closedStates = ["answered", "released", "granted", "refused", "notAccepted", "withdrawn"]

    private static let isOpen =
        "coalesce(t.state, a.state) NOT IN (\(closedStates.map { "'\($0)'" }.joined(separator: ", ")))"

    static let linesOnPage = 50

    /// The newest cases that an officer may see, at most `linesOnPage` and one more, which says that there are others.
    func list(_ query: Query) throws -> [Line] {
        try database.read { db in
            try db.rows(
                """
                \(Line.selection)
                WHERE s.number < ? AND (? = 1 OR \(Self.isOpen))
                    AND ((t.id IS NOT NULL AND (? = 1 OR t.department = ?)) OR (a.id IS NOT NULL AND (a.lead = ?
                        OR EXISTS (SELECT 1 FROM task k WHERE k.id = s.id AND k.department = ?))))
                ORDER BY s.number DESC LIMIT ?
                """, query.before ?? Int(Int32.max), query.includesClosed ? 1 : 0, query.seesRequests ? 1 : 0,
                query.department, query.department, query.department, Self.linesOnPage + 1
            ).map { row in try Line(row) }
        }
    }

    /// Days on which the time of open cases began, with what runs: to say what another calendar would change.
    func openClocks() throws -> [Line] {
        try database.read { db in
            try db.rows("\(Line.selection) WHERE \(Self.isOpen) ORDER BY s.number").map { row in try Line(row) }
        }
    }

    /// Everything about one case, as one value.
    struct CaseFile: Sendable {
        let id: String
        let number: Int
        let kind: String
        let received: Instant
        let receipt: String
        let form: String
        let language: String
        let channel: String
        let answers: [String: JSON]
        /// Counts changes: a page made from an older one is stale.
        let version: Int
        var ticket: HotlineTicket?
        var approval: ApprovalCase?
        var accepted: Instant?
        /// Set by a release: the page to publish.
        var publication: AnswerPage?
        /// Set where a publication is taken back.
        var takesBack = false
        let events: [Event]
        fileprivate let lookup: String
        fileprivate let statusKey: String

        /// The state of whichever of the two this case is.
        var state: String { ticket?.state.rawValue ?? approval?.state.rawValue ?? "" }
    }

    struct Event: Sendable {
        let at: Instant
        let officer: String
        let action: String
        let before: String
        let after: String
        /// What the citizen sent and the case did not take: answers of a late supplement, by field.
        let answers: [String: JSON]
    }

    func file(_ id: String) throws -> CaseFile? {
        try database.read { try Self.file($0, id) }
    }

    private static func file(_ db: any SQLConnection, _ id: String) throws -> CaseFile? {
        guard let row = try db.row("SELECT * FROM submission WHERE id = ?", id) else {
            return nil
        }
        let answers = try storedObject(row["answers"])
        let events = try db.rows("SELECT * FROM event WHERE id = ? ORDER BY position", id)
            .map {
                Event(
                    at: Instant(seconds: try $0["at"]), officer: try $0["officer"], action: try $0["action"],
                    before: try $0["before"], after: try $0["after"],
                    answers: try ($0["note"] as String?).map(storedObject) ?? [:])
            }
        var file = CaseFile(
            id: id, number: try row["number"], kind: try row["kind"], received: Instant(seconds: try row["received"]),
            receipt: try row["receipt"],
            form: try row["form"], language: try row["language"], channel: try row["channel"], answers: answers,
            version: try row["version"], events: events,
            lookup: try row["lookup"], statusKey: try row["status_key"])
        if let ticket = try db.row("SELECT * FROM ticket WHERE id = ?", id) {
            file.ticket = HotlineTicket(
                state: try stored(HotlineTicket.State.self, ticket["state"]), department: try ticket["department"],
                internalNote: try ticket["note"],
                reply: try ticket["reply"])
        }
        if let approval = try db.row("SELECT * FROM approval WHERE id = ?", id) {
            let tasks = try db.rows("SELECT * FROM task WHERE id = ? ORDER BY position", id)
                .map {
                    ApprovalCase.Task(
                        department: try $0["department"],
                        limit: TimeLimit(days: try $0["days"], working: try $0["working"]),
                        opinion: try stored(ApprovalCase.Opinion.self, $0["opinion"]), note: try $0["note"])
                }
            var notice: ApprovalCase.Notice?
            if let token: String = try approval["notice"] {
                let fields = try JSON(parsing: Array((try approval["notice_fields"] as String).utf8))
                notice = ApprovalCase.Notice(
                    token: token, text: try approval["notice_text"], fields: fields.array?.compactMap(\.string) ?? [],
                    given: Instant(seconds: try approval["notice_given"]),
                    answered: (try approval["notice_answered"] as Int?).map(Instant.init(seconds:)))
            }
            file.approval = ApprovalCase(
                lead: try approval["lead"], tasks: tasks, state: try stored(ApprovalCase.State.self, approval["state"]),
                notice: notice, decision: try approval["decision"])
            file.accepted = (try approval["accepted"] as Int?).map(Instant.init(seconds:))
        }
        return file
    }

    // MARK: Changing

    /// The page that asked was made from an older version of the case.
    struct StalePage: Error {}

    /// Runs one action: reads the case, lets `change` alter it, writes it with its event and the citizen's new status,
    /// all in one transaction.
    func act(
        on id: String, version: Int, officer: String, action: String, at now: Instant,
        change: @Sendable (inout CaseFile) throws -> CitizenStatus?
    ) throws -> CaseFile {
        try database.write { db in
            guard var file = try Self.file(db, id) else {
                throw SQLError(.fault, "no case")
            }
            guard file.version == version else { throw StalePage() }
            let before = file.state
            let status = try change(&file)
            let after = file.state
            // Another officer's action may have come in between.
            let isFirst = try db.execute(
                "UPDATE submission SET version = version + 1 WHERE id = ? AND version = ?", id, version)
            guard isFirst == 1 else { throw StalePage() }
            try Self.write(db, file)
            if let page = file.publication {
                try db.execute(
                    """
                    INSERT INTO publication (id, number, date, title, question, answer) VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (id) DO UPDATE SET date = excluded.date, title = excluded.title,
                        question = excluded.question, answer = excluded.answer, withdrawn = NULL
                    """, id, page.number, page.date.text, page.title, page.question, page.answer)
            }
            if file.takesBack {
                try db.execute("UPDATE publication SET withdrawn = ? WHERE id = ?", now.seconds, id)
            }
            try db.execute(
                "INSERT INTO event (id, at, officer, action, before, after) VALUES (?, ?, ?, ?, ?, ?)", id, now.seconds,
                officer, action, before, after)
            if let status { try queue(db, status, file, version: file.version + 2) }
            return file
        }
    }

    private static func write(_ db: any SQLConnection, _ file: CaseFile) throws {
        if let ticket = file.ticket {
            try db.execute(
                "UPDATE ticket SET state = ?, department = ?, note = ?, reply = ? WHERE id = ?", ticket.state.rawValue,
                ticket.department, ticket.internalNote, ticket.reply, file.id)
        }
        if let approval = file.approval {
            let notice = approval.notice
            try db.execute(
                """
                UPDATE approval SET state = ?, decision = ?, accepted = ?, notice = ?, notice_text = ?, notice_fields = ?,
                    notice_given = ?, notice_answered = ? WHERE id = ?
                """, approval.state.rawValue, approval.decision, file.accepted?.seconds, notice?.token, notice?.text,
                notice.map { JSON.array($0.fields.map { .string($0) }).canonicalText }, notice?.given.seconds,
                notice?.answered?.seconds, file.id)
            for task in approval.tasks {
                try db.execute(
                    "UPDATE task SET opinion = ?, note = ? WHERE id = ? AND department = ?", task.opinion.rawValue,
                    task.note, file.id, task.department)
            }
        }
    }

    /// Puts a status for the citizen into the lane to the edge, readable with receipt and code only.
    private func queue(_ db: any SQLConnection, _ status: CitizenStatus, _ file: CaseFile, version: Int) throws {
        guard let lookup = bytesFromHex(file.lookup), let key = bytesFromHex(file.statusKey) else { return }
        var shownStatus = status
        if status.state == .answered { shownStatus.rating = try ratingToken(db, file) }
        var plain = shownStatus.json.canonicalBytes
        // Steps of 4 KiB, so that the length tells little.
        plain += [UInt8](repeating: 0, count: (4096 - plain.count % 4096) % 4096)
        let box = try AEAD.seal(plain, key: key, nonce: random(12), associated: lookup + Array(String(version).utf8))
        let id = makeUUID(at: status.updated, random(16))
        var fields: [String: JSON] = [
            "id": .string(id), "kind": .string("status"), "lookup": .string(file.lookup), "version": .integer(version),
            "open": .bool(status.isOpen), "box": .string(base64(box)),
        ]
        if let shown = publicPart(status, file) { fields["public"] = shown }
        let clear = JSON.object(fields).canonicalBytes
        try db.execute("INSERT INTO status_out (id, clear) VALUES (?, ?)", id, clear)
        try LaneDatabase.enqueue(db, lane: Configuration.sendLane, item: id, bytes: clear.count, at: status.updated)
    }

    /// The token that is good for one rating; nil after it was used.
    private func ratingToken(_ db: any SQLConnection, _ file: CaseFile) throws -> String? {
        guard file.ticket != nil else { return nil }
        try db.execute(
            "INSERT INTO rating (id, token) VALUES (?, ?) ON CONFLICT DO NOTHING", file.id, hexText(random(16)))
        return try db.value("SELECT token FROM rating WHERE id = ? AND at IS NULL", file.id)
    }

    /// What anybody may read of a request that came by GeoReport v2: its number, whether it is open, and when; never its
    /// words, its place or its sender.
    private func publicPart(_ status: CitizenStatus, _ file: CaseFile) -> JSON? {
        guard file.channel == "open311", let mapping = configuration.definition(file.form)?.open311,
            let service = file.answers[mapping.service]?.string
        else { return nil }
        return .object([
            "service_request_id": .string(String(file.number)), "status": .string(status.isOpen ? "open" : "closed"),
            "service_code": .string(service),
            "requested_datetime": .string(file.received.rfc3339(in: .shanghai)),
            "updated_datetime": .string(status.updated.rfc3339(in: .shanghai)),
        ])
    }

    /// Brings the overlay folder to what the table of publications says: pages that lack are written, those taken back are
    /// removed. The table is the truth, so a process that died between commit and file is made good by the next call; a
    /// file that somebody changed since it was written is left alone.
    ///
    /// - Returns: a line for each file that was left.
    @discardableResult
    func writeOverlay() throws -> [String] {
        struct Publication { let id: String, page: AnswerPage, isWithdrawn: Bool, written: String? }
        // Officers and the lanes' process do this side by side: who read the table earlier must not write later.
        let lock = try FileLock.waiting(for: configuration.overlay + ".lock", patience: 30, mode: 0o660)
        defer { withExtendedLifetime(lock) {} }
        let publications = try database.read { db in
            try db.rows("SELECT * FROM publication ORDER BY number").compactMap { row -> Publication? in
                guard let date = CivilDate(iso: try row["date"] as String) else { return nil }
                return Publication(
                    id: try row["id"],
                    page: AnswerPage(
                        number: try row["number"], date: date, question: try row["question"],
                        answer: try row["answer"], title: try row["title"]),
                    isWithdrawn: try row["withdrawn"] as Int? != nil, written: try row["written"])
            }
        }
        var left: [String] = []
        for publication in publications {
            let path = configuration.overlay + "/" + publication.page.path
            let wanted = Array(publication.page.text.utf8)
            let found = FileSystem.kind(path) == .file ? try FileSystem.read(path) : nil
            if publication.isWithdrawn {
                // Whatever was made of it: it was taken back.
                if found != nil { try FileSystem.remove(path) }
                continue
            }
            let digest = SHA256Digest(of: wanted).hex
            if found != wanted {
                if let found, SHA256Digest(of: found).hex != publication.written {
                    left.append("kept \(publication.page.path): somebody changed it since it was released")
                    continue
                }
                try FileSystem.makeDirectories(FileSystem.parent(path))
                try FileSystem.replaceDurably(path, with: wanted)
            }
            if publication.written != digest {
                try database.write { db in
                    try db.execute("UPDATE publication SET written = ? WHERE id = ?", digest, publication.id)
                }
            }
        }
        return left
    }

    // MARK: Lanes

    var releases: SiteReleases { SiteReleases(database: database, folder: configuration.bundles, random: random) }

    func laneStore() -> LaneDatabase {
        let releases = releases
        return LaneDatabase(
            database,
            load: { db, _, id in
                if let item = try releases.item(db, id) { return item }
                let clear: [UInt8]? = try db.value("SELECT clear FROM status_out WHERE id = ?", id)
                guard let clear else { throw ItemRefused(id: id, code: .schema) }
                return FerryItem(kind: "status", id: id, parts: [.init(name: "item.json", bytes: clear)])
            },
            stage: opening, apply: { db, item, now in try take(db, item, now) }, hold: Self.reasonToHold)
    }

    /// What one item's failure says about that item alone; a full disk or a busy database is everybody's.
    private static func reasonToHold(_ error: any Error) -> String? {
        switch error {
        case let error as ConfigurationError: error.text
        case let error as JSONError: "cannot be read: \(error.code) at byte \(error.offset)"
        case let error as CryptoError where error.code == .notRecipient: "sealed for a key that this side lacks"
        case let error as SQLError where error.code == .constraint: "breaks a rule of the database: \(error)"
        default: nil
        }
    }

    /// An arrived submission: opened, held against its clear part and its form, filed as a new case.
    func take(_ db: any SQLConnection, _ item: FerryItem, _ now: Instant) throws {
        if item.kind == "siteState" { return try SiteReleases.take(db, item) }
        // The same item in another batch has its effect once.
        if try db.value("SELECT EXISTS (SELECT 1 FROM submission WHERE id = ?)", item.id) == true { return }
        guard let sealed = try item.part("item.p7m"), let clear = try item.part("item.json"),
            let head = try? JSON(parsing: clear)
        else {
            throw LaneDatabase.RejectedItem(.schema)
        }
        if let kind = CaseMessage.Kind(rawValue: item.kind) {
            return try take(message: kind, sealed, head, item, db, now)
        }
        // A key or a form that this side lacks is our mistake and no reason to refuse a citizen's words: the error
        // leaves the batch where it is.
        let plain = try item.opened ?? opened(sealed)
        guard let payload = SubmissionPayload(plain), payload.id == item.id, payload.kind == item.kind,
            head["received"]?.string == payload.received.rfc3339(in: .shanghai), head["form"]?.string == payload.form
        else { throw LaneDatabase.RejectedItem(.schema) }
        guard let definition = configuration.definition(payload.form) else {
            throw ConfigurationError(text: "no definition \(payload.form); publish the sites here first")
        }
        let files = payload.attachments.map(\.file)
        guard case .success(let answers) = definition.validate(definition.input(of: payload.answers), files: files),
            answers.values == payload.answers, answers.files == files
        else { throw LaneDatabase.RejectedItem(.schema) }
        let isKnown: Bool? = try db.value("SELECT EXISTS (SELECT 1 FROM submission WHERE receipt = ?)", payload.receipt)
        if isKnown == true { throw LaneDatabase.RejectedItem(.duplicate) }
        let number = (try db.value("SELECT max(number) FROM submission") as Int? ?? 0) + 1
        // The edge's clock decides when time began, but not against the core's.
        let isPlausible = (-Self.oldest...Self.newest).contains(payload.received.seconds - now.seconds)
        let received = isPlausible ? payload.received : now
        try db.execute(
            """
            INSERT INTO submission (id, number, kind, received, imported, form, receipt, lookup, status_key, auth_key, language,
                channel, answers)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, payload.id, number, payload.kind, received.seconds, now.seconds, payload.form, payload.receipt,
            payload.lookup,
            payload.statusKey, payload.authKey, payload.language, payload.channel,
            JSON.object(payload.answers).canonicalText)
        try keep(payload.attachments, of: item, as: item.id, db)
        if payload.kind == "hotline" {
            try db.execute("INSERT INTO ticket (id, state) VALUES (?, 'received')", payload.id)
        } else {
            guard let process = definition.process else { throw LaneDatabase.RejectedItem(.schema) }
            try db.execute(
                "INSERT INTO approval (id, state, lead) VALUES (?, 'submitted', ?)", payload.id, process.lead)
            for (position, branch) in process.branches.enumerated() {
                try db.execute(
                    "INSERT INTO task (id, position, department, days, working, opinion) VALUES (?, ?, ?, ?, ?, 'pending')",
                    payload.id, position, branch.department, branch.limit.count, branch.limit.working)
            }
        }
        try db.execute(
            "INSERT INTO event (id, at, officer, action, before, after) VALUES (?, ?, '摆渡', 'import', '', ?)",
            payload.id, now.seconds, payload.kind == "hotline" ? "received" : "submitted")
        if !isPlausible {
            try db.execute(
                "INSERT INTO event (id, at, officer, action, before, after) VALUES (?, ?, '摆渡', 'clock', ?, ?)",
                payload.id,
                now.seconds, payload.received.rfc3339(in: .shanghai), received.rfc3339(in: .shanghai))
        }
        guard let file = try Self.file(db, payload.id) else { return }
        let status = CitizenStatus(state: .received, text: "", received: received, due: nil, updated: now)
        try queue(db, status, file, version: 1)
        try takeWaiting(for: payload.lookup, of: payload.id, db, now)
    }

    /// The item with its words opened, which takes longer than to file them. Whatever fails here fails again where it is filed,
    /// and is answered there.
    private func opening(_ item: FerryItem) -> FerryItem {
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
            if error.code == .open, desk.allSatisfy(Envelope.works) { throw LaneDatabase.RejectedItem(.decrypt) }
            throw error
        }
    }

    // MARK: Messages about a case

    /// What came before its case.
    private func takeWaiting(for lookup: String, of id: String, _ db: any SQLConnection, _ now: Instant) throws {
        for row in try db.rows("SELECT * FROM message_waiting WHERE lookup = ? ORDER BY id", lookup) {
            guard let kind = CaseMessage.Kind(rawValue: try row["kind"]) else { continue }
            let head: [UInt8] = try row["head"]
            let sealed: [UInt8] = try row["sealed"]
            let item = FerryItem(
                kind: kind.rawValue, id: try row["id"],
                parts: [.init(name: "item.json", bytes: head), .init(name: "item.p7m", bytes: sealed)])
            do {
                try take(message: kind, sealed, JSON(parsing: head), item, db, now)
            } catch is LaneDatabase.RejectedItem {
                // It was taken off the lane already, so the case says that somebody tried.
                try db.execute(
                    "INSERT INTO event (id, at, officer, action, before, after) VALUES (?, ?, '摆渡', 'refused', '', '')",
                    id,
                    now.seconds)
            }
            try db.execute("DELETE FROM message_waiting WHERE id = ?", item.id)
        }
    }

    /// A withdrawal, a rating or a supplement: only from whoever has receipt and code, once, and only where the state
    /// allows it. What comes too late is filed and changes nothing.
    private func take(
        message kind: CaseMessage.Kind, _ sealed: [UInt8], _ head: JSON, _ item: FerryItem, _ db: any SQLConnection,
        _ now: Instant
    ) throws {
        let id = item.id
        if try db.value("SELECT EXISTS (SELECT 1 FROM message WHERE id = ?)", id) == true { return }
        guard let message = CaseMessage(try item.opened ?? opened(sealed)), message.kind == kind, message.id == id,
            head["received"]?.string == message.received.rfc3339(in: .shanghai)
        else { throw LaneDatabase.RejectedItem(.schema) }
        guard let row = try db.row("SELECT id, auth_key, counter FROM submission WHERE lookup = ?", message.lookup)
        else {
            // Batches may come out of order, and a case may come later than its withdrawal or never: that must not hold up
            // the batch. The other kinds answer what the desk said, so there is a case, or they are forged.
            guard kind == .withdrawal else { throw LaneDatabase.RejectedItem(.schema) }
            try db.execute(
                "INSERT INTO message_waiting (id, kind, lookup, head, sealed) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                id, kind.rawValue, message.lookup, head.canonicalBytes, sealed)
            return
        }
        guard let key = bytesFromHex(try row["auth_key"]), let mac = bytesFromHex(message.mac),
            equalInConstantTime(hmacSHA256(key: key, message.signed), mac)
        else { throw LaneDatabase.RejectedItem(.schema) }
        let caseID: String = try row["id"]
        // Taken before messages were recorded one by one.
        guard message.counter > (try row["counter"]), var file = try Self.file(db, caseID) else { return }
        // The citizen's own program numbers every message; a number that comes again under another id is a replay.
        guard
            try db.execute(
                "INSERT INTO message (id, submission, counter) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", id, caseID,
                message.counter) == 1
        else { throw LaneDatabase.RejectedItem(.duplicate) }
        let before = file.state
        var status: CitizenStatus?
        var unused: [String: JSON] = [:]
        func report(_ state: CitizenStatus.State, _ text: String) -> CitizenStatus {
            CitizenStatus(state: state, text: text, received: file.received, due: nil, updated: now)
        }
        do {
            switch kind {
            case .withdrawal:
                try file.ticket?.withdraw()
                try file.approval?.withdraw()
                try Self.write(db, file)
                status = report(.withdrawn, "")
            case .rating:
                guard let ticket = file.ticket, let score = message.body["score"]?.integer, (1...5).contains(score),
                    let solved = message.body["solved"]?.bool, let words = message.body["words"]?.string,
                    CaseMessage.ratingWords(words) == words
                else { throw LaneDatabase.RejectedItem(.schema) }
                let used = try db.execute(
                    "UPDATE rating SET at = ?, score = ?, solved = ?, words = ? WHERE id = ? AND token = ? AND at IS NULL",
                    message.received.seconds, score, solved, words, caseID, message.notice)
                guard used == 1 else { throw WorkflowError.state }
                status = report(.answered, ticket.reply ?? "")
            case .supplement:
                let supplement = try checked(message, file)
                // Officers see what came in any case, the first few times.
                let count: Int =
                    try db.value(
                        "SELECT count(*) FROM event WHERE id = ? AND officer = '诉求人' AND action IN ('supplement', 'late')",
                        caseID) ?? 0
                if count < Self.mostSupplements { try keep(supplement.attachments, of: item, as: caseID, db) }
                unused = supplement.answers
                let fields = Array(supplement.answers.keys) + supplement.attachments.map(\.file.field)
                // Time runs from receipt at the edge, not from import here.
                try file.approval?.supplement(token: message.notice, fields: fields, at: message.received)
                try Self.write(db, file)
                try db.execute(
                    "UPDATE submission SET answers = ? WHERE id = ?",
                    JSON.object(file.answers.merging(supplement.answers) { $1 }).canonicalText, caseID)
                unused = [:]
                status = report(.received, "")
            }
        } catch is WorkflowError {
            status = nil
        }
        try db.execute("UPDATE submission SET version = version + 1 WHERE id = ?", caseID)
        try db.execute(
            "INSERT INTO event (id, at, officer, action, before, after, note) VALUES (?, ?, '诉求人', ?, ?, ?, ?)", caseID,
            now.seconds, status == nil ? "late" : kind.rawValue, before, file.state,
            unused.isEmpty ? nil : JSON.object(unused).canonicalText)
        if let status { try queue(db, status, file, version: file.version + 2) }
    }

    /// Answers to one notice whose files are kept; the edge takes as many.
    private static let mostSupplements = 3

    /// A supplement holds what its notice asked for, by the rules of the form, and nothing else. What all answers together
    /// say is for the officers who read them again.
    private func checked(
        _ message: CaseMessage, _ file: CaseFile
    ) throws -> (answers: [String: JSON], attachments: [SubmissionPayload.SealedAttachment]) {
        guard let supplement = message.supplement, let notice = file.approval?.notice, notice.token == message.notice
        else { throw LaneDatabase.RejectedItem(.schema) }
        guard let definition = configuration.definition(file.form) else {
            throw ConfigurationError(text: "no definition \(file.form); publish the sites here first")
        }
        let asked = definition.asking(for: notice.fields, title: definition.title)
        let files = supplement.attachments.map(\.file)
        guard case .success(let answers) = asked.validate(asked.input(of: supplement.answers), files: files),
            answers.values == supplement.answers, answers.files == files
        else { throw LaneDatabase.RejectedItem(.schema) }
        return supplement
    }

    /// What the citizen said after the answer.
    struct Rating: Sendable {
        let score: Int
        let solved: Bool
        let words: String
    }

    func rating(of id: String) throws -> Rating? {
        try database.read { db in
            try db.row("SELECT score, solved, words FROM rating WHERE id = ? AND at IS NOT NULL", id).map { row in
                Rating(score: try row["score"], solved: try row["solved"], words: try row["words"])
            }
        }
    }

    // MARK: Files

    /// A citizen's file as officers see it in a list.
    struct CaseAttachment: Sendable {
        let position: Int
        let file: AttachmentDescription
    }

    /// Files are opened once to see that they are what the payload says, and kept as they came, after those that the case
    /// has already.
    private func keep(
        _ attachments: [SubmissionPayload.SealedAttachment], of item: FerryItem, as id: String, _ db: any SQLConnection
    ) throws {
        let known: Int = try db.value("SELECT count(*) FROM attachment WHERE id = ?", id) ?? 0
        let listed = attachments.reduce(0) { $0 + $1.parts }
        guard item.parts.count(where: { isAttachmentPart($0.name) }) == listed else {
            throw LaneDatabase.RejectedItem(.schema)
        }
        for (position, attachment) in attachments.enumerated() {
            let file = attachment.file
            try db.execute(
                """
                INSERT INTO attachment (id, position, field, name, type, bytes, digest, parts) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """, id, known + position, file.field, file.name, file.type, file.bytes, file.digest.hex,
                attachment.parts)
            var bytes = 0
            let digest = SHA256Stream()
            for number in 0..<attachment.parts {
                guard let sealed = try item.part(attachmentPartName(position, number)) else {
                    throw LaneDatabase.RejectedItem(.schema)
                }
                let plain = try opened(sealed)
                if number == 0, AttachmentType(head: plain)?.mediaType != file.type {
                    throw LaneDatabase.RejectedItem(.type)
                }
                bytes += plain.count
                digest.append(plain)
                try db.execute(
                    "INSERT INTO attachment_part (id, position, number, sealed) VALUES (?, ?, ?, ?)", id,
                    known + position,
                    number, sealed)
            }
            guard bytes == file.bytes, digest.digest() == file.digest else { throw LaneDatabase.RejectedItem(.schema) }
        }
    }

    func attachments(of id: String) throws -> [CaseAttachment] {
        try database.read { db in
            try db.rows("SELECT * FROM attachment WHERE id = ? ORDER BY position", id).map { row in
                CaseAttachment(
                    position: try row["position"],
                    file: AttachmentDescription(
                        field: try row["field"], name: try row["name"], type: try row["type"], bytes: try row["bytes"],
                        digest: SHA256Digest(hex: try row["digest"]) ?? SHA256Digest(of: [])))
            }
        }
    }

    /// One part of a file, opened; nil after the last.
    func attachmentPart(of id: String, position: Int, number: Int) throws -> [UInt8]? {
        let sealed: [UInt8]? = try database.read { db in
            try db.value(
                "SELECT sealed FROM attachment_part WHERE id = ? AND position = ? AND number = ?", id, position, number)
        }
        return try sealed.map { try Envelope.open($0, withAnyOf: keys.identities()) }
    }
}

/// The desk's private keys, read when something must be opened: who lists, releases or sends needs none.
private final class DeskKeys: Sendable {
    private let paths: [String]
    private let known = Mutex<[Identity]?>(nil)

    init(paths: [String]) {
        self.paths = paths
    }

    func identities() throws -> [Identity] {
        if let known = known.withLock({ $0 }) { return known }
        let identities = try paths.map { try Identity(path: $0) }
        known.withLock { $0 = identities }
        return identities
    }
}

/// What the citizen reads about a case.
struct CitizenStatus: Sendable {
    /// The closed list that both sides know.
    enum State: String, Sendable {
        case received, accepted, correction, answered, granted, refused, notAccepted, withdrawn
    }

    let state: State
    let text: String
    let received: Instant
    let due: String?
    let updated: Instant
    /// Good for one rating.
    var rating: String?
    /// What a correction notice asks for.
    var correction: JSON?

    var isOpen: Bool { state == .received || state == .accepted || state == .correction }

    var json: JSON {
        var dates: [String: JSON] = [
            "received": .string(received.minuteText(in: .shanghai)),
            "updated": .string(updated.minuteText(in: .shanghai)),
        ]
        if let due { dates["due"] = .string(due) }
        var fields: [String: JSON] = [
            "state": .string(state.rawValue), "text": .string(text), "dates": .object(dates),
        ]
        if let rating { fields["rating"] = .string(rating) }
        if let correction { fields["correction"] = correction }
        return .object(fields)
    }
}

/// A word of a closed list that this program wrote; another one is a fault of the database and no state of a case.
private func stored<Word: RawRepresentable<String>>(_ type: Word.Type, _ text: String) throws -> Word {
    guard let word = Word(rawValue: text) else { throw SQLError(.fault, "no \(type): \(text)") }
    return word
}

/// Answers as this program wrote them, canonical JSON; anything else is a fault of the database.
private func storedObject(_ text: String) throws -> [String: JSON] {
    guard let object = try JSON(parsing: Array(text.utf8)).object else {
        throw SQLError(.fault, "no object of answers")
    }
    return object
}
