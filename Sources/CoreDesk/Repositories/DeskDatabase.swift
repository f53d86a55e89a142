import CMS
import Ferry
import Forms
import Foundation
import GRDB
import LaneDatabase
import PortalBase
import Workflow

/// The core's database: what citizens sent, what became of it, and both lanes' state.
struct DeskDatabase: Sendable {
    private let database: DatabasePool
    private let desk: Identity
    private let configuration: Configuration
    private let random: @Sendable (Int) -> [UInt8]

    init(_ configuration: Configuration, random: @escaping @Sendable (Int) -> [UInt8]) throws {
        self.configuration = configuration
        self.random = random
        database = try openDurableDatabase(configuration.database)
        desk = try Identity(path: configuration.deskOpen)
        try Self.migrator.migrate(database)
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE submission (
                        id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, kind TEXT NOT NULL, received INTEGER NOT NULL,
                        imported INTEGER NOT NULL, form TEXT NOT NULL, receipt TEXT NOT NULL UNIQUE, lookup TEXT NOT NULL,
                        status_key TEXT NOT NULL, auth_key TEXT NOT NULL, language TEXT NOT NULL, answers TEXT NOT NULL,
                        version INTEGER NOT NULL DEFAULT 0);
                    CREATE TABLE ticket (
                        id TEXT PRIMARY KEY REFERENCES submission, state TEXT NOT NULL, department TEXT, note TEXT, reply TEXT);
                    CREATE TABLE approval (
                        id TEXT PRIMARY KEY REFERENCES submission, state TEXT NOT NULL, lead TEXT NOT NULL, accepted INTEGER, decision TEXT);
                    CREATE TABLE task (
                        id TEXT NOT NULL REFERENCES approval, position INTEGER NOT NULL, department TEXT NOT NULL, days INTEGER NOT NULL,
                        working INTEGER NOT NULL, opinion TEXT NOT NULL, note TEXT, PRIMARY KEY (id, department));
                    CREATE TABLE event (
                        position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, at INTEGER NOT NULL, officer TEXT NOT NULL,
                        action TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, note TEXT);
                    CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
                    CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
                    CREATE TABLE publication (
                        id TEXT PRIMARY KEY REFERENCES ticket, number INTEGER NOT NULL, date TEXT NOT NULL, title TEXT NOT NULL,
                        question TEXT NOT NULL, answer TEXT NOT NULL);
                    CREATE TABLE status_out (id TEXT PRIMARY KEY, clear BLOB NOT NULL);
                    CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL);
                    """)
            try LaneDatabase.createTables(db)
        }
        return migrator
    }

    /// A random key of this installation, made once: for the tokens in staff forms.
    func tokenKey() throws -> [UInt8] {
        try database.write { db in
            try db.execute(
                sql: "INSERT INTO setting (name, value) VALUES ('token-key', ?) ON CONFLICT DO NOTHING",
                arguments: [Data(random(32))])
            return [UInt8](try Data.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'token-key'") ?? Data())
        }
    }

    // MARK: Reading

    /// Every open case, and the closed ones among the newest, newest first.
    func list(closedAmong limit: Int = 500) throws -> [CaseFile] {
        try database.read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT s.id FROM submission s LEFT JOIN ticket t USING (id) LEFT JOIN approval a USING (id)
                    WHERE coalesce(t.state, a.state) NOT IN ('answered', 'released', 'granted', 'refused', 'notAccepted')
                        OR s.number > (SELECT max(number) FROM submission) - ?
                    ORDER BY s.number DESC
                    """, arguments: [limit]
            ).compactMap { try Self.file(db, $0) }
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
        let answers: [String: JSON]
        /// Counts changes: a page made from an older one is stale.
        let version: Int
        var ticket: HotlineTicket?
        var approval: ApprovalCase?
        var accepted: Instant?
        /// Set by a release: the page to publish.
        var publication: AnswerPage?
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
    }

    func file(_ id: String) throws -> CaseFile? {
        try database.read { try Self.file($0, id) }
    }

    private static func file(_ db: Database, _ id: String) throws -> CaseFile? {
        guard let row = try Row.fetchOne(db, sql: "SELECT * FROM submission WHERE id = ?", arguments: [id]) else {
            return nil
        }
        // Written canonical by this program.
        let answers = (try? JSON(parsing: Array((row["answers"] as String).utf8)))?.object ?? [:]
        let events = try Row.fetchAll(db, sql: "SELECT * FROM event WHERE id = ? ORDER BY position", arguments: [id])
            .map {
                Event(
                    at: Instant(seconds: $0["at"]), officer: $0["officer"], action: $0["action"], before: $0["before"],
                    after: $0["after"])
            }
        var file = CaseFile(
            id: id, number: row["number"], kind: row["kind"], received: Instant(seconds: row["received"]),
            receipt: row["receipt"],
            form: row["form"], language: row["language"], answers: answers, version: row["version"], events: events,
            lookup: row["lookup"], statusKey: row["status_key"])
        if let ticket = try Row.fetchOne(db, sql: "SELECT * FROM ticket WHERE id = ?", arguments: [id]) {
            file.ticket = HotlineTicket(
                state: HotlineTicket.State(rawValue: ticket["state"])!, department: ticket["department"],
                internalNote: ticket["note"],
                reply: ticket["reply"])
        }
        if let approval = try Row.fetchOne(db, sql: "SELECT * FROM approval WHERE id = ?", arguments: [id]) {
            let tasks = try Row.fetchAll(db, sql: "SELECT * FROM task WHERE id = ? ORDER BY position", arguments: [id])
                .map {
                    ApprovalCase.Task(
                        department: $0["department"], limit: TimeLimit(days: $0["days"], working: $0["working"]),
                        opinion: ApprovalCase.Opinion(rawValue: $0["opinion"])!, note: $0["note"])
                }
            file.approval = ApprovalCase(
                lead: approval["lead"], tasks: tasks, state: ApprovalCase.State(rawValue: approval["state"])!,
                decision: approval["decision"])
            file.accepted = (approval["accepted"] as Int?).map(Instant.init(seconds:))
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
                throw DatabaseError(resultCode: .SQLITE_NOTFOUND, message: "no case")
            }
            guard file.version == version else { throw StalePage() }
            let before = file.state
            let status = try change(&file)
            let after = file.state
            try Self.write(db, file)
            if let page = file.publication {
                try db.execute(
                    sql:
                        "INSERT INTO publication (id, number, date, title, question, answer) VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [id, page.number, page.date.text, page.title, page.question, page.answer])
            }
            try db.execute(
                sql: "INSERT INTO event (id, at, officer, action, before, after) VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [id, now.seconds, officer, action, before, after])
            try db.execute(sql: "UPDATE submission SET version = version + 1 WHERE id = ?", arguments: [id])
            if let status { try queue(db, status, file, version: file.version + 2) }
            return file
        }
    }

    private static func write(_ db: Database, _ file: CaseFile) throws {
        if let ticket = file.ticket {
            try db.execute(
                sql: "UPDATE ticket SET state = ?, department = ?, note = ?, reply = ? WHERE id = ?",
                arguments: [ticket.state.rawValue, ticket.department, ticket.internalNote, ticket.reply, file.id])
        }
        if let approval = file.approval {
            try db.execute(
                sql: "UPDATE approval SET state = ?, decision = ?, accepted = ? WHERE id = ?",
                arguments: [approval.state.rawValue, approval.decision, file.accepted?.seconds, file.id])
            for task in approval.tasks {
                try db.execute(
                    sql: "UPDATE task SET opinion = ?, note = ? WHERE id = ? AND department = ?",
                    arguments: [task.opinion.rawValue, task.note, file.id, task.department])
            }
        }
    }

    /// Puts a status for the citizen into the lane to the edge, readable with receipt and code only.
    private func queue(_ db: Database, _ status: CitizenStatus, _ file: CaseFile, version: Int) throws {
        guard let lookup = bytesFromHex(file.lookup), let key = bytesFromHex(file.statusKey) else { return }
        var plain = status.json.canonicalBytes
        // Steps of 4 KiB, so that the length tells little.
        plain += [UInt8](repeating: 0, count: (4096 - plain.count % 4096) % 4096)
        let box = try AEAD.seal(plain, key: key, nonce: random(12), associated: lookup + Array(String(version).utf8))
        let id = makeUUID(random(16))
        let clear = JSON.object([
            "id": .string(id), "kind": .string("status"), "lookup": .string(file.lookup), "version": .integer(version),
            "open": .bool(status.isOpen), "box": .string(base64(box)),
        ])
        try db.execute(
            sql: "INSERT INTO status_out (id, clear) VALUES (?, ?)", arguments: [id, Data(clear.canonicalBytes)])
        try LaneDatabase.enqueue(db, lane: Configuration.sendLane, item: id)
    }

    /// Writes every released answer's page that the overlay folder does not hold as it should. The table is the truth,
    /// so a process that died between commit and file is made good by the next call.
    func writeOverlay() throws {
        let pages = try database.read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM publication ORDER BY number").compactMap { row -> AnswerPage? in
                guard let date = CivilDate(iso: row["date"] as String) else { return nil }
                return AnswerPage(
                    number: row["number"], date: date, question: row["question"], answer: row["answer"],
                    title: row["title"])
            }
        }
        for page in pages {
            let path = configuration.overlay + "/" + page.path
            let bytes = Array(page.text.utf8)
            if FileSystem.kind(path) == .file, try FileSystem.read(path) == bytes { continue }
            try FileSystem.makeDirectories(FileSystem.parent(path))
            try FileSystem.replaceDurably(path, with: bytes)
        }
    }

    // MARK: Lanes

    func laneStore() -> any LaneStore {
        LaneDatabase(
            database,
            load: { db, _, id in
                guard
                    let clear = try Data.fetchOne(db, sql: "SELECT clear FROM status_out WHERE id = ?", arguments: [id])
                else {
                    throw DatabaseError(resultCode: .SQLITE_NOTFOUND, message: "no status \(id)")
                }
                return FerryItem(kind: "status", id: id, parts: [.init(name: "item.json", bytes: [UInt8](clear))])
            },
            apply: { db, item, now in try take(db, item, now) })
    }

    /// An arrived submission: opened, held against its clear part and its form, filed as a new case.
    private func take(_ db: Database, _ item: FerryItem, _ now: Instant) throws {
        // The same item in another batch has its effect once.
        if try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM submission WHERE id = ?)", arguments: [item.id])
            == true
        {
            return
        }
        guard let sealed = item.part("item.p7m"), let clear = item.part("item.json"),
            let head = try? JSON(parsing: clear)
        else {
            throw LaneDatabase.RejectedItem(.schema)
        }
        // A key or a form that this side lacks is our mistake and no reason to refuse a citizen's words: the error
        // leaves the batch where it is.
        let plain = try Envelope.open(sealed, with: desk)
        guard let payload = SubmissionPayload(plain), payload.id == item.id, payload.kind == item.kind,
            head["received"]?.string == payload.received.rfc3339(in: .shanghai), head["form"]?.string == payload.form
        else { throw LaneDatabase.RejectedItem(.schema) }
        guard let definition = configuration.definition(payload.form) else {
            throw ConfigurationError(text: "no definition \(payload.form); publish the sites here first")
        }
        guard case .success(let answers) = definition.validate(Self.input(payload.answers)),
            answers.values == payload.answers
        else { throw LaneDatabase.RejectedItem(.schema) }
        let isKnown = try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM submission WHERE receipt = ?)", arguments: [payload.receipt])
        if isKnown == true { throw LaneDatabase.RejectedItem(.duplicate) }
        let number = (try Int.fetchOne(db, sql: "SELECT max(number) FROM submission") ?? 0) + 1
        try db.execute(
            sql: """
                INSERT INTO submission (id, number, kind, received, imported, form, receipt, lookup, status_key, auth_key, language, answers)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                payload.id, number, payload.kind, payload.received.seconds, now.seconds, payload.form, payload.receipt,
                payload.lookup,
                payload.statusKey, payload.authKey, payload.language, JSON.object(payload.answers).canonicalText,
            ])
        if payload.kind == "hotline" {
            try db.execute(sql: "INSERT INTO ticket (id, state) VALUES (?, 'received')", arguments: [payload.id])
        } else {
            guard let process = definition.process else { throw LaneDatabase.RejectedItem(.schema) }
            try db.execute(
                sql: "INSERT INTO approval (id, state, lead) VALUES (?, 'submitted', ?)",
                arguments: [payload.id, process.lead])
            for (position, branch) in process.branches.enumerated() {
                try db.execute(
                    sql:
                        "INSERT INTO task (id, position, department, days, working, opinion) VALUES (?, ?, ?, ?, ?, 'pending')",
                    arguments: [payload.id, position, branch.department, branch.limit.count, branch.limit.working])
            }
        }
        try db.execute(
            sql: "INSERT INTO event (id, at, officer, action, before, after) VALUES (?, ?, '摆渡', 'import', '', ?)",
            arguments: [payload.id, now.seconds, payload.kind == "hotline" ? "received" : "submitted"])
        guard let file = try Self.file(db, payload.id) else { return }
        let status = CitizenStatus(state: .received, text: "", received: payload.received, due: nil, updated: now)
        try queue(db, status, file, version: 1)
    }

    private static func input(_ answers: [String: JSON]) -> [String: [String]] {
        answers.mapValues { value in value.array?.compactMap(\.string) ?? value.string.map { [$0] } ?? [] }
    }
}

/// What the citizen reads about a case.
struct CitizenStatus: Sendable {
    /// The closed list that both sides know.
    enum State: String, Sendable { case received, accepted, correction, answered, granted, refused, notAccepted }

    let state: State
    let text: String
    let received: Instant
    let due: String?
    let updated: Instant

    var isOpen: Bool { state == .received || state == .accepted || state == .correction }

    var json: JSON {
        var dates: [String: JSON] = [
            "received": .string(received.minuteText(in: .shanghai)),
            "updated": .string(updated.minuteText(in: .shanghai)),
        ]
        if let due { dates["due"] = .string(due) }
        return .object(["state": .string(state.rawValue), "text": .string(text), "dates": .object(dates)])
    }
}
