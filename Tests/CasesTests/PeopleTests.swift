import Authority
import Foundation
import PortalBase
import PositionedYAML
import Procedures
import SQL
import Synchronization
import TestSupport
import Testing
import Workflow

@testable import Cases

/// People, posts and certificates as subjects: what one begins another confirms, and nobody acts by a name.
@Suite struct PeopleTests {
    private static let start = CaseStoreTests.start

    private struct Office {
        let folder = TemporaryFolder()
        let database: any SQLDatabase
        let store: CaseStore

        init(_ engine: DatabaseEngine, processes: [Procedures.Process] = CaseStoreTests.processes) throws {
            database = try engine.core(in: folder)
            let roles = ["people-admin", "security-admin", "audit-admin"]
            store = try .testing(database, processes: processes) { _, _, now, _ in
                let world = try #require(CaseStoreTests.world("hotline", now))
                return World(
                    now: now, calendar: world.calendar, hours: world.hours, units: world.units,
                    exclusions: Dictionary(
                        uniqueKeysWithValues: (roles + ["handler", "dispatcher"]).map { role in
                            (role, roles.contains(role) ? Set(roles).subtracting([role]) : [])
                        }), form: .none, catalogueLimit: nil)
            }
            try store.recordFirstPeople(
                ["zhao", "qian"].map {
                    .init(
                        person: $0, name: "甲\($0)", key: key($0), level: 3, posts: [("people-admin", "city")])
                }, at: start)
        }

        /// Both administrators have a key that signs; others' keys are names.
        private static let signers = ["zhao": "admin-a", "qian": "admin-b"]

        func signer(_ person: String) throws -> Signer { try Signer(try #require(Self.signers[person])) }

        func key(_ person: String) -> SHA256Digest {
            Self.signers[person].flatMap { try? Signer($0).key } ?? SHA256Digest(of: Array(person.utf8))
        }

        func officer(_ person: String) throws -> Officer {
            try #require(try store.member(key: key(person), at: start)?.officers.first)
        }

        func begin(
            _ subject: Procedures.Process.SubjectKind, _ inputs: [String: InputValue], by person: String = "zhao"
        ) throws -> String {
            let process = try #require(CaseStoreTests.processes.first { $0.subject == subject })
            return try store.beginSubject(
                process, inputs, as: try officer(person), signing: signer(person), key: "\(subject) \(inputs)",
                at: start)
        }

        func take(_ action: String, on id: String, by person: String, _ why: String? = nil) throws {
            _ = try store.perform(
                Command(action: action, inputs: why.map { ["why": .text($0)] } ?? [:]), on: id,
                as: try officer(person), signing: signer(person), key: "\(action) \(person)", at: start)
        }
    }

    /// A department's own administrator proposes posts in that department, sees them, and no others.
    @Test(arguments: DatabaseEngine.available)
    func whoProposesForTheirOwnUnitProposesForNoOther(_ engine: DatabaseEngine) throws {
        let text = String(
            decoding: try FileSystem.read(repositoryRoot + "/Content/processes/posts.yaml"), as: UTF8.self
        ).replacing("by: [{ role: people-admin, level: 4 }]", with: "by: [{ role: handler, unit: own, level: 3 }]")
            .replacing("by: { role: people-admin, level: 3 }", with: "by: { role: handler, unit: own, level: 3 }")
        var diagnostics: [Diagnostic] = []
        let names = Procedures.Process.Names(roles: ["people-admin", "handler"], units: ["market", "fire"])
        let node = try #require(YAMLNode.parse(text, path: "posts.yaml", diagnostics: &diagnostics))
        let process = try #require(
            Procedures.Process(node, names: names, diagnostics: &diagnostics), "\(diagnostics)")
        let office = try Office(engine, processes: CaseStoreTests.processes + [process])
        for person in ["sun", "li"] { _ = try office.begin(.person, ["number": .text(person), "name": .text("某")]) }
        func officer(_ unit: String) -> Officer {
            Officer(
                post: Post(person: "sun", role: "handler", unit: unit, from: Instant(seconds: 0)), level: 3)
        }
        func propose(in unit: String, as officer: Officer) throws -> String {
            try office.store.beginSubject(
                process, ["person": .text("li"), "role": .text("handler"), "unit": .text(unit)], as: officer,
                key: "\(unit) \(officer.post.unit)", at: Self.start)
        }
        #expect(throws: CaseStore.Failure.refused(.officer(.unit))) { try propose(in: "fire", as: officer("market")) }
        let post = try propose(in: "market", as: officer("market"))
        #expect(throws: CaseStore.Failure.refused(.officer(.role))) {
            try propose(in: "market", as: try office.officer("zhao"))
        }
        try office.take("confirm", on: post, by: "qian")
        let view = try office.store.view(post, as: [officer("market").post], at: Self.start)
        #expect(view.file.post?.unit == "market")
        #expect(throws: CaseStore.Failure.unknownSubject) {
            try office.store.view(post, as: [officer("fire").post], at: Self.start)
        }
        // Nor does one of another unit end it.
        for (unit, isRefused) in [("fire", true), ("market", false)] {
            let end = { () throws in
                _ = try office.store.perform(
                    Command(action: "end", inputs: ["why": .text("调离")]), on: post, as: .officer(officer(unit)),
                    key: unit, at: Self.start, now: Self.start)
            }
            if isRefused { #expect(throws: CaseStore.Failure.unknownSubject, performing: end) } else { try end() }
        }
        #expect(try office.store.verify() == [] && office.store.rebuild().changed == 0)
    }

