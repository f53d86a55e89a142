package import PortalBase
package import SQL
package import Seals

/// Makes seals over the log. A copy of a seal kept elsewhere shows every later change of what it covers, even one by the database's owner.
extension CaseStore {
    /// Statements that make the tables of seals, for the database's owner.
    static func sealTables(_ database: some SQLDatabase) -> [String] {
        [
            // `events` and `readings`: the last position of each table that the seal covers. `adopted`: what it covers was lost, and its
            // leaves with it; it was published.
            """
            CREATE TABLE seal (
                n INTEGER PRIMARY KEY, item TEXT NOT NULL UNIQUE, text BLOB NOT NULL, signature BLOB NOT NULL,
                events INTEGER NOT NULL, readings INTEGER NOT NULL, adopted INTEGER NOT NULL)
            """,
            """
            CREATE TABLE seal_leaf (
                seal INTEGER NOT NULL REFERENCES seal (n), kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
                digest TEXT NOT NULL, PRIMARY KEY (seal, kind, name))
            """,
            "CREATE INDEX seal_leaf_name ON seal_leaf (kind, name, seal)",
        ] + ["seal", "seal_leaf"].flatMap { database.appendOnly($0) }
    }

    /// Events, and lines of readings, of one seal at most: their leaves are in memory at once.
    static let mostSealed = 50_000

    /// Seals everything that was recorded before the call. One seal is made even where nothing is new: a day without one is a finding.
    ///
    /// - Parameters:
    ///   - most: see `mostSealed`.
    ///   - sign: a detached signature over the bytes.
    ///   - send: called in the transaction that records the seal.
    package func seal(
        at now: Instant, most: Int = CaseStore.mostSealed, by sign: ([UInt8]) throws -> [UInt8],
        send: (SignedSeal, any SQLConnection) throws -> Void
    ) throws -> [Seal] {
        let settled = (events: try settled("event"), readings: try settled("access"))
        var made: [Seal] = []
        while true {
            let (seal, isLast) = try retrying {
                // What is settled does not change: it is read, sorted and signed while others write.
                let next = try database.read { db in try nextSeal(upTo: settled, most, at: now, db) }
                let signed = SignedSeal(seal: next.seal, signature: try sign(next.seal.bytes))
                try database.write { db in
                    try insert(signed, events: next.events, readings: next.readings, isAdopted: false, db)
                    let rows = next.leaves.map { leaf -> [SQLValue] in
                        [
                            .integer(next.seal.number), .text(leaf.kind.rawValue), .text(leaf.name),
                            .integer(leaf.version), .text(leaf.digest.hex),
                        ]
                    }
                    try db.insert(into: "seal_leaf", ["seal", "kind", "name", "version", "digest"], rows)
                    try send(signed, db)
                }
                return (next.seal, next.events >= settled.events && next.readings >= settled.readings)
            }
            made.append(seal)
            if isLast { return made }
        }
    }

    /// Throws `Quicker` where another writer has made this number meanwhile.
    private func insert(
        _ signed: SignedSeal, events: Int, readings: Int, isAdopted: Bool, _ db: any SQLConnection
    ) throws {
        let isFirst = try db.execute(
            """
            INSERT INTO seal (n, item, text, signature, events, readings, adopted) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """, signed.seal.number, signed.id, signed.seal.bytes, signed.signature, events, readings, isAdopted)
        guard isFirst == 1 else { throw Quicker() }
    }

    private struct NextSeal: Sendable {
        let seal: Seal
        let leaves: [SealLeaf]
        let events: Int
        let readings: Int
    }

    private func nextSeal(
        upTo settled: (events: Int, readings: Int), _ most: Int, at now: Instant, _ db: any SQLConnection
    ) throws -> NextSeal {
        let last = try db.row("SELECT text, events, readings FROM seal ORDER BY n DESC LIMIT 1")
        let from = (events: try last?["events"] ?? 0, readings: try last?["readings"] ?? 0)
        let events = try reach("event", from.events, settled.events, most, db)
        let readings = try reach("access", from.readings, settled.readings, most, db)
        let leaves = SealLeaf.sorted(
            try eventLeaves(from.events, events, db) + readingLeaves(from.readings, readings, db))
        let before = try last.map { try Self.seal($0) }
        return NextSeal(
            seal: Seal(after: before, over: leaves, at: now), leaves: leaves, events: events, readings: readings)
    }

