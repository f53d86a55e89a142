import Authority
import PortalBase
import PositionedYAML
import Procedures
import SQL
import Synchronization
import TestSupport
import Testing
import Workflow

@testable import Cases

/// Law 8: what a citizen did in time counts, although a rung acted before it arrived.
@Suite struct OvertakenTests {
    /// The approval of the repository, in which silence over a correction ends the case by the clock.
    private static let process: Procedures.Process? = {
        guard let bytes = try? FileSystem.read(repositoryRoot + "/Content/processes/approval.yaml") else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
            .replacing(
                "clocks:\n",
                with: """
                    clocks:
                      answering:
                        zh: 补正期限
                        en: Time to correct
                        budget: 10wd
                        since: start
                        stop: [submitted, inParallel, joined, granted, refused, notAccepted, withdrawn]
                        ladder: [{ at: 50%, remind: [lead] }, { at: 100%, act: expire, count: expired }]

                    """
            )
            .replacing(
                "actions:\n",
                with: """
                    actions:
                      expire: { zh: 视为撤回, en: Deemed withdrawn, from: [correction], by: clock, do: [{ flag: lapsed }, { enter: withdrawn }] }

                    """
            )
            .replacing("{ enter: correction }", with: "{ start: answering }\n      - { enter: correction }")
            .replacing(
                "labels:\n", with: "labels:\n  expired: { zh: 过期, en: Expired }\n  lapsed: { zh: 过期, en: Expired }\n")
        var diagnostics: [Diagnostic] = []
        let names = Procedures.Process.Names(roles: ["operator", "handler", "leader"], units: ["market"])
        guard let node = YAMLNode.parse(text, path: "approval.yaml", diagnostics: &diagnostics),
            let process = Procedures.Process(node, names: names, diagnostics: &diagnostics), !diagnostics.hasErrors
        else {
            Issue.record("\(diagnostics)")
            return nil
        }
        return process
    }()

    private static let start = CaseStoreTests.start

    private final class Heard: Outbox {
        let states = Mutex<[String]>([])

        func tell(_ telling: Telling, _ db: any SQLConnection) {
            states.withLock { $0.append(telling.status.state.rawValue) }
        }

        func vouch(_ vouching: Vouching, _ db: any SQLConnection) {}
    }

    private struct Desk {
        let folder = TemporaryFolder()
        let database: any SQLDatabase
        let store: CaseStore
        let heard = Heard()

        init(_ engine: DatabaseEngine) throws {
            database = try engine.core(in: folder)
            // The lane says that everything is here, whenever it is asked.
            let process = try #require(OvertakenTests.process)
            store = try .testing(database, processes: [process], outbox: heard)
            _ = try store.begin(
                .init(
                    id: "a", process: process, form: "catering-opening", answers: ["name": .string("老店")],
                    received: start,
                    correspondent: Correspondent(
                        receipt: "r", lookup: "l", statusKey: "00", authKey: "00", language: "zh", channel: "web")),
                at: start)
            try act("requestCorrection", ["missing": .list(["name"]), "words": .text("请补")], day: 1)
        }

        func act(_ action: String, _ inputs: [String: InputValue], day: Int) throws {
            let post = Post(person: "甲", role: "handler", unit: "market", from: Instant(seconds: 0))
            let moment = start.adding(seconds: day * 86_400)
            _ = try store.perform(
                Command(action: action, inputs: inputs), on: "a", as: .officer(Officer(post: post, level: 4)),
                key: action, at: moment, now: moment)
        }

        func supplement(sent: Int, came: Int) throws {
            try database.write { db in
                try store.receive(
                    Command(action: "supplement", inputs: ["name": .answer(.string("新店"))]), documents: [], on: "a",
                    key: "7", isCurrent: true, at: start.adding(seconds: sent * 86_400),
                    now: start.adding(seconds: came * 86_400), db)
            }
        }

        func actions() throws -> [String] { try store.view("a").events.map(\.action) }
    }

    @Test(arguments: DatabaseEngine.available)
    func whatWasInTimeBeatsTheRungThatActed(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        let late = Self.start.adding(seconds: 30 * 86_400)
        #expect(try desk.store.tick(at: late).fired.count == 2)
        let ended = try desk.store.view("a").file
        #expect(ended.state == "withdrawn" && ended.flags == ["lapsed"] && ended.counts == ["expired": 1])
        try desk.supplement(sent: 9, came: 31)
        let file = try desk.store.view("a").file
        #expect(try desk.actions() == ["begin", "requestCorrection", "clock", "expire", "overtaken", "supplement"])
        #expect(file.state == "submitted" && file.answers["name"] == .string("新店"))
        #expect(file.flags.isEmpty && file.counts["expired"] == 0)
        // The desk's own five days run from the supplement's receipt at the edge; the applicant's time is over.
        #expect(file.clock("telling")?.since == Self.start.adding(seconds: 9 * 86_400))
        #expect(file.clock("telling")?.isRunning == true && file.clock("answering")?.isRunning == false)
        #expect(desk.heard.states.withLock { $0 }.suffix(2) == ["withdrawn", "received"])
        // Once, however often it comes.
        try desk.supplement(sent: 9, came: 32)
        #expect(try desk.actions().count == 6)
        #expect(try desk.store.verify() == [] && desk.store.rebuild() == .unchanged)
    }

    /// Nothing is taken back for what was late itself.
    @Test func whatWasLateIsKeptToBeRead() throws {
        let desk = try Desk(.sqlite)
        _ = try desk.store.tick(at: Self.start.adding(seconds: 30 * 86_400))
        try desk.supplement(sent: 29, came: 31)
        #expect(try desk.actions() == ["begin", "requestCorrection", "clock", "expire", "late"])
        #expect(try desk.store.view("a").file.state == "withdrawn")
    }
}
