package import PortalBase
import Procedures
import SQL
package import Workflow

extension CaseStore {
    /// A case whose events are known already.
    package struct History: Sendable {
        let beginning: Beginning
        let events: [Event]

        /// - Parameter events: from the first on, with versions that rise by one.
        package init(_ beginning: Beginning, events: [Event]) {
            self.beginning = beginning
            self.events = events
        }
    }

    /// Records whole cases with their chains and boxes, and nothing that is made out of them: `rebuild` makes that. For benches, and
    /// for what another system hands over. Documents and correspondents are not taken.
    package func load(_ histories: [History], at now: Instant) throws {
        try database.write { db in
            for history in histories {
                var writing = try add(history.beginning, at: now, db)
                for event in history.events {
                    let command = Command(action: event.action, task: event.task, inputs: event.inputs)
                    try insert(
                        event, &writing, key: "loaded \(event.version)",
                        mark: Self.mark(command, event.actor, writing.secret),
                        db)
                }
            }
        }
    }
}
