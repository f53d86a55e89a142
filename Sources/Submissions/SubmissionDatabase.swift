import CMS
package import Ferry
import GRDB
import LaneDatabase
package import PortalBase

/// The edge's database: sealed submissions, once-only rows, tickets, status boxes, and both lanes' state.
///
/// Everything that a citizen could be identified by is sealed before it comes here.
package struct SubmissionDatabase: Sendable {
    private let database: DatabasePool
    private let random: @Sendable (Int) -> [UInt8]

    package static let sendLane = "e2c"
    package static let receiveLane = "c2e"
    private static let ticketLifetime = 15 * 60
    private static let onceLifetime = 24 * 3600

    package init(path: String, random: @escaping @Sendable (Int) -> [UInt8]) throws {
        database = try openDurableDatabase(path)
        self.random = random
        try Self.migrator.migrate(database)
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE submission (
                        id TEXT PRIMARY KEY, kind TEXT NOT NULL, received INTEGER NOT NULL, lookup BLOB NOT NULL UNIQUE,
                        clear BLOB NOT NULL, sealed BLOB NOT NULL);
                    CREATE TABLE once (key BLOB PRIMARY KEY, box BLOB NOT NULL, expires INTEGER NOT NULL);
                    CREATE TABLE hour_key (hour INTEGER PRIMARY KEY, key BLOB NOT NULL);
                    CREATE TABLE ticket (ticket BLOB PRIMARY KEY, box BLOB NOT NULL, expires INTEGER NOT NULL);
                    CREATE TABLE status (
                        lookup BLOB PRIMARY KEY, version INTEGER NOT NULL, open INTEGER NOT NULL, box BLOB NOT NULL, public TEXT);
                    """)
            try LaneDatabase.createTables(db)
        }
        return migrator
    }

    // MARK: Intake

    /// A submission whose content is sealed for the core.
    package struct Sealed: Sendable {
        package let id: String
        package let kind: String
        package let received: Instant
        package let lookup: [UInt8]
        /// `item.json`
        package let clear: [UInt8]
        /// `item.p7m`
        package let sealed: [UInt8]

        package init(id: String, kind: String, received: Instant, lookup: [UInt8], clear: [UInt8], sealed: [UInt8]) {
            self.id = id
            self.kind = kind
            self.received = received
            self.lookup = lookup
            self.clear = clear
            self.sealed = sealed
        }
    }

    /// What the citizen is shown: receipt and query code.
    package struct Credentials: Sendable, Equatable {
        package let receipt: Receipt
        package let code: QueryCode

        package init(receipt: Receipt, code: QueryCode) {
            self.receipt = receipt
            self.code = code
        }

        fileprivate var bytes: [UInt8] { Array((receipt.text + code.text).utf8) }

        fileprivate init?(_ bytes: some Collection<UInt8>) {
            let text = String(decoding: bytes, as: UTF8.self)
            guard let receipt = Receipt(typed: String(text.prefix(17))),
                let code = QueryCode(typed: String(text.dropFirst(17)))
            else { return nil }
            self.receipt = receipt
            self.code = code
        }
    }

    package enum Outcome: Sendable, Equatable {
        case stored
        /// The same submission came before under this key; these are its credentials.
        case repeated(Credentials)
        /// The key was used for something else.
        case keyReused
    }

    /// Stores a submission durably, once: its row, its once-only row and its place in the lane, in one transaction.
    ///
    /// - Parameters:
    ///   - onceKeys: keys under which it may have come before; the first is the one it is filed under.
    ///   - digest: of the payload, to tell a repeat from a reuse.
    package func store(
        _ submission: Sealed, credentials: Credentials, onceKeys: [[UInt8]], digest: SHA256Digest
    ) throws -> Outcome {
        let now = submission.received
        return try database.write { db in
            try db.execute(sql: "DELETE FROM once WHERE expires <= ?", arguments: [now.seconds])
            for key in onceKeys {
                guard let box = try Blob.fetch(db, "SELECT box FROM once WHERE key = ?", [SHA256Digest(of: key).bytes])
                else { continue }
                let plain = try AEAD.open(
                    box, key: Self.boxKey(key, "once"),
                    associated: [])
                guard plain.prefix(32).elementsEqual(digest.bytes) else { return .keyReused }
                guard let known = Credentials(plain.dropFirst(32)) else { return .keyReused }
                return .repeated(known)
            }
            if let key = onceKeys.first {
                let box = try AEAD.seal(
                    digest.bytes + credentials.bytes,
                    key: Self.boxKey(key, "once"),
                    nonce: random(12), associated: [])
                try db.execute(
                    sql: "INSERT INTO once (key, box, expires) VALUES (?, ?, ?)",
                    arguments: [SHA256Digest(of: key).bytes.data, box.data, now.seconds + Self.onceLifetime])
            }
            try db.execute(
                sql: "INSERT INTO submission (id, kind, received, lookup, clear, sealed) VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    submission.id, submission.kind, now.seconds, submission.lookup.data, submission.clear.data,
                    submission.sealed.data,
                ])
            try LaneDatabase.enqueue(db, lane: Self.sendLane, item: submission.id)
            return .stored
        }
    }

    /// Keys for telling a double click from a second request where the client sends none: this hour's and the last's.
    /// They are random, and gone after two hours.
    package func hourKeys(at now: Instant) throws -> [[UInt8]] {
        let hour = now.seconds / 3600
        return try database.write { db in
            try db.execute(sql: "DELETE FROM hour_key WHERE hour < ?", arguments: [hour - 1])
            if try Blob.fetch(db, "SELECT key FROM hour_key WHERE hour = \(hour)", []) == nil {
                try db.execute(
                    sql: "INSERT INTO hour_key (hour, key) VALUES (?, ?)", arguments: [hour, random(32).data])
            }
            return try [hour, hour - 1].compactMap {
                try Blob.fetch(db, "SELECT key FROM hour_key WHERE hour = \($0)", [])
            }
        }
    }

    /// The key of a box that only the holder of `secret` opens; the secret itself is not stored.
    private static func boxKey(_ secret: [UInt8], _ use: String) -> [UInt8] {
        HKDF.expand(prk: HKDF.extract(salt: [], ikm: secret), info: use, count: AEAD.keyBytes)
    }

    // MARK: Tickets

    /// A one-page address for receipt and code: 128 random bits, good for 15 minutes.
    package func issueTicket(_ credentials: Credentials, at now: Instant) throws -> String {
        let ticket = hexText(random(16))
        let key = Array(ticket.utf8)
        let box = try AEAD.seal(
            credentials.bytes, key: Self.boxKey(key, "ticket"),
            nonce: random(12),
            associated: [])
        try database.write { db in
            try db.execute(sql: "DELETE FROM ticket WHERE expires <= ?", arguments: [now.seconds])
            try db.execute(
                sql: "INSERT INTO ticket (ticket, box, expires) VALUES (?, ?, ?)",
                arguments: [SHA256Digest(of: key).bytes.data, box.data, now.seconds + Self.ticketLifetime])
        }
        return ticket
    }

    package func redeem(ticket: String, at now: Instant) throws -> Credentials? {
        let key = Array(ticket.utf8)
        let box = try database.read { db in
            try Blob.fetch(
                db, "SELECT box FROM ticket WHERE ticket = ? AND expires > \(now.seconds)",
                [SHA256Digest(of: key).bytes])
        }
        guard let box else { return nil }
        return Credentials(
            try AEAD.open(
                box, key: Self.boxKey(key, "ticket"), associated: [])
        )
    }

    // MARK: Status

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
            if let row = try Row.fetchOne(
                db, sql: "SELECT version, box FROM status WHERE lookup = ?", arguments: [lookup.data])
            {
                return .answered(StatusBox(version: row["version"], box: (row["box"] as Blob.Bytes).bytes))
            }
            return try Blob.fetch(db, "SELECT lookup FROM submission WHERE lookup = ?", [lookup]) == nil
                ? nil : .received
        }
    }

    /// Deletes what the core has acknowledged and answered for: the sealed content is no longer needed here.
    package func purgeDelivered() throws -> Int {
        try database.write { db in
            try db.execute(
                sql: """
                    DELETE FROM submission WHERE id IN (SELECT item FROM lane_queue WHERE lane = ? AND state = 'delivered')
                        AND lookup IN (SELECT lookup FROM status)
                    """, arguments: [Self.sendLane])
            return db.changesCount
        }
    }

    package func isWritable() -> Bool {
        (try? database.write { try $0.execute(sql: "DELETE FROM ticket WHERE expires < 0") }) != nil
    }

    // MARK: Lanes

    /// Both lanes' state, in this database.
    package func laneStore() -> any LaneStore {
        LaneDatabase(
            database,
            load: { db, _, id in
                guard
                    let row = try Row.fetchOne(
                        db, sql: "SELECT kind, clear, sealed FROM submission WHERE id = ?", arguments: [id])
                else {
                    throw DatabaseError(resultCode: .SQLITE_NOTFOUND, message: "no submission \(id)")
                }
                return FerryItem(
                    kind: row["kind"], id: id,
                    parts: [
                        .init(name: "item.json", bytes: (row["clear"] as Blob.Bytes).bytes),
                        .init(name: "item.p7m", bytes: (row["sealed"] as Blob.Bytes).bytes),
                    ])
            },
            apply: { db, item, _ in try Self.applyStatus(db, item) })
    }

    private static func applyStatus(_ db: Database, _ item: FerryItem) throws {
        guard let clear = item.part("item.json"), let json = try? JSON(parsing: clear),
            let lookup = json["lookup"]?.string.flatMap(bytesFromHex), lookup.count == 32,
            let version = json["version"]?.integer,
            let open = json["open"]?.bool, let box = json["box"]?.string.flatMap(bytesFromBase64)
        else { throw LaneDatabase.RejectedItem(.schema) }
        // Older versions never overwrite newer ones, in whatever order batches come.
        try db.execute(
            sql: """
                INSERT INTO status (lookup, version, open, box, public) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (lookup) DO UPDATE SET version = excluded.version, open = excluded.open, box = excluded.box,
                    public = excluded.public WHERE excluded.version > status.version
                """,
            arguments: [lookup.data, version, open, box.data, json["public"].map { $0.canonicalText }])
    }
}
