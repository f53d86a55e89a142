package import Authority
import Forms
package import PortalBase
package import Procedures
import SQL
package import Workflow

extension CaseStore {
    /// A case as an officer sees it.
    package struct View: Sendable {
        package let subject: Subject
        package let process: Process
        package let file: Case
        package let events: [Event]
        package let world: World
        /// Versions of events by the key of the request that brought them.
        let requests: [String: Int]
        /// What its sender holds; nil of a case that no citizen sent, or that was erased.
        package let receipt: String?

        /// Whether somebody in one of these posts may see it.
        package func isVisible(to posts: [Post]) -> Bool {
            posts.contains { process.isVisible(file, to: $0, in: world) }
        }

        /// What came of a request before; nil where it was never taken.
        package func event(of key: String) -> Event? {
            requests["request " + key].flatMap { version in events.first { $0.version == version } }
        }
    }

    /// A case, for somebody in one of these posts. The reading is on record before a byte of it leaves.
    package func view(_ id: String, as posts: [Post], at now: Instant) throws -> View {
        let view = try view(id, at: now)
        guard let post = posts.first(where: { view.process.isVisible(view.file, to: $0, in: view.world) }) else {
            throw Failure.unknownSubject
        }
        try readings.record(post, "case", id, at: now, in: database)
        return view
    }

    /// The same for the core itself, on no record.
    package func view(_ id: String, at now: Instant) throws -> View {
        try database.read { db in try view(id, at: now, carried: try carried(db), db) }
    }

    private func view(_ id: String, at now: Instant, carried: Instant?, _ db: any SQLConnection) throws -> View {
        guard
            let row = try db.row(
                """
                SELECT s.*, i.version AS indexed, c.receipt AS receipt FROM subject s
                LEFT JOIN case_index i ON i.subject = s.id LEFT JOIN correspondent c ON c.subject = s.id WHERE s.id = ?
                """, id)
        else { throw Failure.unknownSubject }
        let subject = try Self.subject(id, row)
        let wrapped: [UInt8]? = try row["key"]
        let indexed: Int? = try row["indexed"]
        let found: FoldedCases.Folded
        if wrapped != nil, let indexed, let known = folded.folded(id, version: indexed) {
            found = known
        } else {
            let log = try log(of: id, try wrapped.map { try unwrapped($0, of: id) }, db)
            found = FoldedCases.Folded(
                version: log.last?.event.version ?? 0,
                file: Case(received: subject.received, events: log.lazy.map(\.event)), events: log.map(\.event),
                requests: Dictionary(log.map { ($0.key, $0.event.version) }) { first, _ in first })
            if wrapped != nil { folded.keep(found, as: id) }
        }
        return View(
            subject: subject, process: try definitions.process(subject.process, db), file: found.file,
            events: found.events, world: try world(subject.form, found.file.answers, now, carried: carried),
            requests: found.requests, receipt: try row["receipt"])
    }

    /// Those of some cases that somebody in these posts may see, as one reading; what cannot be read is left out and named.
    package func views(
        _ ids: [String], as posts: [Post], of what: String, at now: Instant
    ) throws -> (views: [View], damaged: [String]) {
        if let post = posts.first { try readings.record(post, what, "", at: now, in: database) }
        return try database.read { db in
            let carried = try carried(db)
            var (views, damaged): ([View], [String]) = ([], [])
            for id in ids {
                do {
                    let view = try view(id, at: now, carried: carried, db)
                    if view.isVisible(to: posts) { views.append(view) }
                } catch is Failure {
                    damaged.append(id)
                }
            }
            return (views, damaged)
        }
    }

    package func number(of id: String) throws -> Int {
        try database.read { db in try subject(id, db).0.number }
    }

    /// Which cases a list shows.
    package struct Query: Sendable {
        /// Those that came to their end, too.
        package var includesFinal = false
        /// Numbers below this one; nil for the newest.
        package var before: Int?
        package var limit: Int

        package init(includesFinal: Bool = false, before: Int? = nil, limit: Int) {
            self.includesFinal = includesFinal
            self.before = before
            self.limit = limit
        }
    }

