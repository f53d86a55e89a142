import Authority
import CMS
import Forms
import Foundation
import PortalBase
import Procedures
import SQL
import Synchronization
import TestSupport
import Testing
import Workflow

@testable import Cases

/// Hears nothing.
struct Told: Outbox {
    func tell(_ telling: Telling, _ db: any SQLConnection) {}
    func vouch(_ vouching: Vouching, _ db: any SQLConnection) {}
}

extension CaseStore {
    func begin(_ id: String, _ process: Procedures.Process, _ answers: [String: JSON]) throws -> Int {
        try begin(
            .init(
                id: id, process: process, form: process.forms[0], answers: answers, received: CaseStoreTests.start),
            at: CaseStoreTests.start)
    }

    func view(_ id: String) throws -> View { try view(id, at: CaseStoreTests.start) }

    /// As two administrators erase.
    func erase(_ id: String, by ground: ErasureGround, at now: Instant) throws {
        let post = Post(person: "security", role: "security-admin", unit: "city", from: Instant(seconds: 0))
        let erasure = try #require(
            Erasure(ground: ground, by: Officer(post: post, level: 3), confirmedBy: "audit"))
        _ = try erase(id, erasure, at: now) { _ in }
    }
}

extension CaseStore {
    /// A store under the tests' key; its world is that of the tests.
    static func testing(
        _ database: any SQLDatabase, processes: [Procedures.Process] = CaseStoreTests.processes,
        outbox: any Outbox = Told(),
        world: @escaping MakeWorld = { form, _, now, _ in try #require(CaseStoreTests.world(form, now)) }
    ) throws -> CaseStore {
        let keys = try #require(SubjectKeys(master: [UInt8](repeating: 7, count: 32), random: systemRandomBytes))
        return try CaseStore(database, keys: keys, processes: processes, outbox: outbox, world: world)
    }
}

extension DatabaseEngine {
    /// A new database with the store's tables.
    func core(in folder: TemporaryFolder) throws -> any SQLDatabase {
        let database = try openDatabase(try location(in: folder))
        try CaseStore.migrations(database).run(on: database)
        return database
    }
}

/// The same over SQLite and PostgreSQL.
@Suite struct CaseStoreTests {
    static let processes: [Procedures.Process] = {
        var diagnostics: [Diagnostic] = []
        return ProcessLibrary(source: repositoryRoot, diagnostics: &diagnostics).processes
    }()
    static let start = Instant(iso: "2026-03-02T09:00:00+08:00", zone: .shanghai)!

    /// Two departments, a calendar, office hours.
    static func world(_ form: String, _ now: Instant) -> World? {
        let isRequest = form == "hotline"
        let branches = ["market", "fire"].map {
            FormFacts.Branch(unit: $0, limit: Procedures.Process.Limit("15wd")!)
        }
        return World(
            now: now,
            calendar: WorkingCalendar(rows: [
                (CivilDate(year: 2026, month: 1, day: 1)!, "holiday")
            ])!, hours: OfficeHours([510..<720, 870..<1_050])!,
            units: UnitTree(["city": nil, "market": "city", "fire": "city", "hotline-centre": "city"])!,
            form: FormFacts(
                lead: isRequest ? nil : "market", branches: isRequest ? [] : branches, join: .all,
                legal: Procedures.Process.Limit("45wd"), promised: Procedures.Process.Limit("20wd"),
                fields: ["name"]),
            catalogueLimit: Procedures.Process.Limit("5wd"))
    }

    /// A store over a new database.
    private struct Desk {
        let folder = TemporaryFolder()
        let location: String
        let database: any SQLDatabase
        let store: CaseStore

        init(_ engine: DatabaseEngine) throws {
            location = try engine.location(in: folder)
            database = try openDatabase(location)
            try CaseStore.migrations(database).run(on: database)
            store = try Self.store(database)
        }

        static func store(_ database: any SQLDatabase) throws -> CaseStore { try .testing(database) }

        func begin(_ id: String, _ process: String, words: String = "路灯不亮") throws -> Int {
            let process = try #require(processes.first { $0.id == process })
            return try store.begin(id, process, ["details": .string(words)])
        }

