import Authority
import PortalBase
import Procedures
import SQL
import Search
import Workflow

extension CaseStore {
    /// Raised when a projection changes: `serve` then asks for `coredesk audit`, which makes the tables again.
    package static let projectionVersion: UInt8 = 4
}

/// A table of what is made out of the log, by the case's number, for lists, clocks and search.
enum Projection: String, CaseIterable {
    case index = "case_index"
    case task, visible, turn, words, page, post, credential
    case paper = "paper_awaited"
    case figure, reminder

    /// The first is the case's number.
    var columns: [String] {
        switch self {
        case .index:
            [
                "number", "subject", "process", "state", "final", "running", "lead", "version", "told", "next", "line",
                "due",
            ]
        case .task: ["number", "task", "kind", "unit", "assignee", "opened"]
        case .visible: ["number", "viewer", "final"]
        case .turn: ["number", "viewer", "due"]
        case .words: ["number", "box"]
        case .page: ["number", "subject", "version", "published"]
        case .post: ["number", "person", "role", "unit", "since", "until"]
        case .credential: ["number", "person", "key", "level"]
        case .paper: ["number", "paper"]
        case .figure:
            ["number", "place", "process", "kind", "name", "unit", "due", "done", "outcome", "value", "excused"]
        case .reminder: ["number", "unit", "viewer", "last", "times"]
        }
    }

    typealias Rows = [Projection: [[SQLValue]]]
}

extension CaseStore {
    /// Later than every day that is due: for the end of a list.
    private static let never = 1 << 40

    /// The rows of a case in these tables.
    func rows(of writing: Writing, _ tables: [Projection], in world: World) throws -> Projection.Rows {
        try Dictionary(uniqueKeysWithValues: tables.map { ($0, try rows(of: writing, $0, in: world)) })
    }

    private func rows(of writing: Writing, _ table: Projection, in world: World) throws -> [[SQLValue]] {
        let (file, process, number) = (writing.file, writing.process, SQLValue.integer(writing.subject.number))
        func seal(_ plain: [UInt8]) throws -> SQLValue {
            let place = SubjectKeys.Place.projection(subject: writing.subject.id, table: table.rawValue)
            return .blob(try keys.sealAlike(plain, key: writing.secret, at: place))
        }
        let isFinal = process.state(file.state)?.isFinal ?? false
        let isRunning = file.clocks.contains(where: \.isRunning)
        switch table {
        case .index:
            let shown = JSON.object([
                "clock": process.shownClock(of: file).map(\.ledger) ?? .null,
                "said": .object(process.said(in: file)),
                "title": world.form.title(of: file.answers).map(JSON.string) ?? .null,
            ])
            return [
                [
                    number, .text(writing.subject.id), .text(process.id), .text(file.state), isFinal.sqlValue,
                    isRunning.sqlValue, file.lead.map(SQLValue.text) ?? .null, .integer(file.version),
                    .integer(file.toldVersion),
                    process.nextRung(of: file, in: world).map { .integer($0.seconds) } ?? .null,
                    writing.isErased ? .blob([]) : try seal(shown.canonicalBytes),
                    process.firstEnd(of: file, in: world).map { .integer($0.seconds) } ?? .null,
                ]
            ]
        case .task:
            return file.tasks.filter(\.isOpen).map { task in
                [
                    number, .integer(task.id), .text(task.kind), .text(task.unit),
                    task.assignee.map(SQLValue.text) ?? .null, .integer(task.opened.seconds),
                ]
            }
        case .visible:
            let isOver = (isFinal && !isRunning).sqlValue
            return process.viewers(of: file, in: world).map(\.name).sorted().map { [number, .text($0), isOver] }
        case .turn:
            return process.turns(of: file, in: world).sorted { $0.name < $1.name }.map { viewer in
                let due = process.firstEnd(of: file, for: viewer, in: world)?.seconds ?? Self.never
                return [number, .text(viewer.name), .integer(due)]
            }
        case .words:
            if writing.isErased { return [] }
            let texts = writing.texts.map(SearchTokenizer.normalized)
            return [[number, try seal(Array(texts.joined(separator: "\n").utf8))]]
        case .page:
            // One that was taken back stays known, so that its file goes.
            guard let (page, version) = file.lastPublished.first else { return [] }
            return [[number, .text(writing.subject.id), .integer(version), file.published.contains(page).sqlValue]]
        case .post:
            return file.post.map { post in
                [
                    [
                        number, .text(post.person), .text(post.role), .text(post.unit), .integer(post.from.seconds),
                        post.until.map { .integer($0.seconds) } ?? .null,
                    ]
                ]
            } ?? []
        case .credential:
            return file.credential.map { [[number, .text($0.person), .text($0.key), .integer($0.level)]] } ?? []
        case .figure:
            guard process.subject == .case else { return [] }
            return process.figures(of: file, events: writing.events, in: world).enumerated().map { place, figure in
                [
                    number, .integer(place), .text(process.id), .text(figure.kind.rawValue), .text(figure.name),
                    .text(figure.unit),
                    figure.due.map { .integer($0.seconds) } ?? .null, figure.done.map { .integer($0.seconds) } ?? .null,
                    .text(figure.outcome), .integer(figure.value), figure.isExcused.sqlValue,
                ]
            }
        case .reminder:
            let viewers = process.viewers(of: file, in: world)
            return file.reminders.sorted { $0.key < $1.key }.flatMap { unit, reminder in
                let names = viewers.filter { $0.mayBe(in: unit) }.map(\.name).sorted()
                return names.map { name in
                    [number, .text(unit), .text(name), .integer(reminder.last.seconds), .integer(reminder.times)]
                }
            }
        case .paper:
            // Of one that was erased, nothing is drawn up any more.
            return writing.isErased
                ? [] : file.papers.indices.filter { file.papers[$0].state == .awaited }.map { [number, .integer($0)] }
        }
    }