    /// Names in the index of those as whom somebody in these posts sees cases now.
    static func viewers(_ posts: [Post], at now: Instant) -> Set<String> {
        Set(posts.filter { $0.isHeld(at: now) }.flatMap(\.viewers).map(\.name))
    }

    /// The newest cases that somebody in these posts may see: rights, order and length are the database's.
    package func list(_ query: Query, as posts: [Post], at now: Instant) throws -> [String] {
        let viewers = Self.viewers(posts, at: now)
        let found: [Int: String] = try database.read { db in
            var found: [Int: String] = [:]
            for viewer in viewers {
                let rows = try db.rows(
                    """
                    SELECT number, subject FROM visible WHERE viewer = ? AND number < ? \(query.includesFinal ? "" : "AND final = 0")
                    ORDER BY number DESC LIMIT ?
                    """, viewer, query.before ?? Int(Int32.max), query.limit)
                for row in rows { found[try row["number"]] = try row["subject"] }
            }
            return found
        }
        return found.sorted { $0.key > $1.key }.prefix(query.limit).map(\.value)
    }

    /// Open tasks of a unit, the oldest first.
    package func tasks(of unit: String, limit: Int) throws -> [(subject: String, task: Int)] {
        try database.read { db in
            try db.rows(
                "SELECT subject, task FROM task WHERE unit = ? ORDER BY opened, subject, task LIMIT ?", unit, limit
            )
            .map { (try $0["subject"], try $0["task"]) }
        }
    }

    /// Cases with a clock that runs, by number.
    package func running() throws -> [String] {
        try database.read { db in try db.column("SELECT subject FROM case_index WHERE running = 1 ORDER BY number") }
    }

    /// A page that was published once.
    package struct PublishedPage: Sendable {
        package let subject: String
        package let number: Int
        /// Of the event that published it last.
        package let version: Int
        package let isPublished: Bool
    }

    package func pages() throws -> [PublishedPage] {
        try database.read { db in
            try db.rows("SELECT * FROM page ORDER BY number").map { row in
                PublishedPage(
                    subject: try row["subject"], number: try row["number"], version: try row["version"],
                    isPublished: try row["published"])
            }
        }
    }

    // MARK: The log

    func subject(_ id: String, _ db: any SQLConnection) throws -> (Subject, [UInt8]?) {
        guard let row = try db.row("SELECT * FROM subject WHERE id = ?", id) else { throw Failure.unknownSubject }
        let wrapped: [UInt8]? = try row["key"]
        return (try Self.subject(id, row), try wrapped.map { try unwrapped($0, of: id) })
    }

    private static func subject(_ id: String, _ row: SQLRow) throws -> Subject {
        guard let process = SHA256Digest(hex: try row["process"]) else { throw Failure.unknownDefinition }
        return Subject(
            id: id, number: try row["number"], process: process, form: try row["form"],
            received: Instant(seconds: try row["received"]))
    }

    private func unwrapped(_ key: [UInt8], of id: String) throws -> [UInt8] {
        do {
            return try keys.unwrap(key, of: id)
        } catch {
            throw Failure.damaged(subject: id, version: 0)
        }
    }

    struct Entry {
        let event: Event
        let digest: SHA256Digest
        let key: String
        let command: String
    }

    /// - Parameter secret: nil for an erased subject, whose words are gone.
    func log(of id: String, _ secret: [UInt8]?, _ db: any SQLConnection) throws -> [Entry] {
        try db.rows("SELECT version, body, box, digest, key, command FROM event WHERE subject = ? ORDER BY version", id)
            .map { row in
                let version: Int = try row["version"]
                let box: [UInt8] = try row["box"]
                let damaged = Failure.damaged(subject: id, version: version)
                do {
                    var boxed: JSON?
                    if let secret {
                        boxed = try JSON(
                            parsing: try keys.open(box, key: secret, at: .event(subject: id, version: version)))
                    }
                    guard let event = Event(open: try JSON(parsing: try row["body"]), boxed: boxed),
                        let digest = SHA256Digest(hex: try row["digest"])
                    else { throw damaged }
                    return Entry(event: event, digest: digest, key: try row["key"], command: try row["command"])
                } catch let error as SQLError {
                    throw error
                } catch {
                    throw damaged
                }
            }
    }
}
