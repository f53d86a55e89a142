package import PortalBase
package import SQL
package import Seals

/// Seals over the log: whoever keeps one elsewhere can tell that nothing which it covers was changed, taken out or moved since, even by the
/// owner of the database.
extension CaseStore {
    /// Statements that make the tables of seals, for the database's owner.
    package static func sealTables(_ database: some SQLDatabase) -> [String] {
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
                    let isFirst = try db.execute(
                        """
                        INSERT INTO seal (n, item, text, signature, events, readings, adopted) VALUES (?, ?, ?, ?, ?, ?, 0)
                        ON CONFLICT DO NOTHING
                        """, next.seal.number, signed.id, next.seal.bytes, signed.signature, next.events, next.readings)
                    guard isFirst == 1 else { throw Quicker() }
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

    private static func leaf(_ row: SQLRow, _ kind: SealLeaf.Kind) throws -> SealLeaf {
        guard let digest = SHA256Digest(hex: try row["digest"]) else {
            throw Failure.damaged(subject: try row["name"], version: try row["version"])
        }
        return SealLeaf(kind: kind, name: try row["name"], version: try row["version"], digest: digest)
    }

    private static func seal(_ row: SQLRow) throws -> Seal {
        guard let seal = Seal(try row["text"]) else { throw Failure.damaged(subject: "seal", version: 0) }
        return seal
    }

    // MARK: Reading

    private static func signed(_ row: SQLRow) throws -> SignedSeal {
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
            let marks: (Int, Int) = (try last?["events"] ?? 0, try last?["readings"] ?? 0)
            var newest = try last.map(Self.seal)
            var adopted: [Int] = []
            for other in published.sorted(by: { $0.seal.number < $1.seal.number })
            where other.seal.number > newest?.number ?? 0 {
                guard newest.map(other.seal.follows) ?? (other.seal.number == 1), signed(other) == nil else {
                    return nil
                }
                try db.execute(
                    """
                    INSERT INTO seal (n, item, text, signature, events, readings, adopted) VALUES (?, ?, ?, ?, ?, ?, 1)
                    """, other.seal.number, other.id, other.seal.bytes, other.signature, marks.0, marks.1)
                adopted.append(other.seal.number)
                newest = other.seal
            }
            return adopted
        }
    }

    /// Holds the log against every seal, and the seals against each other.
    ///
    /// - Parameters:
    ///   - published: seals as a stranger has them; nil where nobody brought any.
    ///   - lost: numbers of seals of which somebody knows that what they cover was lost, and a backup restored.
    ///   - signed: why a signature counts for nothing; nil for one that is good.
    package func verifySeals(
        published: [SignedSeal]? = nil, lost: ClosedRange<Int>? = nil, _ signed: (SignedSeal) -> String?
    ) throws -> [Break] {
        try database.read { db in
            var breaks: [Break] = []
            func add(_ number: Int, _ what: String, subject: String = "", version: Int = 0) {
                breaks.append(Break(subject: subject, version: version, what: "seal \(number): \(what)"))
            }
            var (before, known): (Seal?, [Int: SignedSeal]) = (nil, [:])
            for row in try db.rows("SELECT n, text, signature, adopted FROM seal ORDER BY n") {
                let (number, isAdopted): (Int, Bool) = (try row["n"], try row["adopted"])
                guard let found = try? Self.signed(row), found.seal.number == number else {
                    add(number, "it cannot be read")
                    continue
                }
                known[number] = found
                if number != (before?.number ?? 0) + 1 || found.seal.previous != before?.digest {
                    add(number, "it does not follow from the one before it")
                }
                if isAdopted, lost?.contains(number) != true {
                    add(
                        number,
                        "what it covers is not here: a backup from before it was restored, or somebody took it out")
                }
                if let why = signed(found) { add(number, "its signature counts for nothing: \(why)") }
                let leaves = try leaves(of: number, db)
                let root = Seal.tree(after: before?.root, leaves).root
                if !isAdopted, leaves.count != found.seal.leaves || root != found.seal.root {
                    add(number, "its leaves were changed")
                }
                for (kind, name, version, why) in try contradictions(of: number, db) {
                    add(
                        number, "\(why)\(kind == .reading ? " in the readings of \(name)" : "")",
                        subject: kind == .event ? name : "", version: kind == .event ? version : 0)
                }
                before = found.seal
            }
            for (table, mark) in [("event", "events"), ("access", "readings")] {
                let (claimed, last): (Int, Int) = (
                    try db.value("SELECT max(\(mark)) FROM seal") ?? 0,
                    try db.value("SELECT max(position) FROM \(table)") ?? 0
                )
                if claimed > last {
                    breaks.append(
                        Break(
                            subject: "", version: 0,
                            what: "seals claim more \(mark) than there are: \(claimed) of \(last)"))
                }
            }
            for (name, version) in try unsealed(db) {
                breaks.append(
                    Break(
                        subject: name, version: version, what: "it came among what was sealed before, and is in no seal"
                    ))
            }
            for other in published ?? [] {
                let number = other.seal.number
                if let why = signed(other) {
                    add(number, "the signature of the published one counts for nothing: \(why)")
                    continue
                }
                guard let own = known[number] else {
                    add(number, "it was published and is not here: this log is an old one, or was cut short")
                    continue
                }
                if own.seal != other.seal { add(number, "FORK: another was published under this number") }
            }
            return breaks
        }
    }

