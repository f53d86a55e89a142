import Authority
import Forms
import PortalBase
import Procedures
import SQL
import TestSupport
import Testing
import Workflow

@testable import Cases

/// Who sees which case, in lists and by its address; on both engines.
@Suite struct VisibilityTests {
    private struct Desk {
        let folder = TemporaryFolder()
        let database: any SQLDatabase
        let store: CaseStore

        init(_ engine: DatabaseEngine) throws {
            database = try openDatabase(try engine.location(in: folder))
            try Migrations(.init(CaseStore.tables(database))).run(on: database)
            let keys = try #require(SubjectKeys(master: [UInt8](repeating: 7, count: 32), random: systemRandomBytes))
            store = try CaseStore(database, keys: keys, processes: CaseStoreTests.processes, outbox: Told()) {
                form, _, now, _ in
                try #require(CaseStoreTests.world(form, now))
            }
        }

        func begin(_ id: String, nature: String) throws {
            let process = try #require(CaseStoreTests.processes.first { $0.id == "hotline" })
            _ = try store.begin(id, process, ["nature": .string(nature)])
        }

        func list(_ role: String, _ unit: String, _ query: CaseStore.Query = .init(limit: 50)) throws -> [String] {
            try store.list(query, as: [post(role, unit)], at: CaseStoreTests.start)
        }

        func sees(_ id: String, _ role: String, _ unit: String) -> Bool {
            (try? store.view(id, as: [post(role, unit)], at: CaseStoreTests.start)) != nil
        }

        func post(_ role: String, _ unit: String) -> Post {
            Post(person: "\(role) \(unit)", role: role, unit: unit, from: Instant(seconds: 0))
        }

        func act(_ action: String, on id: String, _ role: String, _ unit: String, _ inputs: [String: InputValue]) throws
        {
            _ = try store.perform(
                Command(action: action, inputs: inputs), on: id,
                as: .officer(Officer(post: post(role, unit), level: 3)), key: action, at: CaseStoreTests.start,
                now: CaseStoreTests.start)
        }
    }

    private static let dispatch: [String: InputValue] = [
        "lead": .text("market"), "budget": .limit(.init(count: 5, unit: .wd)),
    ]

    @Test(arguments: DatabaseEngine.available)
    func unitsAtWorkAndThoseAboveSeeACase(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
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
        let desk = try Desk(engine)
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
        // The unit at work sees it; the unit above does not.
        #expect(try desk.list("handler", "market") == ["a"])
        #expect(try !desk.list("leader", "city").contains("a") && !desk.list("dispatcher", "city").contains("a"))
        #expect(try desk.store.rebuild() == (0, []))
    }

    @Test(arguments: DatabaseEngine.available)
    func listsArePagedInTheDatabase(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        for number in 1...7 { try desk.begin("c\(number)", nature: "help") }
        try desk.act("refuse", on: "c6", "dispatcher", "city", ["ground": .text("x"), "channel": .text("y")])
        #expect(try desk.list("dispatcher", "city", .init(limit: 3)) == ["c7", "c5", "c4"])
        #expect(try desk.list("dispatcher", "city", .init(before: 4, limit: 3)) == ["c3", "c2", "c1"])
        #expect(try desk.list("dispatcher", "city", .init(includesFinal: true, limit: 2)) == ["c7", "c6"])
        // Several posts see what any of them sees, each case once.
        let posts = [desk.post("dispatcher", "city"), desk.post("reviewer", "city"), desk.post("handler", "fire")]
        #expect(try desk.store.list(.init(limit: 9), as: posts, at: CaseStoreTests.start).count == 6)
    }

    /// The index holds no word; what it finds is held against the words themselves, and against who may see them.
    @Test(arguments: DatabaseEngine.available)
    func casesAreFoundByWordsThatTheIndexDoesNotHold(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
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
                .cases
        }
        #expect(try find("路灯") == ["a"] && find("三天") == ["b", "a"] && find("三天 路灯") == ["a"])
        // Both pairs stand in it, the phrase does not.
        #expect(try find("路口积水三天") == [] && find("路口积水，三天") == ["b"])
        #expect(try find("STREET lamp") == ["a"] && find("１３８００００１２３４") == ["b", "a"])
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
        try desk.store.erase("a", at: CaseStoreTests.start)
        let after: Int = try #require(
            try desk.database.read { try $0.value("SELECT count(*) FROM word WHERE number = 1") })
        #expect(before > 15 && after == 0)
        #expect(try find("路灯") == [] && find("三天") == ["b"])
        #expect(try desk.store.rebuild() == (0, []))
        // From nothing, the index is as it was.
        let all = try desk.database.read { try $0.rows("SELECT token, number FROM word").map { "\($0)" }.sorted() }
        try desk.database.write { try $0.execute("DELETE FROM word") }
        #expect(try desk.store.rebuild().changed == all.count)
        #expect(
            try desk.database.read { try $0.rows("SELECT token, number FROM word").map { "\($0)" }.sorted() } == all)
    }

    @Test(arguments: DatabaseEngine.available)
    func readingsChainAndAWriterSaysWhenOneIsMissing(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
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
    }
}
