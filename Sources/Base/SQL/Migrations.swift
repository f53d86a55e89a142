/// Steps of a schema: the first is version 1.
package struct Migrations: Sendable {
    package struct Step: Sendable {
        let statements: [String]
        let fill: @Sendable (any SQLConnection) throws -> Void

        /// - Parameter fill: what the statements cannot say in both engines' words, done after them.
        package init(
            _ statements: [String], fill: @escaping @Sendable (any SQLConnection) throws -> Void = { _ in }
        ) {
            self.statements = statements
            self.fill = fill
        }
    }

    private let steps: [Step]

    package init(_ steps: Step...) { self.init(steps) }

    package init(_ steps: [Step]) { self.steps = steps }

    /// Brings the database to the newest version, in one transaction. Several processes may do so at once.
    ///
    /// Throws `fault` for a database that a newer program wrote.
    package func run(on database: some SQLDatabase) throws {
        do {
            try bring(database)
        } catch let error as SQLError where error.code == .constraint {
            // Another process made the first table at the same moment; PostgreSQL tells the second of two so.
            try bring(database)
        }
    }

    private func bring(_ database: some SQLDatabase) throws {
        try database.write { db in
            try db.execute(
                database.schema("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)"))
            // Whoever comes second waits here until the first is done.
            try db.execute("INSERT INTO schema_version (version) VALUES (0) ON CONFLICT DO NOTHING")
            try db.execute("UPDATE schema_version SET version = version WHERE version = 0")
            let known: Int = try db.value("SELECT max(version) FROM schema_version") ?? 0
            guard known <= steps.count else {
                throw SQLError(.fault, "the database is of version \(known), this program knows \(steps.count)")
            }
            for (number, step) in steps.enumerated().dropFirst(known) {
                for statement in step.statements { try db.execute(database.schema(statement)) }
                try step.fill(db)
                try db.execute("INSERT INTO schema_version (version) VALUES (?)", number + 1)
            }
        }
    }
}
