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

        /// What a list says of it.
        package var line: Line {
            Line(
                subject: subject, process: process, state: file.state, lead: file.lead,
                title: world.form.title(of: file.answers), clock: process.shownClock(of: file),
                firstEnd: process.firstEnd(of: file, in: world), said: process.said(in: file))
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

    func view(_ id: String, at now: Instant, carried: Instant?, _ db: any SQLConnection) throws -> View {
        let row = try row(of: id, db)
        let indexed: Int? = try db.value("SELECT version FROM case_index WHERE number = ?", row.subject.number)
        return try view(row, indexed: indexed, at: now, carried: carried, db)
    }

    /// - Parameter indexed: version of the newest event; what memory has of it is good.
    private func view(
        _ row: SubjectRow, indexed: Int?, at now: Instant, carried: Instant?, _ db: any SQLConnection
    ) throws -> View {
        let id = row.subject.id
        // Another process may have erased it.
        if row.wrapped == nil { folded.forget(id) }
        let found: FoldedCases.Folded
        if row.wrapped != nil, let indexed, let known = folded.folded(id, version: indexed) {
            found = known
        } else {
            let log = try log(of: id, try secret(of: row), db)
            let events = log.lazy.map(\.event).inPresentNames
            found = FoldedCases.Folded(
                version: log.last?.event.version ?? 0,
                file: Case(
                    received: row.subject.received, events: events, isErased: row.wrapped == nil),
                events: events,
                requests: Dictionary(log.map { ($0.key, $0.event.version) }) { first, _ in first })
            if row.wrapped != nil { folded.keep(found, as: id) }
        }
        let process = try definitions.process(row.subject.process, db)
        return View(
            subject: row.subject, process: process, file: found.file, events: found.events,
            world: try world(of: row.subject, process, found.file.answers, now, carried: carried),
            requests: found.requests, receipt: row.receipt)
    }

    // MARK: Lists

    /// What a list says of a case, without its log being read.
    package struct Line: Sendable {
        package let subject: Subject
        package let process: Process
        package let state: String
        package let lead: String?
        /// The answer that the form calls its title; nil where there is none, or where it was erased.
        package let title: String?
        /// The clock whose end a list shows.
        package let clock: ClockRun?
        /// When the first limit of the case runs out, that clock's or a task's; nil where none has a known end.
        package var firstEnd: Instant?
        /// What an officer said who began it, by the inputs' ids.
        package let said: [String: JSON]
    }

    package struct Listing: Sendable {
        package fileprivate(set) var lines: [Line] = []
        /// Cases that cannot be read.
        package fileprivate(set) var damaged: [String] = []
        /// `before` of the next page; nil after the last.
        package internal(set) var next: Int?

        package static let empty = Listing()
    }

    /// Which cases a list shows.
    package struct Query: Sendable {
        /// What officers began, and no cases.
        package var isOthers = false
        /// Those that came to their end, too.
        package var includesFinal = false
        /// Numbers below this one; nil for the newest.
        package var before: Int?
        package var limit: Int
        package let narrowing: CaseNarrowing

        package init(
            includesFinal: Bool = false, isOthers: Bool = false, before: Int? = nil, limit: Int,
            narrowing: CaseNarrowing = .none
        ) {
            self.narrowing = narrowing
            self.isOthers = isOthers
            self.includesFinal = includesFinal
            self.before = before
            self.limit = limit
        }
    }

    /// Names in the index of those as whom somebody in these posts sees cases now.
    static func viewers(_ posts: [Post], at now: Instant) -> Set<String> {
        Set(posts.filter { $0.isHeld(at: now) }.flatMap(\.viewers).map(\.name))
    }

    /// The newest cases that somebody in these posts may see: rights, order and length are the database's. The reading is on
    /// record.
    ///
    /// - Parameter mostNarrowed: the number of cases of one viewer that a page of a narrowed list examines; the next page examines more.
    package func list(
        _ query: Query, as posts: [Post], mostNarrowed: Int = CaseStore.mostNarrowed, at now: Instant
    ) throws -> Listing {
        try record("list", as: posts, at: now)
        let viewers = Self.viewers(posts, at: now)
        return try database.read { db in
            let seen = try viewers.map { viewer in
                try numbers(seenBy: viewer, query, most: mostNarrowed, at: now, db)
            }
            // The page ends at the highest of the viewers' ends: below it, the cases of one of them were not examined.
            let end = seen.compactMap(\.end).max()
            let newest = Set(seen.flatMap(\.found)).filter { $0 >= end ?? Int.min }.sorted(by: >)
            var listing = try lines(Array(newest.prefix(query.limit)), db)
            listing.next = newest.count > query.limit ? newest[query.limit - 1] : end
            return listing
        }
    }

    /// Lines of these cases, in their order.
    func lines(_ numbers: [Int], _ db: any SQLConnection) throws -> Listing {
        let (lines, damaged) = try readable(
            numbers, "i.state AS state, i.lead AS lead, i.line AS line, i.due AS due", db
        ) {
            try line($0, $1, db)
        }
        return Listing(lines: lines.map(\.value), damaged: damaged)
    }

    /// What is made of the rows of these cases, in their order, and the ids of those that cannot be read.
    private func readable<T>(
        _ numbers: [Int], _ columns: String, _ db: any SQLConnection, _ make: (SubjectRow, SQLRow) throws -> T
    ) throws -> (found: [(number: Int, value: T)], damaged: [String]) {
        if numbers.isEmpty { return ([], []) }
        var found: [Int: T] = [:]
        var damaged: [Int: String] = [:]
        let list = SQLList(numbers)
        let rows = try db.rows(
            """
            SELECT \(SubjectRow.columns), \(columns)
            FROM \(SubjectRow.joins) JOIN case_index i ON i.number = s.number
            WHERE s.number IN (\(list.marks))
            """, values: list.values)
        for row in rows {
            let known = try SubjectRow(row)
            do {
                found[known.subject.number] = try make(known, row)
            } catch is Failure {
                damaged[known.subject.number] = known.subject.id
            }
        }
        return (
            numbers.compactMap { number in found[number].map { (number, $0) } }, numbers.compactMap { damaged[$0] }
        )
    }

    private func line(_ known: SubjectRow, _ row: SQLRow, _ db: any SQLConnection) throws -> Line {
        let subject = known.subject
        var shown: JSON?
        if let secret = try secret(of: known) {
            do {
                let place = SubjectKeys.Place.projection(subject: subject.id, table: Projection.index.rawValue)
                shown = try JSON(parsing: try keys.open(try row["line"], key: secret, at: place))
            } catch let error as SQLError {
                throw error
            } catch {
                throw Failure.damaged(subject: subject.id, version: 0)
            }
        }
        let end: Int? = try row["due"]
        return Line(
            subject: subject, process: try definitions.process(subject.process, db), state: try row["state"],
            lead: try row["lead"], title: shown?["title"]?.string,
            clock: shown?["clock"].flatMap(ClockRun.init(ledger:)), firstEnd: end.map(Instant.init(seconds:)),
            said: shown?["said"]?.object ?? [:])
    }

    /// A place among the cases that wait for somebody, the most urgent first.
    package struct TurnPlace: Sendable, Hashable {
        package let due: Int
        package let number: Int

        package init(due: Int, number: Int) {
            self.due = due
            self.number = number
        }
    }

    /// Puts one line on record for a list or a search, which may take several readings.
    ///
    /// - Parameter subject: the terms of a search.
    package func record(_ what: String, _ subject: String = "", as posts: [Post], at now: Instant) throws {
        if let post = posts.first { try readings.record(post, what, subject, at: now, in: database) }
    }

    package struct Waiting: Sendable {
        /// Also for those who may not act after all, since they took the step before.
        package fileprivate(set) var views: [(place: TurnPlace, view: View)] = []
        /// Cases that cannot be read.
        package fileprivate(set) var damaged: [String] = []
        /// The last place that was looked at; nil where none is behind it.
        package fileprivate(set) var next: TurnPlace?
    }

    /// Cases that wait for somebody in these posts, by the end of their clocks. On no record: `record` puts it there.
    ///
    /// - Parameter after: of the last one that was looked at; nil for the most urgent.
    package func waiting(for posts: [Post], after: TurnPlace?, limit: Int, at now: Instant) throws -> Waiting {
        let viewers = Self.viewers(posts, at: now)
        return try database.read { db in
            var places: Set<TurnPlace> = []
            for viewer in viewers {
                let rows = try db.rows(
                    """
                    SELECT due, number FROM turn WHERE viewer = ? AND (due > ? OR (due = ? AND number > ?))
                    ORDER BY due, number LIMIT \(limit)
                    """, viewer, after?.due ?? Int.min, after?.due ?? Int.min, after?.number ?? 0)
                for row in rows { places.insert(TurnPlace(due: try row["due"], number: try row["number"])) }
            }
            let looked = places.sorted { ($0.due, $0.number) < ($1.due, $1.number) }.prefix(limit)
            let carried = try carried(db)
            let (found, damaged) = try readable(looked.map(\.number), "i.version AS indexed", db) { known, row in
                try view(known, indexed: try row["indexed"], at: now, carried: carried, db)
            }
            let due = Dictionary(looked.map { ($0.number, $0) }) { first, _ in first }
            return Waiting(
                views: found.compactMap { number, view in
                    view.isVisible(to: posts) ? due[number].map { ($0, view) } : nil
                }, damaged: damaged, next: looked.count == limit ? looked.last : nil)
        }
    }

    /// Open tasks of a unit, the oldest first.
    package func tasks(of unit: String, limit: Int) throws -> [(subject: String, task: Int)] {
        try database.read { db in
            try db.rows(
                """
                SELECT i.subject, t.task FROM task t JOIN case_index i ON i.number = t.number WHERE t.unit = ?
                ORDER BY t.opened, t.number, t.task LIMIT ?
                """, unit, limit
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

        /// Whether it is about what officers began.
        package var isOther: Bool { number > Subject.others }
        /// Among its own kind, from 1.
        package var shownNumber: Int { isOther ? number - Subject.others : number }
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

    /// A subject's row, and its key before it is unwrapped.
    struct SubjectRow: Sendable {
        let subject: Subject
        /// Nil once it was erased.
        let wrapped: [UInt8]?
        /// What its sender holds; nil of a case that no citizen sent, or that was erased.
        let receipt: String?

        fileprivate static let columns =
            "s.id, s.number, s.process, s.form, s.received, s.key, c.receipt AS receipt"
        fileprivate static let joins = "subject s LEFT JOIN correspondent c ON c.subject = s.id"

        init(subject: Subject, wrapped: [UInt8]?, receipt: String?) {
            self.subject = subject
            self.wrapped = wrapped
            self.receipt = receipt
        }

        fileprivate init(_ row: SQLRow) throws {
            let process: String = try row["process"]
            // A digest that does not read is that of no definition.
            let digest = SHA256Digest(hex: process) ?? SHA256Digest(of: Array(process.utf8))
            subject = Subject(
                id: try row["id"], number: try row["number"], process: digest, form: try row["form"],
                received: Instant(seconds: try row["received"]))
            wrapped = try row["key"]
            receipt = try row["receipt"]
        }
    }

    func row(of id: String, _ db: any SQLConnection) throws -> SubjectRow {
        guard
            let row = try db.row(
                "SELECT \(SubjectRow.columns) FROM \(SubjectRow.joins) WHERE s.id = ?", id)
        else { throw Failure.unknownSubject }
        return try SubjectRow(row)
    }

    /// Throws `damaged` where it does not open; nil once it was erased.
    func secret(of row: SubjectRow) throws -> [UInt8]? {
        do {
            return try row.wrapped.map { try keys.unwrap($0, of: row.subject.id) }
        } catch {
            throw Failure.damaged(subject: row.subject.id, version: 0)
        }
    }

    func subject(_ id: String, _ db: any SQLConnection) throws -> (Subject, [UInt8]?) {
        let row = try row(of: id, db)
        return (row.subject, try secret(of: row))
    }

    /// A subject with its events as they stand in the table.
    struct Log: Sendable {
        let row: SubjectRow
        var events: [SQLRow] = []
    }

    /// Cases with their events, by number, with few statements.
    func slice(after first: Int, _ limit: Int, _ db: any SQLConnection) throws -> [Log] {
        var logs = try db.rows(
            """
            SELECT \(SubjectRow.columns) FROM \(SubjectRow.joins) WHERE s.number > ? ORDER BY s.number LIMIT ?
            """, first, limit
        ).map { Log(row: try SubjectRow($0)) }
        guard let last = logs.last?.row.subject.number else { return [] }
        let places = Dictionary(uniqueKeysWithValues: logs.enumerated().map { ($1.row.subject.id, $0) })
        let events = try db.rows(
            """
            SELECT e.* FROM subject s JOIN event e ON e.subject = s.id WHERE s.number > ? AND s.number <= ?
            ORDER BY s.number, e.version
            """, first, last)
        for event in events {
            if let place = places[try event["subject"]] { logs[place].events.append(event) }
        }
        return logs
    }

    /// Definitions under which cases run; those that nobody has are missing.
    func processes(of logs: [Log], _ db: any SQLConnection) throws -> [SHA256Digest: Process] {
        var found: [SHA256Digest: Process] = [:]
        for digest in Set(logs.map(\.row.subject.process)) {
            do {
                found[digest] = try definitions.process(digest, db)
            } catch is Failure {
                // Its cases are told as unreadable.
            }
        }
        return found
    }

    func writing(_ log: Log, _ processes: [SHA256Digest: Process], now: Instant) throws -> Writing {
        guard let process = processes[log.row.subject.process] else { throw Failure.unknownDefinition }
        let secret = try secret(of: log.row)
        let entries = try log.events.map { try entry($0, of: log.row.subject.id, secret) }
        return Writing(log.row, secret: secret ?? [], process: process, log: entries, now: now)
    }

    struct Entry {
        let event: Event
        let recorded: Instant
        let digest: SHA256Digest
        let key: String
        let command: String
    }

    /// - Parameter secret: nil for an erased subject, whose words are gone.
    func log(of id: String, _ secret: [UInt8]?, _ db: any SQLConnection) throws -> [Entry] {
        try db.rows(
            "SELECT version, recorded, body, box, digest, key, command FROM event WHERE subject = ? ORDER BY version",
            id
        )
        .map { try entry($0, of: id, secret) }
    }

    private func entry(_ row: SQLRow, of id: String, _ secret: [UInt8]?) throws -> Entry {
        let version: Int = try row["version"]
        let box: [UInt8] = try row["box"]
        let damaged = Failure.damaged(subject: id, version: version)
        do {
            var boxed: JSON?
            if let secret {
                boxed = try JSON(parsing: try keys.open(box, key: secret, at: .event(subject: id, version: version)))
            }
            guard let event = Event(open: try JSON(parsing: try row["body"]), boxed: boxed),
                let digest = SHA256Digest(hex: try row["digest"])
            else { throw damaged }
            return Entry(
                event: event, recorded: Instant(seconds: try row["recorded"]), digest: digest, key: try row["key"],
                command: try row["command"])
        } catch let error as SQLError {
            throw error
        } catch {
            throw damaged
        }
    }
}
