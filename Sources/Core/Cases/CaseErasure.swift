package import Authority
package import PortalBase
import Procedures
import SQL
package import Workflow

/// The end of a subject's words: after its term, or by an order (个人信息保护法 47). What was done stays on record.
extension CaseStore {
    /// Something whose term is over.
    package struct Expired: Sendable, Equatable {
        package let subject: Subject
        /// Id of its process.
        package let process: String
        /// When the last thing happened to it.
        package let ended: Instant
        /// Its erasure is put off by an officer.
        package let isHeld: Bool
    }

    /// What came to its end so long ago that its process keeps it no longer, by number. What cannot be read is left out: `verify` tells it.
    package func expired(at now: Instant) throws -> [Expired] {
        try database.read { db in
            let rows = try db.rows(
                """
                SELECT s.id, (SELECT max(e.recorded) FROM event e WHERE e.subject = s.id) AS ended
                FROM case_index i JOIN subject s ON s.number = i.number
                WHERE i.final = 1 AND i.running = 0 AND s.key IS NOT NULL ORDER BY s.number
                """)
            return try rows.compactMap { row in
                let (id, ended): (String, Instant) = (try row["id"], Instant(seconds: try row["ended"]))
                guard let process = try? definitions.process(self.row(of: id, db).subject.process, db),
                    process.retention.end(from: ended) <= now, let writing = try? opened(id, now: now, db)
                else { return nil }
                return Expired(
                    subject: writing.subject, process: process.id, ended: ended, isHeld: writing.file.isHeld)
            }
        }
    }

    /// Who destroys the words of a subject, and why.
    package struct Erasure: Sendable {
        let ground: ErasureGround
        let officer: Officer
        /// Number of another person, who agrees.
        let confirmedBy: String

        /// Nil where both are one person.
        package init?(ground: ErasureGround, by officer: Officer, confirmedBy: String) {
            guard officer.post.person != confirmedBy else { return nil }
            self.ground = ground
            self.officer = officer
            self.confirmedBy = confirmedBy
        }
    }

    /// Destroys a subject's key: its words are gone, the record of what was done stays. Twice is once.
    ///
    /// - Parameter note: keeps the id where no backup of the database brings it back from; called before the commit.
    package func erase(_ id: String, _ erasure: Erasure, at now: Instant, note: (String) throws -> Void) throws {
        try retrying {
            try database.write { db in
                var writing: Writing
                do {
                    writing = try opened(id, now: now, db)
                } catch Failure.erased {
                    return
                }
                let before = writing
                let number = writing.subject.number
                // Nothing is to come of it any more: the clock of a delivery may outlive the decision.
                let isOver: Bool? = try db.value(
                    "SELECT final = 1 AND running = 0 FROM case_index WHERE number = ?", number)
                guard isOver == true else { throw Failure.running }
                guard !writing.file.isHeld else { throw Failure.held }
                if erasure.ground == .term {
                    let ended = writing.log.last.map(\.recorded) ?? now
                    guard writing.process.retention.end(from: ended) <= now else { throw Failure.kept }
                }
                let command = Command(action: Process.EventName.erased)
                let actor = Actor.officer(erasure.officer)
                try record(
                    &writing, actor, command.action, command,
                    [.erased(erasure.ground, confirmedBy: erasure.confirmedBy)], key: Process.EventName.erased,
                    mark: Self.mark(command, actor, writing.secret), at: now, db)
                try destroy(before, at: now, db)
                try note(id)
            }
        }
    }

    /// Erases again what was erased before a backup was made good, without another event.
    ///
    /// - Returns: whether any words were there.
    package func eraseAgain(_ id: String, at now: Instant) throws -> Bool {
        try database.write { db in
            guard try isKnown(id, db) else { return false }
            do {
                try destroy(try opened(id, now: now, db), at: now, db)
                return true
            } catch Failure.erased {
                return false
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

    /// Takes the bytes of what was deleted out of the files of the database, as far as nobody reads older ones at the moment.
    ///
    /// - Returns: whether none is left.
    package func removeRemains() throws -> Bool {
        // Everything else is under the key that is gone.
        try database.removeRemains(of: ["subject", "correspondent"])
    }
}

extension Process.Term {
    /// The end of the term that begins with `instant`: the same day so many years later, or so many days.
    func end(from instant: Instant) -> Instant {
        guard isYears else { return instant.adding(seconds: count * 86_400) }
        let day = instant.date(in: .shanghai)
        let whole = CivilDate(year: day.year + count, month: day.month, day: day.day)
        // 29 February ends with 1 March.
        let end = whole ?? CivilDate(year: day.year + count, month: 3, day: 1)
        return end.map { $0.start(in: .shanghai).adding(seconds: 86_400) } ?? instant
    }
}
