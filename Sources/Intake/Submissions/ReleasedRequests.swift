package import PortalBase
import SQL

/// What the core released about a request that came by GeoReport v2: anybody may read it.
package struct ReleasedRequest: Sendable, Equatable {
    /// `service_request_id`
    package let number: String
    /// `service_code`
    package let service: String
    package let isOpen: Bool
    /// `requested_datetime`
    package let requested: Instant
    /// Everything, as the core wrote it.
    package let shown: JSON

    /// Nil for what lacks one of the above.
    package init?(_ shown: JSON) {
        guard let number = shown["service_request_id"]?.string, let service = shown["service_code"]?.string,
            let status = shown["status"]?.string, ["open", "closed"].contains(status),
            let requested = shown["requested_datetime"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) })
        else { return nil }
        self.number = number
        self.service = service
        isOpen = status == "open"
        self.requested = requested
        self.shown = shown
    }

    fileprivate init?(text: String) {
        guard let json = try? JSON(parsing: Array(text.utf8)) else { return nil }
        self.init(json)
    }

    /// Which of them are asked for.
    package enum Selection: Sendable, Equatable {
        case numbers([String])
        /// Requested from `from` to `to`, both counted in; empty `services` are all of them, and so is nil for `isOpen`.
        case period(from: Instant, to: Instant, services: [String], isOpen: Bool?)
    }
}

extension SubmissionDatabase {
    static let releasedTables = [
        """
        CREATE TABLE released_request (
            lookup BLOB PRIMARY KEY, number TEXT NOT NULL, service TEXT NOT NULL, open INTEGER NOT NULL,
            requested INTEGER NOT NULL, shown TEXT NOT NULL)
        """,
        "CREATE INDEX released_request_number ON released_request (number)",
        "CREATE INDEX released_request_requested ON released_request (requested)",
    ]

    /// Takes over what lay beside the boxes in version 1.
    @Sendable static func moveReleased(_ db: any SQLConnection) throws {
        for row in try db.rows("SELECT lookup, public FROM status WHERE public IS NOT NULL") {
            let text: String = try row["public"]
            if let request = ReleasedRequest(text: text) { try release(db, request, lookup: row["lookup"]) }
        }
    }

    /// Files what the core says now; nil takes back what it said before.
    static func release(_ db: any SQLConnection, _ request: ReleasedRequest?, lookup: [UInt8]) throws {
        try db.execute("DELETE FROM released_request WHERE lookup = ?", lookup)
        guard let request else { return }
        try db.execute(
            "INSERT INTO released_request (lookup, number, service, open, requested, shown) VALUES (?, ?, ?, ?, ?, ?)",
            lookup, request.number, request.service, request.isOpen, request.requested.seconds,
            request.shown.canonicalText)
    }

    /// What an Open311 token stands for: nil for an unknown one, no request before the core's answer has come.
    package func open311(token: String) throws -> (created: Instant, request: ReleasedRequest?)? {
        try database.read { db in
            guard
                let row = try db.row(
                    """
                    SELECT t.created, r.shown FROM open311_token t LEFT JOIN released_request r ON r.lookup = t.lookup
                    WHERE t.token = ?
                    """, SHA256Digest(of: Array(token.utf8)).bytes)
            else { return nil }
            let text: String? = try row["shown"]
            return (Instant(seconds: try row["created"]), text.flatMap(ReleasedRequest.init(text:)))
        }
    }

    /// Newest first, or in the order of the numbers that were asked for.
    package func released(_ selection: ReleasedRequest.Selection, limit: Int) throws -> [ReleasedRequest] {
        let texts: [String] = try database.read { db in
            switch selection {
            case .numbers(let numbers):
                return try numbers.prefix(limit).flatMap { number -> [String] in
                    try db.column("SELECT shown FROM released_request WHERE number = ? LIMIT 1", number)
                }
            case .period(let from, let to, let services, let isOpen):
                var query = "SELECT shown FROM released_request WHERE requested BETWEEN ? AND ?"
                var values: [(any SQLBindable)?] = [from.seconds, to.seconds]
                if !services.isEmpty {
                    let list = SQLList(services)
                    query += " AND service IN (\(list.marks))"
                    values += list.values as [(any SQLBindable)?]
                }
                if let isOpen {
                    query += " AND open = ?"
                    values.append(isOpen)
                }
                query += " ORDER BY requested DESC, lookup LIMIT ?"
                values.append(limit)
                return try db.column(query, values: values)
            }
        }
        return texts.compactMap(ReleasedRequest.init(text:))
    }
}