        @discardableResult
        func act(
            _ action: String, on id: String, _ role: String, _ unit: String, task: Int? = nil,
            _ inputs: [String: InputValue] = [:], key: String? = nil
        ) throws -> Event {
            let post = Post(person: "\(role) \(unit)", role: role, unit: unit, from: Instant(seconds: 0))
            return try store.perform(
                Command(action: action, task: task, inputs: inputs), on: id,
                as: .officer(Officer(post: post, level: 4)), key: key ?? "\(action) \(task ?? 0) \(unit)", at: start,
                now: start)
        }

        func dispatch(_ id: String) throws {
            try act(
                "dispatch", on: id, "dispatcher", "hotline-centre",
                ["lead": .text("market"), "budget": .limit(Procedures.Process.Limit("5wd")!)])
        }
    }

    /// Another master key: it alone opens what the first one wrapped, the index is made anew, and who still has the first begins nothing.
    @Test(arguments: DatabaseEngine.available)
    func anotherMasterKeyTakesOver(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        for id in ["a", "b"] { _ = try desk.begin(id, "hotline") }
        let post = Post(person: "丙", role: "dispatcher", unit: "hotline-centre", from: Instant(seconds: 0))
        func found(_ store: CaseStore) throws -> Int {
            try store.search("路灯", before: nil, limit: 10, as: [post], at: Self.start)?.lines.count ?? 0
        }
        #expect(try found(desk.store) == 2)
        let next = try #require(SubjectKeys(master: [UInt8](repeating: 9, count: 32), random: systemRandomBytes))
        #expect(try desk.database.write { db in try desk.store.rewrap(by: next, db) } == 2)
        let other = try CaseStore(
            desk.database, keys: next, processes: Self.processes, outbox: Told(),
            checkMaster: { _ in throw CaseStore.Failure.unprepared("another key") }
        ) { form, _, now, _ in try #require(Self.world(form, now)) }
        #expect(try other.view("a").file.answers == ["details": .string("路灯不亮")] && found(other) == 0)
        #expect(try other.rebuild().damaged == [] && found(other) == 2 && other.verify() == [])
        #expect(throws: CaseStore.Failure.damaged(subject: "a", version: 0)) { try desk.store.view("a") }
        // A key that does not open stops it before anything changes.
        #expect(throws: CaseStore.Failure.damaged(subject: "a", version: 0)) {
            try desk.database.write { db in try desk.store.rewrap(by: next, db) }
        }
        #expect(throws: CaseStore.Failure.unprepared("another key")) {
            try other.begin("c", Self.processes.first { $0.id == "hotline" }!, [:])
        }
        #expect(try other.verify() == [])
    }

