import Ferry
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

    /// A sealed piece of a paper that came with a status; nil where that status has none such, or is no longer the newest.
    package func statusPart(lookup: [UInt8], version: Int, name: String) throws -> [UInt8]? {
        try database.read { db in
            try db.value(
                "SELECT sealed FROM status_part WHERE lookup = ? AND name = ? AND version = ?", lookup, name, version)
        }
    }

    /// Takes the place of all pieces that came with older statuses.
    static func keepParts(of item: FerryItem, lookup: [UInt8], version: Int, _ db: any SQLConnection) throws {
        try db.execute("DELETE FROM status_part WHERE lookup = ?", lookup)
        for part in item.parts where part.name != "item.json" {
            try db.execute(
                "INSERT INTO status_part (lookup, name, version, sealed) VALUES (?, ?, ?, ?)", lookup, part.name,
                version, try part.bytes())
        }
    }
}
