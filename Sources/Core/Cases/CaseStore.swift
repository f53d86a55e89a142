import CMS
package import PortalBase
package import Procedures
package import SQL
package import Workflow

/// The only writer of the core's tables: folds a case out of its events, has the process decide, and records what came of it
/// with everything that is made out of it, in one transaction.
package struct CaseStore: Sendable {
    private let database: any SQLDatabase
    private let keys: SubjectKeys
    private let processes: [SHA256Digest: Process]
    /// What a process looks at besides the case, for a form at a moment.
    private let world: @Sendable (_ form: String, _ now: Instant) throws -> World

    /// Why a command changes nothing.
    package enum Failure: Error, Sendable, Equatable {
        case unknownSubject
        case unknownDefinition
        case refused(Refusal)
        /// The key was used for another command.
        case keyReused
        /// Others were quicker, again and again.
        case busy
        case erased
        /// An event that does not read: the log is damaged.
        case damaged(subject: String, version: Int)
    }

    package struct Subject: Sendable, Equatable {
        package let id: String
        package let number: Int
        package let process: SHA256Digest
        package let form: String
        package let received: Instant
    }

    package init(
        _ database: any SQLDatabase, keys: SubjectKeys, processes: [Process],
        world: @escaping @Sendable (_ form: String, _ now: Instant) throws -> World
    ) throws {
        self.database = database
        self.keys = keys
        self.processes = Dictionary(processes.map { ($0.digest, $0) }) { first, _ in first }
        self.world = world
        try CaseSchema.migrations(database).run(on: database)
        try database.write { db in
            for process in processes {
                try db.execute(
                    "INSERT INTO definition (digest, process, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    process.digest.hex, process.id, process.source)
            }
        }
    }

    // MARK: Writing

    /// A new case. The same id again is the same case: nothing happens.
    ///
    /// - Returns: its number; numbers rise without a gap.
    package func begin(
        _ id: String, process: Process, form: String, answers: [String: [String]], received: Instant, at now: Instant
    ) throws -> Int {
        let (key, wrapped) = try keys.make(for: id)
        return try database.write { db in
            if let known: Int = try db.value("SELECT number FROM subject WHERE id = ?", id) { return known }
            let number = try next(of: "case", db)
            try db.execute(
                "INSERT INTO subject (id, number, process, form, received, key) VALUES (?, ?, ?, ?, ?, ?)", id, number,
                process.digest.hex, form, received.seconds, wrapped)
            var file = Case(received: received, answers: answers)
            let event = Event(
                version: 1, at: received, actor: .citizen, action: "begin", task: nil,
                inputs: answers.mapValues(InputValue.list), facts: process.begin(file, in: try world(form, now)))
            _ = try record(event, of: id, key, before: SHA256Digest(of: Array(id.utf8)), "begin", "begin", at: now, db)
            file.apply(event)
            try project(file, id, number, process, db)
            return number
        }
    }

    /// Does what somebody wants, once: the same key with the same command gives the events of the first time.
    ///
    /// - Parameters:
    ///   - key: of the request; names the command for ever.
    ///   - at: when it counts; receipt at the edge for what a citizen sent.
    package func perform(
        _ command: Command, on id: String, as actor: Actor, key: String, at moment: Instant, now: Instant
    ) throws -> Event {
        try change(id, key: key, command: Self.digest(command, actor), now: now) { process, file, world in
            do throws(Refusal) {
                let facts = try process.decide(command, on: file, as: actor, in: world)
                return Event(
                    version: file.version + 1, at: moment, actor: actor, action: command.action, task: command.task,
                    inputs: command.inputs, facts: facts)
            } catch {
                throw Failure.refused(error)
            }
        }
    }

    /// Passes a rung that is due: once, however many ask for it.
    package func fire(_ firing: Firing, on id: String, now: Instant) throws -> Event {
        let key = "clock \(firing.clock) \(firing.instance) \(firing.extensions) \(firing.rung)"
        return try change(id, key: key, command: key, now: now) { process, file, world in
            do throws(Refusal) {
                let facts = try process.fire(firing, on: file, in: world)
                return Event(
                    version: file.version + 1, at: now, actor: .clock, action: "clock", task: nil, inputs: [:],
                    facts: facts)
            } catch {
                throw Failure.refused(error)
            }
        }
    }

    private static let attempts = 3

    private func change(
        _ id: String, key: String, command: String, now: Instant,
        _ decide: (Process, Case, World) throws -> Event
    ) throws -> Event {
        for _ in 0..<Self.attempts {
            do {
                return try once(id, key: key, command: command, now: now, decide)
            } catch is Quicker {
                // Somebody was: the case is folded again, and nothing of this attempt stays, no number either.
            }
        }
        throw Failure.busy
    }

    private struct Quicker: Error {}

    private func once(
        _ id: String, key: String, command: String, now: Instant,
        _ decide: (Process, Case, World) throws -> Event
    ) throws -> Event {
        try database.write { db in
            let (subject, secret) = try self.subject(id, db)
            guard let secret else { throw Failure.erased }
            let log = try log(of: id, secret, db)
            if let known = log.first(where: { $0.key == key }) {
                guard known.command == command else { throw Failure.keyReused }
                return known.event
            }
            guard let process = processes[subject.process] else { throw Failure.unknownDefinition }
            var file = Self.fold(subject, log)
            // What is decided now is decided by the time of now; what came in time counts by when it came.
            let event = try decide(process, file, try world(subject.form, now))
            let filled = try fill(event, db)
            let before = log.last?.digest ?? SHA256Digest(of: Array(id.utf8))
            guard try record(filled, of: id, secret, before: before, key, command, at: now, db) else { throw Quicker() }
            file.apply(filled)
            try project(file, id, subject.number, process, db)
            return filled
        }
    }

    /// False where another writer has made this version, or used this key, meanwhile.
    private func record(
        _ event: Event, of id: String, _ secret: [UInt8], before: SHA256Digest, _ key: String, _ command: String,
        at now: Instant, _ db: any SQLConnection
    ) throws -> Bool {
        let (open, boxed) = event.coded
        let body = open.canonicalBytes
        let box = try keys.seal(boxed.canonicalBytes, key: secret, subject: id, version: event.version)
        let digest = Self.digest(before, body, box)
        return try db.execute(
            """
            INSERT INTO event (subject, version, at, recorded, action, body, box, digest, key, command)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """, id, event.version, event.at.seconds, now.seconds, event.action, body, box, digest.hex, key, command)
            == 1
    }

    /// Over the digest before, what stands open, and the digest of the box: an erased box leaves its digest.
    private static func digest(_ before: SHA256Digest, _ body: [UInt8], _ box: [UInt8]) -> SHA256Digest {
        SHA256Digest(of: before.bytes + SHA256Digest(of: box).bytes + body)
    }

    private static func digest(_ command: Command, _ actor: Actor) -> String {
        let event = Event(
            version: 0, at: Instant(seconds: 0), actor: actor, action: command.action, task: command.task,
            inputs: command.inputs, facts: [])
        let (open, boxed) = event.coded
        return SHA256Digest(of: open.canonicalBytes + boxed.canonicalBytes).hex
    }

    /// Numbers for what was issued: the next of each series.
    private func fill(_ event: Event, _ db: any SQLConnection) throws -> Event {
        let facts = try event.facts.map { fact -> Fact in
            guard case .issued(let document, let series, 0) = fact else { return fact }
            return .issued(document: document, series: series, number: try next(of: series, db))
        }
        return Event(
            version: event.version, at: event.at, actor: event.actor, action: event.action, task: event.task,
            inputs: event.inputs, facts: facts)
    }

    private func next(of series: String, _ db: any SQLConnection) throws -> Int {
        try db.execute("INSERT INTO counter (series, last) VALUES (?, 0) ON CONFLICT DO NOTHING", series)
        try db.execute("UPDATE counter SET last = last + 1 WHERE series = ?", series)
        guard let number: Int = try db.value("SELECT last FROM counter WHERE series = ?", series) else {
            throw SQLError(.fault, "no counter")
        }
        return number
    }

    // MARK: What is made out of the log

    private func project(
        _ file: Case, _ id: String, _ number: Int, _ process: Process, _ db: any SQLConnection
    ) throws {
        try db.execute(
            """
            INSERT INTO case_index (subject, number, process, state, final, lead, version, told)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (subject) DO UPDATE SET state = excluded.state, final = excluded.final, lead = excluded.lead,
                version = excluded.version, told = excluded.told
            """, id, number, process.id, file.state, process.state(file.state)?.isFinal ?? false, file.lead,
            file.version, file.toldVersion)
        try db.execute("DELETE FROM task WHERE subject = ?", id)
        for task in file.tasks where task.isOpen {
            try db.execute(
                "INSERT INTO task (subject, task, kind, unit, assignee, opened) VALUES (?, ?, ?, ?, ?, ?)", id, task.id,
                task.kind, task.unit, task.assignee, task.opened.seconds)
        }
    }

    /// Makes index and tasks anew out of the log.
    ///
    /// - Returns: how many rows were other than they should be.
    package func rebuild() throws -> Int {
        try database.write { db in
            let before = try rows(db)
            try db.execute("DELETE FROM task")
            try db.execute("DELETE FROM case_index")
            for id: String in try db.column("SELECT id FROM subject ORDER BY number") {
                let (subject, secret) = try self.subject(id, db)
                guard let process = processes[subject.process] else { throw Failure.unknownDefinition }
                try project(
                    Self.fold(subject, try log(of: id, secret, db)), id, subject.number, process, db)
            }
            let after = try rows(db)
            return before.symmetricDifference(after).count
        }
    }

    private func rows(_ db: any SQLConnection) throws -> Set<String> {
        let index = try db.rows("SELECT * FROM case_index").map { row in
            let lead: String? = try row["lead"]
            return
                "\(try row["subject"] as String) \(try row["state"] as String) \(try row["final"] as Int) \(lead ?? "-") \(try row["version"] as Int)"
        }
        let tasks = try db.rows("SELECT * FROM task").map { row in
            let assignee: String? = try row["assignee"]
            return
                "\(try row["subject"] as String) \(try row["task"] as Int) \(try row["unit"] as String) \(assignee ?? "-")"
        }
        return Set(index + tasks)
    }

    // MARK: Reading

    package func view(_ id: String) throws -> (subject: Subject, file: Case, events: [Event]) {
        try database.read { db in
            let (subject, secret) = try self.subject(id, db)
            let log = try log(of: id, secret, db)
            return (subject, Self.fold(subject, log), log.map(\.event))
        }
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

    /// Rungs that are due now, over all cases that are not at their end.
    package func due(at now: Instant) throws -> [(subject: String, firing: Firing)] {
        let open: [String] = try database.read { db in
            try db.column("SELECT subject FROM case_index ORDER BY number")
        }
        return try open.flatMap { id -> [(String, Firing)] in
            let (subject, file, _) = try view(id)
            guard let process = processes[subject.process], file.clocks.contains(where: \.isRunning) else { return [] }
            return process.due(on: file, in: try world(subject.form, now)).map { (id, $0) }
        }
    }

    private func subject(_ id: String, _ db: any SQLConnection) throws -> (Subject, [UInt8]?) {
        guard let row = try db.row("SELECT * FROM subject WHERE id = ?", id) else { throw Failure.unknownSubject }
        guard let process = SHA256Digest(hex: try row["process"]) else { throw Failure.unknownDefinition }
        let wrapped: [UInt8]? = try row["key"]
        let subject = Subject(
            id: id, number: try row["number"], process: process, form: try row["form"],
            received: Instant(seconds: try row["received"]))
        return (subject, try wrapped.map { try keys.unwrap($0, of: id) })
    }

    private struct Entry {
        let event: Event
        let digest: SHA256Digest
        let key: String
        let command: String
    }

    /// - Parameter secret: nil for an erased subject, whose words are gone.
    private func log(of id: String, _ secret: [UInt8]?, _ db: any SQLConnection) throws -> [Entry] {
        try db.rows("SELECT version, body, box, digest, key, command FROM event WHERE subject = ? ORDER BY version", id)
            .map { row in
                let version: Int = try row["version"]
                let box: [UInt8]? = try row["box"]
                let damaged = Failure.damaged(subject: id, version: version)
                do {
                    var boxed: JSON?
                    if let secret, let box {
                        boxed = try JSON(parsing: try keys.open(box, key: secret, subject: id, version: version))
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

    private static func fold(_ subject: Subject, _ log: [Entry]) -> Case {
        var answers: [String: [String]] = [:]
        for (name, value) in log.first?.event.inputs ?? [:] {
            if case .list(let values) = value { answers[name] = values }
        }
        return Case(received: subject.received, answers: answers, events: log.lazy.map(\.event))
    }

    // MARK: Erasure and proof

    /// Destroys a subject's key: its words are gone, the record of what was done stays.
    package func erase(_ id: String, at now: Instant) throws {
        let erased = try database.write { db in
            try db.execute(
                "UPDATE subject SET key = NULL, erased = ? WHERE id = ? AND key IS NOT NULL", now.seconds, id)
        }
        if erased == 0 { _ = try database.read { try subject(id, $0) } }
    }

    /// Breaks of the chain: each event's digest covers the one before, and its columns say what its body says.
    package func verify() throws -> [(subject: String, version: Int)] {
        try database.read { db in
            var broken: [(String, Int)] = []
            for id: String in try db.column("SELECT id FROM subject ORDER BY number") {
                var before = SHA256Digest(of: Array(id.utf8))
                var expected = 1
                for row in try db.rows(
                    "SELECT version, at, action, body, box, digest FROM event WHERE subject = ? ORDER BY version", id)
                {
                    let version: Int = try row["version"]
                    let body: [UInt8] = try row["body"]
                    let box: [UInt8] = try row["box"] ?? []
                    let digest = Self.digest(before, body, box)
                    let at: Int = try row["at"]
                    let action: String = try row["action"]
                    let event = (try? JSON(parsing: body)).flatMap { Event(open: $0, boxed: nil) }
                    let written: String = try row["digest"]
                    let isWhole =
                        version == expected && digest.hex == written && event?.version == version
                        && event?.at.seconds == at && event?.action == action
                    if !isWhole { broken.append((id, version)) }
                    before = digest
                    expected = version + 1
                }
                if expected == 1 { broken.append((id, 0)) }
            }
            return broken
        }
    }
}
