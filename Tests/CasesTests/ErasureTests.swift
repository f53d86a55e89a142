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
            term.end(from: Instant(iso: from, zone: .shanghai)!)?.rfc3339(in: .shanghai) ?? "never"
        }
        #expect(end(.init(count: 5, isYears: true), "2026-03-02T09:00:00+08:00") == "2031-03-03T00:00:00+08:00")
        #expect(end(.init(count: 1, isYears: true), "2028-02-29T23:59:00+08:00") == "2029-03-02T00:00:00+08:00")
        #expect(end(.init(count: 4, isYears: true), "2028-02-29T23:59:00+08:00") == "2032-03-01T00:00:00+08:00")
        #expect(end(.init(count: 9_000, isYears: true), "2026-03-02T09:00:00+08:00") == "never")
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
        #expect(try store.expired(at: late).map(\.isOnLegalHold) == [false, true])
        #expect(throws: CaseStore.Failure.termRunning) { try store.erase("a", by: .term, at: early) }
        #expect(throws: CaseStore.Failure.legalHold) { try store.erase("b", by: .term, at: late) }
        #expect(throws: CaseStore.Failure.running) { try store.erase("open", by: .consentWithdrawn, at: late) }
        let officer = Officer(
            post: Post(person: "one", role: "security-admin", unit: "city", from: Instant(seconds: 0)), level: 3)
        #expect(CaseStore.Erasure(ground: .term, by: officer, confirmedBy: "one") == nil)
        // A place for the id that cannot be written: nothing is erased.
        struct NoRoom: Error {}
        let erasure = try #require(CaseStore.Erasure(ground: .term, by: officer, confirmedBy: "two"))
        #expect(throws: NoRoom.self) { _ = try store.erase("a", erasure, at: late) { _ in throw NoRoom() } }
        #expect(try store.view("a").file.answers.isEmpty == false)
        try store.erase("a", by: .term, at: late)
        try store.erase("a", by: .term, at: late)
        #expect(try store.expired(at: late).map(\.subject.id) == ["b"])
        let erased = try store.view("a").events.last
        #expect(erased?.facts == [.erased(.term, confirmedBy: "audit")] && erased?.action == "erased")
        let key: [UInt8]? = try database.read { try $0.value("SELECT key FROM subject WHERE id = 'a'") }
        #expect(key == nil)
        #expect(try store.verify() == [] && store.rebuild() == .unchanged && store.removeRemains())
        // Held no more; and a hold moves the end of the term, since it is an event.
        try act(store, "release", on: "b", as: "reviewer", at: late)
        #expect(try store.expired(at: late) == [])
        try store.erase("b", by: .otherLaw, at: late)
        #expect(try store.verify() == [] && store.rebuild() == .unchanged)
    }

    @Test(arguments: DatabaseEngine.available)
    func whatABackupBringsBackIsErasedAgain(_ engine: DatabaseEngine) throws {
        let (store, database, folder) = try store(engine)
        defer { withExtendedLifetime(folder) {} }
        try begin(store, "a")
        // Of a running case too: it had ended when it was erased.
        let officer = Officer(
            post: Post(person: "one", role: "security-admin", unit: "city", from: Instant(seconds: 0)), level: 3)
        let erasure = try #require(CaseStore.Erasure(ground: .unlawful, by: officer, confirmedBy: "two"))
        func again(_ id: String) throws -> Bool {
            try store.eraseAgain(id, erasure, at: Self.start, now: Self.start)
        }
        #expect(try again("a"))
        #expect(try !again("a") && !again("none"))
        #expect(try store.view("a").events.map(\.action) == ["begin", "erased"])
        // Nothing is to come of it: nobody waits for it, no clock fires, and what comes again for one that was never here stays out.
        let late = Self.start.adding(seconds: 400 * 86_400)
        let tick = try store.tick(at: late)
        #expect(tick.damaged == [] && tick.fired.isEmpty)
        let post = Post(person: "x", role: "dispatcher", unit: "hotline-centre", from: Instant(seconds: 0))
        #expect(try store.waiting(for: [post], after: nil, limit: 9, at: late).views.isEmpty)
        let view = try store.view("a")
        #expect(view.process.offers(on: view.file, to: .officer(Officer(post: post, level: 4)), in: view.world) == [])
        #expect(try database.read { db in try store.isKnown("none", db) && !store.isKnown("other", db) })
        #expect(try store.verifyErasures(["a", "none"]) == [] && store.verifyErasures([]).count == 1)
        #expect(try store.verify() == [] && store.rebuild() == .unchanged)
    }
}
