package import Authority
import CMS
package import PortalBase
package import Procedures
import SQL
package import Workflow

/// People, posts and certificates are subjects as cases are; who may sign in, and as what, is read here.
extension CaseStore {
    /// Somebody who shows a trusted key.
    package struct Member: Sendable {
        package let person: String
        package let name: String
        /// Of the public key that was shown.
        package let key: SHA256Digest
        /// How strongly the key says who it is.
        package let level: Int
        /// Those that are held now.
        package let posts: [Post]

        /// The person in each post.
        package var officers: [Officer] { posts.map { Officer(post: $0, level: level) } }
    }

    /// Who shows a key; nil where nobody's is it, or the person has left.
    ///
    /// - Parameter key: SHA-256 of the public key.
    package func member(key: SHA256Digest, at now: Instant) throws -> Member? {
        try database.read { db in
            guard let row = try db.row("SELECT person, level FROM credential WHERE key = ?", key.hex) else {
                return nil
            }
            let person: String = try row["person"]
            guard try isHere(person, db) else { return nil }
            let posts = try db.rows("SELECT * FROM post WHERE person = ? ORDER BY number", person).map(Self.post)
            return Member(
                person: person, name: try names(of: [person], db)[person] ?? person, key: key, level: try row["level"],
                posts: posts.filter { $0.isHeld(at: now) })
        }
    }

    /// What somebody holds now, and what they signed for and is not done.
    package struct Holdings: Sendable {
        /// With the ids of their subjects.
        package let posts: [(subject: String, post: Post)]
        package let credentials: [(subject: String, credential: Credential)]
        /// Open tasks by the case's number.
        package let tasks: [(number: Int, process: String, kind: String, unit: String)]
    }

    package func holdings(of person: String) throws -> Holdings {
        try database.read { db in
            Holdings(
                posts: try db.rows(
                    "SELECT s.id AS subject, p.* FROM post p JOIN subject s ON s.number = p.number WHERE p.person = ? ORDER BY p.number",
                    person
                ).map { (try $0["subject"], try Self.post($0)) },
                credentials: try db.rows(
                    "SELECT s.id AS subject, c.* FROM credential c JOIN subject s ON s.number = c.number WHERE c.person = ? ORDER BY c.number",
                    person
                ).map {
                    (
                        try $0["subject"],
                        Credential(person: person, key: try $0["key"], level: try $0["level"])
                    )
                },
                tasks: try db.rows(
                    """
                    SELECT t.number, t.kind, t.unit, i.process FROM task t JOIN case_index i ON i.number = t.number
                    WHERE t.assignee = ? ORDER BY t.number, t.task
                    """, person
                ).map { (try $0["number"], try $0["process"], try $0["kind"], try $0["unit"]) })
        }
    }

    /// Posts that are held now by somebody who is here.
    package func posts(at now: Instant) throws -> [Post] {
        try database.read { db in
            try db.rows("SELECT * FROM post ORDER BY number").map(Self.post).filter {
                try $0.isHeld(at: now) && isHere($0.person, db)
            }
        }
    }

    /// Names of persons; those whose name was erased, or whom nobody knows, are missing.
    package func names(of persons: Set<String>) throws -> [String: String] {
        try database.read { db in try names(of: persons, db) }
    }

    /// Persons, posts and certificates in the order in which they began, those that have come to their end only where they are wanted.
    /// For the operator at a terminal, on no record.
    package func roster(includesFinal: Bool = false, at now: Instant) throws -> [View] {
        let ids: [String] = try database.read { db in
            try db.column(
                "SELECT subject FROM case_index WHERE number > ? AND final <= ? ORDER BY number", Subject.others,
                includesFinal ? 1 : 0)
        }
        return try ids.map { try view($0, at: now) }.filter { $0.process.subject != .assessment }
    }

    /// Recorded assessments in any state, the newest first.
    package func recordings(at now: Instant) throws -> [View] {
        let ids: [String] = try database.read { db in
            let kinds = processes.filter { $0.subject == .assessment }.map(\.id)
            guard let kind = kinds.first else { return [] }
            return try db.column(
                "SELECT subject FROM case_index WHERE number > ? AND process = ? ORDER BY number DESC", Subject.others,
                kind)
        }
        return try ids.map { try view($0, at: now) }
    }

    private func names(of persons: Set<String>, _ db: any SQLConnection) throws -> [String: String] {
        if persons.isEmpty { return [:] }
        let subjects = Dictionary(uniqueKeysWithValues: persons.map { (Self.subject(ofPerson: $0), $0) })
        let list = SQLList(subjects.keys.sorted())
        let numbers: [Int] = try db.column(
            "SELECT number FROM case_index WHERE subject IN (\(list.marks))", values: list.values)
        var names: [String: String] = [:]
        for line in try lines(numbers, db).lines {
            if let person = subjects[line.subject.id] { names[person] = line.title }
        }
        return names
    }

