import Authority
import Forms
import PortalBase
import Procedures
import SQL
import TestSupport
import Testing
import Workflow

@testable import Cases

extension NewDesk {
    fileprivate func begin(_ id: String, nature: String) throws {
        let process = try #require(CaseStoreTests.processes.first { $0.id == "hotline" })
        _ = try store.begin(id, process, ["nature": .string(nature)])
    }

    fileprivate func list(_ role: String, _ unit: String, _ query: CaseStore.Query = .init(limit: 50)) throws
        -> [String]
    {
        try store.list(query, as: [post(role, unit)], at: CaseStoreTests.start).lines.map(\.subject.id)
    }

    fileprivate func sees(_ id: String, _ role: String, _ unit: String) -> Bool {
        (try? store.view(id, as: [post(role, unit)], at: CaseStoreTests.start)) != nil
    }

    fileprivate func act(
        _ action: String, on id: String, _ role: String, _ unit: String, task: Int? = nil,
        _ inputs: [String: InputValue] = [:]
    ) throws {
        _ = try store.perform(
            Command(action: action, task: task, inputs: inputs), on: id,
            as: .officer(Officer(post: post(role, unit), level: 3)), key: action, at: CaseStoreTests.start,
            now: CaseStoreTests.start)
    }
}

/// Who sees which case, in lists and by its address; on both engines.
@Suite struct VisibilityTests {
    private static let dispatch: [String: InputValue] = [
        "lead": .text("market"), "budget": .limit(.init(count: 5, unit: .wd)),
    ]

