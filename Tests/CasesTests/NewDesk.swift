import Authority
import PortalBase
import SQL
import TestSupport

@testable import Cases

/// A store over a new database, with the tests' world.
struct NewDesk {
    let folder = TemporaryFolder()
    let database: any SQLDatabase
    let store: CaseStore

    init(_ engine: DatabaseEngine) throws {
        database = try engine.core(in: folder)
        store = try .testing(database)
    }

    func post(_ role: String, _ unit: String) -> Post {
        Post(person: "\(role) \(unit)", role: role, unit: unit, from: Instant(seconds: 0))
    }
}
