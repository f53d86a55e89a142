import CMS
import Cases
import Ferry
import LaneDatabase
import PortalBase
import Procedures
import SQL
import Seals
import Workflow

/// The core's database with all that works on it: cases, both lanes' state, what was released to the edge.
struct Desk: Sendable {
    let configuration: Configuration
    let database: any SQLDatabase
    let surroundings: Surroundings
    let cases: CaseStore
    private let arrivals: Arrivals
    private let departures: Departures
    private let random: @Sendable (Int) -> [UInt8]
    /// The shared lock of the master key's file; nil in a rotation, which holds the exclusive one.
    private let keyLock: FileLock?

    /// What a database must be that is opened.
    enum Opening { case existing, new, restoring }

    /// - Parameters:
    ///   - opening: only a new one is made; a lost one is told.
    ///   - master: nil for that of the configuration.
    init(
        _ configuration: Configuration, random: @escaping @Sendable (Int) -> [UInt8], _ opening: Opening = .existing,
        master given: [UInt8]? = nil
    ) throws {
        try Self.check(configuration, opening)
        self.configuration = configuration
        self.random = random
        keyLock = try given == nil ? configuration.masterKeyFile.lock(isShared: true) : nil
        let master = try given ?? configuration.masterKeyFile.read()
        let surroundings = try Surroundings(configuration)
        let database = try Self.migrated(configuration)
        try Self.check(master, configuration.masterKeyFile, database)
        guard let keys = SubjectKeys(master: master, random: random) else {
            throw configuration.masterKeyFile.damaged
        }
        departures = Departures(surroundings: surroundings, random: random)
        cases = try CaseStore(
            database, keys: keys, processes: surroundings.library.processes, outbox: departures,
            carried: { db in try LaneDatabase.carried(db, lane: Configuration.receiveLane) ?? Instant(seconds: 0) },
            checkMaster: { db in
                guard try Self.isMarked(with: master, db) else { throw configuration.masterKeyFile.stranger }
            }
        ) { form, answers, now, carried in
            try surroundings.world(form: form, answers: answers, now: now, carried: carried)
        }
        arrivals = Arrivals(
            surroundings: surroundings, cases: cases, keys: DeskKeys(paths: configuration.deskOpen))
        self.surroundings = surroundings
        self.database = database
    }

    /// What was released to the edge, for somebody who need not read a key of cases.
    static func releases(
        _ configuration: Configuration, random: @escaping @Sendable (Int) -> [UInt8]
    ) throws -> SiteReleases {
        try check(configuration, .existing)
        return SiteReleases(database: try migrated(configuration), folder: configuration.bundles, random: random)
    }

    private static func check(_ configuration: Configuration, _ opening: Opening) throws {
        if opening != .restoring {
            guard FileSystem.kind(configuration.restoringMark) == nil else {
                throw ConfigurationError(
                    text:
                        "a restore did not come to its end (\(configuration.restoringMark)): run `coredesk restore` again"
                )
            }
        }
        if opening == .existing, try !Self.isThere(configuration.database) {
            throw ConfigurationError(
                text:
                    "there is no database of cases at `database:`; `coredesk init` makes a new one, `coredesk restore` brings a lost one back"
            )
        }
    }

    private static func migrated(_ configuration: Configuration) throws -> any SQLDatabase {
        let database = try openDatabase(configuration.database)
        try migrations(database).run(on: database)
        return database
    }

    private static func isThere(_ location: String) throws -> Bool {
        guard isPostgreSQL(location) else { return FileSystem.kind(location) == .file }
        return try openDatabase(location).read { db in
            try db.value("SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_name = 'schema_version')")
                == true
        }
    }

