import Authority
import CMS
import Forms
import PortalBase
import Procedures
import SQL
import Synchronization
import TestSupport
import Testing
import Workflow

@testable import Cases

/// Papers between the event that issues them and the one that seals them, over both engines.
@Suite struct PaperTests {
    /// What went out, in order.
    private final class Heard: Outbox {
        let lines = Mutex<[String]>([])
        let papers = Mutex<[[PaperCopy]]>([])

        func tell(_ telling: Telling, _ db: any SQLConnection) {
            lines.withLock { $0.append("told \(telling.status.state.rawValue) \(telling.status.text)") }
            papers.withLock { $0.append(telling.papers) }
        }

        func vouch(_ vouching: Vouching, _ db: any SQLConnection) {
            lines.withLock {
                $0.append(
                    "\(vouching.kind.number(of: vouching.paper)) \(vouching.paper.state.rawValue)"
                )
            }
        }

        func take() -> [String] {
            lines.withLock { lines in
                defer { lines = [] }
                return lines
            }
        }
    }

    private struct Desk {
        let folder = TemporaryFolder()
        let database: any SQLDatabase
        let store: CaseStore
        let heard = Heard()
        var now = CaseStoreTests.start

        init(_ engine: DatabaseEngine) throws {
            database = try engine.core(in: folder)
            store = try .testing(database, outbox: heard) { form, _, now, _ in
                let world = try #require(CaseStoreTests.world(form, now))
                return World(
                    now: now, calendar: world.calendar, hours: world.hours, units: world.units, form: world.form,
                    catalogueLimit: world.catalogueLimit, makesPapers: true)
            }
            // Those who decide have a key that signs.
            try store.recordFirstPeople(
                Self.signers.map { person, name in
                    .init(person: person, name: "负责人", key: try Signer(name).key, level: 3, posts: [])
                }, at: now)
        }

        private static let signers = ["leader-market": "market-leader", "another": "second-leader"]

        func begin(_ id: String) throws {
            let process = try #require(CaseStoreTests.processes.first { $0.id == "approval" })
            let correspondent = Correspondent(
                receipt: "r" + id, lookup: "l" + id, statusKey: "", authKey: "", language: "zh", channel: "web")
            _ = try store.begin(
                .init(
                    id: id, process: process, form: process.forms[0], answers: ["name": .string("示例小馆")],
                    received: now, correspondent: correspondent), at: now)
        }

        func act(
            _ action: String, on id: String, _ role: String, _ unit: String, task: Int? = nil,
            _ inputs: [String: InputValue] = [:]
        ) throws {
            try act(
                Command(action: action, task: task, inputs: inputs), on: id,
                Post(person: "\(role)-\(unit)", role: role, unit: unit, from: Instant(seconds: 0)))
        }

        private func act(_ command: Command, on id: String, _ post: Post) throws {
            let (officer, key) = (
                Officer(post: post, level: 3), "\(command.action) \(command.task ?? 0) \(now.seconds)"
            )
            if let name = Self.signers[post.person] {
                _ = try store.perform(command, on: id, as: officer, signing: try Signer(name), key: key, at: now)
            } else {
                _ = try store.perform(command, on: id, as: .officer(officer), key: key, at: now, now: now)
            }
        }

        /// By another head of the department than who granted it.
        func annul(_ id: String) throws {
            try act(
                Command(action: "annul", inputs: ["ground": .text("第六十九条"), "words": .text("撤销")]), on: id,
                Post(person: "another", role: "leader", unit: "market", from: Instant(seconds: 0)))
        }

        /// Draws up and signs what waits; the signature is a stand-in, which is not this store's to look at.
        func makePapers() throws {
            for (id, place) in try store.awaitingPapers() {
                let work = try #require(try store.paperWork(id, place, now: now))
                try store.keepDrawn(work, Array("%PDF-1.4 \(id) \(place)".utf8), at: now)
                let drawn = try #require(try store.paperWork(id, place, now: now))
                try store.keepSignature(drawn, Array("signature of \(id) \(place)".utf8), at: now)
            }
        }

        func decide(_ id: String) throws {
            try act("accept", on: id, "handler", "market", ["materials": .list(["plan=ok"])])
            for task in 1...2 {
                try act("agree", on: id, "handler", task == 1 ? "market" : "fire", task: task)
            }
            try act("grant", on: id, "leader", "market", ["words": .text("准予")])
        }

