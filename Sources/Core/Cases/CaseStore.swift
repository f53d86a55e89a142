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
    let definitions: Definitions
    /// Those that are put to work now.
    let processes: [Process]
    /// What a process looks at besides the case, for a form with these answers at a moment.
    package typealias MakeWorld =
        @Sendable (_ form: String, _ answers: [String: JSON], _ now: Instant, _ carried: Instant?) throws -> World
    private let makeWorld: MakeWorld
    let carried: @Sendable (any SQLConnection) throws -> Instant?
    /// Throws where the keys of the database's subjects are wrapped by another master key than this store's.
    private let checkMaster: @Sendable (any SQLConnection) throws -> Void
    let outbox: any Outbox
    let readings: Readings
    let folded = FoldedCases()
    /// Threads that read much of the log at once.
    let threads: Int

    /// Why a command changes nothing.
    package enum Failure: Error, Sendable, Equatable {
        /// There is none, or it is not for this officer to see.
        case unknownSubject
        case unknownDefinition
        /// What the case is decided by is not here, such as its form's definition.
        case unprepared(String)
        case refused(Refusal)
        /// The page that asked was made before the case changed.
        case stale
        /// The key was used for another command.
        case keyReused
        /// Others were quicker, again and again.
        case busy
        case erased
        /// Only what has come to its end is erased.
        case running
        /// Its erasure is put off.
        case legalHold
        /// It is kept for some time yet.
        case termRunning
        /// It holds what could not be read again, such as a text of nothing but combining marks.
        case unwritable
        /// What an officer signed is not this act, or the signature is not theirs.
        case badSignature
        /// A file whose bytes are not what was said of it.
        case document
        /// An event that does not read: the log is damaged. Version 0 where the subject's key does not open.
        case damaged(subject: String, version: Int)

        /// For logs: it says nothing of what anybody typed.
        package var code: String {
            switch self {
            case .refused: "refused"
            case .damaged(let subject, let version): "damaged \(subject) \(version)"
            case .unprepared(let text): "unprepared: \(text)"
            default: "\(self)"
            }
        }
    }

    package struct Subject: Sendable, Equatable {
        package let id: String
        /// Of cases, by their receipt; of what officers begin, from `others` on.
        package let number: Int
        package let process: SHA256Digest
        /// Digest of the form's definition.
        package let form: String
        package let received: Instant

        /// Beyond the numbers of all cases.
        static let others = 1 << 40
        /// A number that may be a case's; nil for another.
        static func caseNumber(_ number: Int) -> Int? { (1..<others).contains(number) ? number : nil }
        /// As people read it: from 1, for cases and for the others.
        package var shownNumber: Int { number > Self.others ? number - Self.others : number }

        /// The same subject by another definition.
        func with(_ process: SHA256Digest) -> Subject {
            Subject(id: id, number: number, process: process, form: form, received: received)
        }
    }

    /// Statements that make the tables, for the database's owner: those of the first version, and those that each later one adds.
    package static func schema(_ database: some SQLDatabase) -> (first: [String], later: [[String]]) {
        (
            CaseSchema.tables(database),
            [sealTables(database) + erasureTables, paperTables + figureTables, reminderTables, narrowingTables]
        )
    }

    /// The same, for a database of cases alone.
    package static func migrations(_ database: some SQLDatabase) -> Migrations {
        let schema = schema(database)
        return Migrations(([schema.first] + schema.later).map { .init($0) })
    }

    /// - Parameters:
    ///   - database: brought to its newest version by `migrations`.
    ///   - outbox: hears what the citizen is to be told.
    ///   - carried: up to when what citizens sent is here; nil where nothing crosses a lane.
    package init(
        _ database: any SQLDatabase, keys: SubjectKeys, processes: [Process], outbox: any Outbox,
        carried: @escaping @Sendable (any SQLConnection) throws -> Instant? = { _ in nil },
        checkMaster: @escaping @Sendable (any SQLConnection) throws -> Void = { _ in },
        world: @escaping MakeWorld
    ) throws {
        self.database = database
        self.keys = keys
        makeWorld = world
        self.carried = carried
        self.checkMaster = checkMaster
        self.outbox = outbox
        threads = min(8, processorCount)
        readings = Readings(newWriter: keys.token)
        definitions = Definitions(processes)
        self.processes = processes
        try database.write { db in
            for process in processes {
                try db.execute(
                    "INSERT INTO definition (digest, process, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    process.digest.hex, process.id, process.source)
            }
        }
    }

    func world(
        of subject: Subject, _ process: Process, _ answers: [String: JSON], _ now: Instant, _ db: any SQLConnection
    ) throws -> World {
        try world(of: subject, process, answers, now, carried: try carried(db))
    }

    func world(
        of subject: Subject, _ process: Process, _ answers: [String: JSON], _ now: Instant, carried: Instant?
    ) throws -> World {
        let world = try world(subject.form, answers, now, carried: carried)
        return process.subject == .case ? world : world.with(FormFacts(of: process))
    }

    func world(_ form: String, _ answers: [String: JSON], _ now: Instant, carried: Instant?) throws -> World {
        do {
            return try makeWorld(form, answers, now, carried)
        } catch let error as SQLError {
            throw error
        } catch {
            throw Failure.unprepared("\(error)")
        }
    }

    // MARK: Writing

    /// What begins a case.
    package struct Beginning: Sendable {
        let id: String
        let process: Process
        let form: String
        let answers: [String: JSON]
        let received: Instant
        let actor: Actor
        let correspondent: Correspondent?
        let documents: [IncomingDocument]
        let flags: [String]
        let signed: SignedAct?

        /// - Parameters:
        ///   - id: unique for ever.
        ///   - form: digest of its definition.
        ///   - signed: of an officer at level 4.
        package init(
            id: String, process: Process, form: String, answers: [String: JSON], received: Instant,
            by actor: Actor = .citizen, correspondent: Correspondent? = nil, documents: [IncomingDocument] = [],
            flags: [String] = [], signed: SignedAct? = nil
        ) {
            self.id = id
            self.process = process
            self.form = form
            self.answers = answers
            self.received = received
            self.actor = actor
            self.correspondent = correspondent
            self.documents = documents
            self.flags = flags
            self.signed = signed
        }
    }

    /// A new case. The same id with the same answers is the same case: nothing happens.
    ///
    /// - Returns: its number; numbers rise without a gap.
    package func begin(_ beginning: Beginning, at now: Instant) throws -> Int {
        try retrying { try database.write { db in try begin(beginning, at: now, db) } }
    }

    /// The same, in a transaction of the caller's.
    package func begin(_ new: Beginning, at now: Instant, _ db: any SQLConnection) throws -> Int {
        try begin(new, at: now, db, facts: nil)
    }

    /// - Parameter facts: what comes of it, of the empty case and the command; nil for what the process says.
    func begin(
        _ new: Beginning, at now: Instant, _ db: any SQLConnection, facts given: ((Case, Command) throws -> [Fact])?
    ) throws -> Int {
        _ = try definitions.process(new.process.digest, db)
        let command = Command(
            action: Process.EventName.begin, inputs: new.answers.mapValues(InputValue.answer),
            files: new.documents.described(from: 0))
        if let number: Int = try db.value("SELECT number FROM subject WHERE id = ?", new.id) {
            let (_, secret) = try subject(new.id, db)
            let written: String? = try db.value("SELECT command FROM event WHERE subject = ? AND version = 1", new.id)
            guard let secret else { throw Failure.erased }
            guard Self.mark(command, new.actor, secret) == written else { throw Failure.keyReused }
            return number
        }
        var writing = try add(new, at: now, db)
        let (number, secret) = (writing.subject.number, writing.secret)
        if let correspondent = new.correspondent {
            try keep(correspondent, of: new.id, secret, db)
            writing.receipt = correspondent.receipt
            try index([correspondent.receipt], of: number, db)
        }
        try file(new.documents, command.files, of: new.id, secret, db)
        let world = try world(of: writing.subject, new.process, new.answers, new.received, db)
        let facts =
            try given?(writing.file, command)
            ?? new.process.begin(writing.file, with: command, in: world) + new.flags.map(Fact.flagged)
        try checkPeople(facts, of: writing, in: world, db)
        try record(
            &writing, new.actor, Process.EventName.begin, command, facts, key: Process.EventName.begin,
            mark: Self.mark(command, new.actor, secret), signed: new.signed, at: new.received, db)
        try conclude(writing, since: nil, statusBefore: nil, in: world, db)
        return number
    }

    /// The row of a new case, with its number and its key; throws `Quicker` where the id is there.
    func add(_ new: Beginning, at now: Instant, _ db: any SQLConnection) throws -> Writing {
        let (secret, wrapped) = try keys.make(for: new.id)
        let number =
            new.process.subject == .case
            ? try next(of: Self.numbers, db) : try Subject.others + next(of: Self.otherNumbers, db)
        let isFirst = try db.execute(
            """
            INSERT INTO subject (id, number, process, form, received, key) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """, new.id, number, new.process.digest.hex, new.form, new.received.seconds, wrapped)
        guard isFirst == 1 else { throw Quicker() }
        // The check follows the insertion: a rotation of the master key waits for the row, or has committed before.
        try checkMaster(db)
        let subject = Subject(
            id: new.id, number: number, process: new.process.digest, form: new.form, received: new.received)
        var writing = Writing(
            SubjectRow(subject: subject, wrapped: wrapped, receipt: nil), secret: secret, process: new.process, log: [],
            now: now)
        writing.correspondent = new.correspondent
        return writing
    }

    /// Does what somebody wants, once: the same key with the same command gives the events of the first time.
    ///
    /// - Parameters:
    ///   - key: of the request; names the command for ever.
    ///   - grounds: what the officer's page was made from; nil where there was none.
    ///   - signed: of an officer who acts at level 4.
    ///   - moment: when it counts; receipt at the edge for what a citizen sent. It is decided by that time.
    package func perform(
        _ command: Command, on id: String, as actor: Actor, key: String, grounds: SHA256Digest? = nil,
        signed: SignedAct? = nil, at moment: Instant, now: Instant
    ) throws -> Event {
        let moment = min(moment, now)
        return try retrying {
            try database.write { db in
                let actor = try authenticated(
                    actor, by: signed, for: command, on: id, grounds: grounds, nonce: key, at: now, db)
                return try change(id, key: "request " + key, command, actor, signed: signed, at: moment, now: now, db) {
                    process, file, world in
                    if let grounds, let action = process.action(command.action),
                        process.grounds(of: action, task: command.task, on: file) != grounds
                    {
                        throw Failure.stale
                    }
                    return (command.action, try process.decide(command, on: file, as: actor, in: world))
                }
            }
        }
    }

    /// What a citizen sent about a case, once, in a transaction of the caller's. What the case does not take any more is kept to be
    /// read, and changes nothing.
    ///
    /// - Parameter key: of the message.
    package func receive(
        _ command: Command, documents: [IncomingDocument], on id: String, key: String, isCurrent: Bool,
        at moment: Instant, now: Instant, _ db: any SQLConnection
    ) throws {
        _ = try change(
            id, key: "message " + key, command, .citizen, documents: documents, overtakes: isCurrent,
            at: min(moment, now), now: now, db
        ) { process, file, world in
            let numbered = Command(
                action: command.action, inputs: command.inputs, files: documents.described(from: file.files.count))
            if isCurrent, let facts = try? process.decide(numbered, on: file, as: .citizen, in: world) {
                return (command.action, facts)
            }
            return (Process.EventName.late, numbered.files.map(Fact.filed))
        }
    }

    /// Passes a rung that is due: once, however many ask for it.
    package func fire(_ firing: Firing, on id: String, now: Instant) throws -> Event {
        let key = Self.key(firing)
        return try retrying {
            try database.write { db in
                try change(id, key: key, Command(action: key), .clock, at: now, now: now, db) { process, file, world in
                    try process.fire(firing, on: file, in: world)
                }
            }
        }
    }

    private static func key(_ firing: Firing) -> String {
        "clock \(firing.clock) \(firing.instance) \(firing.extensions) \(firing.rung)"
            + (firing.adoptions > 0 ? " of \(firing.adoptions)" : "")
    }

    private static let attempts = 5

    /// Somebody else wrote first: the case is folded again, and nothing of this attempt stays, no number either.
    package struct Quicker: Error {}

    func retrying<T>(_ attempt: () throws -> T) throws -> T {
        for _ in 0..<Self.attempts {
            do {
                return try attempt()
            } catch is Quicker {
            } catch let error as SQLError where error.code == .busy {}
        }
        throw Failure.busy
    }

    /// A case while events are added to it.
    struct Writing {
        private(set) var subject: Subject
        /// Empty once it was erased.
        let secret: [UInt8]
        var isErased: Bool { secret.isEmpty }
        private(set) var process: Process
        private(set) var file: Case
        private(set) var log: [Entry]
        let now: Instant
        /// What its sender holds.
        var receipt: String?
        /// Of a case that begins.
        var correspondent: Correspondent?

        init(_ row: SubjectRow, secret: [UInt8], process: Process, log: [Entry], now: Instant) {
            subject = row.subject.with(process.digest)
            self.secret = secret
            self.process = process
            receipt = row.receipt
            self.log = log
            file = Case(received: subject.received)
            self.now = now
            file = folded
        }

        private var folded: Case {
            Case(received: subject.received, events: log.lazy.map(\.event), isErased: isErased)
        }

        /// Switches to a later definition, which decides what follows.
        mutating func goOn(by process: Process) {
            self.process = process
            subject = subject.with(process.digest)
        }

        mutating func append(_ entry: Entry) {
            log.append(entry)
            if entry.event.renaming == nil { file.apply(entry.event) } else { file = folded }
        }

        /// By their present names.
        var events: [Event] { log.lazy.map(\.event).inPresentNames }
        /// Digest of the newest event.
        var head: SHA256Digest { log.last?.digest ?? SHA256Digest(of: Array(subject.id.utf8)) }
        /// Every word that a search finds it by.
        var texts: [String] { log.flatMap(\.event.texts) + [receipt].compactMap { $0 } }
    }

    /// A case to which events can be added; throws `erased` where its words are gone.
    func opened(_ id: String, now: Instant, _ db: any SQLConnection) throws -> Writing {
        let row = try row(of: id, db)
        guard let secret = try secret(of: row) else { throw Failure.erased }
        let log = try log(of: id, secret, db)
        // An adoption may have committed between the two statements that read the row and the log.
        let process = log.lazy.compactMap(\.event.adopted).last ?? row.subject.process
        return Writing(row, secret: secret, process: try definitions.process(process, db), log: log, now: now)
    }

    /// - Parameter overtakes: whether it takes back what the clock did after its moment.
    func change(
        _ id: String, key: String, _ given: Command, _ actor: Actor, documents: [IncomingDocument] = [],
        signed: SignedAct? = nil, overtakes: Bool = false, at moment: Instant, now: Instant, _ db: any SQLConnection,
        _ decide: (Process, Case, World) throws -> (action: String, facts: [Fact])
    ) throws -> Event {
        var writing = try opened(id, now: now, db)
        let (process, subject, secret) = (writing.process, writing.subject, writing.secret)
        let mark = Self.mark(given, actor, secret)
        if let known = writing.log.first(where: { $0.key == key }) {
            guard known.command == mark else { throw Failure.keyReused }
            return known.event
        }
        let unchanged = writing
        var world = try world(of: subject, process, writing.file.answers, moment, db)
        if case .officer(let officer) = actor {
            guard process.isVisible(writing.file, to: officer.post, in: world) else { throw Failure.unknownSubject }
            if let action = process.action(given.action) {
                try checkNamed(given, action, by: officer, of: writing, db)
                if action.publishes {
                    world.related = try answersBeside(writing, db)
                }
            }
        }
        let before = process.status(of: writing.file, in: world)
        var events: [Event] = []
        if overtakes,
            let facts = process.takingBack(
                for: given, log: writing.events, received: subject.received, in: world, at: now)
        {
            let name = Process.EventName.overtaken
            events.append(
                try record(
                    &writing, .clock, name, Command(action: name), facts, key: "\(name) \(key)",
                    mark: Self.mark(Command(action: name), .clock, secret), at: now, db))
        }
        if actor != .clock { events += try passRungs(&writing, in: world, at: moment, db) }
        let decided: (action: String, facts: [Fact])
        do {
            decided = try decide(process, writing.file, world)
        } catch let refusal as Refusal {
            throw Failure.refused(refusal)
        }
        try checkPeople(decided.facts, of: writing, in: world, db)
        let filed = decided.facts.compactMap { if case .filed(let file) = $0 { file } else { nil } }
        try file(documents, filed, of: id, secret, db)
        let event = try record(
            &writing, actor, decided.action, given, decided.facts, key: key, mark: mark, signed: signed, at: moment, db)
        try conclude(writing, since: unchanged, statusBefore: before, in: world, db)
        for event in events + [event] { try relate(event, writing, at: moment, db) }
        return event
    }

    /// Passes the rungs that fell due before the world's moment, whether or not the timer has run.
    func passRungs(
        _ writing: inout Writing, in world: World, at moment: Instant, _ db: any SQLConnection
    ) throws -> [Event] {
        var events: [Event] = []
        while let firing = writing.process.due(on: writing.file, in: world).first {
            let fired = try writing.process.fire(firing, on: writing.file, in: world)
            let key = Self.key(firing)
            events.append(
                try record(
                    &writing, .clock, fired.action, Command(action: fired.action), fired.facts, key: key,
                    mark: Self.mark(Command(action: key), .clock, writing.secret), at: moment, db))
        }
        return events
    }

    /// Throws `Quicker` where another writer has made this version, or used this key, meanwhile.
    @discardableResult
    func record(
        _ writing: inout Writing, _ actor: Actor, _ action: String, _ command: Command, _ facts: [Fact], key: String,
        mark: String, signed: SignedAct? = nil, at moment: Instant, _ db: any SQLConnection
    ) throws -> Event {
        let event = Event(
            version: writing.file.version + 1, at: moment, actor: actor, action: action, task: command.task,
            inputs: command.inputs, facts: try numbered(facts, at: moment, db), signed: signed)
        try insert(event, &writing, key: key, mark: mark, db)
        try index(event.texts, of: writing.subject.number, db)
        return event
    }

    /// Writes an event behind those that are there, under its subject's key and into the chain.
    func insert(
        _ event: Event, _ writing: inout Writing, key: String, mark: String, _ db: any SQLConnection
    ) throws {
        let (open, boxed) = event.coded
        let words = boxed.canonicalBytes
        // The log is read for ever: what would not be read is not written.
        guard let again = try? JSON(parsing: words), let body = try? JSON(parsing: open.canonicalBytes),
            Event(open: body, boxed: again) == event
        else { throw Failure.unwritable }
        let id = writing.subject.id
        let box = try keys.seal(words, key: writing.secret, at: .event(subject: id, version: event.version))
        var columns: [String: JSON] = [
            "box": .string(SHA256Digest(of: box).hex), "command": .string(mark), "key": .string(key),
            "recorded": .integer(writing.now.seconds), "subject": .string(id),
        ]
        if event.version == 1 {
            columns["case"] = Self.identity(
                writing.subject, writing.correspondent.map { ($0.lookup, $0.receipt) })
        }
        let whole = JSON.object((body.object ?? [:]).merging(columns) { first, _ in first }).canonicalBytes
        let digest = Self.digest(writing.head, whole)
        let isFirst = try db.execute(
            """
            INSERT INTO event (subject, version, at, recorded, action, body, box, digest, key, command)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """, id, event.version, event.at.seconds, writing.now.seconds, event.action, whole, box,
            digest.hex, key, mark)
        guard isFirst == 1 else { throw Quicker() }
        writing.append(
            Entry(event: event, recorded: writing.now, digest: digest, key: key, command: mark))
    }

    /// Brings to date what is made out of the log, and tells the citizen where something is new.
    ///
    /// - Parameter before: the case as it was; nil of one that begins.
    func conclude(
        _ writing: Writing, since before: Writing?, statusBefore: CitizenStatus?, in world: World,
        _ db: any SQLConnection
    ) throws {
        try project(writing, since: before, in: world, db)
        try vouch(for: writing, since: before?.file.papers ?? [], db)
        guard let status = writing.process.status(of: writing.file, in: world), status != statusBefore,
            let correspondent = try correspondent(of: writing.subject.id, writing.secret, db)
        else { return }
        try outbox.tell(try telling(writing, correspondent, status, item: makeUUID(of: writing.head), db), db)
    }

    /// What the first body repeats of the case's own row and of its correspondent's, so that a change of either is told.
    static func identity(_ subject: Subject, _ correspondent: (lookup: String, receipt: String)?) -> JSON {
        .object([
            "form": .string(subject.form), "number": .integer(subject.number), "process": .string(subject.process.hex),
            "received": .integer(subject.received.seconds),
            "correspondent": correspondent.map {
                .string(SHA256Digest(of: Array("\($0.lookup) \($0.receipt)".utf8)).hex)
            }
                ?? .null,
        ])
    }

    /// Over the digest before and the body, which repeats every column and holds the box's digest: a box may go, the chain stays.
    static func digest(_ before: SHA256Digest, _ body: [UInt8]) -> SHA256Digest {
        SHA256Digest(of: before.bytes + body)
    }

    /// Tells a command that comes again from another under its key, and says nothing of its words without the subject's key.
    static func mark(_ command: Command, _ actor: Actor, _ secret: [UInt8]) -> String {
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
            inputs: command.inputs, facts: command.files.map(Fact.filed))
        let (open, boxed) = event.coded
        return hexText(hmacSHA256(key: secret, open.canonicalBytes + boxed.canonicalBytes))
    }

    /// The facts with the next number of its series for each document that was issued.
    private func numbered(_ facts: [Fact], at moment: Instant, _ db: any SQLConnection) throws -> [Fact] {
        try facts.map { fact in
            guard case .issued(let document, let series, 0, let organ) = fact else { return fact }
            let year = moment.date(in: .shanghai).year
            let counter = organ == nil ? Self.documents + series : Self.counter(ofMark: series, in: year)
            return .issued(document: document, series: series, number: try next(of: counter, db), organ: organ)
        }
    }

    /// The series of the cases' own numbers.
    static let numbers = "case"
    /// Before the name of a series of numbers without a paper.
    static let documents = "document "
    /// The series of what officers begin.
    static let otherNumbers = "other"

    private func next(of series: String, _ db: any SQLConnection) throws -> Int {
        try db.execute("INSERT INTO counter (series, last) VALUES (?, 0) ON CONFLICT DO NOTHING", series)
        try db.execute("UPDATE counter SET last = last + 1 WHERE series = ?", series)
        guard let number: Int = try db.value("SELECT last FROM counter WHERE series = ?", series) else {
            throw SQLError(.fault, "no counter")
        }
        return number
    }
}