    private static func post(_ row: SQLRow) throws -> Post {
        let until: Int? = try row["until"]
        return Post(
            person: try row["person"], role: try row["role"], unit: try row["unit"],
            from: Instant(seconds: try row["since"]), until: until.map(Instant.init(seconds:)))
    }

    private func isHere(_ person: String, _ db: any SQLConnection) throws -> Bool {
        try db.value(
            "SELECT EXISTS (SELECT 1 FROM case_index WHERE subject = ? AND final = 0)", Self.subject(ofPerson: person))
            == true
    }

    private static func subject(ofPerson id: String) -> String { "person-" + id }

    // MARK: Beginning

    /// A subject that an officer begins.
    ///
    /// - Parameters:
    ///   - attached: what the program adds to the answers, by names that nothing asks for.
    ///   - key: of the request; the same request begins the same subject.
    ///   - signed: of an officer who acts at level 4.
    /// - Returns: its id.
    package func beginSubject(
        _ process: Process, _ inputs: [String: InputValue], attached: [String: JSON] = [:], as officer: Officer,
        key: String, signed: SignedAct? = nil, at now: Instant
    ) throws -> String {
        let world = try world(ofInternal: process, at: now)
        let command = Command(action: Process.EventName.begin, inputs: inputs)
        let answers = try told { () throws(Refusal) in try process.answers(of: command, at: now, in: world) }
        let id = Self.identifier(of: process, answers, key)
        let whole = answers.merging(attached) { asked, _ in asked }
        _ = try retrying {
            try database.write { db in
                var actor = Actor.officer(officer)
                // The same request once more is answered as it was, whatever became of its officer's signature.
                if try !isSubject(id, db) {
                    actor = try authenticated(
                        actor, by: signed, for: command, on: "", grounds: process.digest, nonce: key, at: now, db)
                    if let refusal = process.refusal(ofBeginning: command, as: actor, at: now, in: world) {
                        throw Failure.refused(refusal)
                    }
                }
                try checkNew(id, answers, of: process, in: world, at: now, db)
                do {
                    return try begin(
                        Beginning(
                            id: id, process: process, form: "", answers: whole, received: now, by: actor, signed: signed
                        ),
                        at: now, db)
                } catch Failure.keyReused where process.subject == .person {
                    throw Failure.refused(.taken)
                }
            }
        }
        return id
    }

    /// The level that an officer needs beyond their own to begin a subject; nil where they need none, or began it by this request.
    /// Throws what would be refused whatever their level.
    package func levelNeeded(
        toBegin process: Process, _ inputs: [String: InputValue], as officer: Officer, key: String, at now: Instant
    ) throws -> Int? {
        let world = try world(ofInternal: process, at: now)
        let command = Command(action: Process.EventName.begin, inputs: inputs)
        let answers = try told { () throws(Refusal) in try process.answers(of: command, at: now, in: world) }
        let id = Self.identifier(of: process, answers, key)
        let level: Int?
        switch process.refusal(ofBeginning: command, as: .officer(officer), at: now, in: world) {
        case nil: level = nil
        case .level(let needed): level = needed
        case let refusal?: throw Failure.refused(refusal)
        }
        // A check locks a person's row.
        return try database.write { db in
            try checkNew(id, answers, of: process, in: world, at: now, db)
            return try isSubject(id, db) ? nil : level
        }
    }

    private func checkNew(
        _ id: String, _ answers: [String: JSON], of process: Process, in world: World, at now: Instant,
        _ db: any SQLConnection
    ) throws {
        try checkPerson(answers, of: process, db)
        try checkNumber(id, of: process, db)
        if try !isSubject(id, db) { try checkConfirmable(answers, of: process, in: world, at: now, db) }
    }

    /// A refusal as a failure of the store.
    private func told<T>(_ body: () throws(Refusal) -> T) throws -> T {
        do throws(Refusal) {
            return try body()
        } catch {
            throw Failure.refused(error)
        }
    }

    /// A person is named by the number that was given, so that no two have one; other subjects by the request.
    static func identifier(of process: Process, _ answers: [String: JSON], _ key: String) -> String {
        if process.subject == .person, let id = process.begin.input(.id).flatMap({ answers[$0.id]?.string }) {
            return subject(ofPerson: id)
        }
        return "\(process.subject.rawValue)-\(SHA256Digest(of: Array(key.utf8)).hex.prefix(24))"
    }

    func world(ofInternal process: Process, at now: Instant) throws -> World {
        try world("", [:], now, carried: nil).with(FormFacts(of: process))
    }