    @Test(arguments: DatabaseEngine.available)
    func aCommandHasItsEffectOnce(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        #expect(
            try desk.begin("a", "hotline") == 1 && desk.begin("a", "hotline") == 1 && desk.begin("b", "hotline") == 2)
        try desk.dispatch("a")
        let before = try desk.store.view("a")
        #expect(before.file.state == "handling" && before.file.answers == ["details": .string("路灯不亮")])
        #expect(try desk.store.tasks(of: "market", limit: 10).map(\.subject) == ["a"])
        // The same request again, and another under its key.
        try desk.dispatch("a")
        #expect(try desk.store.view("a").events == before.events)
        #expect(throws: CaseStore.Failure.keyReused) {
            try desk.act(
                "note", on: "a", "dispatcher", "market", ["words": .text("x")], key: "dispatch 0 hotline-centre")
        }
        #expect(throws: CaseStore.Failure.refused(.officer(.role))) {
            try desk.act("supervise", on: "a", "handler", "market", ["words": .text("x")])
        }
        #expect(throws: CaseStore.Failure.unknownSubject) { try desk.dispatch("none") }
        #expect(try desk.store.view("a").file == before.file)
        #expect(try desk.store.verify().isEmpty && desk.store.rebuild() == .unchanged)
        // Another process, started anew, reads the same.
        #expect(try Desk.store(openDatabase(desk.location)).view("a").file == before.file)
    }

    /// Law 4: every accepted command has its event, none is lost, and numbers have no gap.
    @Test(arguments: DatabaseEngine.available)
    func manyAtOnceLoseNothing(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        for number in 0..<8 { _ = try desk.begin("case\(number)", "approval") }
        let stores = try (0..<3).map { _ in try Desk.store(openDatabase(desk.location)) }
        let accepted = Mutex<[String]>([])
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 48) { number in
            let id = "case\(number % 8)"
            let post = Post(person: "经办 \(number)", role: "handler", unit: "market", from: Instant(seconds: 0))
            for attempt in 0..<20 {
                do {
                    // The first of six takes the case; the others extend what they find, or are told that it is taken.
                    let event = try stores[number % 3].perform(
                        Command(action: "accept", inputs: ["materials": .list(["x=ok"])]), on: id,
                        as: .officer(Officer(post: post, level: 3)), key: "accept by \(number)", at: Self.start,
                        now: Self.start)
                    accepted.withLock { $0.append("\(id) \(event.version)") }
                    return
                } catch CaseStore.Failure.refused(.state) {
                    return
                } catch CaseStore.Failure.busy {
                    continue
                } catch {
                    if attempt == 19 { failures.withLock { $0.append("\(error)") } }
                }
            }
        }
        #expect(failures.withLock { $0 } == [])
        // Once each, although six wanted it.
        #expect(accepted.withLock { $0.sorted() } == (0..<8).map { "case\($0) 2" })
        let numbers = try (0..<8).flatMap { number in
            try desk.store.view("case\(number)").events.flatMap(\.facts).compactMap { fact -> Int? in
                if case .issued(_, "acceptance", let number, _) = fact { number } else { nil }
            }
        }
        #expect(numbers.sorted() == Array(1...8))
        #expect(try desk.store.verify().isEmpty && desk.store.rebuild() == .unchanged)
    }

    @Test(arguments: DatabaseEngine.available)
    func aRungPassesOnceHoweverManyAsk(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        _ = try desk.begin("a", "approval")
        let late = Self.start.adding(seconds: 12 * 86_400)
        let view = try desk.store.view("a", at: late)
        let due = view.process.due(on: view.file, in: view.world)
        #expect(due.map(\.rung) == [0, 1])
        let last = try #require(due.last)
        let versions = Mutex<Set<Int>>([])
        DispatchQueue.concurrentPerform(iterations: 6) { _ in
            if let event = try? desk.store.fire(last, on: "a", now: late) {
                _ = versions.withLock { $0.insert(event.version) }
            }
        }
        // Silence is acceptance, by nobody.
        #expect(versions.withLock { $0 } == [2])
        let file = try desk.store.view("a").file
        #expect(file.state == "inParallel" && file.flags == ["deemed"])
        #expect(try desk.store.tick(at: late).fired.isEmpty)
    }

    /// A case's events are found by an index and come in their order: pages of a case do not grow with the log of all.
    @Test func oneCaseIsReadWithoutTheOthers() throws {
        let desk = try Desk(.sqlite)
        let plan = try desk.database.read { db in
            try db.rows("EXPLAIN QUERY PLAN SELECT body FROM event WHERE subject = 'a' ORDER BY version").map {
                try $0["detail"] as String
            }
        }
        #expect(plan.count == 1 && plan.allSatisfy { $0.hasPrefix("SEARCH event USING INDEX") })
    }

    /// A reminded unit finds the case on its list until the work is done; others and strangers to the case do not.
    @Test(arguments: DatabaseEngine.available)
    func remindersReachTheirUnits(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        for id in ["a", "b", "c"] {
            _ = try desk.begin(id, "hotline")
            try desk.dispatch(id)
        }
        func reminded(
            _ role: String, _ unit: String, after: CaseStore.ReminderPlace? = nil, limit: Int = 10
        ) throws -> CaseStore.Reminded {
            let post = Post(person: unit, role: role, unit: unit, from: Instant(seconds: 0))
            let found = try desk.store.reminded([post], after: after, limit: limit, at: Self.start)
            if after == nil, limit == 10 {
                #expect(try desk.store.countReminded([post], most: 9, at: Self.start) == found.lines.count)
            }
            return found
        }
        func ids(_ role: String, _ unit: String) throws -> Set<String> {
            try Set(reminded(role, unit).lines.map(\.line.subject.id))
        }
        #expect(try reminded("handler", "market").lines.isEmpty)
        // A day later nobody has signed for any of them; one is supervised besides.
        let late = Self.start.adding(seconds: 86_400)
        #expect(try desk.store.tick(at: late).fired.map(\.subject).sorted() == ["a", "b", "c"])
        try desk.act("supervise", on: "b", "leader", "city", ["words": .text("请抓紧")])
        let found = try reminded("handler", "market")
        #expect(try ids("handler", "market") == ["a", "b", "c"] && found.next == nil)
        let times = Dictionary(found.lines.map { ($0.line.subject.id, $0.reminder.times) }) { first, _ in first }
        #expect(times == ["a": 1, "b": 2, "c": 1])
        #expect(found.lines.first { $0.line.subject.id == "a" }?.reminder.last == late)
        // In pages, each once.
        var (seen, place): ([String], CaseStore.ReminderPlace?) = ([], nil)
        repeat {
            let page = try reminded("handler", "market", after: place, limit: 2)
            seen += page.lines.map(\.line.subject.id)
            place = page.next
        } while place != nil
        #expect(seen.sorted() == ["a", "b", "c"])
        #expect(try reminded("handler", "fire").lines.isEmpty)
        let post = Post(person: "甲", role: "handler", unit: "market", from: Instant(seconds: 0))
        let task = try #require(try desk.store.view("a").file.tasks.first { $0.isOpen }).id
        _ = try desk.store.perform(
            Command(action: "answer", task: task, inputs: ["done": .text("已修"), "reply": .text("已修好")]), on: "a",
            as: .officer(Officer(post: post, level: 4)), key: "answer", at: late, now: late)
        // Its task is closed; the centre, whom the supervision reminded of another, waits for that one.
        #expect(try ids("handler", "market") == ["b", "c"])
        #expect(try ids("dispatcher", "hotline-centre") == ["b"])
        let reviewer = Post(person: "乙", role: "reviewer", unit: "hotline-centre", from: Instant(seconds: 0))
        _ = try desk.store.perform(
            Command(action: "approve"), on: "a", as: .officer(Officer(post: reviewer, level: 4)), key: "approve",
            at: late, now: late)
        #expect(try ids("handler", "market") == ["b", "c"])
        #expect(try desk.store.verify() == [] && desk.store.rebuild() == .unchanged)
        try desk.database.write { try $0.execute("DELETE FROM reminder") }
        #expect(try desk.store.rebuild().changed > 0)
        #expect(try reminded("handler", "market").lines.count == 2)
        // Of a report (举报) its unit is reminded, and those hear nothing of it who may not see it.
        let process = try #require(Self.processes.first { $0.id == "hotline" })
        _ = try desk.store.begin("d", process, ["details": .string("甲"), "nature": .string("report")])
        try desk.act(
            "dispatch", on: "d", "discipline", "city",
            ["lead": .text("market"), "budget": .limit(Procedures.Process.Limit("5wd")!)])
        _ = try desk.store.tick(at: Self.start.adding(seconds: 20 * 86_400))
        #expect(try ids("handler", "market") == ["b", "c", "d"])
        #expect(try ids("dispatcher", "hotline-centre") == ["a", "b", "c"])
    }

    /// The result does not depend on when the timer ran.
    @Test func rungsThatFellDuePassBeforeTheNextAction() throws {
        let desk = try Desk(.sqlite)
        _ = try desk.begin("a", "approval")
        func act(_ action: String, _ inputs: [String: InputValue], days: Int) throws -> Event {
            let post = Post(person: "甲", role: "handler", unit: "market", from: Instant(seconds: 0))
            let moment = Self.start.adding(seconds: days * 86_400)
            return try desk.store.perform(
                Command(action: action, inputs: inputs), on: "a", as: .officer(Officer(post: post, level: 4)),
                key: action,
                at: moment, now: moment)
        }
        // Five working days were over: silence was acceptance.
        #expect(throws: CaseStore.Failure.refused(.state)) {
            try act("requestCorrection", ["missing": .list(["name"]), "words": .text("请补")], days: 12)
        }
        _ = try act("askExtension", ["why": .text("难"), "more": .limit(.init(count: 10, unit: .wd))], days: 12)
        let view = try desk.store.view("a")
        let (file, events) = (view.file, view.events)
        #expect(
            events.map(\.action) == ["begin", "clock", "deemAccepted", "askExtension"] && file.state == "inParallel")
        #expect(try desk.store.verify() == [] && desk.store.rebuild() == .unchanged)
    }

    @Test(arguments: DatabaseEngine.available)
    func noRowOfTheLogIsChanged(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        _ = try desk.begin("a", "hotline")
        try desk.dispatch("a")
        for change in ["UPDATE event SET action = 'x'", "DELETE FROM event", "DELETE FROM definition"] {
            #expect(throws: SQLError.self) { try desk.database.write { try $0.execute(change) } }
        }
        if engine == .sqlite {
            // What replaces a row deletes it first.
            let copy = "INSERT OR REPLACE INTO event SELECT * FROM event LIMIT 1"
            #expect(throws: SQLError.self) { try desk.database.write { try $0.execute(copy) } }
        }
        #expect(try desk.store.verify().isEmpty)
        // Somebody who owns the database can; the chain tells.
        try desk.database.write { db in
            if engine == .sqlite {
                try db.execute("DROP TRIGGER event_no_update")
            } else {
                try db.execute("DROP TRIGGER event_append_only ON event")
            }
            try db.execute("UPDATE event SET at = at - 86400 WHERE version = 2")
        }
        #expect(try desk.store.verify().map(\.what) == ["a column differs from the body"])
        try desk.database.write { db in
            try db.execute("UPDATE event SET at = at + 86400 WHERE version = 2")
            try db.execute("UPDATE event SET key = 'request other' WHERE version = 2")
        }
        #expect(try desk.store.verify().map(\.version) == [2])
        try desk.database.write { db in
            try db.execute("UPDATE event SET key = 'request dispatch 0 hotline-centre' WHERE version = 2")
            try db.execute("UPDATE event SET box = ? WHERE version = 2", [UInt8](repeating: 0, count: 40))
        }
        #expect(try desk.store.verify().map(\.what) == ["the box was changed", "it cannot be read"])
        // One case that cannot be read stops no other.
        _ = try desk.begin("b", "hotline")
        let due = try desk.store.tick(at: Self.start.adding(seconds: 30 * 86_400))
        #expect(due.damaged == ["a"] && due.fired.map(\.subject) == ["b", "b", "b"])
        #expect(try desk.store.rebuild() == .init(changed: 0, rights: 0, damaged: ["a"]))
        // The end of a log, and a whole case.
        try desk.database.write { db in
            if engine == .sqlite { try db.execute("DROP TRIGGER event_no_delete") }
            try db.execute("DELETE FROM event WHERE version = 2 AND subject = 'a'")
        }
        #expect(try desk.store.verify().map(\.what) == ["2 events are known of it, 1 are there"])
    }

    @Test func wordsLieInBoxesAndGoWithTheirKey() throws {
        let desk = try Desk(.sqlite)
        let words = "举报人的话不能让人读到"
        _ = try desk.begin("a", "hotline", words: words)
        try desk.dispatch("a")
        try desk.act("sign", on: "a", "handler", "market", task: 1)
        try desk.act(
            "answer", on: "a", "handler", "market", task: 1, ["done": .text(words + "二"), "reply": .text(words + "三")])
        func bytesOnDisk() -> [UInt8] {
            ["", "-wal"].flatMap { (try? FileSystem.read(desk.location + $0)) ?? [] }
        }
        let part = Array(words.utf8.prefix(12))
        let disk = bytesOnDisk()
        #expect(!disk.isEmpty && disk.firstRange(of: part) == nil)
        #expect(throws: CaseStore.Failure.running) { try desk.store.erase("a", by: .otherLaw, at: Self.start) }
        try desk.act("approve", on: "a", "reviewer", "city")
        try desk.act("unreachable", on: "a", "caller", "hotline-centre", task: 2)
        let before = try desk.store.view("a").file
        #expect(before.act("answer")?.inputs["reply"] == .text(words + "三"))
        try desk.store.erase("a", by: .otherLaw, at: Self.start)
        let after = try desk.store.view("a").file
        // What was done is on record; what was said is not.
        #expect(after.state == before.state && after.tasks == before.tasks && after.version == before.version + 1)
        #expect(after.answers.isEmpty && after.acts.allSatisfy(\.inputs.isEmpty))
        #expect(try desk.store.verify().isEmpty && desk.store.rebuild() == .unchanged)
        #expect(throws: CaseStore.Failure.erased) {
            try desk.act("note", on: "a", "dispatcher", "city", ["words": .text("x")])
        }
        #expect(throws: CaseStore.Failure.unknownSubject) {
            try desk.store.erase("none", by: .otherLaw, at: Self.start)
        }
    }

    @Test(arguments: DatabaseEngine.available)
    func whatCouldNotBeReadAgainIsNotWritten(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        _ = try desk.begin("a", "hotline")
        let marks = "a" + String(repeating: "\u{301}", count: 40)
        #expect(throws: CaseStore.Failure.unwritable) {
            try desk.act("note", on: "a", "dispatcher", "city", ["words": .text(marks)])
        }
        for budget in [0, 5_000] {
            #expect(throws: CaseStore.Failure.refused(.input("budget", .outOfRange))) {
                try desk.act(
                    "dispatch", on: "a", "dispatcher", "city",
                    ["lead": .text("market"), "budget": .limit(.init(count: budget, unit: .wd))])
            }
        }
        #expect(throws: CaseStore.Failure.refused(.input("helpers", .wrongType))) {
            try desk.act(
                "dispatch", on: "a", "dispatcher", "city",
                ["lead": .text("market"), "helpers": .text(""), "budget": .limit(.init(count: 5, unit: .wd))])
        }
        #expect(try desk.store.view("a").events.count == 1)
        // Other words under the same id are another case, and not lost without a word.
        #expect(throws: CaseStore.Failure.keyReused) { try desk.begin("a", "hotline", words: "别的话") }
        #expect(try desk.begin("b", "hotline") == 2, "what was refused used no number")
    }

    /// Cases go on under the definition that they began under.
    @Test func aChangedDefinitionLeavesRunningCasesAlone() throws {
        let desk = try Desk(.sqlite)
        _ = try desk.begin("a", "hotline")
        let without = try CaseStore.testing(desk.database, processes: [])
        #expect(try without.view("a").file.state == "received")
        #expect(try without.rebuild() == .unchanged)
        let post = Post(person: "派", role: "dispatcher", unit: "city", from: Instant(seconds: 0))
        let event = try without.perform(
            Command(action: "refuse", inputs: ["ground": .text("x"), "channel": .text("信访")]), on: "a",
            as: .officer(Officer(post: post, level: 2)), key: "k", at: Self.start, now: Self.start)
        #expect(event.facts.contains(.entered(state: "refused")))
    }

    /// A telling at the citizen's side, in the order in which they came.
    private final class Heard: Outbox {
        let lines = Mutex<[String]>([])

        func tell(_ telling: Telling, _ db: any SQLConnection) {
            lines.withLock {
                $0.append(
                    "\(telling.subject.id) \(telling.version) \(telling.status.state.rawValue) \(telling.status.text)")
            }
        }

        func vouch(_ vouching: Vouching, _ db: any SQLConnection) {}
    }

    @Test(arguments: DatabaseEngine.available)
    func whatTheMainCaseIsToldItsDuplicatesAreTold(_ engine: DatabaseEngine) throws {
        let folder = TemporaryFolder()
        let heard = Heard()
        let store = try CaseStore.testing(engine.core(in: folder), outbox: heard)
        let process = try #require(Self.processes.first { $0.id == "hotline" })
        for id in ["a", "b", "c"] {
            let correspondent = Correspondent(
                receipt: "r" + id, lookup: "l" + id, statusKey: "", authKey: "", language: "zh", channel: "web")
            _ = try store.begin(
                .init(
                    id: id, process: process, form: "hotline", answers: [:], received: Self.start,
                    correspondent: correspondent), at: Self.start)
        }
        func act(
            _ action: String, on id: String, _ role: String, _ unit: String, task: Int? = nil,
            _ inputs: [String: InputValue]
        ) throws {
            let post = Post(person: role, role: role, unit: unit, from: Instant(seconds: 0))
            _ = try store.perform(
                Command(action: action, task: task, inputs: inputs), on: id,
                as: .officer(Officer(post: post, level: 3)),
                key: action + id, at: Self.start, now: Self.start)
        }
        let posts = [Post(person: "d", role: "dispatcher", unit: "city", from: Instant(seconds: 0))]
        func numbered(_ number: Int) throws -> String? {
            try store.subject(numbered: number, besides: "b", as: posts, at: Self.start)
        }
        #expect(try numbered(1) == "a" && numbered(2) == nil && numbered(9) == nil)
        for id in ["b", "c"] { try act("merge", on: id, "dispatcher", "city", ["main": .text("a")]) }
        #expect(try store.view("a").file.relations == ["b": "has-duplicate", "c": "has-duplicate"])
        try act("unmerge", on: "c", "dispatcher", "city", [:])
        #expect(try store.view("a").file.relations == ["b": "has-duplicate"])
        let budget = InputValue.limit(.init(count: 5, unit: .wd))
        try act("dispatch", on: "a", "dispatcher", "city", ["lead": .text("market"), "budget": budget])
        try act("answer", on: "a", "handler", "market", task: 1, ["done": .text("x"), "reply": .text("修好了")])
        try act("approve", on: "a", "reviewer", "city", [:])
        let told = heard.lines.withLock { $0.filter { $0.hasSuffix("修好了") }.map { $0.prefix(1) } }
        #expect(told == ["a", "b"])
        let twin = try store.view("b")
        #expect(twin.file.state == "merged" && twin.file.told == .answered && twin.events.last?.action == "follow")
        #expect(try store.verify() == [] && store.rebuild() == .unchanged)
    }

    /// Law 2: what is made out of the log is made again just so, from nothing; any prefix of a log is read.
    @Test(arguments: DatabaseEngine.available)
    func listsAreMadeAgainOutOfTheLog(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        for id in ["a", "b"] { _ = try desk.begin(id, "hotline") }
        _ = try desk.begin("c", "approval")
        try desk.dispatch("a")
        try desk.act("sign", on: "a", "handler", "market", task: 1)
        let late = Self.start.adding(seconds: 12 * 86_400)
        _ = try desk.store.tick(at: late)
        func rows() throws -> [[String]] {
            try Projection.allCases.map(\.rawValue).map { table in
                try desk.database.read { try $0.rows("SELECT * FROM \(table)").map { "\($0)" }.sorted() }
            }
        }
        let before = try rows()
        #expect(before[0].count == 3 && before[1].count >= 3 && before[2].count > 8)
        try desk.database.write { db in
            for table in Projection.allCases.map(\.rawValue) { try db.execute("DELETE FROM \(table)") }
        }
        #expect(try desk.store.rebuild().damaged == [])
        #expect(try rows() == before)
        for id in ["a", "b", "c"] {
            let view = try desk.store.view(id)
            for length in 0...view.events.count {
                let file = Case(received: view.subject.received, events: view.events.prefix(length))
                #expect(file.version == length)
                _ = view.process.offers(on: file, to: .citizen, in: view.world)
            }
        }
    }

    /// Rows beside the log are held against its first body; what a case is decided by may lack for one case alone.
    @Test(arguments: DatabaseEngine.available)
    func changesOfRowsAreToldAndStopNoOther(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        for id in ["a", "b", "c"] { _ = try desk.begin(id, "hotline") }
        let late = Self.start.adding(seconds: 30 * 86_400)
        let (form, key): (String, [UInt8]) = try desk.database.read { db in
            (
                try #require(try db.value("SELECT form FROM subject WHERE id = 'a'")),
                try #require(try db.value("SELECT key FROM subject WHERE id = 'a'"))
            )
        }
        for (change, undo) in [
            ("received = received - 86400", "received = received + 86400"), ("form = 'other'", "form = '\(form)'"),
        ] {
            try desk.database.write { try $0.execute("UPDATE subject SET \(change) WHERE id = 'a'") }
            #expect(try desk.store.verify().map(\.subject) == ["a"])
            try desk.database.write { try $0.execute("UPDATE subject SET \(undo) WHERE id = 'a'") }
        }
        #expect(try desk.store.verify() == [])
        try desk.database.write {
            try $0.execute("UPDATE subject SET key = ? WHERE id = 'a'", [UInt8](repeating: 1, count: 60))
        }
        let post = Post(person: "d", role: "dispatcher", unit: "city", from: Instant(seconds: 0))
        let listed = try desk.store.list(.init(limit: 9), as: [post], at: Self.start)
        #expect(listed.lines.map(\.subject.id) == ["c", "b"] && listed.damaged == ["a"])
        let waiting = try desk.store.waiting(for: [post], after: nil, limit: 9, at: Self.start)
        #expect(waiting.views.map(\.view.subject.id) == ["b", "c"] && waiting.damaged == ["a"])
        let tick = try desk.store.tick(at: late)
        #expect(tick.damaged == ["a"] && Set(tick.fired.map(\.subject)) == ["b", "c"])
        #expect(try desk.store.rebuild() == .init(changed: 0, rights: 0, damaged: ["a"]))
        try desk.database.write { try $0.execute("UPDATE subject SET key = ? WHERE id = 'a'", key) }
        #expect(try desk.store.tick(at: late).damaged == [] && desk.store.verify() == [])
    }

    @Test(arguments: DatabaseEngine.available)
    func filesLieUnderTheKeyOfTheirCase(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        let pieces = [[UInt8](repeating: 65, count: 1_000), [UInt8](repeating: 66, count: 10)]
        func document(_ bytes: [UInt8], pieces: [[UInt8]]) -> IncomingDocument {
            IncomingDocument(
                field: "plan", name: "图.pdf", type: "application/pdf", bytes: bytes.count,
                digest: SHA256Digest(of: bytes),
                pieces: pieces.count
            ) { pieces[$0] }
        }
        let process = try #require(Self.processes.first { $0.id == "approval" })
        func begin(_ id: String, _ document: IncomingDocument) throws {
            _ = try desk.store.begin(
                .init(
                    id: id, process: process, form: "catering-opening", answers: [:], received: Self.start,
                    documents: [document]), at: Self.start)
        }
        // Other bytes than were announced: nothing of the case is there.
        #expect(throws: CaseStore.Failure.document) { try begin("a", document([1], pieces: [[2]])) }
        #expect(throws: CaseStore.Failure.unknownSubject) { try desk.store.view("a") }
        try begin("a", document(pieces.flatMap { $0 }, pieces: pieces))
        #expect(try desk.store.view("a").file.files.map(\.name) == ["图.pdf"])
        #expect(try desk.store.pieces(of: "a", document: 0) == 2)
        #expect(try (0..<2).map { try desk.store.piece($0, of: 2, of: "a", document: 0) } == pieces)
        let boxes: [[UInt8]] = try desk.database.read { try $0.column("SELECT box FROM document") }
        #expect(boxes.allSatisfy { $0.firstRange(of: [UInt8](repeating: 65, count: 8)) == nil })
        // Cut off behind the first piece, or in another order, it does not open.
        #expect(throws: (any Error).self) { try desk.store.piece(0, of: 1, of: "a", document: 0) }
        try desk.database.write { db in
            try db.execute("UPDATE document SET piece = 9 WHERE piece = 0")
            try db.execute("UPDATE document SET piece = 0 WHERE piece = 1")
        }
        #expect(throws: (any Error).self) { try desk.store.piece(0, of: 2, of: "a", document: 0) }
    }

    /// Law 4 on one case: everybody's note is there, in an order, each once.
    @Test(arguments: DatabaseEngine.available)
    func manyNotesOnOneCaseAreAllThere(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        let stores = try (0..<3).map { _ in try Desk.store(openDatabase(desk.location)) }
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 30) { number in
            let store = stores[number % 3]
            do {
                // All begin the same case, too.
                let process = Self.processes.first { $0.id == "hotline" }!
                _ = try store.begin("a", process, [:])
                let post = Post(person: "\(number)", role: "dispatcher", unit: "market", from: Instant(seconds: 0))
                for attempt in 0..<30 {
                    do {
                        _ = try store.perform(
                            Command(action: "note", inputs: ["words": .text("\(number)")]), on: "a",
                            as: .officer(Officer(post: post, level: 2)), key: "\(number)", at: Self.start,
                            now: Self.start)
                        return
                    } catch CaseStore.Failure.busy where attempt < 29 {}
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        let view = try desk.store.view("a")
        let (subject, file, events) = (view.subject, view.file, view.events)
        #expect(subject.number == 1 && events.map(\.version) == Array(1...31))
        #expect(Set(file.acts.compactMap { $0.inputs["words"] }).count == 30)
        #expect(try desk.store.verify() == [])
    }
}
