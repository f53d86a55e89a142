import Authority
import CMS
package import PortalBase
package import Procedures
package import SQL
package import Workflow

/// The only writer of the core's tables: folds a case out of its events, has the process decide, and records what came of it
/// with everything that is made out of it, in one transaction.
package struct CaseStore: Sendable {
    let database: any SQLDatabase
    let keys: SubjectKeys
    /// Those that are put to work now, and those under which older cases began.
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
        /// Only what has come to its end is erased.
        case running
        /// It holds what could not be read again, such as a text of nothing but combining marks.
        case unwritable
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
        self.world = world
        try CaseSchema.migrations(database).run(on: database)
        try database.write { db in
            for process in processes {
                try db.execute(
                    "INSERT INTO definition (digest, process, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    process.digest.hex, process.id, process.source)
            }
        }
        var known = Dictionary(processes.map { ($0.digest, $0) }) { first, _ in first }
        for row in try database.read({ try $0.rows("SELECT digest, text FROM definition") }) {
            guard let digest = SHA256Digest(hex: try row["digest"]), known[digest] == nil else { continue }
            known[digest] = Process(stored: try row["text"])
        }
        self.processes = known
    }

    // MARK: Writing

    /// A new case. The same id with the same answers is the same case: nothing happens.
    ///
    /// - Returns: its number; numbers rise without a gap.
    package func begin(
        _ id: String, process: Process, form: String, answers: [String: [String]], by actor: Actor = .citizen,
        received: Instant, at now: Instant
    ) throws -> Int {
        guard processes[process.digest] != nil else { throw Failure.unknownDefinition }
        let begun = Command(action: "begin", inputs: answers.mapValues(InputValue.list))
        return try retrying {
            try database.write { db in
                if let number: Int = try db.value("SELECT number FROM subject WHERE id = ?", id) {
                    let (_, secret) = try subject(id, db)
                    let written: String? = try db.value(
                        "SELECT command FROM event WHERE subject = ? AND version = 1", id)
                    guard let secret else { throw Failure.erased }
                    guard Self.mark(begun, actor, secret) == written else { throw Failure.keyReused }
                    return number
                }
                let (secret, wrapped) = try keys.make(for: id)
                let number = try next(of: Self.numbers, db)
                let isFirst = try db.execute(
                    """
                    INSERT INTO subject (id, number, process, form, received, key) VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT DO NOTHING
                    """, id, number, process.digest.hex, form, received.seconds, wrapped)
                guard isFirst == 1 else { throw Quicker() }
                var file = Case(received: received, answers: answers)
                let event = Event(
                    version: 1, at: received, actor: actor, action: begun.action, task: nil, inputs: begun.inputs,
                    facts: process.begin(file, in: try world(form, received)))
                _ = try record(
                    event, of: id, secret, before: SHA256Digest(of: Array(id.utf8)), key: "begin",
                    mark: Self.mark(begun, actor, secret), at: now, db)
                file.apply(event)
                try project(file, id, number, process, db)
                return number
            }
        }
    }

    /// Does what somebody wants, once: the same key with the same command gives the events of the first time.
    ///
    /// - Parameters:
    ///   - key: of the request; names the command for ever.
    ///   - moment: when it counts; receipt at the edge for what a citizen sent. It is decided by that time.
    package func perform(
        _ command: Command, on id: String, as actor: Actor, key: String, at moment: Instant, now: Instant
    ) throws -> Event {
        let moment = min(moment, now)
        return try change(id, key: "request " + key, command, actor, at: moment, now: now) { process, file, world in
            (command.action, try process.decide(command, on: file, as: actor, in: world))
        }
    }

    /// Passes a rung that is due: once, however many ask for it.
    package func fire(_ firing: Firing, on id: String, now: Instant) throws -> Event {
        let key = Self.key(firing)
        return try change(id, key: key, Command(action: key), .clock, at: now, now: now) { process, file, world in
            try process.fire(firing, on: file, in: world)
        }
    }

    private static func key(_ firing: Firing) -> String {
        "clock \(firing.clock) \(firing.instance) \(firing.extensions) \(firing.rung)"
    }

    private static let attempts = 5

    /// Somebody else wrote first: the case is folded again, and nothing of this attempt stays, no number either.
    private struct Quicker: Error {}

    private func retrying<T>(_ attempt: () throws -> T) throws -> T {
        for _ in 0..<Self.attempts {
            do {
                return try attempt()
            } catch is Quicker {
            } catch let error as SQLError where error.code == .busy {}
        }
        throw Failure.busy
    }

    private func change(
        _ id: String, key: String, _ command: Command, _ actor: Actor, at moment: Instant, now: Instant,
        _ decide: (Process, Case, World) throws -> (action: String, facts: [Fact])
    ) throws -> Event {
        try retrying {
            try database.write { db in
                let (subject, secret) = try self.subject(id, db)
                guard let secret else { throw Failure.erased }
                let mark = Self.mark(command, actor, secret)
                let log = try log(of: id, secret, db)
                if let known = log.first(where: { $0.key == key }) {
                    guard known.command == mark else { throw Failure.keyReused }
                    return known.event
                }
                guard let process = processes[subject.process] else { throw Failure.unknownDefinition }
                var file = Self.fold(subject, log)
                let world = try world(subject.form, moment)
                var head = log.last?.digest ?? SHA256Digest(of: Array(id.utf8))
                // Rungs that fell due before it pass before it, whether or not the timer has run.
                while actor != .clock, let firing = process.due(on: file, in: world).first {
                    let fired = try process.fire(firing, on: file, in: world)
                    let event = Event(
                        version: file.version + 1, at: moment, actor: .clock, action: fired.action, task: nil,
                        inputs: [:],
                        facts: try numbered(fired.facts, db))
                    let key = Self.key(firing)
                    let mark = Self.mark(Command(action: key), .clock, secret)
                    head = try record(event, of: id, secret, before: head, key: key, mark: mark, at: now, db)
                    file.apply(event)
                }
                let decided: (action: String, facts: [Fact])
                do {
                    decided = try decide(process, file, world)
                } catch let refusal as Refusal {
                    throw Failure.refused(refusal)
                }
                let event = Event(
                    version: file.version + 1, at: moment, actor: actor, action: decided.action, task: command.task,
                    inputs: command.inputs, facts: try numbered(decided.facts, db))
                _ = try record(event, of: id, secret, before: head, key: key, mark: mark, at: now, db)
                file.apply(event)
                try project(file, id, subject.number, process, db)
                return event
            }
        }
    }

    /// Throws `Quicker` where another writer has made this version, or used this key, meanwhile.
    ///
    /// - Returns: the head of the chain.
    private func record(
        _ event: Event, of id: String, _ secret: [UInt8], before: SHA256Digest, key: String, mark: String,
        at now: Instant, _ db: any SQLConnection
    ) throws -> SHA256Digest {
        let (open, boxed) = event.coded
        let words = boxed.canonicalBytes
        // The log is read for ever: what would not be read is not written.
        guard let again = try? JSON(parsing: words), let body = try? JSON(parsing: open.canonicalBytes),
            Event(open: body, boxed: again) == event
        else { throw Failure.unwritable }
        let box = try keys.seal(words, key: secret, subject: id, version: event.version)
        let columns: [String: JSON] = [
            "box": .string(SHA256Digest(of: box).hex), "command": .string(mark), "key": .string(key),
            "recorded": .integer(now.seconds), "subject": .string(id),
        ]
        let whole = JSON.object((body.object ?? [:]).merging(columns) { first, _ in first }).canonicalBytes
        let digest = Self.digest(before, whole)
        let isFirst = try db.execute(
            """
            INSERT INTO event (subject, version, at, recorded, action, body, box, digest, key, command)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """, id, event.version, event.at.seconds, now.seconds, event.action, whole, box,
            digest.hex, key, mark)
        guard isFirst == 1 else { throw Quicker() }
        return digest
    }

    /// Over the digest before and the body, which repeats every column and holds the box's digest: a box may go, the chain stays.
    static func digest(_ before: SHA256Digest, _ body: [UInt8]) -> SHA256Digest {
        SHA256Digest(of: before.bytes + body)
    }

    /// Tells a command that comes again from another under its key, and says nothing of its words without the subject's key.
    private static func mark(_ command: Command, _ actor: Actor, _ secret: [UInt8]) -> String {
        let who: Actor =
            switch actor {
            // The same person after a new sign-on is the same.
            case .officer(let officer):
                .officer(
                    Officer(
                        post: Post(
                            person: officer.post.person, role: officer.post.role, unit: officer.post.unit,
                            from: Instant(seconds: 0)), level: 0, deputised: officer.deputised))
            default: actor
            }
        let event = Event(
            version: 0, at: Instant(seconds: 0), actor: who, action: command.action, task: command.task,
            inputs: command.inputs, facts: [])
        let (open, boxed) = event.coded
        return hexText(hmacSHA256(key: secret, open.canonicalBytes + boxed.canonicalBytes))
    }

    /// The facts with the next number of its series for each document that was issued.
    private func numbered(_ facts: [Fact], _ db: any SQLConnection) throws -> [Fact] {
        try facts.map { fact in
            guard case .issued(let document, let series, 0) = fact else { return fact }
            return .issued(document: document, series: series, number: try next(of: "document " + series, db))
        }
    }

    /// The series of the cases' own numbers.
    static let numbers = "case"

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
            INSERT INTO case_index (subject, number, process, state, final, running, lead, version, told)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (subject) DO UPDATE SET state = excluded.state, final = excluded.final,
                running = excluded.running, lead = excluded.lead, version = excluded.version, told = excluded.told
            """, id, number, process.id, file.state, process.state(file.state)?.isFinal ?? false,
            file.clocks.contains(where: \.isRunning), file.lead, file.version, file.toldVersion)
        try db.execute("DELETE FROM task WHERE subject = ?", id)
        for task in file.tasks where task.isOpen {
            try db.execute(
                "INSERT INTO task (subject, task, kind, unit, assignee, opened) VALUES (?, ?, ?, ?, ?, ?)", id, task.id,
                task.kind, task.unit, task.assignee, task.opened.seconds)
        }
    }

    /// Writes the rows of `case_index` and `task` anew from the events of every case; a case with an unreadable event keeps its
    /// rows.
    ///
    /// - Returns: how many rows were other than they should be, and the cases that could not be read.
    package func rebuild() throws -> (changed: Int, damaged: [String]) {
        try database.write { db in
            let before = try rows(db)
            var damaged: [String] = []
            for id: String in try db.column("SELECT id FROM subject ORDER BY number") {
                do {
                    let (subject, secret) = try self.subject(id, db)
                    guard let process = processes[subject.process] else { throw Failure.unknownDefinition }
                    try project(Self.fold(subject, try log(of: id, secret, db)), id, subject.number, process, db)
                } catch is Failure {
                    damaged.append(id)
                }
            }
            return (before.symmetricDifference(try rows(db)).count, damaged)
        }
    }

    /// Every column of what is made out of the log.
    private func rows(_ db: any SQLConnection) throws -> Set<String> {
        let index = try db.rows("SELECT * FROM case_index").map { row in
            let words: [String] = [try row["subject"], try row["process"], try row["state"], try row["lead"] ?? "-"]
            let numbers: [Int] = [
                try row["number"], try row["final"], try row["running"], try row["version"], try row["told"],
            ]
            return "\(words) \(numbers)"
        }
        let tasks = try db.rows("SELECT * FROM task").map { row in
            let words: [String] = [try row["subject"], try row["kind"], try row["unit"], try row["assignee"] ?? "-"]
            let numbers: [Int] = [try row["task"], try row["opened"]]
            return "\(words) \(numbers)"
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

    /// Rungs that are due now, over all cases with a clock that runs. A case that cannot be read stops no other: it is named.
    package func due(at now: Instant) throws -> (firings: [(subject: String, firing: Firing)], damaged: [String]) {
        let running: [String] = try database.read { db in
            try db.column("SELECT subject FROM case_index WHERE running = 1 ORDER BY number")
        }
        var firings: [(subject: String, firing: Firing)] = []
        var damaged: [String] = []
        for id in running {
            do {
                let (subject, file, _) = try view(id)
                guard let process = processes[subject.process] else { throw Failure.unknownDefinition }
                firings += process.due(on: file, in: try world(subject.form, now)).map { (id, $0) }
            } catch is Failure {
                damaged.append(id)
            }
        }
        return (firings, damaged)
    }

    func subject(_ id: String, _ db: any SQLConnection) throws -> (Subject, [UInt8]?) {
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

    // MARK: Erasure

    /// Destroys a subject's key: its words are gone, the record of what was done stays.
    package func erase(_ id: String, at now: Instant) throws {
        try database.write { db in
            guard try subject(id, db).1 != nil else { return }
            guard try db.value("SELECT final FROM case_index WHERE subject = ?", id) == true else {
                throw Failure.running
            }
            try db.execute("UPDATE subject SET key = NULL, erased = ? WHERE id = ?", now.seconds, id)
        }
    }
}
