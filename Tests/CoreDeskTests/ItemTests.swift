import Authority
import Cases
import Forms
import PortalBase
import PositionedYAML
import Procedures
import SQL
import TestSupport
import Testing
import Workflow

@testable import CoreDesk

/// A service item is added to a copy of the city's content, and handled to its decision: no line of Swift knows it.
@Suite struct ItemTests {
    @Test(arguments: DatabaseEngine.available)
    func aNewItemIsAFormAndAWord(_ engine: DatabaseEngine) throws {
        let folder = TemporaryFolder()
        func content(_ name: String) throws -> String {
            String(decoding: try FileSystem.read(repositoryRoot + "/Content/" + name), as: UTF8.self)
        }
        for name in [
            "roles.yaml", "units.yaml", "hours.yaml", "catalogue.yaml", "processes/hotline.yaml", "forms/hotline.yaml",
            "papers/frame.html", "papers/acceptance.html", "papers/non-acceptance.html", "papers/decision.html",
            "papers/refusal.html", "papers/annulment.html", "processes/people.yaml", "processes/posts.yaml",
            "processes/credentials.yaml",
        ] {
            try folder.write("Content/" + name, Array(try content(name).utf8))
        }
        let item = try content("forms/hotel-opening.yaml").replacing("id: hotel-opening", with: "id: cinema-opening")
            .replacing("lead: public-security", with: "lead: health").replacing(
                "dept: public-security", with: "dept: urban-management")
        let process = try content("processes/approval.yaml")
            .replacing(/forms: \[catering-opening[^\]]*\]/, with: "forms: [cinema-opening]")
        try folder.write("Content/forms/cinema-opening.yaml", Array(item.utf8))
        try folder.write("Content/processes/approval.yaml", Array(process.utf8))
        var diagnostics: [Diagnostic] = []
        let node = try #require(YAMLNode.parse(item, path: "cinema-opening.yaml", diagnostics: &diagnostics))
        let form = try #require(FormDefinition(node, diagnostics: &diagnostics), "\(diagnostics)")
        try folder.write("forms/\(form.digest).json", node.json.canonicalBytes)
        try FileSystem.replaceDurably(folder.path + "/master.key", with: [UInt8](repeating: 9, count: 32), mode: 0o600)
        try folder.writeDeskConfiguration(database: try engine.location(in: folder))
        let desk = try Desk(Configuration.load(folder.path + "/desk.yaml"), random: systemRandomBytes, .new)
        let now = try #require(Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai))
        let approval = try #require(desk.surroundings.process(for: form))
        _ = try desk.cases.begin(
            .init(id: "a", process: approval, form: form.digest, answers: ["hotel": .string("示例影院")], received: now),
            at: now)
        func act(_ action: String, _ role: String, _ unit: String, task: Int? = nil, _ inputs: [String: InputValue])
            throws
        {
            let post = Post(person: "\(role) \(unit)", role: role, unit: unit, from: Instant(seconds: 0))
            _ = try desk.cases.perform(
                Command(action: action, task: task, inputs: inputs), on: "a",
                as: .officer(Officer(post: post, level: 3)),
                key: action + unit, at: now, now: now)
        }
        let materials = ["idcard", "premises", "layout", "fire", "hygiene"].map { $0 + "=ok" }
        // Each was looked at, and each is in order.
        for list in [Array(materials.dropLast()), materials.dropLast() + ["hygiene=missing"]] {
            #expect(throws: CaseStore.Failure.refused(.input("materials", .incomplete))) {
                try act("accept", "handler", "health", ["materials": .list(list)])
            }
        }
        try act("accept", "handler", "health", ["materials": .list(materials)])
        let view = try desk.cases.view("a", at: now)
        #expect(view.file.tasks.map(\.unit) == ["urban-management", "health", "fire"])
        // The form's way to join: one that disagrees ends it.
        try act("agree", "handler", "health", task: 2, [:])
        try act("disagree", "handler", "fire", task: 3, ["words": .text("疏散通道不够")])
        #expect(try desk.cases.view("a", at: now).file.state == "joined")
        #expect(throws: CaseStore.Failure.refused(.condition)) {
            try act("grant", "leader", "health", ["words": .text("准予")])
        }
        // A decision is signed; nothing less than that decides.
        let refusing: [String: InputValue] = ["ground": .text("消防法第十五条"), "words": .text("不予许可，可以申请复议。")]
        #expect(throws: CaseStore.Failure.refused(.level(4))) { try act("refuse", "leader", "health", refusing) }
        let signer = try Signer("health")
        try desk.cases.recordFirstPeople(
            [.init(person: "leader-health", name: "负责人", key: signer.key, level: 3, posts: [])], at: now)
        let leader = Officer(
            post: Post(person: "leader-health", role: "leader", unit: "health", from: Instant(seconds: 0)), level: 3)
        _ = try desk.cases.perform(
            Command(action: "refuse", inputs: refusing), on: "a", as: leader, signing: signer, key: "refuse", at: now)
        #expect(try desk.cases.view("a", at: now).file.told == .refused)
        #expect(try desk.cases.verify() == [] && desk.cases.rebuild() == .unchanged)
    }
}