    @Test(arguments: DatabaseEngine.available)
    func aListIsNarrowedAndShowsNothingMore(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        for id in ["a", "b", "c"] { try desk.begin(id, nature: "help") }
        for id in ["a", "b"] { try desk.act("dispatch", on: id, "dispatcher", "hotline-centre", Self.dispatch) }
        try desk.act("return", on: "b", "handler", "market", task: 1, ["why": .text("不归我们管")])
        func list(_ narrowing: CaseNarrowing, days: Int = 0) throws -> [String] {
            let now = CaseStoreTests.start.adding(seconds: days * 86_400)
            return try desk.store.list(
                .init(limit: 2, narrowing: narrowing), as: [desk.post("dispatcher", "hotline-centre")], at: now
            ).lines.map(\.subject.id)
        }
        #expect(try list(.none) == ["c", "b"])
        #expect(try list(.init(process: "hotline", state: "handling")) == ["a"])
        #expect(try list(.init(process: "hotline", state: "received")) == ["c", "b"])
        #expect(try list(.init(process: "approval")) == [])
        // The lead stays known after it returned the case.
        #expect(try list(.init(unit: "market")) == ["b", "a"] && list(.init(unit: "fire")) == [])
        #expect(
            try list(.init(state: "received", unit: "market", count: .init(process: "hotline", name: "returned"))) == [
                "b"
            ])
        #expect(try list(.init(isOverdue: true)) == [])
        #expect(try list(.init(state: "handling", isOverdue: true), days: 20) == ["a"])
        // Page by page, whether or not anything is found among those that a page looks at.
        for most in [1, 2, 50] {
            var (found, before, pages) = ([String](), Int?.none, 0)
            repeat {
                let page = try desk.store.list(
                    .init(before: before, limit: 1, narrowing: .init(unit: "market")),
                    as: [desk.post("dispatcher", "hotline-centre"), desk.post("leader", "city")], mostNarrowed: most,
                    at: CaseStoreTests.start)
                (found, before, pages) = (found + page.lines.map(\.subject.id), page.next, pages + 1)
            } while before != nil && pages < 9
            #expect(found == ["b", "a"], "\(most) \(pages)")
        }
        // Administrators who have no part in the process see nothing of it, however high their post stands (三员分立).
        for role in ["people-admin", "security-admin", "audit-admin"] {
            #expect(try desk.list(role, "city") == [] && !desk.sees("a", role, "city"))
        }
        #expect(try desk.list("leader", "city") == ["c", "b", "a"] && desk.sees("a", "leader", "city"))
        // Rights hold as before.
        #expect(try desk.list("handler", "fire", .init(limit: 9, narrowing: .init(state: "handling"))) == [])
        #expect(try desk.store.rebuild().changed == 0)
    }

    @Test(arguments: DatabaseEngine.available)
    func unitsAtWorkAndThoseAboveSeeACase(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        try desk.begin("a", nature: "help")
        #expect(try desk.list("dispatcher", "hotline-centre") == ["a"])
        #expect(try desk.list("handler", "market") == [] && !desk.sees("a", "handler", "market"))
        try desk.act("dispatch", on: "a", "dispatcher", "hotline-centre", Self.dispatch)
        #expect(try desk.list("handler", "market") == ["a"] && desk.list("leader", "city") == ["a"])
        #expect(try desk.list("handler", "fire") == [] && !desk.sees("a", "handler", "fire"))
        // Who may not see it cannot act on it either, and learns nothing of it.
        #expect(throws: CaseStore.Failure.unknownSubject) {
            try desk.act("sign", on: "a", "handler", "fire", [:])
        }
    }

    /// 举报: strangers see no row, no count and no case, whatever their role sees of others.
    @Test(arguments: DatabaseEngine.available)
    func aReportOfWrongdoingIsSeenByFew(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        try desk.begin("a", nature: "report")
        try desk.begin("b", nature: "help")
        for role in ["dispatcher", "reviewer", "leader", "publisher", "caller"] {
            #expect(try !desk.list(role, "city").contains("a") && !desk.sees("a", role, "city"), "\(role)")
        }
        #expect(throws: CaseStore.Failure.unknownSubject) {
            try desk.act("dispatch", on: "a", "dispatcher", "city", Self.dispatch)
        }
        #expect(try desk.list("discipline", "city") == ["b", "a"])
        try desk.act("dispatch", on: "a", "discipline", "city", Self.dispatch)
        // Who works on it sees it; others of the unit, and the unit above, do not.
        #expect(try desk.list("handler", "market") == ["a"] && !desk.list("leader", "market").contains("a"))
        #expect(try !desk.list("leader", "city").contains("a") && !desk.list("dispatcher", "city").contains("a"))
        #expect(try desk.store.rebuild() == .unchanged)
    }

    /// It is no more visible when it is answered, and none the more when its words are gone.
    @Test(arguments: DatabaseEngine.available)
    func aReportStaysSecretToItsEndAndBeyond(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        try desk.begin("a", nature: "report")
        try desk.act("dispatch", on: "a", "discipline", "city", Self.dispatch)
        try desk.act("answer", on: "a", "handler", "market", task: 1, ["done": .text("内部秘密"), "reply": .text("属实")])
        #expect(throws: CaseStore.Failure.unknownSubject) {
            try desk.act("approve", on: "a", "reviewer", "hotline-centre")
        }
        try desk.act("approveReport", on: "a", "discipline", "city")
        func nobodyElse() throws {
            for role in ["dispatcher", "reviewer", "caller", "publisher", "leader"] {
                for unit in ["hotline-centre", "city"] {
                    #expect(
                        try desk.list(role, unit, .init(includesFinal: true, limit: 9)) == []
                            && !desk.sees("a", role, unit))
                }
            }
            #expect(try desk.list("discipline", "city", .init(includesFinal: true, limit: 9)) == ["a"])
            #expect(try desk.store.rebuild() == .unchanged && desk.store.verify() == [])
        }
        try nobodyElse()
        try desk.store.erase("a", by: .otherLaw, at: CaseStoreTests.start)
        try nobodyElse()
    }

    /// Nobody names a case that they may not see, or one that is closed; an unseen number says no more than one that is not there.
    @Test(arguments: DatabaseEngine.available)
    func casesAreMergedIntoOpenOnesThatOneSees(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        try desk.begin("secret", nature: "report")
        for id in ["a", "b", "c"] { try desk.begin(id, nature: "help") }
        let posts = [desk.post("dispatcher", "city")]
        for number in [1, 2, 9] {
            #expect(try desk.store.subject(numbered: number, besides: "a", as: posts, at: CaseStoreTests.start) == nil)
        }
        for main in ["secret", "a", "none"] {
            #expect(throws: CaseStore.Failure.refused(.input("main", .unknown)), "\(main)") {
                try desk.act("merge", on: "a", "dispatcher", "city", ["main": .text(main)])
            }
        }
        #expect(try desk.store.view("secret").events.count == 1)
        try desk.act("merge", on: "a", "dispatcher", "city", ["main": .text("b")])
        // No circle: what was merged is no main case.
        #expect(throws: CaseStore.Failure.refused(.input("main", .unknown))) {
            try desk.act("merge", on: "b", "dispatcher", "city", ["main": .text("a")])
        }
        try desk.act("merge", on: "b", "dispatcher", "city", ["main": .text("c")])
        try desk.act("dispatch", on: "c", "dispatcher", "city", Self.dispatch)
        try desk.act("answer", on: "c", "handler", "market", task: 1, ["done": .text("x"), "reply": .text("修好了")])
        try desk.act("approve", on: "c", "reviewer", "city")
        // Along the chain, and to whoever comes later.
        for id in ["a", "b"] { #expect(try desk.store.view(id).file.toldText == "修好了") }
        try desk.begin("d", nature: "help")
        try desk.act("merge", on: "d", "dispatcher", "city", ["main": .text("c")])
        #expect(try desk.store.view("d").file.toldText == "修好了")
        #expect(try desk.store.verify() == [] && desk.store.rebuild() == .unchanged)
    }

    /// Whoever was merged into a case that its own sender takes back still waits for an answer, and gets one.
    @Test(arguments: DatabaseEngine.available)
    func duplicatesGoOnWhenTheMainCaseIsTakenBack(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        for id in ["a", "b"] { try desk.begin(id, nature: "help") }
        try desk.act("merge", on: "b", "dispatcher", "city", ["main": .text("a")])
        #expect(try desk.list("dispatcher", "city") == ["a"])
        try desk.database.write { db in
            try desk.store.receive(
                Command(action: "withdraw"), documents: [], on: "a", key: "1", isCurrent: true,
                at: CaseStoreTests.start,
                now: CaseStoreTests.start, db)
        }
        let twin = try desk.store.view("b").file
        #expect(twin.state == "received" && twin.relations == [:] && twin.clock("answer")?.isRunning == true)
        #expect(try desk.list("dispatcher", "city") == ["b"] && desk.store.view("a").file.relations == [:])
        #expect(try desk.store.verify() == [] && desk.store.rebuild() == .unchanged)
    }

    /// A page is stale when what it was made from was done again, though it looks the same.
    @Test func whatCameBackIsAnotherThing() throws {
        let desk = try NewDesk(.sqlite)
        try desk.begin("a", nature: "help")
        try desk.act("dispatch", on: "a", "dispatcher", "city", Self.dispatch)
        let process = try #require(CaseStoreTests.processes.first { $0.id == "hotline" })
        func grounds(_ action: String, task: Int? = nil) throws -> SHA256Digest {
            process.grounds(of: try #require(process.action(action)), task: task, on: try desk.store.view("a").file)
        }
        func answer(_ words: String, task: Int) throws {
            _ = try desk.store.perform(
                Command(action: "answer", task: task, inputs: ["done": .text("x"), "reply": .text(words)]), on: "a",
                as: .officer(Officer(post: desk.post("handler", "market"), level: 3)), key: words,
                at: CaseStoreTests.start,
                now: CaseStoreTests.start)
        }
        let (dispatch, sign) = (try grounds("dispatch"), try grounds("sign", task: 1))
        try desk.act("note", on: "a", "dispatcher", "city", ["words": .text("催办")])
        #expect(try grounds("dispatch") == dispatch && grounds("sign", task: 1) == sign, "a note disturbs nobody")
        try answer("版本一", task: 1)
        let review = try grounds("approve")
        try desk.act(
            "redo", on: "a", "reviewer", "city", ["why": .text("x"), "budget": .limit(.init(count: 2, unit: .wd))])
        try answer("版本二", task: 2)
        #expect(try grounds("approve") != review)
        #expect(throws: CaseStore.Failure.stale) {
            _ = try desk.store.perform(
                Command(action: "approve"), on: "a",
                as: .officer(Officer(post: desk.post("reviewer", "city"), level: 3)),
                key: "old page", grounds: review, at: CaseStoreTests.start, now: CaseStoreTests.start)
        }
    }

    @Test func whoseTimeIsOverSeesNothing() throws {
        let desk = try NewDesk(.sqlite)
        try desk.begin("a", nature: "help")
        let over = Post(
            person: "d", role: "dispatcher", unit: "city", from: Instant(seconds: 0), until: CaseStoreTests.start)
        #expect(try desk.store.list(.init(limit: 9), as: [over], at: CaseStoreTests.start).lines.isEmpty)
        #expect(throws: CaseStore.Failure.unknownSubject) {
            _ = try desk.store.view("a", as: [over], at: CaseStoreTests.start)
        }
    }

    @Test(arguments: DatabaseEngine.available)
    func listsArePagedInTheDatabase(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        for number in 1...7 { try desk.begin("c\(number)", nature: "help") }
        try desk.act("refuse", on: "c6", "dispatcher", "city", ["ground": .text("x"), "channel": .text("y")])
        #expect(try desk.list("dispatcher", "city", .init(limit: 3)) == ["c7", "c5", "c4"])
        #expect(try desk.list("dispatcher", "city", .init(before: 4, limit: 3)) == ["c3", "c2", "c1"])
        #expect(try desk.list("dispatcher", "city", .init(includesFinal: true, limit: 2)) == ["c7", "c6"])
        // Several posts see what any of them sees, each case once.
        let posts = [desk.post("dispatcher", "city"), desk.post("reviewer", "city"), desk.post("handler", "fire")]
        #expect(try desk.store.list(.init(limit: 9), as: posts, at: CaseStoreTests.start).lines.count == 6)
    }

    /// The index holds no word; what it finds is held against the words themselves, and against who may see them.
    @Test(arguments: DatabaseEngine.available)
    func casesAreFoundByWordsThatTheIndexDoesNotHold(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        let process = try #require(CaseStoreTests.processes.first { $0.id == "hotline" })
        func begin(_ id: String, _ details: String, nature: String = "help") throws {
            _ = try desk.store.begin(
                id, process, ["nature": .string(nature), "details": .string(details), "phone": .string("13800001234")])
        }
        try begin("a", "村口路灯三天不亮，请修理 Street lamp")
        try begin("b", "灯下路口积水，三天没有人管")
        try begin("c", "路灯下有人打架", nature: "report")
        func find(_ query: String, _ role: String = "dispatcher", _ unit: String = "city") throws -> [String]? {
            try desk.store.search(query, before: nil, limit: 9, as: [desk.post(role, unit)], at: CaseStoreTests.start)?
                .lines.map(\.subject.id)
        }
        #expect(try find("路灯") == ["a"] && find("三天") == ["b", "a"] && find("三天 路灯") == ["a"])
        // Both pairs stand in it, the phrase does not.
        #expect(try find("路口积水三天") == [] && find("路口积水，三天") == ["b"])
        #expect(try find("STREET lamp") == ["a"] && find("１３８００００１２３４") == ["b", "a"])
        // By number, as people read it; not by that of a case which is not theirs to see.
        #expect(try find("2") == ["b"] && find("１") == ["a"] && find("3") == [] && find("3", "discipline") == ["c"])
        #expect(try find("99") == [] && find("0") == [] && find("99999999999999999999") == [])
        #expect(try find("灯") == nil && find("  ") == nil && find("没有这句") == [])
        // 举报 is found by those alone who may see it.
        #expect(try find("路灯", "discipline") == ["c", "a"] && find("路灯", "handler", "market") == [])
        try desk.act("refuse", on: "a", "dispatcher", "city", ["ground": .text("见规定第八条"), "channel": .text("信访")])
        #expect(try find("规定第八条") == ["a"])
        let bytes = try FileSystem.list(desk.folder.path).filter { $0.kind == .file }.flatMap {
            try FileSystem.read(desk.folder.path + "/" + $0.name)
        }
        #expect(bytes.firstRange(of: Array("路灯".utf8)) == nil)
        // What is erased is found no more, and nothing of it stays in the index.
        let before: Int = try #require(
            try desk.database.read { try $0.value("SELECT count(*) FROM word WHERE number = 1") })
        try desk.store.erase("a", by: .otherLaw, at: CaseStoreTests.start)
        let after: Int = try #require(
            try desk.database.read { try $0.value("SELECT count(*) FROM word WHERE number = 1") })
        #expect(before > 15 && after == 0)
        #expect(try find("路灯") == [] && find("三天") == ["b"])
        #expect(try desk.store.rebuild() == .unchanged)
        // From nothing, the index is as it was.
        let all = try desk.database.read { try $0.rows("SELECT token, number FROM word").map { "\($0)" }.sorted() }
        try desk.database.write { try $0.execute("DELETE FROM word") }
        #expect(try desk.store.rebuild().changed == all.count)
        #expect(
            try desk.database.read { try $0.rows("SELECT token, number FROM word").map { "\($0)" }.sorted() } == all)
    }

    @Test(arguments: DatabaseEngine.available)
    func readingsChainAndAWriterSaysWhenOneIsMissing(_ engine: DatabaseEngine) throws {
        let desk = try NewDesk(engine)
        try desk.begin("a", nature: "help")
        for _ in 0..<3 { #expect(desk.sees("a", "dispatcher", "city")) }
        #expect(try desk.store.verify() == [])
        #expect(throws: SQLError.self) { try desk.database.write { try $0.execute("DELETE FROM access WHERE n = 2") } }
        try desk.database.write { db in
            try db.execute(
                engine == .sqlite ? "DROP TRIGGER access_no_delete" : "DROP TRIGGER access_append_only ON access")
            try db.execute("DELETE FROM access WHERE n = 2")
        }
        #expect(try desk.store.verify().count == 1)
        // A line whose writing nobody heard of ends the chain; the next begins another.
        let known: String = try #require(try desk.database.read { try $0.value("SELECT writer FROM access LIMIT 1") })
        try desk.database.write { try $0.execute("INSERT INTO access (writer, n, line) VALUES (?, 4, 'x')", known) }
        #expect(!desk.sees("a", "dispatcher", "city"))
        #expect(desk.sees("a", "dispatcher", "city"))
    }
}