    @Test(arguments: DatabaseEngine.available)
    func onePersonProposesAndAnotherConfirms(_ engine: DatabaseEngine) throws {
        let office = try Office(engine)
        _ = try office.begin(.person, ["number": .text("sun"), "name": .text("孙某")])
        let credential = try office.begin(
            .credential,
            ["person": .text("sun"), "key": .text(office.key("sun").hex), "level": .number(2)])
        let post = try office.begin(
            .post,
            ["person": .text("sun"), "role": .text("handler"), "unit": .text("market"), "until": .text("2026-03-05")])
        #expect(try office.store.member(key: office.key("sun"), at: Self.start) == nil)
        // The administrator who proposed a post does not confirm it.
        #expect(throws: CaseStore.Failure.refused(.officer(.samePerson))) {
            try office.take("confirm", on: post, by: "zhao")
        }
        try office.take("confirm", on: credential, by: "qian")
        try office.take("confirm", on: post, by: "qian")
        let member = try #require(try office.store.member(key: office.key("sun"), at: Self.start))
        #expect(member.name == "孙某" && member.level == 2)
        #expect(member.posts.map { "\($0.role)@\($0.unit)" } == ["handler@market"])
        // Its last day is a whole day.
        for (day, isHeld) in [(3, true), (4, false)] {
            let moment = CivilDate(year: 2026, month: 3, day: 2 + day)!.start(in: .shanghai).adding(seconds: 3_600)
            #expect(try office.store.member(key: office.key("sun"), at: moment)?.posts.isEmpty == !isHeld)
        }
        try office.take("end", on: post, by: "zhao", "调离")
        #expect(try office.store.member(key: office.key("sun"), at: Self.start)?.posts.isEmpty == true)
        try office.take("leave", on: "person-sun", by: "zhao")
        #expect(try office.store.member(key: office.key("sun"), at: Self.start) == nil)
        #expect(try office.store.verify() == [] && office.store.rebuild() == .unchanged)
        // Cases have numbers of their own, without a gap.
        let hotline = try #require(CaseStoreTests.processes.first { $0.id == "hotline" })
        #expect(try office.store.begin("case", hotline, [:]) == 1)
        let administrator = try office.officer("zhao").post
        let others = try office.store.list(
            .init(includesFinal: true, isOthers: true, limit: 50), as: [administrator], at: Self.start)
        #expect(others.lines.count == 9 && others.lines.contains { $0.title == "孙某" })
        #expect(try office.store.list(.init(limit: 50), as: [administrator], at: Self.start).lines.isEmpty)
        let clerk = Post(person: "x", role: "dispatcher", unit: "city", from: Instant(seconds: 0))
        #expect(try office.store.list(.init(isOthers: true, limit: 50), as: [clerk], at: Self.start).lines.isEmpty)
    }

    /// One key for two persons, confirmed at the same moment: one of them has it.
    /// A backup from before somebody left and was erased brings neither post nor key back.
    @Test(arguments: DatabaseEngine.available)
    func whatWasErasedGivesNoRightsAfterARestore(_ engine: DatabaseEngine) throws {
        let office = try Office(engine)
        let officer = try office.officer("zhao")
        let erasure = try #require(CaseStore.Erasure(ground: .otherLaw, by: officer, confirmedBy: "other"))
        #expect(try office.store.member(key: office.key("qian"), at: Self.start) != nil)
        for view in try office.store.roster(at: Self.start)
        where view.file.credential?.person == "qian" || view.file.post?.person == "qian" {
            #expect(try office.store.eraseAgain(view.subject.id, erasure, at: Self.start, now: Self.start))
        }
        #expect(try office.store.member(key: office.key("qian"), at: Self.start) == nil)
        #expect(try office.store.rebuild() == .unchanged)
        #expect(try office.store.member(key: office.key("qian"), at: Self.start) == nil)
    }

    @Test(arguments: DatabaseEngine.available)
    func twoAtOnceDoNotShareAKey(_ engine: DatabaseEngine) throws {
        let office = try Office(engine)
        for round in 0..<6 {
            let both = try ["a\(round)", "b\(round)"].map { person in
                _ = try office.begin(.person, ["number": .text(person), "name": .text(person)])
                return try office.begin(
                    .credential,
                    ["person": .text(person), "key": .text(office.key("r\(round)").hex), "level": .number(2)])
            }
            let done = Mutex(0)
            DispatchQueue.concurrentPerform(iterations: 2) { number in
                do {
                    try office.take("confirm", on: both[number], by: "qian")
                    done.withLock { $0 += 1 }
                } catch CaseStore.Failure.refused(.taken) {
                } catch { Issue.record("\(error)") }
            }
            #expect(done.withLock { $0 } == 1)
        }
        #expect(try office.store.verify() == [] && office.store.rebuild() == .unchanged)
    }

    @Test(arguments: DatabaseEngine.available)
    func whatMustHoldAmongPeopleHolds(_ engine: DatabaseEngine) throws {
        let office = try Office(engine)
        func refused(_ refusal: Refusal, _ body: () throws -> Void) {
            #expect(throws: CaseStore.Failure.refused(refusal)) { try body() }
        }
        // 三员分立
        refused(.excluded) {
            _ = try office.begin(
                .post, ["person": .text("zhao"), "role": .text("audit-admin"), "unit": .text("city")])
        }
        // One key is one person's, one number too, and nobody is appointed who is not here.
        refused(.taken) {
            _ = try office.begin(
                .credential,
                ["person": .text("zhao"), "key": .text(office.key("qian").hex), "level": .number(3)])
        }
        refused(.taken) { _ = try office.begin(.person, ["number": .text("zhao"), "name": .text("另一人")]) }
        refused(.nobody) {
            _ = try office.begin(.post, ["person": .text("li"), "role": .text("handler"), "unit": .text("city")])
        }
        refused(.input("role", .unknown)) {
            _ = try office.begin(.post, ["person": .text("zhao"), "role": .text("king"), "unit": .text("city")])
        }
        refused(.input("number", .wrongType)) {
            _ = try office.begin(.person, ["number": .text("../x"), "name": .text("某")])
        }
        refused(.input("key", .wrongType)) {
            _ = try office.begin(
                .credential, ["person": .text("zhao"), "key": .text("abc"), "level": .number(3)])
        }
        let process = try #require(CaseStoreTests.processes.first { $0.subject == .person })
        for post in [
            Post(person: "zhao", role: "dispatcher", unit: "city", from: Instant(seconds: 0)),
            Post(person: "zhao", role: "people-admin", unit: "city", from: Self.start.adding(seconds: 1)),
        ] {
            #expect(throws: CaseStore.Failure.self) {
                _ = try office.store.beginSubject(
                    process, ["number": .text("wu"), "name": .text("吴")], as: Officer(post: post, level: 3), key: "k",
                    at: Self.start)
            }
        }
        refused(.level(3)) {
            _ = try office.store.beginSubject(
                process, ["number": .text("wu"), "name": .text("吴")],
                as: Officer(post: try office.officer("zhao").post, level: 2), key: "k", at: Self.start)
        }
        // Twice the same post would outlive its end.
        let appointing: [String: InputValue] = [
            "person": .text("zhao"), "role": .text("people-admin"), "unit": .text("city"),
        ]
        refused(.held) { _ = try office.begin(.post, appointing, by: "qian") }
        // What became so since it was proposed is told to whoever confirms it, and may be taken back.
        let posts = try ["2026-12-30", "2026-12-31"].map { day in
            try office.begin(
                .post,
                ["person": .text("zhao"), "role": .text("dispatcher"), "unit": .text("city"), "until": .text(day)])
        }
        try office.take("confirm", on: posts[0], by: "qian")
        refused(.held) { try office.take("confirm", on: posts[1], by: "qian") }
        refused(.officer(.samePerson)) { try office.take("confirm", on: posts[1], by: "zhao") }
        refused(.officer(.otherPerson)) { try office.take("takeBack", on: posts[1], by: "qian", "重复") }
        refused(.officer(.samePerson)) { try office.take("refuse", on: posts[1], by: "zhao", "重复") }
        try office.take("takeBack", on: posts[1], by: "zhao", "重复")
        let keys = try ["zhao", "qian"].map { person in
            try office.begin(
                .credential,
                ["person": .text(person), "key": .text(office.key("new").hex), "level": .number(3)])
        }
        try office.take("confirm", on: keys[0], by: "qian")
        refused(.taken) { try office.take("confirm", on: keys[1], by: "qian") }
        try office.take("revoke", on: keys[0], by: "qian", "试")
        try office.take("end", on: posts[0], by: "qian", "试")
        refused(.input("until", .outOfRange)) {
            _ = try office.begin(
                .post,
                [
                    "person": .text("zhao"), "role": .text("handler"), "unit": .text("city"),
                    "until": .text("2026-03-01"),
                ])
        }
        // Of two who can appoint others neither goes, and neither loses post or key.
        refused(.lastTwo) { try office.take("leave", on: "person-qian", by: "zhao") }
        let administrator = try office.officer("zhao").post
        let held = try office.store.roster(at: Self.start).filter { $0.file.post != nil || $0.file.credential != nil }
        #expect(held.count == 4)
        for view in held {
            refused(.lastTwo) {
                try office.take(view.file.post != nil ? "end" : "revoke", on: view.subject.id, by: "zhao", "试")
            }
        }
        #expect(administrator.role == "people-admin")
        #expect(throws: CaseStore.Failure.running) { try office.store.recordFirstPeople([], at: Self.start) }
        #expect(try office.store.verify() == [] && office.store.rebuild() == .unchanged)
    }

    /// Where nobody can sign in any more: somebody who is here gets a key and keeps their post, another begins; whole or not at all.
    @Test(arguments: DatabaseEngine.available)
    func peopleAreLetInAgain(_ engine: DatabaseEngine) throws {
        let office = try Office(engine)
        let fresh = SHA256Digest(of: Array("a new key of zhao".utf8))
        func person(_ id: String, _ key: SHA256Digest) -> CaseStore.Founder {
            .init(person: id, name: "甲\(id)", key: key, level: 3, posts: [("people-admin", "city")])
        }
        let other = SHA256Digest(of: Array("a key of sun".utf8))
        let known = try #require(
            try office.store.roster(at: Self.start).compactMap(\.file.credential).first { $0.person == "qian" })
        // A key that is somebody's already lets nobody else in, and leaves nothing.
        #expect(throws: CaseStore.Failure.refused(.taken)) {
            try office.store.recoverPeople(
                [person("zhao", fresh), person("sun", SHA256Digest(hex: known.key)!)], at: Self.start)
        }
        #expect(try office.store.member(key: fresh, at: Self.start) == nil)
        try office.store.recoverPeople([person("zhao", fresh), person("sun", other)], at: Self.start)
        // One whose key is good stands beside one whose is new; another name or somebody who has left is told.
        try office.store.recoverPeople(
            [person("zhao", fresh), person("qian", SHA256Digest(of: [3]))], at: Self.start.adding(seconds: 60))
        #expect(throws: CaseStore.Failure.unprepared("sun is on record under another name")) {
            try office.store.recoverPeople(
                [.init(person: "sun", name: "别人", key: SHA256Digest(of: [4]), level: 3, posts: [])], at: Self.start)
        }
        try office.take("leave", on: "person-sun", by: "zhao")
        #expect(throws: CaseStore.Failure.unprepared("sun has left: somebody who comes back takes another id")) {
            try office.store.recoverPeople([person("sun", SHA256Digest(of: [5]))], at: Self.start)
        }
        #expect(throws: CaseStore.Failure.refused(.taken)) {
            _ = try office.begin(.person, ["number": .text("sun"), "name": .text("甲sun")])
        }
        // Once more, a day later, with further keys.
        try office.store.recoverPeople(
            [person("zhao", SHA256Digest(of: [1])), person("li", SHA256Digest(of: [2]))],
            at: Self.start.adding(seconds: 86_400))
        let zhao = try #require(try office.store.member(key: fresh, at: Self.start))
        #expect(zhao.person == "zhao" && zhao.level == 3 && zhao.posts.filter { $0.role == "people-admin" }.count == 1)
        #expect(try office.store.member(key: other, at: Self.start) == nil, "she has left")
        #expect(try office.store.verify() == [] && office.store.rebuild() == .unchanged)
    }
}