        func check() throws {
            #expect(try store.verify() == [])
            #expect(try store.rebuild() == .unchanged)
        }
    }

    @Test(arguments: DatabaseEngine.available)
    func nothingIsToldBeforeItsPaperIsSigned(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        try desk.begin("a")
        #expect(desk.heard.take() == ["told received "])
        try desk.act("accept", on: "a", "handler", "market", ["materials": .list(["plan=ok"])])
        // Nor anything that happens meanwhile.
        try desk.act(
            "suspend", on: "a", "handler", "market",
            ["ground": .text("听证"), "time": .limit(.init(count: 5, unit: .wd)), "words": .text("听证")])
        #expect(desk.heard.take() == [])
        try desk.check()
        try desk.makePapers()
        #expect(desk.heard.take() == ["示例受〔2026〕1号 valid", "told accepted 听证"])
        let copies = desk.heard.papers.withLock { $0.last ?? [] }
        #expect(copies.map { String(decoding: $0.bytes, as: UTF8.self) } == ["%PDF-1.4 a 0"])
        #expect(copies.map { String(decoding: $0.signature, as: UTF8.self) } == ["signature of a 0"])
        #expect(try desk.store.awaitingPapers().isEmpty)
        try desk.check()
    }

    @Test(arguments: DatabaseEngine.available)
    func aPaperIsDrawnOnceAndSignedOnce(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        try desk.begin("a")
        try desk.act("accept", on: "a", "handler", "market", ["materials": .list(["plan=ok"])])
        let work = try #require(try desk.store.paperWork("a", 0, now: desk.now))
        #expect(work.drawn == nil && work.code.text.utf8.count == 16)
        try desk.store.keepDrawn(work, Array("first".utf8), at: desk.now)
        // Another process was as quick: its bytes count for nothing.
        try desk.store.keepDrawn(work, Array("second".utf8), at: desk.now)
        let drawn = try #require(try desk.store.paperWork("a", 0, now: desk.now))
        #expect(drawn.drawn == Array("first".utf8) && drawn.code == work.code)
        try desk.store.keepSignature(drawn, Array("one".utf8), at: desk.now)
        try desk.store.keepSignature(drawn, Array("two".utf8), at: desk.now)
        #expect(try desk.store.paperWork("a", 0, now: desk.now) == nil)
        let file = try desk.store.view("a").file
        #expect(file.papers.map(\.state) == [.valid] && file.files.count == 2)
        try desk.check()
        // A byte of it is changed behind the log's back.
        try desk.database.write { db in
            try db.execute("UPDATE document SET box = ? WHERE number = 0", [UInt8](repeating: 1, count: 40))
        }
        #expect(try desk.store.verify().map(\.what) == ["the file 0 is not what was filed"])
    }

