import ArgumentParser
import Authority
import Cases
import PortalBase
import Procedures
import Workflow

extension ProcessCommand {
    /// Cases run by the definition that they began under until this brings them to another.
    struct Adopt: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Brings open cases of earlier definitions to the one that is put to work now.",
            discussion: """
                Without --apply it lists what would change and writes nothing: read the list first. The definition says under `migrate:` what \
                names of the earlier one became. Each case goes on completely, in one transaction, or stays as it is and is told. \
                `coredesk serve` may run by the earlier definition meanwhile; restart it so that new cases begin by the new one.
                """)
        @OptionGroup var administrator: Administrator
        @Argument(help: "Id of the process.") var id: String
        @Option(help: "Why; it is kept with each case.") var reason: String
        @Flag(help: "Cases that came to their end, too.") var final = false
        @Flag(help: "Does it.") var apply = false

        func run() throws {
            let acting = try administrator.acting()
            let desk = acting.desk
            let officer = try acting.officer(with: .adoptProcesses)
            let reason = try Acting.words(self.reason, "--reason")
            guard let later = desk.surroundings.library.processes.first(where: { $0.id == id }) else {
                throw ValidationError("there is no process `\(id)` in Content")
            }
            let earlier = try desk.cases.earlierDefinitions(of: later, includesFinal: final)
            for migration in later.migrations
            where !earlier.contains(where: { $0.process.digest == migration.from }) {
                print("no \(final ? "case" : "open case") runs by \(migration.from.hex), which `migrate:` names")
            }
            if earlier.isEmpty { print("no case runs by an earlier definition of `\(id)`") }
            var (adopted, left) = (0, 0)
            for definition in earlier {
                let count = definition.subjects.count
                print("\(definition.process.digest.hex): \(count) \(count == 1 ? "case" : "cases")")
                let adoption: Adoption
                do {
                    adoption = try Adoption(from: definition.process, to: later)
                } catch {
                    for problem in error.list { print("  \(problem.text)") }
                    left += count
                    continue
                }
                for subject in definition.subjects {
                    let number = subject.shownNumber
                    let now = desk.configuration.now()
                    do {
                        let done = try desk.cases.adopt(
                            adoption, on: subject, by: officer, reason: reason, applies: apply, at: now)
                        switch done {
                        case .goesOn(let outcome, let passed):
                            let before = passed > 0 ? " (\(passed) rungs that are due pass before)" : ""
                            print("  \(number) \(outcome.from) -> \(outcome.to)\(Self.changes(outcome))\(before)")
                            adopted += 1
                        case .stays(let obstacle):
                            print("  \(number) LEFT: \(obstacle.text)")
                            left += 1
                        case .movedMeanwhile: print("  \(number): somebody brought it to a definition meanwhile")
                        }
                    } catch let failure as CaseStore.Failure {
                        print(
                            "  \(number) LEFT: \(failure.code); "
                                + (failure == .busy
                                    ? "others were quicker: try again" : "`coredesk audit verify` says more"))
                        left += 1
                    }
                }
            }
            print("\(adopted) \(apply ? "went on" : "would go on") by \(later.digest.hex), \(left) left")
            if left > 0 { throw ExitCode(1) }
        }

        /// What changes besides names; empty where nothing does.
        private static func changes(_ outcome: Adoption.Outcome) -> String {
            let changes = outcome.facts.compactMap { fact -> String? in
                switch fact {
                case .stopped(let clock): "the clock `\(clock)` stops"
                case .classified(let name): "it is of the class `\(name)`"
                case .told(let state, _): "the citizen is told `\(state.rawValue)`"
                default: nil
                }
            }
            let due = outcome.due.isEmpty ? [] : ["\(outcome.due.count) rungs of the new definition are due at once"]
            return changes.isEmpty && due.isEmpty ? "" : ": " + (changes + due).joined(separator: ", ")
        }
    }
}

extension Renaming.Problem {
    fileprivate var text: String {
        switch self {
        case .notSaid:
            "the new definition does not speak of this one: write `migrate: { <this digest>: {} }` there, and what names became"
        case .otherSubject: "subjects of the new definition begin in another way: those of this one stay with it"
        case .unmapped(let kind, let name):
            "\(kind.rawValue): `\(name)` is gone; write what it became, or `none`"
        case .unknown(let kind, let name): "\(kind.rawValue): the earlier definition has no `\(name)`; take it out"
        case .joined(let kind, let name):
            "\(kind.rawValue): two of the earlier definition become `\(name)`; name them apart"
        case .reused(let kind, let name):
            "\(kind.rawValue): `\(name)` is said to be gone, and the new definition has another `\(name)`; rename that one"
        case .finality(let name):
            "states: at `\(name)` cases end by one of the two definitions and go on by the other; map it to a state that is alike"
        case .input(let action, let input):
            "`act.\(action).\(input)` is used, and the earlier action did not ask for it: keep the ids of inputs"
        }
    }
}

extension Adoption.Obstacle {
    fileprivate var text: String {
        switch self {
        case .state(let name): "its state `\(name)` is not reached by the new definition"
        case .task(let name): "a task `\(name)` is open, which the new definition never has open in this state"
        case .clock(let name): "the clock `\(name)` runs, which the new definition lacks"
        case .outcome(let task, let name): "a task `\(task)` ended with `\(name)`, which the new definition lacks"
        case .count(let name): "`\(name)` was counted in it, which the new definition lacks"
        case .request(let name): "the citizen is asked for `\(name)`, which the new definition lacks"
        case .classified(let name): "it is of the class `\(name)`, which the new definition lacks"
        case .action(let name):
            "`\(name)` was taken, which is said to be gone: others depend on who took it or what it said; write what it became"
        case .paused(let name): "the clock `\(name)` is paused, and no action of the new definition resumes it"
        case .published(let page): "`\(page.rawValue)` is published, and no action of the new definition takes it back"
        case .legalHold: "its erasure is put off, and no action of the new definition ends that"
        case .told(let state): "the citizen would be told `\(state.rawValue)`, which nobody has decided"
        case .paper(let name): "a paper `\(name)` was issued, which the new definition lacks or gives another mark"
        }
    }
}
