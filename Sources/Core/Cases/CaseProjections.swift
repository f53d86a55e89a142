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
        let isRunning = file.clocks.contains(where: \.isRunning)
        let written = try db.execute(
            """
            INSERT INTO case_index (subject, number, process, state, final, running, lead, version, told, next)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (subject) DO UPDATE SET state = excluded.state, final = excluded.final,
                running = excluded.running, lead = excluded.lead, version = excluded.version, told = excluded.told,
                next = excluded.next WHERE case_index.version <= excluded.version
            """, id, number, writing.process.id, file.state, isFinal, isRunning, file.lead,
            file.version, file.toldVersion, writing.process.nextRung(of: file, in: world)?.seconds)
        // A newer event was written meanwhile, with all that is made out of it.
        guard written == 1 else { return }
        try db.execute("DELETE FROM task WHERE subject = ?", id)
        for task in file.tasks where task.isOpen {
            try db.execute(
                "INSERT INTO task (subject, task, kind, unit, assignee, opened) VALUES (?, ?, ?, ?, ?, ?)", id, task.id,
                task.kind, task.unit, task.assignee, task.opened.seconds)
        }
        try db.execute("DELETE FROM visible WHERE subject = ?", id)
        let viewers = writing.process.viewers(of: file, in: world).map(\.name).sorted()
        let isOver = SQLValue.integer(isFinal && !isRunning ? 1 : 0)
        try db.insert(
            into: "visible", ["viewer", "final", "number", "subject"],
            viewers.map { [.text($0), isOver, .integer(number), .text(id)] })
        // One that was taken back stays known, so that its file goes.
        guard let version = file.lastPublished[.answerPage] else { return }
        let isPublished = file.published.contains(.answerPage) && !writing.isErased
        try db.execute(
            """
            INSERT INTO page (subject, number, version, published) VALUES (?, ?, ?, ?)
            ON CONFLICT (subject) DO UPDATE SET version = excluded.version, published = excluded.published
            """, id, number, version, isPublished)
    }

    /// Writes the projections of every case from its events; a case with an unreadable event keeps its rows. Others read and write
    /// between slices.
    ///
    /// - Returns: how many rows were other than they should be, and the cases that could not be read.
    package func rebuild() throws -> (changed: Int, damaged: [String]) {
        var (changed, damaged, last) = (0, [String](), 0)
        while true {
            let from = last
            let slice = try retrying {
                try database.write { db in
                    let rows = try db.rows(
                        "SELECT id, number FROM subject WHERE number > ? ORDER BY number LIMIT ?", from, Self.slice)
                    var slice = (changed: 0, damaged: [String](), last: nil as Int?)
                    for row in rows {
                        let id: String = try row["id"]
                        do {
                            slice.changed += try rebuild(id, db)
                        } catch is Failure {
                            slice.damaged.append(id)
                        }
                        slice.last = try row["number"]
                    }
                    return slice
                }
            }
            guard let reached = slice.last else { return (changed, damaged) }
            changed += slice.changed
            damaged += slice.damaged
            last = reached
        }
    }

    /// Cases of one transaction.
    private static let slice = 200

    private func rebuild(_ id: String, _ db: any SQLConnection) throws -> Int {
        let (subject, secret) = try self.subject(id, db)
        let process = try definitions.process(subject.process, db)
        let log = try log(of: id, secret, db)
        let writing = Writing(
            subject: subject, secret: secret ?? [], process: process, log: log, now: subject.received)
        let last = log.last?.event.at ?? subject.received
        let world = try world(subject.form, writing.file.answers, last, db)
        let before = try rows(of: id, db)
        try project(writing, in: world, db)
        let changed = before.symmetricDifference(try rows(of: id, db)).count
        guard secret != nil else { return changed }
        let receipt: String? = try db.value("SELECT receipt FROM correspondent WHERE subject = ?", id)
        return changed
            + (try index(log.flatMap(\.event.texts) + [receipt].compactMap { $0 }, of: subject.number, db))
    }

    /// Every column of what is made out of a case's log.
    private func rows(of id: String, _ db: any SQLConnection) throws -> Set<String> {
        var all: Set<String> = []
        for (table, columns) in [
            ("case_index", "number, process, state, final, running, lead, version, told, next"),
            ("task", "task, kind, unit, assignee, opened"), ("visible", "viewer, final, number"),
            ("page", "number, version, published"),
        ] {
            for row in try db.rows("SELECT \(columns) FROM \(table) WHERE subject = ?", id) {
                all.insert("\(table) \(row)")
            }
        }
        return all
    }
}
