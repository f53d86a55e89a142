import SQL

extension SubmissionDatabase {
    /// The core's answer, readable with the citizen's key alone.
    package struct StatusBox: Sendable {
        package let version: Int
        package let box: [UInt8]
    }

    package enum StatusLookup: Sendable {
        /// Sent, and nothing has come back from the core yet.
        case received
        case answered(StatusBox)
    }

    package func status(lookup: [UInt8]) throws -> StatusLookup? {
        try database.read { db in
            if let row = try db.row("SELECT version, box FROM status WHERE lookup = ?", lookup) {
                return .answered(StatusBox(version: try row["version"], box: try row["box"]))
            }
            let known: Int? = try db.value("SELECT 1 FROM submission WHERE lookup = ?", lookup)
            return known == nil ? nil : .received
        }
    }
}
