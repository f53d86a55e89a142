import Authority
import Forms
import PortalBase
import Procedures
import TestSupport
import Testing

@testable import Workflow

/// Law 5: approvals, exported as BPMN, go the same way in another engine.
@Suite struct DifferentialTests {
    /// Made by `Scripts/setup test`, with SpiffWorkflow in it.
    static let python = repositoryRoot + "/.build/python/bin/python3"

    private static let isThere: Bool = {
        if (try? run([python, "-c", "import SpiffWorkflow"]).status) == 0 { return true }
        writeStandardError(
            "\n*** SKIPPED: approvals in SpiffWorkflow: it is not in .build/python (Scripts/setup test installs it) ***\n\n"
        )
        return false
    }()

    /// What is open, as the driver says it.
    private static func open(_ walk: Walk) -> JSON {
        let isEnded = walk.process.state(walk.file.state)?.isFinal == true
        let units = walk.file.tasks.filter { $0.isOpen && $0.kind == "opinion" }.map(\.unit).sorted()
        return .object([
            "state": .string(walk.file.state), "ended": .bool(isEnded), "units": .array(units.map(JSON.string)),
        ])
    }

    /// Whether the export draws it: what leads from state to state, stays in one, or closes an opinion.
    private static func isDrawn(_ offer: Offer, _ walk: Walk) -> Bool {
        guard let action = walk.process.action(offer.action) else { return false }
        guard action.on != nil else { return true }
        return ["agree", "disagree"].contains(action.id)
    }

    @Test(.enabled(if: isThere), arguments: [UInt64(1), 2])
    func approvalsGoTheSameWayInAnotherEngine(_ seed: UInt64) throws {
        let process = try #require(LawTests.processes.first { $0.id == "approval" })
        var random = SeededGenerator(seed: seed)
        var walks: [JSON] = []
        var (ends, joins): (Set<String>, Int) = ([], 0)
        for number in 0..<200 {
            let join: Procedures.Process.Condition.Join = [.all, .any, .veto][number % 3]
            let units = Array(
                ["market", "fire", "ecology"].shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)))
            var walk = Walk(process, join: join, units: units)
            let begin = Self.open(walk)
            var steps: [JSON] = []
            for _ in 0..<14 {
                // Time passes, and no clock is asked: the driver answers user tasks only.
                if Int.random(in: 0..<6, using: &random) == 0 { walk.now = walk.now.adding(seconds: 30 * 86_400) }
                let offered = Walk.everybody.flatMap { actor in
                    process.offers(on: walk.file, to: actor, in: walk.world).map { (actor, $0) }
                }.filter { Self.isDrawn($0.1, walk) }
                // The ways that end a case early are many: they are taken less often.
                let some = offered.filter { !["withdraw", "notAccept", "lapse"].contains($0.1.action) }
                let isRare = Int.random(in: 0..<8, using: &random) == 0
                guard let (actor, offer) = (isRare || some.isEmpty ? offered : some).randomElement(using: &random),
                    let action = process.action(offer.action)
                else { break }
                let unit = offer.task.flatMap(walk.file.task)?.unit
                try walk.take(offer.action, as: actor, task: offer.task, walk.inputs(action, &random))
                var step: [String: JSON] = ["action": .string(offer.action), "open": Self.open(walk)]
                if let unit { step["unit"] = .string(unit) }
                steps.append(.object(step))
                if unit != nil, walk.file.state == "joined" { joins += 1 }
                if process.state(walk.file.state)?.isFinal == true {
                    ends.insert(walk.file.state)
                    break
                }
            }
            walks.append(
                .object([
                    "join": .string(join.rawValue), "branches": .array(units.map(JSON.string)), "begin": begin,
                    "steps": .array(steps),
                ]))
        }
        #expect(ends.count == 4 && joins > 50, "\(ends) \(joins)")
        let folder = TemporaryFolder()
        try folder.write("approval.bpmn", BPMN(process, language: "zh").xml)
        try folder.write("walks.json", JSON.array(walks).canonicalBytes)
        let result = try run([
            Self.python, repositoryRoot + "/Tests/Differential/walk.py", folder.path + "/approval.bpmn",
            folder.path + "/walks.json",
        ])
        #expect(result.status == 0 && result.output.isEmpty, "seed \(seed): \(result.output) \(result.error)")
        #expect(result.error.hasPrefix("200 walks"), "\(result.error)")
    }
}
