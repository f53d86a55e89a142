import PortalBase
import SQL
package import Seals

/// Holds the log against its seals, and proves one case by them.
extension CaseStore {
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
            breaks += Self.compare(published ?? [], with: known, signed)
            return breaks
        }
    }

    /// What seals that a stranger has say otherwise than those of the log.
    private static func compare(
        _ published: [SignedSeal], with known: [Int: SignedSeal], _ signed: (SignedSeal) -> String?
    ) -> [Break] {
        published.compactMap { other in
            let number = other.seal.number
            let what: String? =
                if let why = signed(other) {
                    "the signature of the published one counts for nothing: \(why)"
                } else if let own = known[number] {
                    own.seal == other.seal ? nil : "FORK: another was published under this number"
                } else {
                    "it was published and is not here: this log is an old one, or was cut short"
                }
            return what.map { Break(subject: "", version: 0, what: "seal \(number): \($0)") }
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
}
