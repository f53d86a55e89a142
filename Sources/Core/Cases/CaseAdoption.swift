package import Authority
package import PortalBase
package import Procedures
import SQL
package import Workflow

/// Cases that began under an earlier definition go on by the one that is put to work now.
extension CaseStore {
    /// An earlier definition of a process, with the cases that run by it.
    package struct EarlierDefinition: Sendable {
        package let process: Process
        /// By number.
        package let subjects: [Subject]
    }

    /// What comes of one case.
    package enum Adopted: Sendable, Equatable {
        /// So many rungs that were due pass before.
        case goesOn(Adoption.Outcome, passed: Int)
        case stays(Adoption.Obstacle)
        /// Somebody brought it to a definition meanwhile.
        case movedMeanwhile
    }

    /// Earlier definitions of a process, by digest, that cases run by.
    ///
    /// - Parameter includesFinal: cases that came to their end count, too.
    package func earlierDefinitions(of process: Process, includesFinal: Bool) throws -> [EarlierDefinition] {
        try database.read { db in
            let rows = try db.rows(
                """
                SELECT s.id, s.number, s.process, s.form, s.received FROM case_index i JOIN subject s ON s.number = i.number
                WHERE i.process = ? AND s.process <> ? AND s.key IS NOT NULL
                \(includesFinal ? "" : "AND (i.final = 0 OR i.running = 1)") ORDER BY s.number
                """, process.id, process.digest.hex)
            var subjects: [String: [Subject]] = [:]
            for row in rows {
                let digest: String = try row["process"]
                guard let earlier = SHA256Digest(hex: digest) else { continue }
                subjects[digest, default: []].append(
                    Subject(
                        id: try row["id"], number: try row["number"], process: earlier, form: try row["form"],
                        received: Instant(seconds: try row["received"])))
            }
            return try subjects.sorted { $0.key < $1.key }.map { _, subjects in
                EarlierDefinition(process: try definitions.process(subjects[0].process, db), subjects: subjects)
            }
        }
    }

    /// Brings a case to the later definition, in one transaction; one that cannot go on by it stays as it is. Rungs that are due
    /// pass before it, by the earlier definition.
    ///
    /// - Parameters:
    ///   - reason: is kept under the subject's key.
    ///   - applies: where not, what would come of it is told, and nothing changes.
    package func adopt(
        _ adoption: Adoption, on subject: Subject, by officer: Officer, reason: String, applies: Bool, at now: Instant
    ) throws -> Adopted {
        do {
            return try retrying {
                try database.write { db in
                    let found = try adopt(adoption, subject, officer, reason, now, db)
                    if case .goesOn = found, applies { return found }
                    throw Undone(found: found)
                }
            }
        } catch let undone as Undone {
            return undone.found
        }
    }

    /// Undoes the transaction of a case that does not go on.
    private struct Undone: Error {
        let found: Adopted
    }

    private func adopt(
        _ adoption: Adoption, _ subject: Subject, _ officer: Officer, _ reason: String, _ now: Instant,
        _ db: any SQLConnection
    ) throws -> Adopted {
        var writing = try opened(subject.id, now: now, db)
        guard writing.subject.process == subject.process else { return .movedMeanwhile }
        let before = writing
        let earlier = try world(of: subject, writing.process, writing.file.answers, now, db)
        let told = writing.process.status(of: writing.file, in: earlier)
        let passed = try passRungs(&writing, in: earlier, at: now, db)
        let world = try world(of: subject, adoption.later, writing.file.answers, now, db)
        let outcome: Adoption.Outcome
        do throws(Adoption.Obstacle) {
            outcome = try adoption.outcome(for: writing.events, received: subject.received, in: world)
        } catch {
            return .stays(error)
        }
        let (name, actor) = (Process.EventName.adopted, Actor.officer(officer))
        let command = Command(action: name, inputs: ["reason": .text(reason)])
        try record(
            &writing, actor, name, command, outcome.facts, key: "\(name) \(writing.file.version)",
            mark: Self.mark(command, actor, writing.secret), at: now, db)
        writing.goOn(by: adoption.later)
        try db.execute("UPDATE subject SET process = ? WHERE id = ?", adoption.later.digest.hex, subject.id)
        try conclude(writing, since: before, statusBefore: told, in: world, db)
        for event in passed { try relate(event, writing, at: now, db) }
        return .goesOn(outcome, passed: passed.count)
    }
}
