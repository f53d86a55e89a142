package import Forms
import PortalBase
package import Procedures

/// What the citizen reads of a case: made out of the case alone, and sent whenever it is another.
package struct CitizenStatus: Sendable, Equatable {
    package let state: Process.CitizenState
    /// An officer's words; empty where there are none.
    package let text: String
    /// When what the citizen waits for is due; nil where nothing runs.
    package let due: Due?
    /// Messages that the case would take now.
    package let messages: Set<CaseMessage.Kind>
    /// What the citizen is asked for.
    package let request: Case.Request?
    /// Papers of the case that were signed.
    package var papers: [Case.Paper] = []

    /// What is left to read once the words are destroyed.
    package static func erased(_ state: Process.CitizenState) -> CitizenStatus {
        CitizenStatus(state: state, text: "", due: nil, messages: [], request: nil)
    }

    package var isOpen: Bool { [.received, .accepted, .correction].contains(state) }
}

extension Process {
    /// Nil of a case that has told nothing yet, and of one that waits for a paper that says it.
    package func status(of file: Case, in world: World) -> CitizenStatus? {
        guard let state = file.told, !file.awaitsPaper else { return nil }
        let messages = offers(on: file, to: .citizen, in: world).compactMap { action($0.action)?.message }
        let running = file.clocks.last { run in run.isRunning && clock(run.clock)?.isTold == true }
        return CitizenStatus(
            state: state, text: file.toldText ?? "", due: running.map { $0.due(in: world) }, messages: Set(messages),
            request: messages.contains(.supplement) ? file.requests.last { $0.answered == nil } : nil,
            papers: file.papers.filter { $0.signature != nil })
    }
}