    private static func migrations(_ database: some SQLDatabase) -> Migrations {
        let cases = CaseStore.schema(database)
        // What later versions add besides, by their place among them.
        let beside = [1: Departures.paperTables]
        return Migrations(
            [
                .init(
                    cases.first + LaneDatabase.tables + LaneDatabase.heldTables + LaneDatabase.carriedTables
                        + SiteReleases.tables
                        + Arrivals.tables + Departures.tables + Overlay.tables + [
                            "CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL)"
                        ])
            ] + cases.later.enumerated().map { place, statements in .init(statements + (beside[place] ?? [])) })
    }

    /// Another key than the cases were written with opens none of them: said at the start, not case by case.
    private static func check(
        _ master: [UInt8], _ file: MasterKeyFile, _ database: any SQLDatabase
    ) throws {
        guard try setting(markName, atFirst: mark(of: master), database) == mark(of: master) else {
            throw file.stranger
        }
    }

    private static let markName = "master-key-mark"
    private static func mark(of master: [UInt8]) -> [UInt8] { hmacSHA256(key: master, Array("master key".utf8)) }

    private static func isMarked(with master: [UInt8], _ db: any SQLConnection) throws -> Bool {
        try db.value("SELECT value FROM setting WHERE name = ?", markName) == mark(of: master)
    }

    /// Whether the keys of all cases are wrapped by this master key already.
    static func isWrapped(by master: [UInt8], _ configuration: Configuration) throws -> Bool {
        try check(configuration, .existing)
        return try openDatabase(configuration.database).read { db in try isMarked(with: master, db) }
    }

    /// Wraps the keys of all cases by another master key; the present one then opens none of them. The transaction excludes writers, and a
    /// process with the present key begins no case after it.
    ///
    /// - Returns: the number of keys.
    func rewrap(by master: [UInt8]) throws -> Int {
        guard let next = SubjectKeys(master: master, random: random) else { throw configuration.masterKeyFile.damaged }
        return try database.write { db in
            let count = try cases.rewrap(by: next, db)
            try Self.set(Self.markName, Self.mark(of: master), db)
            // An empty mark makes `serve` alarm until the lists are rebuilt.
            try Self.set(Self.projected, [], db)
            return count
        }
    }

    /// A random key of this installation, made once: for the tokens in staff forms.
    func tokenKey() throws -> [UInt8] {
        try Self.setting("token-key", atFirst: random(32), database)
    }

    /// A value of this installation, which is set at first and stays.
    private static func setting(
        _ name: String, atFirst value: [UInt8], _ database: any SQLDatabase
    ) throws -> [UInt8] {
        try database.write { db in
            try db.execute("INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", name, value)
            return try db.value("SELECT value FROM setting WHERE name = ?", name) ?? []
        }
    }

    var releases: SiteReleases { SiteReleases(database: database, folder: configuration.bundles, random: random) }
    var overlay: Overlay { Overlay(folder: configuration.overlay, database: database, cases: cases) }

    /// Items of one transaction of an import, during which no officer writes.
    private static let filedAtOnce = 24

    func laneStore() -> LaneDatabase {
        let (releases, arrivals) = (releases, arrivals)
        return LaneDatabase(
            database,
            load: { [cases] db, _, id in
                try releases.item(db, id) ?? Self.sealItem(db, id, cases) ?? Departures.voucher(db, id)
                    ?? Departures.item(db, id)
            },
            stage: arrivals.opening,
            apply: { db, item, now in
                if item.kind == "siteState" { return try SiteReleases.take(db, item) }
                try arrivals.take(db, item, now)
            }, hold: Arrivals.reasonToHold, portion: Self.filedAtOnce)
    }

    private static func sealItem(_ db: any SQLConnection, _ id: String, _ cases: CaseStore) throws -> FerryItem? {
        try cases.seal(item: id, db).map { seal in
            FerryItem(kind: SignedSeal.kind, id: id, parts: [.init(name: "item.json", bytes: seal.item)])
        }
    }

