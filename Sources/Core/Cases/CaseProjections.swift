import Authority
import PortalBase
import Procedures
import SQL
import Workflow

/// What is made out of the log, for lists and clocks; it can be made again.
extension CaseStore {
    func project(_ writing: Writing, in world: World, _ db: any SQLConnection) throws {
        let (file, id, number) = (writing.file, writing.subject.id, writing.subject.number)
        let isFinal = writing.process.state(file.state)?.isFinal ?? false
        try db.execute(
            """
            INSERT INTO case_index (subject, number, process, state, final, running, lead, version, told, next)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (subject) DO UPDATE SET state = excluded.state, final = excluded.final,
                running = excluded.running, lead = excluded.lead, version = excluded.version, told = excluded.told,
                next = excluded.next
            """, id, number, writing.process.id, file.state, isFinal, file.clocks.contains(where: \.isRunning),
            file.lead,
            file.version, file.toldVersion, writing.process.nextRung(of: file, in: world)?.seconds)
        try db.execute("DELETE FROM task WHERE subject = ?", id)
        for task in file.tasks where task.isOpen {
            try db.execute(
                "INSERT INTO task (subject, task, kind, unit, assignee, opened) VALUES (?, ?, ?, ?, ?, ?)", id, task.id,
                task.kind, task.unit, task.assignee, task.opened.seconds)
        }
        try db.execute("DELETE FROM visible WHERE subject = ?", id)
        for viewer in writing.process.viewers(of: file, in: world).map(\.name).sorted() {
            try db.execute(
                "INSERT INTO visible (viewer, final, number, subject) VALUES (?, ?, ?, ?)", viewer, isFinal, number, id)
        }
        // One that was taken back stays known, so that its file goes.
        guard let version = file.lastPublished[.answerPage] else { return }
        let isPublished = file.published.contains(.answerPage) && !writing.isErased
        try db.execute(
            """
            INSERT INTO page (subject, number, version, published) VALUES (?, ?, ?, ?)
            ON CONFLICT (subject) DO UPDATE SET version = excluded.version, published = excluded.published
            """, id, number, version, isPublished)
    }

    /// Writes the rows that are made out of the log anew, from the events of every case; a case with an unreadable event keeps its
    /// rows.
    ///
    /// - Returns: how many rows were other than they should be, and the cases that could not be read.
    package func rebuild() throws -> (changed: Int, damaged: [String]) {
        try database.write { db in
            let before = try rows(db)
            var damaged: [String] = []
            for id: String in try db.column("SELECT id FROM subject ORDER BY number") {
                do {
                    let (subject, secret) = try self.subject(id, db)
                    guard let process = processes[subject.process] else { throw Failure.unknownDefinition }
                    let log = try log(of: id, secret, db)
                    let writing = Writing(
                        subject: subject, secret: secret ?? [], process: process, log: log, now: subject.received)
                    let last = log.last?.event.at ?? subject.received
                    try project(writing, in: try world(subject.form, writing.file.answers, last, db), db)
                } catch is Failure {
                    damaged.append(id)
                }
            }
            return (before.symmetricDifference(try rows(db)).count, damaged)
        }
    }

    /// Every column of what is made out of the log.
    private func rows(_ db: any SQLConnection) throws -> Set<String> {
        var all: Set<String> = []
        for (table, columns) in [
            ("case_index", "subject, number, process, state, final, running, lead, version, told, next"),
            ("task", "subject, task, kind, unit, assignee, opened"), ("visible", "viewer, final, number, subject"),
            ("page", "subject, number, version, published"),
        ] {
            for row in try db.rows("SELECT \(columns) FROM \(table)") { all.insert("\(table) \(row)") }
        }
        return all
    }
}