    /// Newest events, and lines of readings, at positions that seals cover, without a leaf: they were slipped in.
    private func unsealed(_ db: any SQLConnection) throws -> [(name: String, version: Int)] {
        func rows(_ kind: SealLeaf.Kind, _ table: String, _ name: String, _ version: String, _ mark: String) throws
            -> [(name: String, version: Int)]
        {
            try db.rows(
                """
                SELECT e.name, e.version FROM
                    (SELECT \(name) AS name, max(\(version)) AS version FROM \(table)
                        WHERE position <= (SELECT coalesce(max(\(mark)), 0) FROM seal) GROUP BY \(name)) AS e
                LEFT JOIN (SELECT name, max(version) AS version FROM seal_leaf WHERE kind = ? GROUP BY name) AS l
                    ON l.name = e.name
                WHERE l.version IS NULL OR l.version < e.version ORDER BY e.name
                """, kind.rawValue
            ).map { (try $0["name"], try $0["version"]) }
        }
        return try rows(.event, "event", "subject", "version", "events")
            + rows(.reading, "access", "writer", "n", "readings")
    }

    private func leaves(of seal: Int, _ db: any SQLConnection) throws -> [SealLeaf] {
        let rows = try db.rows("SELECT kind, name, version, digest FROM seal_leaf WHERE seal = ?", seal)
        return SealLeaf.sorted(
            try rows.compactMap { row in try SealLeaf.Kind(rawValue: row["kind"]).map { try Self.leaf(row, $0) } })
    }

    /// What the log says otherwise than a seal's leaves.
    private func contradictions(
        of seal: Int, _ db: any SQLConnection
    ) throws -> [(kind: SealLeaf.Kind, name: String, version: Int, what: String)] {
        let events = try db.rows(
            """
            SELECT l.name, l.version, e.digest FROM seal_leaf l
            LEFT JOIN event e ON e.subject = l.name AND e.version = l.version
            WHERE l.seal = ? AND l.kind = ? AND (e.digest IS NULL OR e.digest <> l.digest)
            """, seal, SealLeaf.Kind.event.rawValue
        ).map { row in
            let isGone = (try row["digest"] as String?) == nil
            return (
                SealLeaf.Kind.event, try row["name"] as String, try row["version"] as Int,
                isGone ? "an event is gone that it covers" : "an event is another than it covers"
            )
        }
        let readings = try db.rows(
            """
            SELECT l.name, l.version, l.digest, a.line FROM seal_leaf l
            LEFT JOIN access a ON a.writer = l.name AND a.n = l.version WHERE l.seal = ? AND l.kind = ?
            """, seal, SealLeaf.Kind.reading.rawValue
        ).compactMap { row -> (SealLeaf.Kind, String, Int, String)? in
            let line: String? = try row["line"]
            if let line, SHA256Digest(of: Array(line.utf8)).hex == (try row["digest"] as String) { return nil }
            return (.reading, try row["name"], try row["version"], line == nil ? "a line is gone" : "a line is another")
        }
        return events + readings
    }

    /// What shows a stranger that a case stands in the log as sealed.
    package struct Proof: Sendable {
        package let number: Int
        /// From the first on, up to the one that is sealed: body and box.
        package let events: [(body: [UInt8], box: [UInt8])]
        package let leaf: SealLeaf
        package let path: [MerkleTree.Step]
        package let seal: SignedSeal
        /// Events that came after the seal.
        package let unsealed: Int
    }

    /// Nil where no seal covers any of the subject.
    package func proof(of id: String) throws -> Proof? {
        try database.read { db in
            let subject = try row(of: id, db).subject
            let newest = try db.row(
                "SELECT seal, kind, name, version, digest FROM seal_leaf WHERE kind = ? AND name = ? ORDER BY seal DESC LIMIT 1",
                SealLeaf.Kind.event.rawValue, id)
            guard let newest else { return nil }
            let leaf = try Self.leaf(newest, .event)
            let number: Int = try newest["seal"]
            let leaves = try leaves(of: number, db)
            guard let place = leaves.firstIndex(of: leaf),
                let signed = try db.row("SELECT text, signature FROM seal WHERE n = ?", number).map(Self.signed)
            else { throw Failure.damaged(subject: id, version: leaf.version) }
            let before = try db.row("SELECT text FROM seal WHERE n = ?", number - 1).map(Self.seal)
            let events = try db.rows("SELECT body, box FROM event WHERE subject = ? ORDER BY version", id)
            return Proof(
                number: subject.shownNumber,
                events: try events.prefix(leaf.version).map { (try $0["body"], try $0["box"]) }, leaf: leaf,
                // The root before is the first leaf of the tree.
                path: Seal.tree(after: before?.root, leaves).path(to: place + 1), seal: signed,
                unsealed: events.count - leaf.version)
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
