import CMS
import Ferry
import Foundation
import LaneDatabase
import PortalBase
import SQL
import TestSupport
import Testing

/// One side of a gap over a database of its own: items are rows of bytes.
struct Side {
    /// What tests change about a side.
    struct Options {
        var signer: String?
        /// Certificates whose batches and acknowledgements count.
        var pinned: [String]?
        var opens: [String]?
        var recipients: [String]?
        var epoch = Side.epoch
        var seal = BatchManifest.Seal.cms
        var sm2Signer: String?
        var sm2Pinned: [String] = []
        var acknowledges = true
        var revocationLists: [String]?
        var sending = LaneSender.Policy()
        var receiving = LaneReceiver.Policy()
        /// Items of one transaction; nil for all of a batch.
        var portion: Int?
        /// Whether items that say `unready` can be staged.
        var isReady = true
        /// What somebody else does on the database while an item is staged.
        var meanwhile: @Sendable (any SQLDatabase) throws -> Void = { _ in }
        /// A disk that fails once so many items are there.
        var failsAfter: Int?
    }

    let folder: TemporaryFolder
    let isEdge: Bool
    let options: Options
    let database: any SQLDatabase
    let store: LaneDatabase
    let station: Station

    static let now = Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai)!
    static let epoch = "0123456789abcdef"
    static let afterGrace = now.adding(seconds: 3_600)

    init(edge: Bool, _ change: (inout Options) -> Void = { _ in }) throws {
        var options = Options()
        options.sending.reserve = 0
        options.receiving.reserve = 0
        change(&options)
        let folder = TemporaryFolder()
        let database = try openDatabase((edge ? DatabaseEngine.other : .sqlite).location(in: folder))
        try Migrations(
            .init(
                ["CREATE TABLE item (id TEXT PRIMARY KEY, kind TEXT, clear BLOB, sealed BLOB)"] + LaneDatabase.tables
                    + LaneDatabase.heldTables + LaneDatabase.carriedTables)
        ).run(on: database)
        try self.init(edge: edge, options, folder, database)
        for lane in ["e2c", "c2e"] {
            try store.adopt(
                EpochRecord(lane: lane, epoch: options.epoch, after: nil, created: Self.now), signer: "test",
                at: Self.now)
        }
    }

    /// The same side with other keys or habits, as after a change of its configuration.
    func with(_ change: (inout Options) -> Void) throws -> Side {
        var options = options
        change(&options)
        return try Side(edge: isEdge, options, folder, database)
    }

    private init(edge: Bool, _ options: Options, _ folder: TemporaryFolder, _ database: any SQLDatabase) throws {
        self.folder = folder
        self.options = options
        self.database = database
        isEdge = edge
        store = LaneDatabase(
            database,
            load: { db, _, id in
                let row = try #require(try db.row("SELECT * FROM item WHERE id = ?", id))
                var parts = [FerryItem.Part(name: "item.json", bytes: try row["clear"])]
                if let sealed: [UInt8] = try row["sealed"] { parts.append(.init(name: "item.p7m", bytes: sealed)) }
                return FerryItem(kind: try row["kind"], id: id, parts: parts)
            },
            stage: { item in
                try options.meanwhile(database)
                if try item.part("item.p7m") == Self.envelope("unready"), !options.isReady { throw KeyMissing() }
                return item
            },
            apply: { db, item, _ in
                if try item.part("item.p7m") == Self.envelope("poison") { throw LaneDatabase.RejectedItem(.schema) }
                if let most = options.failsAfter, try db.value("SELECT count(*) FROM item") ?? 0 >= most {
                    throw SQLError(.full, "no room")
                }
                // Its key comes later.
                let lacksKey = try db.row("SELECT 1 FROM item WHERE kind = 'key'") == nil
                if try item.part("item.p7m") == Self.envelope("later"), lacksKey { throw KeyMissing() }
                try db.execute(
                    "INSERT INTO item (id, kind, clear, sealed) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", item.id,
                    item.kind, try item.part("item.json"), try item.part("item.p7m"))
            }, hold: { $0 is KeyMissing ? "no key yet" : nil }, portion: options.portion)
        let (mine, other) = edge ? ("edge", "core") : ("core", "edge")
        let lanes = edge ? ("e2c", "c2e") : ("c2e", "e2c")
        let registries =
            edge ? (KindRegistry.edgeToCore, KindRegistry.coreToEdge) : (KindRegistry.coreToEdge, .edgeToCore)
        let authority = try FileSystem.read(Keys.folder.path + "/ca.crt")
        let lists = try (options.revocationLists ?? [Keys.folder.path + "/ca.crl"]).map { try FileSystem.read($0) }
        let trust = try TrustStore(authorities: authority, revocationLists: lists)
        let signer = try Keys.identity(options.signer ?? "\(mine)/\(mine)-sign")
        let pinned = Set(
            try (options.pinned ?? ["\(other)/\(other)-sign"]).map { try Keys.certificate($0).publicKeyDigest })
        let spool = try Spool(root: folder.path + "/spool")
        station = Station(
            spool: spool,
            sender: LaneSender(
                spool: spool, store: store, lane: lanes.0,
                sealer: BatchSealer(
                    signer: signer, sm2Signer: try options.sm2Signer.map(Keys.identity),
                    recipients: try (options.recipients ?? ["\(other)/\(other)-open"]).map(Keys.certificate),
                    registry: registries.0, seal: options.seal, random: systemRandomBytes),
                trust: trust, acknowledgers: pinned, policy: options.sending),
            receiver: LaneReceiver(
                spool: spool, store: store, lane: lanes.1,
                opener: BatchOpener(
                    identities: try (options.opens ?? ["\(mine)/\(mine)-open"]).map(Keys.identity), trust: trust,
                    allowedSigners: pinned, sm2Signers: try options.sm2Pinned.map(Keys.certificate),
                    registry: registries.1, seal: options.seal),
                acknowledger: options.acknowledges ? signer : nil, policy: options.receiving),
            store: store)
    }

    func send(at now: Instant = Self.now, again: Bool = false) throws -> LaneReport {
        try station.sender.run(at: now, again: again)
    }

    func receive(at now: Instant = Self.now) throws -> LaneReport { try station.receiver.run(at: now) }

    private struct KeyMissing: Error {}

    /// Bytes that begin as an envelope does.
    static func envelope(_ text: String) -> [UInt8] {
        [0x30, 0x20, 0x06, 0x0B, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x17] + Array(text.utf8)
    }

    static let envelopeHead = envelope("").count

    var inbox: String { folder.path + "/spool/inbox" }
    var outbox: String { folder.path + "/spool/outbox" }

    /// Puts a hotline item into the lane to the core.
    func queue(_ number: Int, sealed: String = "sealed", at now: Instant = Self.now) throws {
        try queue(
            number, Self.envelope(["poison", "later", "unready"].contains(sealed) ? sealed : "\(sealed) \(number)"),
            at: now)
    }

    /// The same with a part of one's own, and a change to the clear part.
    func queue(
        _ number: Int, _ bytes: [UInt8], at now: Instant = Self.now, _ change: (inout [String: JSON]) -> Void = { _ in }
    ) throws {
        let id = "00000000-0000-4000-8000-\(padded(number, 12))"
        let part = JSON.object([
            "name": .string("item.p7m"), "bytes": .integer(bytes.count), "sha256": .string(SHA256Digest(of: bytes).hex),
        ])
        var fields: [String: JSON] = [
            "id": .string(id), "kind": .string("hotline"), "received": .string("2026-09-01T09:00:00+08:00"),
            "form": .string(SHA256Digest(of: []).hex), "parts": .array([part]),
        ]
        change(&fields)
        let clear = JSON.object(fields).canonicalBytes
        try database.write { db in
            try db.execute("INSERT INTO item VALUES (?, 'hotline', ?, ?)", id, clear, bytes)
            try LaneDatabase.enqueue(db, lane: "e2c", item: id, bytes: clear.count + bytes.count, at: now)
        }
    }

    func items() throws -> [String] {
        try database.read { db in
            try db.rows("SELECT id, sealed FROM item ORDER BY id").map { row in
                let sealed = (try row["sealed"] as [UInt8]).dropFirst(Self.envelopeHead)
                return "\(try row["id"] as String) \(String(decoding: sealed, as: UTF8.self))"
            }
        }
    }

    /// Copies the outbox to the other side, as a careful carrier would.
    func carry(to other: Side, _ keep: (String) -> Bool = { _ in true }) throws {
        try FileSystem.makeDirectories(other.inbox)
        for entry in try FileSystem.list(outbox) where keep(entry.name) {
            try FileSystem.write(FileSystem.read(outbox + "/" + entry.name), to: other.inbox + "/" + entry.name)
        }
    }

    /// What a gap box does that takes files away.
    func emptyOutbox() throws {
        for entry in try FileSystem.list(outbox) { try FileSystem.remove(outbox + "/" + entry.name) }
    }

    /// Alarms that stand, by code.
    func alarms(_ lane: String) throws -> [String] {
        try database.read { db in
            try db.column("SELECT code FROM lane_alarm WHERE lane = ? AND cleared IS NULL ORDER BY position", lane)
        }
    }
}
