package import Authority
package import PortalBase
import Procedures
import SQL
import Workflow

/// Cases that belong together: a duplicate that was merged (并单), and what its sender is told.
extension CaseStore {
    /// The case that an officer means by a number: of the same process, open, and one that they may see.
    ///
    /// - Returns: its id; nil where there is none, for whatever reason.
    package func subject(
        numbered number: Int, besides id: String, as posts: [Post], at now: Instant
    ) throws -> String? {
        try database.read { db in
            let found: String? = try db.value("SELECT id FROM subject WHERE number = ?", number)
            guard let found, try isNamable(found, besides: id, as: posts, at: now, db) else { return nil }
            return found
        }
    }

    private func isNamable(
        _ other: String, besides id: String, as posts: [Post], at now: Instant, _ db: any SQLConnection
    ) throws -> Bool {
        guard other != id else { return false }
        let found: Writing
        do {
            found = try opened(other, now: now, db)
        } catch is Failure {
            return false
        }
        guard found.subject.process == (try self.subject(id, db).0.process) else { return false }
        let world = try world(of: found.subject, found.process, found.file.answers, now, db)
        return found.process.state(found.file.state)?.isFinal == false
            && posts.contains { found.process.isVisible(found.file, to: $0, in: world) }
    }

    /// Refuses a command that names a case which its officer may not name.
    func checkNamed(
        _ command: Command, _ action: Process.Action, by officer: Officer, of writing: Writing, _ db: any SQLConnection
    ) throws {
        for input in action.ask where input.kind == .case {
            guard case .text(let other) = command.inputs[input.id], !other.isEmpty else { continue }
            guard
                try isNamable(other, besides: writing.subject.id, as: [officer.post], at: writing.now, db)
            else { throw Failure.refused(.input(input.id, .unknown)) }
        }
    }

    /// Answers of the cases that were merged into this one.
    func answersBeside(_ writing: Writing, _ db: any SQLConnection) throws -> [[String: JSON]] {
        try writing.file.relations.filter { $0.value.hasPrefix(Self.mirrored) }.keys.sorted().compactMap { id in
            do {
                return try opened(id, now: writing.now, db).file.answers
            } catch Failure.erased {
                // What was erased cannot be named any more.
                return nil
            }
        }
    }

    /// A case that was put to another stands in that one's log too, and those that belong to a case hear what is told of it.
    func relate(_ event: Event, _ writing: Writing, at moment: Instant, _ db: any SQLConnection) throws {
        let id = writing.subject.id
        let key = "\(id) \(event.version)"
        for fact in event.facts {
            switch fact {
            case .related(let main, let kind):
                let mirror = Fact.related(id, as: Self.mirrored + kind)
                guard
                    let file = try add(
                        [mirror], to: main, as: event.actor, event.action, key: key, at: moment, writing.now, db)
                else { continue }
                // What was told before is told to the newcomer.
                if let state = file.told, let text = file.toldText {
                    try add(
                        [.told(state, text: text)], to: id, as: event.actor, Process.EventName.follow, key: key,
                        at: moment,
                        writing.now, db)
                }
            case .unrelated(let main):
                try add(
                    [.unrelated(id)], to: main, as: event.actor, event.action, key: key, at: moment, writing.now, db)
            default: continue
            }
        }
        let told = event.facts.filter { if case .told(_, .some) = $0 { true } else { false } }
        // Its own sender took it back: the others still wait for an answer.
        if event.actor == .citizen, writing.process.state(writing.file.state)?.isFinal == true,
            event.facts.contains(where: { if case .entered = $0 { true } else { false } })
        {
            for (other, kind) in writing.file.relations.sorted(by: { $0.key < $1.key })
            where kind.hasPrefix(Self.mirrored) {
                try part(other, from: id, key: key, at: moment, writing.now, db)
            }
            return
        }
        if !told.isEmpty {
            try pass(told, beside: writing.file, as: event.actor, key: key, at: moment, writing.now, [id], db)
        }
    }

    /// Tells those that were merged into a case, and those that were merged into them.
    private func pass(
        _ told: [Fact], beside file: Case, as actor: Actor, key: String, at moment: Instant, _ now: Instant,
        _ reached: Set<String>, _ db: any SQLConnection
    ) throws {
        var reached = reached
        for (other, kind) in file.relations.sorted(by: { $0.key < $1.key })
        where kind.hasPrefix(Self.mirrored) && reached.insert(other).inserted {
            guard
                let further = try add(
                    told, to: other, as: actor, Process.EventName.follow, key: key, at: moment, now, db)
            else { continue }
            try pass(told, beside: further, as: actor, key: key, at: moment, now, reached, db)
        }
    }

    private func part(
        _ id: String, from main: String, key: String, at moment: Instant, _ now: Instant, _ db: any SQLConnection
    ) throws {
        guard let found = try? opened(id, now: now, db),
            let parting = found.process.parting(
                found.file, in: try world(of: found.subject, found.process, found.file.answers, moment, db))
        else { return }
        try add(parting.facts, to: id, as: .clock, parting.action, key: key, at: moment, now, db)
        try add([.unrelated(id)], to: main, as: .clock, parting.action, key: key + " " + id, at: moment, now, db)
    }

    /// Before the kind of a relation as the other case has it.
    private static let mirrored = "has-"

    /// Adds what another case brought with it.
    ///
    /// - Returns: the case as it is then; nil of one that was erased or cannot be read, which stops no other.
    @discardableResult
    private func add(
        _ facts: [Fact], to id: String, as actor: Actor, _ action: String, key: String, at moment: Instant,
        _ now: Instant, _ db: any SQLConnection
    ) throws -> Case? {
        var writing: Writing
        let world: World
        do {
            writing = try opened(id, now: now, db)
            world = try self.world(of: writing.subject, writing.process, writing.file.answers, moment, db)
        } catch is Failure {
            return nil
        }
        let (process, secret, unchanged) = (writing.process, writing.secret, writing)
        let before = process.status(of: writing.file, in: world)
        let command = Command(action: action)
        try record(
            &writing, actor, action, command, facts, key: "beside " + key, mark: Self.mark(command, actor, secret),
            at: moment, db)
        try conclude(writing, since: unchanged, statusBefore: before, in: world, db)
        return writing.file
    }
}