    /// Seals the log, and queues what the edge publishes.
    func seal(at now: Instant) throws -> [Seal] {
        let identity = try Identity(path: configuration.ferry.sign)
        return try cases.seal(
            at: now, by: { try DetachedSignature.sign($0, by: identity) },
            send: { seal, db in
                try LaneDatabase.enqueue(
                    db, lane: Configuration.sendLane, item: seal.id, bytes: seal.item.count, at: now)
            })
    }

    /// - Returns: how many seals are queued again.
    func resendSeals(at now: Instant) throws -> Int {
        let seals = try cases.seals()
        // Those that were taken up after a restore were never queued here.
        try database.write { db in
            for seal in seals {
                try LaneDatabase.enqueue(
                    db, lane: Configuration.sendLane, item: seal.id, bytes: seal.item.count, at: now)
            }
        }
        try laneStore().sendAgain(lane: Configuration.sendLane, items: seals.map(\.id), at: now)
        return seals.count
    }

    /// Why the signature of a seal counts for nothing; nil for one that is good.
    ///
    /// - Parameter former: certificates that signed seals before the present one.
    func sealCheck(former: [String]) throws -> (SignedSeal) -> String? {
        let signers =
            try [Identity.certificate(path: configuration.ferry.sign)]
            + former.map { try Certificate(pem: FileSystem.read($0)) }
        let allowed = Set(signers.map(\.publicKeyDigest))
        return { signed in
            do throws(CryptoError) {
                _ = try DetachedSignature.pinnedSigner(of: signed.signature, over: signed.seal.bytes, allowed: allowed)
                return nil
            } catch {
                return "\(error)"
            }
        }
    }

    /// Sends the statuses of cases again after a restore, with versions above those that the edge has seen.
    ///
    /// - Returns: how many were told.
    func tellAgain(since moment: Instant, at now: Instant) throws -> Int {
        let generation = try database.write { db in
            let next = Departures.generation(after: try Departures.generation(db), at: now)
            try Self.set(Departures.generationName, Array(String(next).utf8), db)
            return next
        }
        return try cases.tellAgain(since: moment, salt: "generation \(generation)", at: now)
    }

    /// Makes numbers go on behind that of a paper.
    ///
    /// - Returns: false for a text that is no number of a paper.
    func raise(_ text: String) throws -> Bool {
        guard let paper = Procedures.Process.Paper.read(text) else { return false }
        try cases.raise(paper.mark, of: paper.year, to: paper.number)
        return true
    }

    private static func set(_ name: String, _ value: [UInt8], _ db: any SQLConnection) throws {
        try db.execute(
            """
            INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """, name, value)
    }

    /// What was erased, kept where the keys are.
    var erasures: ErasureRecord { ErasureRecord(path: configuration.erasureList) }

    private static let projected = "projected-with"

    /// What lists are made with besides the log: units, hours, working days, and the version of the projections.
    private var projectedWith: [UInt8] { surroundings.digest.bytes + [CaseStore.projectionVersion] }

    /// Whether lists were made by an earlier version, or with other units, office hours or working days than those of now. A new
    /// database's are those of its first start.
    func isProjectedOtherwise() throws -> Bool {
        let now = projectedWith
        return try Self.setting(Self.projected, atFirst: now, database) != now
    }

    /// Makes lists, rights and clocks anew out of the log, with the units, hours and working days of now.
    func rebuild() throws -> CaseStore.Rebuilt {
        let made = try cases.rebuild()
        try database.write { try Self.set(Self.projected, projectedWith, $0) }
        return made
    }

    /// Withdrawals that came before their case; nil where none waits.
    func earlyMessages() throws -> Int? {
        let count: Int = try database.read { try $0.value("SELECT count(*) FROM message_waiting") } ?? 0
        return count == 0 ? nil : count
    }

    /// An arrived item, in a transaction of its own.
    func take(_ item: FerryItem, at now: Instant) throws {
        try database.write { db in try arrivals.take(db, item, now) }
    }
}
