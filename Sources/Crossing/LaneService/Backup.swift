import LaneDatabase
package import PortalBase
import SQL

/// A whole copy of an owner's database in a folder of its own, made while others work, with a record that says what it is.
///
/// The record (`backup.json`, canonical JSON) is written last: a folder without it holds no backup.
package struct Backup: Sendable {
    package let folder: String
    /// The program whose database it is.
    package let program: String
    package let at: Instant
    /// What the owner says of it.
    package let notes: [String: String]
    private let engine: Engine
    private let bytes: Int
    private let digest: SHA256Digest

    private enum Engine: String {
        case sqlite, postgresql

        init(_ location: String) { self = isPostgreSQL(location) ? .postgresql : .sqlite }

        var file: String { self == .sqlite ? "database.sqlite" : "database.dump" }
    }

    private static let format = "xinmi-backup-1"
    private static let record = "backup.json"
    /// A database of many years is copied within a day.
    private static let patience = 86_400

    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(_ text: String) { description = text }
    }

    /// Copies a database into a folder that is not there yet.
    ///
    /// - Parameter location: as for `openDatabase`.
    package static func write(
        _ location: String, of program: String, to folder: String, notes: [String: String] = [:], at now: Instant
    ) throws -> Backup {
        guard FileSystem.kind(folder) == nil else {
            throw Failure("\(folder) is there already: a backup needs a new folder")
        }
        let engine = Engine(location)
        if engine == .sqlite, FileSystem.kind(location) != .file { throw Failure("there is no database \(location)") }
        try FileSystem.makeDirectories(folder, mode: 0o700)
        let directory = try Directory(folder)
        // Only its owner reads it, whatever the tool's own habits are.
        try directory.write(engine.file, [], mode: 0o600)
        let path = folder + "/" + engine.file
        switch engine {
        case .sqlite: try copySQLite(location, to: path)
        case .postgresql:
            try tool(
                [
                    "pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file=" + path,
                    "--dbname=" + location,
                ])
        }
        guard let bytes = FileSystem.size(path), let digest = try directory.digest(engine.file, size: bytes) else {
            throw Failure("\(path) changed while it was read")
        }
        try directory.sync([engine.file])
        let backup = Backup(
            folder: folder, program: program, at: now, notes: notes, engine: engine, bytes: bytes, digest: digest)
        try directory.replaceDurably(record, backup.json.canonicalBytes, mode: 0o600)
        return backup
    }

    private var json: JSON {
        .object([
            "fmt": .string(Self.format), "program": .string(program), "at": .string(at.rfc3339(in: .shanghai)),
            "engine": .string(engine.rawValue), "bytes": .integer(bytes), "sha256": .string(digest.hex),
            "notes": .object(notes.mapValues(JSON.string)),
        ])
    }

    /// Reads a backup and holds every byte of it against its record.
    package init(_ folder: String, of program: String) throws {
        let path = folder + "/" + Self.record
        guard FileSystem.kind(path) == .file else {
            throw Failure("\(folder) holds no whole backup: \(Self.record) is written when everything else is there")
        }
        guard let json = try? JSON(parsing: try FileSystem.read(path, limit: 1 << 20)),
            json["fmt"]?.string == Self.format, let made = json["program"]?.string,
            let at = json["at"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
            let engine = json["engine"]?.string.flatMap(Engine.init(rawValue:)), let bytes = json["bytes"]?.integer,
            let digest = json["sha256"]?.string.flatMap(SHA256Digest.init(hex:)), let notes = json["notes"]?.object
        else { throw Failure("\(path) is no record of a backup") }
        guard made == program else { throw Failure("\(folder) is a backup of \(made), not of \(program)") }
        self.folder = folder
        self.program = program
        self.at = at
        self.notes = notes.compactMapValues(\.string)
        self.engine = engine
        self.bytes = bytes
        self.digest = digest
        guard try Directory(folder).digest(engine.file, size: bytes) == digest else {
            throw Failure("\(folder)/\(engine.file) is not what was backed up: take another backup")
        }
    }

    /// Puts the copy where no database is yet.
    package func restore(to location: String) throws {
        guard Engine(location) == engine else {
            throw Failure("the backup is of \(engine.rawValue), `database:` names another engine")
        }
        switch engine {
        case .sqlite:
            try Self.checkFree(location)
            let (from, to) = (try Directory(folder), try Directory(FileSystem.parent(location)))
            try from.copy(engine.file, to: to, mode: 0o660)
            try to.move(engine.file, to: to, FileSystem.name(location))
            try to.syncNames()
        case .postgresql:
            let tables: Int? = try openDatabase(location).read { db in
                try db.value("SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()")
            }
            guard tables == 0 else { throw Failure("the database holds tables: restore into a new, empty one") }
            try Self.tool(
                [
                    "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges",
                    "--dbname=" + location, folder + "/" + engine.file,
                ])
        }
    }

    /// A SQLite database with the files that SQLite keeps beside it.
    package static func files(of database: String) -> [String] {
        ["", "-wal", "-shm", "-journal"].map { database + $0 }
    }

    /// Throws where a file of an old database stands: SQLite would play its log into the new one.
    package static func checkFree(_ database: String) throws {
        for file in files(of: database) where FileSystem.kind(file) != nil {
            throw Failure("\(file) is there: move it away first, nothing is overwritten")
        }
    }

    private static func tool(_ arguments: [String]) throws {
        let errors = "\(environmentVariable("TMPDIR") ?? "/tmp")/xinmi-backup-\(hexText(systemRandomBytes(8)))"
        defer { try? FileSystem.remove(errors) }
        let status = try ChildProcess.run(arguments, errors: errors, seconds: patience)
        if status == 127 {
            throw Failure("\(arguments[0]) is not installed: apt-get install postgresql-client")
        }
        guard status != 0 else { return }
        // The first line names the step; those behind it may hold values of rows.
        let said = String(decoding: (try? FileSystem.read(errors, limit: 65_536)) ?? [], as: UTF8.self)
        let line = said.split(separator: "\n").first { $0.hasPrefix(arguments[0] + ": error:") }
        throw Failure("\(arguments[0]) ended with \(status)\(line.map { ": \($0.prefix(200))" } ?? "")")
    }

    private init(
        folder: String, program: String, at: Instant, notes: [String: String], engine: Engine, bytes: Int,
        digest: SHA256Digest
    ) {
        self.folder = folder
        self.program = program
        self.at = at
        self.notes = notes
        self.engine = engine
        self.bytes = bytes
        self.digest = digest
    }

    /// What is left to do after a restore, for a terminal: an operator begins the lanes anew.
    package static func nextSteps(_ owned: OwnedLanes) throws -> String {
        let commands = try owned.lanes.status(at: owned.now()).map { lane in
            // What this side has received is in the backup up to here.
            let missing = (lane.gaps.map(\.lowerBound) + lane.missing.keys + [lane.highest]).min() ?? 1
            let resend = lane.lane == owned.receives.lane ? " --resend-from \(max(1, missing))" : ""
            return "  ferry epoch --lane \(lane.lane) --after \(lane.epoch)\(resend) --sign … --out …"
        }
        return
            (["restored. An operator begins both lanes anew, and both sides adopt the records, before anything starts:"]
            + commands).joined(separator: "\n")
    }

    /// For a terminal.
    package var text: String {
        "\(program) \(at.rfc3339(in: .shanghai)), \(engine.rawValue), \(bytes) bytes, sha256 \(digest)"
    }
}
