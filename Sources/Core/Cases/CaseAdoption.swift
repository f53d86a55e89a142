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
        case goesOn(Adoption.Outcome)
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

    /// What would come of a case; nothing changes.
    package func adoption(_ adoption: Adoption, of subject: Subject, at now: Instant) throws -> Adopted {
        try database.read { db in
            try outcome(adoption, of: opened(subject.id, now: now, db), at: now, db).told
        }
    }

    /// Brings a case to the later definition, in one transaction; one that cannot go on by it stays as it is. Rungs that are due
    /// pass before it, by the earlier definition.
    ///
    /// - Parameter reason: is kept under the subject's key.
    package func adopt(
        _ adoption: Adoption, on subject: Subject, by officer: Officer, reason: String, at now: Instant
    ) throws -> Adopted {
        do {
            return try retrying { try database.write { db in try adopt(adoption, subject, officer, reason, now, db) } }
        } catch let stays as Stays {
            return .stays(stays.obstacle)
        }
    }

    /// Undoes the transaction of a case that cannot go on.
    private struct Stays: Error {
        let obstacle: Adoption.Obstacle
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
        let (found, world) = try outcome(adoption, of: writing, at: now, db)
        if case .stays(let obstacle) = found { throw Stays(obstacle: obstacle) }
        guard case .goesOn(let outcome) = found else { return found }
        let (name, actor) = (Process.EventName.adopted, Actor.officer(officer))
        let command = Command(action: name, inputs: ["reason": .text(reason)])
        try record(
            &writing, actor, name, command, outcome.facts, key: "\(name) \(writing.file.version)",
            mark: Self.mark(command, actor, writing.secret), at: now, db)
        writing.goOn(by: adoption.later)
        try db.execute(
            "UPDATE subject SET process = ? WHERE id = ?", adoption.later.digest.hex, subject.id)
        try conclude(writing, since: before, statusBefore: told, in: world, db)
        for event in passed { try relate(event, writing, at: now, db) }
        return found
    }

    private func outcome(
        _ adoption: Adoption, of writing: Writing, at now: Instant, _ db: any SQLConnection
    ) throws -> (told: Adopted, world: World) {
        let world = try world(of: writing.subject, adoption.later, writing.file.answers, now, db)
        do {
            return (
                .goesOn(try adoption.outcome(for: writing.events, received: writing.subject.received, in: world)), world
            )
        } catch {
            return (.stays(error), world)
        }
    }
}
