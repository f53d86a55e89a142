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
                Restart `coredesk serve` with the new definition before.
                """)
        @OptionGroup var administrator: Administrator
        @Argument(help: "Id of the process.") var id: String
        @Option(help: "Why; it is kept with each case.") var reason: String
        @Flag(help: "Cases that came to their end, too.") var final = false
        @Flag(help: "Does it.") var apply = false

        func run() throws {
            let acting = try administrator.acting()
            let (desk, now) = (acting.desk, acting.now)
            let officer = try acting.officer(with: .adoptProcesses)
            let reason: String
            do {
                reason = try ActionForm.stored(self.reason, "reason", isLine: false)
            } catch {
                throw ValidationError("the reason holds a character that cannot be used, or is too long")
            }
            guard !reason.isEmpty else { throw ValidationError("say why") }
            guard let later = desk.surroundings.library.processes.first(where: { $0.id == id }) else {
                throw ValidationError("there is no process `\(id)` in Content")
            }
            let earlier = try desk.cases.earlierDefinitions(of: later, includesFinal: final)
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
                    do {
                        let done =
                            apply
                            ? try desk.cases.adopt(adoption, on: subject, by: officer, reason: reason, at: now)
                            : try desk.cases.adoption(adoption, of: subject, at: now)
                        let (line, isAdopted) = Self.line(done, later)
                        print("  \(line)")
                        if isAdopted { adopted += 1 } else { left += 1 }
                    } catch let failure as CaseStore.Failure {
                        print("  \(subject.shownNumber) LEFT: \(failure.code)")
                        left += 1
                    }
                }
            }
            print("\(adopted) \(apply ? "went on" : "would go on") by \(later.digest.hex), \(left) left")
            if left > 0 { throw ExitCode(1) }
        }

        private static func line(_ done: CaseStore.AdoptedCase, _ later: Procedures.Process) -> (String, Bool) {
            let number = done.subject.shownNumber
            switch done.outcome {
            case .failure(let obstacle): return ("\(number) LEFT: \(obstacle.text)", false)
            case .success(let facts):
                let changes = facts.compactMap { fact -> String? in
                    switch fact {
                    case .stopped(let clock): "the clock `\(clock)` stops"
                    case .told(let state, _): "the citizen is told `\(state.rawValue)`"
                    default: nil
                    }
                }
                return ("\(number)\(changes.isEmpty ? "" : ": " + changes.joined(separator: ", "))", true)
            }
        }
    }
}

extension Renaming.Problem {
    fileprivate var text: String {
        switch self {
        case .notSaid:
            "the definition does not speak of it: write `migrate: { <this digest>: {} }`, and what names became"
        case .otherSubject: "its subjects begin in another way: they stay with it"
        case .unmapped(let kind, let name):
            "\(kind.rawValue): `\(name)` is gone; write what it became, or `none`"
        case .unknown(let kind, let name): "\(kind.rawValue): it has no `\(name)`"
        case .joined(let kind, let name): "\(kind.rawValue): two become `\(name)`"
        case .input(let action, let input):
            "`act.\(action).\(input)` is used, and the earlier action did not ask for it"
        }
    }
}

extension Adoption.Obstacle {
    fileprivate var text: String {
        switch self {
        case .state(let name): "its state `\(name)` is not reached by the new definition"
        case .task(let name): "a task `\(name)` is open, which its state does not have any more"
        case .clock(let name): "the clock `\(name)` runs, which is gone"
        case .outcome(let task, let name): "a task `\(task)` ended with `\(name)`, which it does not know"
        case .count(let name): "it counts `\(name)`, which is gone"
        case .request(let name): "the citizen is asked for `\(name)`, which is gone"
        case .classified(let name): "it is of the class `\(name)`, which is gone"
        case .paper(let name): "a paper `\(name)` was issued, which is gone or has another mark"
        }
    }
}
