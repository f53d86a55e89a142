import CMS
import Ferry
import Foundation
import LaneDatabase
import PortalBase
import SQL
import TestSupport
import Testing

/// Keys made once for all tests of a run.
enum Keys {
    static let folder: TemporaryFolder = {
        let folder = TemporaryFolder()
        // A failure shows at the first key that is read.
        _ = try? run([repositoryRoot + "/Scripts/dev-ca", folder.path])
        return folder
    }()

    static func identity(_ path: String) throws -> Identity { try Identity(path: folder.path + "/" + path) }
}

/// One side of a gap over a database of its own: items are rows of bytes.
struct Side {
    let folder = TemporaryFolder()
    let database: any SQLDatabase
    let store: LaneDatabase
    let station: Station

    static let now = Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai)!

    init(edge: Bool, signer: String? = nil, pinned: String? = nil, epoch: String = "epoch", maxItems: Int = 1_000)
        throws
    {
        database = try openDatabase((edge ? DatabaseEngine.other : .sqlite).location(in: folder))
        try Migrations([
            ["CREATE TABLE item (id TEXT PRIMARY KEY, kind TEXT, clear BLOB, sealed BLOB)"] + LaneDatabase.tables
        ]).run(on: database)
        store = LaneDatabase(
            database,
            load: { db, _, id in
                let row = try #require(try db.row("SELECT * FROM item WHERE id = ?", id))
                var parts = [FerryItem.Part(name: "item.json", bytes: try row["clear"])]
                if let sealed: [UInt8] = try row["sealed"] { parts.append(.init(name: "item.p7m", bytes: sealed)) }
                return FerryItem(kind: try row["kind"], id: id, parts: parts)
            },
            apply: { db, item, _ in
                if try item.part("item.p7m") == Array("poison".utf8) { throw LaneDatabase.RejectedItem(.schema) }
                try db.execute(
                    "INSERT INTO item (id, kind, clear, sealed) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", item.id,
                    item.kind, try item.part("item.json"), try item.part("item.p7m"))
            })
        let (mine, other) = edge ? ("edge", "core") : ("core", "edge")
        let lanes = edge ? ("e2c", "c2e") : ("c2e", "e2c")
        let registries =
            edge ? (KindRegistry.edgeToCore, KindRegistry.coreToEdge) : (KindRegistry.coreToEdge, .edgeToCore)
        let authority = try FileSystem.read(Keys.folder.path + "/ca.crt")
        let revoked = try FileSystem.read(Keys.folder.path + "/ca.crl")
        station = Station(
            folders: .init(root: folder.path + "/spool"), store: store, sends: .init(name: lanes.0, epoch: epoch),
            receives: .init(name: lanes.1, epoch: epoch),
            sealer: BatchSealer(
                signer: try Keys.identity(signer ?? "\(mine)/\(mine)-sign"),
                recipients: [try Keys.identity("\(other)/\(other)-open").certificate],
                registry: registries.0, random: systemRandomBytes),
            opener: BatchOpener(
                identity: try Keys.identity("\(mine)/\(mine)-open"),
                trust: try TrustStore(authorities: authority, revocationLists: [revoked]),
                allowedSigners: [try Keys.identity(pinned ?? "\(other)/\(other)-sign").certificate.publicKeyDigest],
                registry: registries.1),
            maxItems: maxItems)
    }

    var inbox: String { folder.path + "/spool/inbox" }
    var outbox: String { folder.path + "/spool/outbox" }

    /// Puts a hotline item into the lane to the core.
    func queue(_ number: Int, sealed: String = "sealed") throws {
        let id = "00000000-0000-4000-8000-\(padded(number, 12))"
        let bytes = Array((sealed == "poison" ? "poison" : "\(sealed) \(number)").utf8)
        let part = JSON.object([
            "name": .string("item.p7m"), "bytes": .integer(bytes.count), "sha256": .string(SHA256Digest(of: bytes).hex),
        ])
        let clear = JSON.object([
            "id": .string(id), "kind": .string("hotline"), "received": .string("2026-09-01T09:00:00+08:00"),
            "form": .string("f"), "parts": .array([part]),
        ]).canonicalBytes
        try database.write { db in
            try db.execute("INSERT INTO item VALUES (?, 'hotline', ?, ?)", id, clear, bytes)
            try LaneDatabase.enqueue(db, lane: "e2c", item: id, bytes: clear.count + bytes.count)
        }
    }

    func items() throws -> [String] {
        try database.read { db in
            try db.rows("SELECT id, sealed FROM item ORDER BY id").map { row in
                "\(try row["id"] as String) \(String(decoding: try row["sealed"] as [UInt8], as: UTF8.self))"
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
}