    @Test(arguments: DatabaseEngine.available)
    func numbersRunWithoutAGapInTheirYear(_ engine: DatabaseEngine) throws {
        var desk = try Desk(engine)
        for id in ["a", "b"] { try desk.begin(id) }
        try desk.act("accept", on: "a", "handler", "market", ["materials": .list(["plan=ok"])])
        try desk.act("notAccept", on: "b", "handler", "market", ["ground": .text("不属于本机关职权"), "words": .text("请找别处")])
        // Refused: it takes no number.
        #expect(throws: CaseStore.Failure.self) {
            try desk.act("accept", on: "b", "handler", "market", ["materials": .list(["plan=ok"])])
        }
        desk.now = try #require(Instant(iso: "2027-01-04T09:00:00+08:00", zone: .shanghai))
        try desk.begin("c")
        try desk.act("accept", on: "c", "handler", "market", ["materials": .list(["plan=ok"])])
        try desk.makePapers()
        let numbers = try ["a", "b", "c"].flatMap { id in
            try desk.store.view(id).file.papers.map { "\($0.year) \($0.number)" }
        }
        #expect(numbers == ["2026 1", "2026 2", "2027 1"])
        try desk.check()
    }

    @Test(arguments: DatabaseEngine.available)
    func aCorrectedDecisionReplacesTheFirstOnlyWhenItIsSigned(_ engine: DatabaseEngine) throws {
        var desk = try Desk(engine)
        try desk.begin("a")
        try desk.decide("a")
        try desk.makePapers()
        _ = desk.heard.take()
        desk.now = desk.now.adding(seconds: 60)
        try desk.act("correctDecision", on: "a", "leader", "market", ["words": .text("更正")])
        #expect(desk.heard.take() == [])
        #expect(try desk.store.view("a").file.papers.map(\.state) == [.valid, .valid, .awaited])
        try desk.makePapers()
        #expect(desk.heard.take() == ["示例许决〔2026〕1号 replaced", "示例许决〔2026〕2号 valid", "told granted 更正"])
        let copies = desk.heard.papers.withLock { $0.last ?? [] }
        #expect(copies.map { $0.bytes.isEmpty } == [false, true, false])
        desk.now = desk.now.adding(seconds: 60)
        // Not by the one who granted it.
        #expect(throws: CaseStore.Failure.self) {
            try desk.act("annul", on: "a", "leader", "market", ["ground": .text("第六十九条"), "words": .text("撤销")])
        }
        try desk.annul("a")
        // Withdrawn at once, and told with the paper that says so.
        #expect(desk.heard.take() == ["示例许决〔2026〕2号 withdrawn"])
        try desk.makePapers()
        #expect(desk.heard.take() == ["示例撤〔2026〕1号 valid", "told granted 撤销"])
        try desk.check()
        // After a restore everything is said once more.
        #expect(try desk.store.tellAgain(since: CaseStoreTests.start, salt: "x", at: desk.now) == 1)
        #expect(
            desk.heard.take() == [
                "told granted 撤销", "示例受〔2026〕1号 valid", "示例许决〔2026〕1号 replaced", "示例许决〔2026〕2号 withdrawn",
                "示例撤〔2026〕1号 valid",
            ])
    }

    @Test(arguments: DatabaseEngine.available)
    func whatIsErasedHasNoPaperLeft(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        try desk.begin("a")
        try desk.decide("a")
        try desk.makePapers()
        // Its delivery would go on for ever.
        try desk.act("delivered", on: "a", "handler", "market")
        _ = desk.heard.take()
        try desk.store.erase("a", by: .consentWithdrawn, at: desk.now)
        #expect(desk.heard.take() == ["told granted "])
        #expect(desk.heard.papers.withLock { $0.last?.isEmpty } == true)
        #expect(try desk.database.read { try $0.value("SELECT count(*) FROM document") } == 0)
        // That it was issued, and under which number, stays.
        #expect(try desk.store.view("a").file.papers.map(\.number) == [1, 1])
        try desk.check()
    }

    @Test(arguments: DatabaseEngine.available)
    func whatIsNotSignedYetIsGivenUpForTheNext(_ engine: DatabaseEngine) throws {
        var desk = try Desk(engine)
        try desk.begin("a")
        try desk.decide("a")
        try desk.makePapers()
        for words in ["更正一", "更正二"] {
            desk.now = desk.now.adding(seconds: 60)
            try desk.act("correctDecision", on: "a", "leader", "market", ["words": .text(words)])
        }
        #expect(try desk.store.view("a").file.papers.map(\.state) == [.valid, .valid, .withdrawn, .awaited])
        // One that is annulled meanwhile takes both with it, the one that stood and the one that was to stand.
        try desk.annul("a")
        #expect(
            try desk.store.view("a").file.papers.map(\.state) == [.valid, .withdrawn, .withdrawn, .withdrawn, .awaited])
        try desk.check()
    }

    @Test(arguments: DatabaseEngine.available)
    func aPaperThatGetsAnotherNumberSaysTheSame(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        try desk.begin("a")
        try desk.act("notAccept", on: "a", "handler", "market", ["ground": .text("依据"), "words": .text("请找别处")])
        let first = try #require(try desk.store.paperWork("a", 0, now: desk.now))
        try desk.store.reissue(first, at: desk.now)
        let second = try #require(try desk.store.paperWork("a", 1, now: desk.now))
        try desk.store.reissue(second, at: desk.now)
        let third = try #require(try desk.store.paperWork("a", 2, now: desk.now))
        #expect(third.event == first.event && third.paper.number == 3 && third.code != first.code)
        #expect(try desk.store.paperWork("a", 0, now: desk.now) == nil)
        // Numbers that were given before a restore are not given again.
        try desk.store.raise("示例受", of: 2026, to: 9)
        try desk.store.raise("示例受", of: 2026, to: 5)
        try desk.store.reissue(third, at: desk.now)
        #expect(try desk.store.view("a").file.papers.last?.number == 10)
        try desk.makePapers()
        #expect(desk.heard.take().suffix(2) == ["示例受〔2026〕10号 valid", "told notAccepted 请找别处"])
        try desk.check()
    }
}
