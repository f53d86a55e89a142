import Authority
import PortalBase
import Procedures
import SQL
import TestSupport
import Testing
import Workflow

@testable import Cases

/// Terms, holds and erasure.
@Suite struct ErasureTests {
    private static let start = CaseStoreTests.start

    private func store(_ engine: DatabaseEngine) throws -> (CaseStore, any SQLDatabase, TemporaryFolder) {
        let folder = TemporaryFolder()
        let database = try engine.core(in: folder)
        return (try .testing(database), database, folder)
    }

    private func begin(_ store: CaseStore, _ id: String) throws {
        let process = try #require(CaseStoreTests.processes.first { $0.id == "hotline" })
        _ = try store.begin(id, process, ["details": .string("路灯不亮")])
    }

    private func act(
        _ store: CaseStore, _ action: String, on id: String, as role: String? = nil, at now: Instant = start
    ) throws {
        let post = role.map { Post(person: $0, role: $0, unit: "city", from: Instant(seconds: 0)) }
        let inputs: [String: InputValue] = role == nil ? [:] : ["why": .text("理由")]
        _ = try store.perform(
            Command(action: action, inputs: inputs), on: id,
            as: post.map { .officer(Officer(post: $0, level: 3)) } ?? .citizen, key: action, at: now, now: now)
    }

    @Test func aTermEndsWithItsLastDay() {
        func end(_ term: Procedures.Process.Term, _ from: String) -> String {
            term.end(from: Instant(iso: from, zone: .shanghai)!).rfc3339(in: .shanghai)
        }
        #expect(end(.init(count: 5, isYears: true), "2026-03-02T09:00:00+08:00") == "2031-03-03T00:00:00+08:00")
        #expect(end(.init(count: 1, isYears: true), "2028-02-29T23:59:00+08:00") == "2029-03-02T00:00:00+08:00")
        #expect(end(.init(count: 4, isYears: true), "2028-02-29T23:59:00+08:00") == "2032-03-01T00:00:00+08:00")
        #expect(end(.init(count: 90, isYears: false), "2026-03-02T09:00:00+08:00") == "2026-05-31T09:00:00+08:00")
    }

    @Test(arguments: DatabaseEngine.available)
    func whatIsPastItsTermIsErasedUnlessItIsHeld(_ engine: DatabaseEngine) throws {
        let (store, database, folder) = try store(engine)
        defer { withExtendedLifetime(folder) {} }
        for id in ["a", "b", "open"] { try begin(store, id) }
        for id in ["a", "b"] { try act(store, "withdraw", on: id) }
        try act(store, "hold", on: "b", as: "reviewer")
        let (early, late) = (
            Instant(iso: "2031-03-02T23:59:59+08:00", zone: .shanghai)!,
            Instant(iso: "2031-03-03T00:00:00+08:00", zone: .shanghai)!
        )
        #expect(try store.expired(at: early) == [])
        #expect(try store.expired(at: late).map(\.subject.id) == ["a", "b"])
        #expect(try store.expired(at: late).map(\.isHeld) == [false, true])
        #expect(throws: CaseStore.Failure.kept) { try store.erase("a", by: .term, at: early) }
        #expect(throws: CaseStore.Failure.held) { try store.erase("b", by: .term, at: late) }
        #expect(throws: CaseStore.Failure.running) { try store.erase("open", by: .consentWithdrawn, at: late) }
        let officer = Officer(
            post: Post(person: "one", role: "security-admin", unit: "city", from: Instant(seconds: 0)), level: 3)
        #expect(CaseStore.Erasure(ground: .term, by: officer, confirmedBy: "one") == nil)
        // A place for the id that cannot be written: nothing is erased.
        struct NoRoom: Error {}
        let erasure = try #require(CaseStore.Erasure(ground: .term, by: officer, confirmedBy: "two"))
        #expect(throws: NoRoom.self) { try store.erase("a", erasure, at: late) { _ in throw NoRoom() } }
        #expect(try store.view("a").file.answers.isEmpty == false)
        try store.erase("a", by: .term, at: late)
        try store.erase("a", by: .term, at: late)
        #expect(try store.expired(at: late).map(\.subject.id) == ["b"])
        let erased = try store.view("a").events.last
        #expect(erased?.facts == [.erased(.term, confirmedBy: "audit")] && erased?.action == "erased")
        let key: [UInt8]? = try database.read { try $0.value("SELECT key FROM subject WHERE id = 'a'") }
        #expect(key == nil)
        #expect(try store.verify() == [] && store.rebuild() == (0, []) && store.removeRemains())
        // Held no more; and a hold moves the end of the term, since it is an event.
        try act(store, "release", on: "b", as: "reviewer", at: late)
        #expect(try store.expired(at: late) == [])
        try store.erase("b", by: .otherLaw, at: late)
        #expect(try store.verify() == [] && store.rebuild() == (0, []))
    }

    @Test(arguments: DatabaseEngine.available)
    func whatABackupBringsBackIsErasedAgain(_ engine: DatabaseEngine) throws {
        let (store, _, folder) = try store(engine)
        defer { withExtendedLifetime(folder) {} }
        try begin(store, "a")
        // Of a running case too: it had ended when it was erased.
        #expect(try store.eraseAgain("a", at: Self.start))
        #expect(try !store.eraseAgain("a", at: Self.start) && !store.eraseAgain("none", at: Self.start))
        #expect(try store.view("a").events.count == 1)
        #expect(try store.verify() == [] && store.rebuild() == (0, []))
    }
}
