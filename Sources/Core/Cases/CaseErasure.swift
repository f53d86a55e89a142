package import Authority
package import PortalBase
import Procedures
import SQL
package import Workflow

/// The end of a subject's words: after its term, or by an order (个人信息保护法 47). What was done stays on record.
extension CaseStore {
    /// Statements that make the table of erasures, for the database's owner.
    static let erasureTables = [
        // Subjects that were erased after the backup was made from which this database came back, and are not in it.
        "CREATE TABLE erased_subject (id TEXT PRIMARY KEY)"
    ]

    /// Something whose term is over.
    package struct Expired: Sendable, Equatable {
        package let subject: Subject
        /// Id of its process.
        package let process: String
        /// When the last thing happened to it.
        package let last: Instant
        package let isOnLegalHold: Bool
    }

    /// What came to its end so long ago that its process keeps it no longer, by number. What cannot be read is left out: `verify` tells it.
    package func expired(at now: Instant) throws -> [Expired] {
        try database.read { db in
            let rows = try db.rows(
                """
                SELECT s.id, s.process, (SELECT max(e.recorded) FROM event e WHERE e.subject = s.id) AS last
                FROM case_index i JOIN subject s ON s.number = i.number
                WHERE i.final = 1 AND i.running = 0 AND s.key IS NOT NULL ORDER BY s.number
                """)
            return try rows.compactMap { row in
                let last = Instant(seconds: try row["last"])
                do {
                    guard let digest = SHA256Digest(hex: try row["process"]) else { return nil }
                    let process = try definitions.process(digest, db)
                    guard let end = process.retention.end(from: last), end <= now else { return nil }
                    let writing = try opened(row["id"], now: now, db)
                    return Expired(
                        subject: writing.subject, process: process.id, last: last,
                        isOnLegalHold: writing.file.isOnLegalHold)
                } catch is Failure {
                    return nil
                }
            }
        }
    }

    /// Who destroys the words of a subject, and why.
    package struct Erasure: Sendable {
        package let ground: ErasureGround
        package let officer: Officer
        /// Number of another person, who agrees.
        package let confirmedBy: String

        /// Nil where both are one person.
        package init?(ground: ErasureGround, by officer: Officer, confirmedBy: String) {
            guard officer.post.person != confirmedBy else { return nil }
            self.ground = ground
            self.officer = officer
            self.confirmedBy = confirmedBy
        }
    }

    /// Destroys a subject's key: its words are gone, the record of what was done stays.
    ///
    /// - Parameter note: keeps the id where no backup of the database brings it back from; called before the commit.
    /// - Returns: false where it was erased before.
    package func erase(
        _ id: String, _ erasure: Erasure, at now: Instant, note: (String) throws -> Void
    ) throws -> Bool {
        try retrying {
            try database.write { db in
                var writing: Writing
                do {
                    writing = try opened(id, now: now, db)
                } catch Failure.erased {
                    try note(id)
                    return false
                }
                let before = writing
                // Nothing is to come of it any more: the clock of a delivery may outlive the decision.
                let isOver: Bool? = try db.value(
                    "SELECT final = 1 AND running = 0 FROM case_index WHERE number = ?", writing.subject.number)
                guard isOver == true else { throw Failure.running }
                guard !writing.file.isOnLegalHold else { throw Failure.legalHold }
                if erasure.ground == .term {
                    let end = writing.log.last.flatMap { writing.process.retention.end(from: $0.recorded) }
                    guard let end, end <= now else { throw Failure.termRunning }
                }
                try record(erasure, &writing, at: now, db)
                try tellErased(writing, db)
                try destroy(before, at: now, db)
                try note(id)
                return true
            }
        }
    }

    private func record(
        _ erasure: Erasure, _ writing: inout Writing, at moment: Instant, _ db: any SQLConnection
    ) throws {
        let command = Command(action: Process.EventName.erased)
        let actor = Actor.officer(erasure.officer)
        try record(
            &writing, actor, command.action, command, [.erased(erasure.ground, confirmedBy: erasure.confirmedBy)],
            key: Process.EventName.erased, mark: Self.mark(command, actor, writing.secret), at: moment, db)
    }