    /// Throws `taken` for the number of a person who has left.
    private func checkNumber(_ id: String, of process: Process, _ db: any SQLConnection) throws {
        guard process.subject == .person else { return }
        let isOver: Bool? = try db.value(
            "SELECT EXISTS (SELECT 1 FROM case_index WHERE subject = ? AND final = 1)", id)
        guard isOver != true else { throw Failure.refused(.taken) }
    }

    /// Throws what another person would only learn who confirms it: that roles exclude each other, that a post is held, a key somebody's.
    private func checkConfirmable(
        _ answers: [String: JSON], of process: Process, in world: World, at now: Instant, _ db: any SQLConnection
    ) throws {
        let command = Command(
            action: Process.EventName.begin, inputs: answers.mapValues(InputValue.answer))
        let facts = try told { () throws(Refusal) in
            try process.founding(Case(received: now), with: command, in: world)
        }
        for fact in facts { try checkGiven(fact, in: world, db) }
    }

    private func checkPerson(_ answers: [String: JSON], of process: Process, _ db: any SQLConnection) throws {
        guard let input = process.begin.input(.person), let person = answers[input.id]?.string else { return }
        guard try isHere(person, db) else { throw Failure.refused(.nobody) }
    }

    /// What must hold among subjects: a person is here, holds no post that another excludes, and a key is one person's. The person's
    /// row is locked meanwhile.
    func checkPeople(_ facts: [Fact], of writing: Writing, in world: World, _ db: any SQLConnection) throws {
        for fact in facts {
            try checkGiven(fact, in: world, db)
            switch fact {
            case .ended, .distrusted: try checkAppointersStay(without: writing, in: world, db)
            case .entered(let state) where writing.process.subject == .person:
                if writing.process.state(state)?.isFinal == true {
                    try checkAppointersStay(without: writing, in: world, db)
                }
            default: break
            }
        }
    }

    /// Whether a person may be given a post or a key.
    private func checkGiven(_ fact: Fact, in world: World, _ db: any SQLConnection) throws {
        switch fact {
        case .appointed(let person, let role, let unit, _):
            try lock(person, db)
            guard try isHere(person, db) else { throw Failure.refused(.nobody) }
            let held = try db.rows("SELECT * FROM post WHERE person = ?", person).map(Self.post)
            guard !held.contains(where: { $0.role == role && $0.unit == unit && $0.isHeld(at: world.now) }) else {
                throw Failure.refused(.held)
            }
            let excluded = world.exclusions[role] ?? []
            guard !held.contains(where: { excluded.contains($0.role) && $0.isHeld(at: world.now) })
            else {
                throw Failure.refused(.excluded)
            }
        case .trusted(let person, let key, _):
            try lock(person, db)
            let owner: String? = try db.value("SELECT person FROM credential WHERE key = ?", key)
            guard try isHere(person, db) else { throw Failure.refused(.nobody) }
            guard owner == nil else { throw Failure.refused(.taken) }
        default: break
        }
    }

    /// Two people at least stay who can sign in and appoint others: nobody could ever come in again otherwise.
    private func checkAppointersStay(without ending: Writing, in world: World, _ db: any SQLConnection) throws {
        let roles = processes.appointingRoles
        /// - Parameter ending: whose post, key or person counts no more; nil for those of now.
        func appointers(without ending: Subject?) throws -> Set<String> {
            let (number, id) = (ending?.number ?? 0, ending?.id)
            let posts = try db.rows("SELECT * FROM post WHERE number <> ? ORDER BY number", number).map(Self.post)
            let persons = Set(posts.filter { roles.contains($0.role) && $0.isHeld(at: world.now) }.map(\.person))
            return try persons.filter { person in
                let hasKey: Bool? = try db.value(
                    "SELECT EXISTS (SELECT 1 FROM credential WHERE person = ? AND number <> ?)", person, number)
                return try hasKey == true && Self.subject(ofPerson: person) != id && isHere(person, db)
            }
        }
        // Two who end each other at once wait for one another here.
        for person in try appointers(without: nil).sorted() { try lock(person, db) }
        let (before, after) = (try appointers(without: nil), try appointers(without: ending.subject))
        guard after.count >= 2 || after.count == before.count else { throw Failure.refused(.lastTwo) }
    }

    private func lock(_ person: String, _ db: any SQLConnection) throws {
        try db.execute("UPDATE subject SET erased = erased WHERE id = ?", Self.subject(ofPerson: person))
    }

    // MARK: The first people