    /// Brings the rows of a case to date.
    ///
    /// - Parameter before: the case as its rows tell it; nil where it has none.
    func project(_ writing: Writing, since before: Writing?, in world: World, _ db: any SQLConnection) throws {
        let index = try rows(of: writing, .index, in: world)[0]
        let columns = Projection.index.columns
        let written = try db.execute(
            """
            INSERT INTO case_index (\(columns.joined(separator: ", ")))
            VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
            ON CONFLICT (number) DO UPDATE SET \(columns.dropFirst().map { "\($0) = excluded.\($0)" }.joined(separator: ", "))
            WHERE case_index.version <= excluded.version
            """, values: index)
        // A newer event was written meanwhile, with all that is made out of it.
        guard written == 1 else { return }
        let others: [Projection] = [
            .task, .visible, .turn, .page, .post, .credential, .paper, .figure, .reminder,
        ]
        let (old, new) = (
            try before.map { try rows(of: $0, others, in: world) }, try rows(of: writing, others, in: world)
        )
        for table in others where old?[table] != new[table] {
            try replace(table, of: writing.subject.number, with: new[table] ?? [], isNew: before == nil, db)
        }
        let isSaidMore = writing.log.dropFirst(before?.log.count ?? 0).contains { !$0.event.texts.isEmpty }
        if before == nil || isSaidMore {
            let rows = try rows(of: writing, .words, in: world)
            try replace(.words, of: writing.subject.number, with: rows, isNew: before == nil, db)
        }
    }

    private func replace(
        _ table: Projection, of number: Int, with rows: [[SQLValue]], isNew: Bool, _ db: any SQLConnection
    ) throws {
        if !isNew { try db.execute("DELETE FROM \(table.rawValue) WHERE number = ?", number) }
        // Two at once may not both have what is one person's, such as a key: the second looks again.
        guard try db.insert(into: table.rawValue, table.columns, rows) == rows.count else { throw Quicker() }
    }

    // MARK: Made again

    /// What was made again.
    package struct Rebuilt: Sendable, Equatable {
        /// Rows that were other than they should be.
        package let changed: Int
        /// Of these, posts and keys: nothing but the log makes them.
        package let rights: Int
        /// Cases that could not be read.
        package let damaged: [String]

        package static let unchanged = Rebuilt(changed: 0, rights: 0, damaged: [])
    }

