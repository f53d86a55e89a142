import Forms
import PortalBase
import Procedures
import TestSupport
import Testing

@testable import Workflow

/// What the desk's first machines did, done again by the processes: 500 walks with what came of each step.
@Suite struct TraceTests {
    private static let traces: [JSON] = {
        let bytes = (try? FileSystem.read(repositoryRoot + "/Tests/Fixtures/traces/version-1.jsonl")) ?? []
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { try? JSON(parsing: Array($0)) }
    }()

    /// Steps that end otherwise now, and why; all others end as they did.
    ///
    /// - A redispatch of a request with a task of its own opens a new one: the same end by another way.
    /// - What a department may not do at all is refused by the unit before the state is looked at, and the other way round: the
    ///   reason may differ, not that it is refused.
    private struct Walker {
        var walk: Walk
        let agreed: Bool

        init(_ trace: JSON, _ process: Procedures.Process) {
            agreed = trace["agreed"]?.bool ?? false
            walk = Walk(
                process, answers: ["publish": .string(agreed ? "agree" : "refuse")],
                units: ["market", "fire", "ecology"])
        }

        private func officer(_ role: String, _ unit: String) -> Actor { Walk.officer("\(role) of \(unit)", role, unit) }

        /// Nil where every part of the step is refused.
        mutating func step(_ action: String, _ unit: String, _ words: String) -> String? {
            let text = InputValue.text(words)
            let budget = InputValue.limit(.init(count: 5, unit: .wd))
            let task = walk.file.tasks.first { $0.isOpen && $0.unit == unit }?.id
            do {
                switch action {
                case "dispatch":
                    try walk.take(
                        "dispatch", as: officer("dispatcher", "city"), ["lead": .text(unit), "budget": budget])
                case "answer":
                    try walk.take(
                        "answer", as: officer("handler", unit), task: task, ["done": .text("记"), "reply": text])
                    // What one officer sent out alone, another reviews now.
                    try walk.take("approve", as: officer("reviewer", "city"))
                case "release":
                    try walk.take(
                        "publish", as: officer("publisher", "city"), ["title": text, "question": text, "reply": text])
                case "takeBack": try walk.take("retract", as: officer("publisher", "city"))
                case "withdraw": try walk.take("withdraw", as: .citizen)
                case "accept": try walk.take("accept", as: officer("handler", unit), ["materials": .list(["x=ok"])])
                case "correct":
                    try walk.take(
                        "requestCorrection", as: officer("handler", unit), ["missing": .list(["name"]), "words": text])
                case "supplement":
                    try walk.take("supplement", as: .citizen, ["name": .answer(.string("新"))])
                case "decline":
                    try walk.take("notAccept", as: officer("handler", unit), ["ground": .text("x"), "words": text])
                case "agree", "disagree":
                    try walk.take(
                        action, as: officer("handler", unit), task: task, words.isEmpty ? [:] : ["words": text])
                case "grant": try walk.take("grant", as: officer("leader", unit), ["words": text])
                case "refuse":
                    try walk.take("refuse", as: officer("leader", unit), ["ground": .text("x"), "words": text])
                default: return "?"
                }
            } catch {
                return nil
            }
            switch walk.file.state {
            case "handling": return "dispatched"
            case "answered": return walk.file.published.isEmpty ? "answered" : "released"
            default: return walk.file.state
            }
        }
    }

    @Test func theProcessesDoWhatTheMachinesDid() throws {
        #expect(Self.traces.count == 500)
        var (taken, refused) = (0, 0)
        for (number, trace) in Self.traces.enumerated() {
            let id = try #require(trace["machine"]?.string)
            let process = try #require(LawTests.processes.first { $0.id == id })
            var walker = Walker(trace, process)
            for step in trace["steps"]?.array ?? [] {
                let (action, unit, words) = (
                    step["action"]?.string ?? "", step["unit"]?.string ?? "", step["words"]?.string ?? ""
                )
                let expected = step["result"]?.string ?? ""
                let found = walker.step(action, unit, words)
                if expected.hasPrefix("no ") {
                    #expect(found == nil, "trace \(number): \(action) by \(unit) gave \(found ?? ""), was \(expected)")
                    refused += 1
                } else {
                    #expect(found == expected, "trace \(number): \(action) by \(unit)")
                    taken += 1
                }
                if (found == nil) != expected.hasPrefix("no ") { break }
            }
        }
        #expect(taken > 1_000 && refused > 1_000, "\(taken) taken, \(refused) refused")
    }
}