    /// Who works here when the core is new; nobody is there yet who could appoint them.
    package struct Founder: Sendable {
        package let person: String
        let name: String
        package let key: SHA256Digest
        package let level: Int
        package let posts: [(role: String, unit: String)]

        /// Whether they may appoint others, with one of these roles.
        package func appoints(by roles: Set<String>) -> Bool {
            level >= 3 && posts.contains { roles.contains($0.role) }
        }

        /// The same, without another post.
        package func appointsOnly(by roles: Set<String>) -> Bool {
            appoints(by: roles) && posts.allSatisfy { roles.contains($0.role) }
        }

        fileprivate func without(_ held: [Post]) -> Founder {
            Founder(
                person: person, name: name, key: key, level: level,
                posts: posts.filter { post in !held.contains { $0.role == post.role && $0.unit == post.unit } })
        }

        package func isAlike(_ other: Founder) -> Bool { person == other.person || key == other.key }

        package init(
            person: String, name: String, key: SHA256Digest, level: Int, posts: [(role: String, unit: String)]
        ) {
            self.person = person
            self.name = name
            self.key = key
            self.level = level
            self.posts = posts
        }
    }

    /// Records the first people with their posts and keys, whole or not at all. Throws `running` where somebody is there already.
    package func recordFirstPeople(_ people: [Founder], at now: Instant) throws {
        try database.write { db in
            guard try !hasPeople(db) else { throw Failure.running }
            for founder in people { try record(founder, now, db) }
        }
    }

    /// Lets people in beside those on record: those who are here get the key and the posts that they lack, others begin. Whole or not
    /// at all, and on record as the installation's own act.
    package func recoverPeople(_ people: [Founder], at now: Instant) throws {
        try retrying {
            try database.write { db in
                guard try hasPeople(db) else {
                    throw Failure.unprepared("nobody is on record yet: leave out --recover")
                }
                for founder in people { try recover(founder, now, db) }
            }
        }
    }

    private func recover(_ founder: Founder, _ now: Instant, _ db: any SQLConnection) throws {
        let person = founder.person
        try lock(person, db)
        let known: Bool? = try db.value(
            "SELECT EXISTS (SELECT 1 FROM subject WHERE id = ?)", Self.subject(ofPerson: person))
        if known == true {
            guard try isHere(person, db) else {
                throw Failure.unprepared("\(person) has left: somebody who comes back takes another id")
            }
            guard try names(of: [person], db)[person] == founder.name else {
                throw Failure.unprepared("\(person) is on record under another name")
            }
        }
        let credential = try db.row("SELECT person, level FROM credential WHERE key = ?", founder.key.hex)
        let hasKey = try credential.map { try $0["person"] == person && $0["level"] == founder.level } ?? false
        let held = try db.rows("SELECT * FROM post WHERE person = ?", person).map(Self.post).filter {
            $0.isHeld(at: now)
        }
        try record(founder.without(held), isKnown: known == true, hasKey: hasKey, round: "\(now.seconds) ", now, db)
    }

    private func hasPeople(_ db: any SQLConnection) throws -> Bool {
        try db.value("SELECT EXISTS (SELECT 1 FROM subject WHERE id LIKE ?)", Self.subject(ofPerson: "%")) == true
    }

    /// - Parameter round: tells the subjects of one recovery from those of another.
    private func record(
        _ founder: Founder, isKnown: Bool = false, hasKey: Bool = false, round: String = "", _ now: Instant,
        _ db: any SQLConnection
    ) throws {
        if !isKnown {
            try record(.person, [.id: .text(founder.person), .text: .text(founder.name)], founder.person, now, db)
        }
        for post in founder.posts {
            try record(
                .post, [.person: .text(founder.person), .role: .text(post.role), .unit: .text(post.unit)],
                "\(round)\(founder.person) \(post.role) \(post.unit)", now, db)
        }
        guard !hasKey else { return }
        try record(
            .credential,
            [.person: .text(founder.person), .key: .text(founder.key.hex), .number: .number(founder.level)],
            "\(round)\(founder.person) \(founder.key.hex)", now, db)
    }

    /// Who stands in the log for what the installation did.
    private static let installation = Actor.officer(
        Officer(post: Post(person: "init", role: "init", unit: "", from: Instant(seconds: 0)), level: 0))

    private func record(
        _ subject: Process.SubjectKind, _ said: [Process.Input.Kind: InputValue], _ key: String,
        _ now: Instant,
        _ db: any SQLConnection
    ) throws {
        guard let process = processes.first(where: { $0.subject == subject }) else {
            throw Failure.unprepared("no process has \(subject.rawValue)s as subjects")
        }
        let world = try world(ofInternal: process, at: now)
        let command = Command(action: Process.EventName.begin, inputs: process.begin.inputs(of: said))
        let answers = try told { () throws(Refusal) in try process.answers(of: command, at: now, in: world) }
        let new = Beginning(
            id: Self.identifier(of: process, answers, key), process: process, form: "", answers: answers, received: now,
            by: Self.installation)
        _ = try begin(
            new, at: now, db,
            facts: { file, command in
                try told { () throws(Refusal) in try process.founding(file, with: command, in: world) }
            })
    }
}
