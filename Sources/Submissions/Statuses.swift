package import PortalBase
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

    /// What an Open311 token stands for: nil for an unknown one.
    package func open311(token: String) throws -> (created: Instant, shown: JSON?)? {
        try database.read { db in
            guard
                let row = try db.row(
                    """
                    SELECT t.created, s.public FROM open311_token t LEFT JOIN status s ON s.lookup = t.lookup
                    WHERE t.token = ?
                    """, SHA256Digest(of: Array(token.utf8)).bytes)
            else { return nil }
            let text: String? = try row["public"]
            return (Instant(seconds: try row["created"]), text.flatMap { try? JSON(parsing: Array($0.utf8)) })
        }
    }

    /// What the core released about its cases, newest first.
    package func released(limit: Int) throws -> [JSON] {
        try database.read { db in
            let texts: [String] = try db.column("SELECT public FROM status WHERE public IS NOT NULL")
            // The core wrote them canonical; what does not parse is not shown.
            return texts.compactMap { try? JSON(parsing: Array($0.utf8)) }.sorted {
                ($0["requested_datetime"]?.string ?? "") > ($1["requested_datetime"]?.string ?? "")
            }.prefix(limit).map { $0 }
        }
    }

    package func released(number: String) throws -> JSON? {
        try released(limit: .max).first { $0["service_request_id"]?.string == number }
    }
}
