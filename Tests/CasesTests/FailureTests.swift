import Authority
import PortalBase
import Procedures
import SQL
import Synchronization
import TestSupport
import Testing
import Workflow

@testable import Cases

/// A database that fails at one statement, as a full disk or a lost server does.
private final class FailingDatabase: SQLDatabase {
    private let inner: any SQLDatabase
    /// Statements of writes that still succeed; nil for all.
    let left = Mutex<Int?>(nil)

    init(_ inner: any SQLDatabase) { self.inner = inner }

    func read<T: Sendable>(_ body: (any SQLConnection) throws -> T) throws -> T { try inner.read(body) }

    func write<T: Sendable>(_ body: (any SQLConnection) throws -> T) throws -> T {
        try inner.write { try body(FailingConnection($0, self)) }
    }

    func commit<T: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> T) async throws -> T {
        try await inner.commit(body)
    }

    func schema(_ statement: String) -> String { inner.schema(statement) }
    func appendOnly(_ table: String) -> [String] { inner.appendOnly(table) }
    func quiesce(_ table: String) -> [String] { inner.quiesce(table) }
    func removeRemains(of tables: [String]) throws -> Bool { try inner.removeRemains(of: tables) }
}

private final class FailingConnection: SQLConnection {
    private let inner: any SQLConnection
    private let database: FailingDatabase

    init(_ inner: any SQLConnection, _ database: FailingDatabase) {
        self.inner = inner
        self.database = database
    }

    private func step() throws(SQLError) {
        let isLeft = database.left.withLock { left -> Bool in
            guard let number = left else { return true }
            left = number - 1
            return number > 0
        }
        if !isLeft { throw SQLError(.full, "no room") }
    }

    func execute(_ statement: String, values: [SQLValue]) throws(SQLError) -> Int {
        try step()
        return try inner.execute(statement, values: values)
    }

    func rows(_ query: String, values: [SQLValue]) throws(SQLError) -> [SQLRow] {
        try step()
        return try inner.rows(query, values: values)
    }

    var isInTransaction: Bool { inner.isInTransaction }
}

/// Law 7: a failure at any statement leaves nothing of an action, or all of it.
@Suite struct FailureTests {
    @Test(arguments: DatabaseEngine.available)
    func aFailureAtAnyStatementLeavesNothing(_ engine: DatabaseEngine) throws {
        let folder = TemporaryFolder()
        let database = FailingDatabase(try openDatabase(try engine.location(in: folder)))
        try CaseStore.migrations(database).run(on: database)
        let store = try CaseStore.testing(database)
        let approval = try #require(CaseStoreTests.processes.first { $0.id == "approval" })
        let start = CaseStoreTests.start
        let post = Post(person: "甲", role: "handler", unit: "market", from: Instant(seconds: 0))
        let steps: [(String, () throws -> Void)] = [
            (
                "begin",
                {
                    _ = try store.begin("a", approval, ["name": .string("甲")])
                }
            ),
            (
                "accept",
                {
                    _ = try store.perform(
                        Command(action: "accept", inputs: ["materials": .list(["x=ok"])]), on: "a",
                        as: .officer(Officer(post: post, level: 3)), key: "k", at: start, now: start)
                }
            ),
            (
                "late",
                {
                    // Rungs pass before it, in the same transaction.
                    let later = start.adding(seconds: 40 * 86_400)
                    _ = try store.perform(
                        Command(action: "agree", task: 1), on: "a", as: .officer(Officer(post: post, level: 3)),
                        key: "late",
                        at: later, now: later)
                }
            ),
        ]
        for (name, step) in steps {
            let before = try? store.view("a").events
            var failures = 0
            while failures < 200 {
                database.left.withLock { $0 = failures }
                do {
                    try step()
                    break
                } catch let error as SQLError {
                    #expect(error.code == .full, "\(name)")
                }
                database.left.withLock { $0 = nil }
                #expect((try? store.view("a").events) == before, "\(name) after \(failures)")
                failures += 1
            }
            database.left.withLock { $0 = nil }
            #expect(failures > 5 && failures < 200, "\(name): \(failures)")
            #expect(try store.view("a").events.count > before?.count ?? 0)
            #expect(try store.verify() == [] && store.rebuild() == .unchanged)
        }
        // Nothing that failed has used a number.
        let issued = try store.view("a").events.flatMap(\.facts).compactMap { fact -> Int? in
            if case .issued(_, _, let number, _) = fact { number } else { nil }
        }
        #expect(try issued == [1] && store.view("a").subject.number == 1)
    }
}