    /// The last position of a table below which no writer is under way.
    private func settled(_ table: String) throws -> Int {
        try database.write { db in
            for statement in database.quiesce(table) { try db.execute(statement) }
            return try db.value("SELECT max(position) FROM \(table)") ?? 0
        }
    }

    private func reach(_ table: String, _ from: Int, _ to: Int, _ most: Int, _ db: any SQLConnection) throws -> Int {
        let last: Int? = try db.value(
            """
            SELECT max(position) FROM
                (SELECT position FROM \(table) WHERE position > ? AND position <= ? ORDER BY position LIMIT ?) AS portion
            """, from, to, most)
        return last ?? max(from, to)
    }

    private func eventLeaves(_ from: Int, _ to: Int, _ db: any SQLConnection) throws -> [SealLeaf] {
        try db.rows(
            """
            SELECT e.subject AS name, e.version, e.digest FROM event e JOIN
                (SELECT subject, max(version) AS version FROM event WHERE position > ? AND position <= ? GROUP BY subject) AS newest
            ON e.subject = newest.subject AND e.version = newest.version
            """, from, to
        ).map { try Self.leaf($0, .event) }
    }

    private func readingLeaves(_ from: Int, _ to: Int, _ db: any SQLConnection) throws -> [SealLeaf] {
        try db.rows(
            """
            SELECT a.writer, a.n, a.line FROM access a JOIN
                (SELECT writer, max(n) AS n FROM access WHERE position > ? AND position <= ? GROUP BY writer) AS newest
            ON a.writer = newest.writer AND a.n = newest.n
            """, from, to
        ).map { row in
            SealLeaf(
                kind: .reading, name: try row["writer"], version: try row["n"],
                digest: SHA256Digest(of: Array((try row["line"] as String).utf8)))
        }
    }

    static func leaf(_ row: SQLRow, _ kind: SealLeaf.Kind) throws -> SealLeaf {
        guard let digest = SHA256Digest(hex: try row["digest"]) else {
            throw Failure.damaged(subject: try row["name"], version: try row["version"])
        }
        return SealLeaf(kind: kind, name: try row["name"], version: try row["version"], digest: digest)
    }

    static func seal(_ row: SQLRow) throws -> Seal {
        guard let seal = Seal(try row["text"]) else { throw Failure.damaged(subject: "seal", version: 0) }
        return seal
    }

    // MARK: Reading

    static func signed(_ row: SQLRow) throws -> SignedSeal {
        SignedSeal(seal: try seal(row), signature: try row["signature"])
    }

    /// The seal that an item carries; nil where it carries none.
    package func seal(item: String, _ db: any SQLConnection) throws -> SignedSeal? {
        try db.row("SELECT text, signature FROM seal WHERE item = ?", item).map(Self.signed)
    }

    /// All seals, in order.
    package func seals() throws -> [SignedSeal] {
        try database.read { try $0.rows("SELECT text, signature FROM seal ORDER BY n").map(Self.signed) }
    }

    /// Takes up seals that were published after the backup was made from which this log came back, so that the next one follows from them.
    ///
    /// - Returns: their numbers; nil where the newest of them does not follow from what is here, and nothing is taken up.
    package func adopt(_ published: [SignedSeal], _ signed: (SignedSeal) -> String?) throws -> [Int]? {
        try database.write { db in
            let last = try db.row("SELECT text, events, readings FROM seal ORDER BY n DESC LIMIT 1")
            var newest = try last.map(Self.seal)
            var adopted: [SignedSeal] = []
            for other in published.sorted(by: { $0.seal.number < $1.seal.number })
            where other.seal.number > newest?.number ?? 0 {
                guard newest.map(other.seal.follows) ?? (other.seal.number == 1), signed(other) == nil else {
                    return nil
                }
                adopted.append(other)
                newest = other.seal
            }
            for other in adopted {
                try insert(
                    other, events: try last?["events"] ?? 0, readings: try last?["readings"] ?? 0, isAdopted: true, db)
            }
            return adopted.map(\.seal.number)
        }
    }

    /// The subject that people know by a number, among cases or among what officers begin.
    package func subject(numbered number: Int, isOther: Bool) throws -> String? {
        try database.read { db in
            // Numbers of the one kind are none of the other.
            guard let number = Subject.caseNumber(number) else { return nil }
            return try db.value("SELECT id FROM subject WHERE number = ?", isOther ? Subject.others + number : number)
        }
    }
}
