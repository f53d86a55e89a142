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
                let new = history.beginning
                let (secret, wrapped) = try keys.make(for: new.id)
                let number = try next(of: Self.numbers, db)
                try db.execute(
                    "INSERT INTO subject (id, number, process, form, received, key) VALUES (?, ?, ?, ?, ?, ?)", new.id,
                    number,
                    new.process.digest.hex, new.form, new.received.seconds, wrapped)
                let subject = Subject(
                    id: new.id, number: number, process: new.process.digest, form: new.form, received: new.received)
                var writing = Writing(subject: subject, secret: secret, process: new.process, log: [], now: now)
                for event in history.events {
                    let command = Command(action: event.action, task: event.task, inputs: event.inputs)
                    try insert(
                        event, &writing, key: "loaded \(event.version)", mark: Self.mark(command, event.actor, secret),
                        db)
                }
            }
        }
    }
}