    /// Writes the projections of every case from its events; a case with an unreadable event keeps its rows. Others read and write
    /// between slices.
    /// Words in the index that no case has are not looked for.
    package func rebuild() throws -> Rebuilt {
        var (changed, rights, damaged, last) = (0, 0, [String](), 0)
        while true {
            let from = last
            let done = try retrying {
                try database.write { db in
                    try holdRows(after: from, db)
                    return try rebuild(try slice(after: from, Self.rebuiltAtOnce, db), after: from, db)
                }
            }
            guard let reached = done.last else { return Rebuilt(changed: changed, rights: rights, damaged: damaged) }
            changed += done.changed
            rights += done.rights
            damaged += done.damaged
            last = reached
        }
    }

    /// Cases of one transaction.
    private static let rebuiltAtOnce = 200

    /// Locks the rows of the next cases: another writer of one of them has committed before, or waits, so that rows are made of the newest
    /// log.
    private func holdRows(after first: Int, _ db: any SQLConnection) throws {
        try db.execute(
            """
            UPDATE case_index SET version = version WHERE number IN
                (SELECT number FROM subject WHERE number > ? ORDER BY number LIMIT \(Self.rebuiltAtOnce))
            """, first)
    }

    private struct Made: Sendable {
        let number: Int
        let rows: Projection.Rows
        /// Terms for the index of words.
        let tokens: [Int]
    }

    private func rebuild(
        _ slice: [Log], after first: Int, _ db: any SQLConnection
    ) throws -> (changed: Int, rights: Int, damaged: [String], last: Int?) {
        guard let last = slice.last?.row.subject.number else { return (0, 0, [], nil) }
        let carried = try carried(db)
        let processes = try self.processes(of: slice, db)
        let all = parallelMap(slice.count, jobs: threads) { place, _ in
            Result { try self.made(of: slice[place], processes, carried: carried) }
        }
        var (made, damaged, numbers) = ([Made](), [String](), Set<Int>())
        for (log, result) in zip(slice, all) {
            do {
                made.append(try result.get())
            } catch is Failure {
                damaged.append(log.row.subject.id)
                numbers.insert(log.row.subject.number)
            }
        }
        var (changed, rights) = (0, 0)
        for table in Projection.allCases {
            let (name, columns) = (table.rawValue, table.columns)
            let there = try db.rows(
                "SELECT \(columns.joined(separator: ", ")) FROM \(name) WHERE number > ? AND number <= ?", first, last
            ).map(\.values).filter { !numbers.contains(SQLValue.number($0)) }
            let rows = made.flatMap { $0.rows[table] ?? [] }
            let (old, new) = (Set(there), Set(rows))
            guard old != new else { continue }
            let changes = old.symmetricDifference(new)
            let stale = Set(changes.map(SQLValue.number))
            changed += changes.count
            if [.post, .credential].contains(table) { rights += changes.count }
            for number in old.isEmpty ? [] : stale {
                try db.execute("DELETE FROM \(name) WHERE number = ?", number)
            }
            try db.insert(into: name, columns, rows.filter { stale.contains(SQLValue.number($0)) })
        }
        changed += try insert(made.flatMap { made in made.tokens.map { ($0, made.number) } }, db)
        return (changed, rights, damaged, last)
    }

    private func made(of log: Log, _ processes: [SHA256Digest: Process], carried: Instant?) throws -> Made {
        let writing = try writing(log, processes, now: log.row.subject.received)
        let last = writing.log.last?.event.at ?? writing.subject.received
        let world = try world(of: writing.subject, writing.process, writing.file.answers, last, carried: carried)
        return Made(
            number: writing.subject.number,
            rows: try rows(of: writing, Projection.allCases, in: world),
            tokens: writing.isErased ? [] : tokens(of: writing.texts))
    }
}

extension SQLValue {
    /// The case that a row belongs to.
    fileprivate static func number(_ row: [SQLValue]) -> Int {
        if case .integer(let number) = row.first { number } else { 0 }
    }
}
