import Authority
import CMS
import PortalBase
import Procedures
import SQL
import TestSupport
import Testing
import Workflow

@testable import Cases

/// Acts at level 4: the store takes nothing for a signature but the officer's own, over this act.
@Suite struct SignatureTests {
    private static let now = CaseStoreTests.start
    private static let inputs: [String: InputValue] = [
        "person": .text("qian"), "role": .text("handler"), "unit": .text("city"),
    ]

    private let folder = TemporaryFolder()
    private let store: CaseStore
    private let process: Procedures.Process
    private let signer: Signer
    private let officer: Officer

    init() throws {
        let database = try DatabaseEngine.sqlite.core(in: folder)
        store = try .testing(database) { _, _, now, _ in
            let world = try #require(CaseStoreTests.world("hotline", now))
            return World(
                now: now, calendar: world.calendar, hours: world.hours, units: world.units,
                exclusions: ["people-admin": [], "handler": [], "reviewer": []], form: .none, catalogueLimit: nil)
        }
        process = try #require(CaseStoreTests.processes.first { $0.subject == .post })
        signer = try Signer("admin-a")
        try store.recordFirstPeople(
            [
                ("zhao", try Signer("admin-a").key, 3), ("qian", try Signer("admin-b").key, 3),
                ("li", try Signer("fire").key, 2),
            ].map {
                .init(person: $0.0, name: $0.0, key: $0.1, level: $0.2, posts: [("people-admin", "city")])
            }, at: Self.now)
        officer = try #require(try store.member(key: signer.key, at: Self.now)?.officers.first)
    }

    private func begin(
        _ inputs: [String: InputValue] = inputs, as given: Officer? = nil, key: String = "n", signed: SignedAct?
    ) throws -> String {
        try store.beginSubject(process, inputs, as: given ?? officer, key: key, signed: signed, at: Self.now)
    }

    private func sign(
        _ inputs: [String: InputValue] = inputs, by name: String = "admin-a", as given: Officer? = nil,
        grounds: SHA256Digest? = nil
    ) throws -> SignedAct {
        try Signer(name).sign(
            Command(action: Procedures.Process.EventName.begin, inputs: inputs), on: "",
            grounds: grounds ?? process.digest, nonce: "n", as: given ?? officer, at: Self.now)
    }

    @Test func nothingButTheOfficersOwnSignatureOverThisActCounts() throws {
        #expect(throws: CaseStore.Failure.refused(.level(4))) { try begin(signed: nil) }
        // Whatever level a caller claims.
        let claiming = Officer(post: officer.post, level: 4)
        #expect(throws: CaseStore.Failure.refused(.level(4))) { try begin(as: claiming, signed: nil) }
        let good = try sign()
        var other = Self.inputs
        other["role"] = .text("reviewer")
        func refused(_ body: () throws -> String) {
            #expect(throws: CaseStore.Failure.badSignature) { _ = try body() }
        }
        refused { try begin(other, signed: good) }
        refused { try begin(key: "m", signed: good) }
        refused { try begin(signed: try sign(grounds: SHA256Digest(of: [1]))) }
        // Another's key, though it is trusted; a key that is nobody's; one that is not of a usb-key.
        refused { try begin(signed: try sign(by: "admin-b")) }
        refused { try begin(signed: try sign(by: "stranger")) }
        let li = try #require(try store.member(key: try Signer("fire").key, at: Self.now)?.officers.first)
        refused { try begin(as: li, signed: try sign(by: "fire", as: li)) }
        // The officer of another post of the same person.
        let elsewhere = Officer(
            post: Post(person: "zhao", role: "people-admin", unit: "market", from: officer.post.from), level: 3)
        refused { try begin(as: elsewhere, signed: good) }
        for (statement, signature) in [
            (good.statement, Array(good.signature.dropLast())), (good.statement, []),
            (good.statement + [0x20], good.signature),
            (Array("{}".utf8), good.signature), (good.statement, try sign(other).signature),
        ] {
            refused { try begin(signed: SignedAct(statement: statement, signature: signature)) }
        }
        #expect(try store.roster(at: Self.now).count == 9)
        let id = try begin(signed: good)
        #expect(try begin(signed: good) == id)
        #expect(try store.roster(at: Self.now).count == 10)
        #expect(try store.verify() == [] && store.rebuild() == .unchanged)
        #expect(try store.view(id).events.map(\.signed) == [good])
    }

    /// What the log says of a signed act is held against what was signed.
    @Test func anEventIsHeldAgainstItsSignature() throws {
        let good = try sign()
        let event = try #require(try store.view(try begin(signed: good)).events.first)
        let subject = try store.view(try begin(signed: good)).subject
        let keys = ["zhao": Set([signer.key.hex]), "qian": Set([try Signer("admin-b").key.hex])]
        func isHeld(
            _ inputs: [String: InputValue]? = nil, by actor: Actor? = nil, action: String? = nil,
            did facts: [Fact]? = nil, at moment: Instant? = nil, signed: SignedAct?
        ) throws -> Bool {
            let changed = Event(
                version: 1, at: moment ?? event.at, actor: actor ?? event.actor, action: action ?? event.action,
                task: nil, inputs: inputs ?? event.inputs, facts: facts ?? event.facts, signed: signed)
            return try store.database.read { db in
                try store.isSignedAsClaimed(
                    .init(subject: subject, process: process.digest, event: changed, key: "begin", before: []),
                    keys: keys, db)
            }
        }
        #expect(try isHeld(signed: good))
        // It did something else, or at another time.
        #expect(
            try !isHeld(
                did: event.facts + [.appointed(person: "qian", role: "people-admin", unit: "city", until: nil)],
                signed: good))
        #expect(try !isHeld(did: [], signed: good))
        #expect(try !isHeld(at: event.at.adding(seconds: -1), signed: good))
        #expect(try !isHeld(at: event.at.adding(seconds: 300), signed: good))
        #expect(try !isHeld(signed: nil))
        #expect(try !isHeld(event.inputs.merging(["role": .answer(.string("leader"))]) { $1 }, signed: good))
        #expect(
            try !isHeld(
                by: .officer(
                    Officer(post: Post(person: "qian", role: "people-admin", unit: "city", from: Self.now), level: 4)),
                signed: good))
        #expect(try !isHeld(action: "confirm", signed: good))
        #expect(try !isHeld(signed: try sign(by: "admin-b")))
    }
}