    /// The last that its sender reads: the state, and none of the words.
    private func tellErased(_ writing: Writing, _ db: any SQLConnection) throws {
        guard let state = writing.file.told,
            let correspondent = try correspondent(of: writing.subject.id, writing.secret, db)
        else { return }
        try outbox.tell(
            try telling(writing, correspondent, .erased(state), item: makeUUID(of: writing.head), db), db)
    }

    /// Erases again what was erased after a backup was made; what is not in the backup never comes in again.
    ///
    /// - Parameter moment: of the first time.
    /// - Returns: whether any words were there.
    package func eraseAgain(_ id: String, _ erasure: Erasure, at moment: Instant, now: Instant) throws -> Bool {
        try database.write { db in
            guard try isSubject(id, db) else {
                try db.execute("INSERT INTO erased_subject (id) VALUES (?) ON CONFLICT DO NOTHING", id)
                return false
            }
            do {
                var writing = try opened(id, now: now, db)
                let before = writing
                try record(erasure, &writing, at: min(moment, now), db)
                try destroy(before, at: now, db)
                return true
            } catch Failure.erased {
                return false
            }
        }
    }

    /// Holds what is erased against the list that is kept beside the keys.
    package func verifyErasures(_ listed: Set<String>) throws -> [Break] {
        try database.read { db in
            let (erased, all): (Set<String>, Set<String>) = (
                Set(try db.column("SELECT id FROM subject WHERE key IS NULL")),
                Set(try db.column("SELECT id FROM subject"))
            )
            return listed.intersection(all).subtracting(erased).sorted().map {
                Break(subject: $0, version: 0, what: "it is on the list of erasures and has its key")
            }
                + erased.subtracting(listed).sorted().map {
                    Break(
                        subject: $0, version: 0, what: "it is erased and not on the list: a backup would bring it back")
                }
        }
    }

    /// - Parameter writing: the subject as its rows tell it.
    private func destroy(_ writing: Writing, at now: Instant, _ db: any SQLConnection) throws {
        let (id, number) = (writing.subject.id, writing.subject.number)
        try forget(writing.texts, of: number, db)
        try db.execute("UPDATE subject SET key = NULL, erased = ? WHERE id = ?", now.seconds, id)
        for table in ["document", "correspondent"] { try db.execute("DELETE FROM \(table) WHERE subject = ?", id) }
        try db.execute("DELETE FROM words WHERE number = ?", number)
        folded.forget(id)
        // What is made out of the log is made of what is left; what was published of it goes too.
        let left = Writing(
            try row(of: id, db), secret: [], process: writing.process, log: try log(of: id, nil, db), now: now)
        let world = try world(of: left.subject, left.process, left.file.answers, now, db)
        try project(left, since: writing, in: world, db)
    }

    /// Removes the bytes of deleted keys and senders from the database's files. Boxes of an erased subject stay unreadable without its
    /// key, and index entries are MACs.
    ///
    /// - Parameter index: those of the index too, after its entries were made with another key.
    /// - Returns: whether none is left.
    package func removeRemains(index: Bool = false) throws -> Bool {
        try database.removeRemains(of: ["subject", "correspondent"] + (index ? ["word"] : []))
    }
}

extension Process.Term {
    /// The end of the term that begins with `instant`: the end of the same day so many years later, or so many days. Nil where the
    /// calendar ends before.
    func end(from instant: Instant) -> Instant? {
        guard isYears else { return instant.adding(seconds: count * 86_400) }
        let day = instant.date(in: .shanghai)
        // 29 February ends with 1 March.
        let end =
            CivilDate(year: day.year + count, month: day.month, day: day.day)
            ?? CivilDate(year: day.year + count, month: 3, day: 1)
        return end.map { $0.start(in: .shanghai).adding(seconds: 86_400) }
    }
}
