package import PortalBase
import Procedures
import SQL
package import Workflow

/// Clocks that fire.
extension CaseStore {
    /// What one look at all clocks did.
    package struct Tick: Sendable {
        package fileprivate(set) var fired: [(subject: String, firing: Firing)] = []
        /// Due, and waiting until everything is here that came to the edge before.
        package fileprivate(set) var waiting: [(subject: String, firing: Firing)] = []
        /// Cases that cannot be read.
        package fileprivate(set) var damaged: [String] = []
    }

    /// Passes every rung that is due. A case that cannot be read stops no other; another process that does the same at the same
    /// moment does no harm.
    package func tick(at now: Instant) throws -> Tick {
        let ids: [String] = try database.read { db in
            try db.column("SELECT subject FROM case_index WHERE next < ? ORDER BY number", now.seconds)
        }
        var tick = Tick()
        for id in ids {
            do {
                // A rung can bring another: a clock that it starts.
                for _ in 0..<Self.mostRungs {
                    let view = try view(id, at: now)
                    guard let firing = view.process.due(on: view.file, in: view.world).first else {
                        tick.waiting += view.process.waiting(on: view.file, in: view.world).map { (id, $0) }
                        break
                    }
                    _ = try fire(firing, on: id, now: now)
                    tick.fired.append((id, firing))
                }
            } catch Failure.refused {
                // Somebody acted meanwhile.
            } catch Failure.busy {
                // The next look finds it again.
            } catch is Failure {
                tick.damaged.append(id)
            }
        }
        return tick
    }

    private static let mostRungs = 64
}
