import CMS
import Ferry
import Glibc
import LaneDatabase
import PortalBase
import SQL
import SiteBundle

/// What was released to the edge, and what the edge says it serves.
struct SiteReleases: Sendable {
    let database: any SQLDatabase
    /// Holds the items of each release until they are delivered, and the listings of trees that may be a base.
    let folder: String
    let random: @Sendable (Int) -> [UInt8]

    static let tables = [
        "CREATE TABLE site_release (build_seq INTEGER PRIMARY KEY, target TEXT NOT NULL, base TEXT, created INTEGER NOT NULL)",
        "CREATE TABLE site_item (id TEXT PRIMARY KEY, build_seq INTEGER NOT NULL REFERENCES site_release)",
        """
        CREATE TABLE site_state (
            one INTEGER PRIMARY KEY, build_seq INTEGER NOT NULL, target TEXT, wants_full INTEGER NOT NULL, at INTEGER NOT NULL)
        """,
    ]

    /// The record of the next release of a tree; nil when the newest release is of this very tree already.
    ///
    /// - Parameter full: sends everything whatever the edge has.
    func next(_ tree: SiteTree, full: Bool, at now: Instant) throws -> BundleRecord? {
        try database.read { db in
            let last = try db.row("SELECT build_seq, target, created FROM site_release ORDER BY build_seq DESC LIMIT 1")
            let state = try state(db)
            // A wish for everything is answered once.
            let isWanted =
                state.map { $0.wantsFull && $0.at.seconds >= ((try? last?["created"] as Int?) ?? 0) } ?? false
            if let last, try last["target"] == tree.digest.hex, !full, !isWanted { return nil }
            return BundleRecord(
                buildSequence: (try last?["build_seq"] as Int? ?? 0) + 1,
                base: full || isWanted ? nil : try base(db, state), target: tree.digest, created: now)
        }
    }

    /// The newest tree that the edge is known to have: what it says itself, else what it has acknowledged.
    private func base(_ db: any SQLConnection, _ state: SiteState?) throws -> SHA256Digest? {
        if let target = state?.target, listing(target) != nil { return target }
        let delivered: String? = try db.value(
            """
            SELECT target FROM site_release r WHERE NOT EXISTS
                (SELECT 1 FROM site_item i JOIN lane_queue q ON q.item = i.id
                    WHERE i.build_seq = r.build_seq AND q.lane = ? AND q.state <> 'delivered')
            ORDER BY build_seq DESC LIMIT 1
            """, Configuration.sendLane)
        return delivered.flatMap(SHA256Digest.init(hex:)).flatMap { listing($0) == nil ? nil : $0 }
    }

    /// Trees that were released since what the edge said last: it may serve each of them by now.
    private func underway() throws -> [SiteTree] {
        let targets: [String] = try database.read { db in
            let said = try state(db)?.buildSequence ?? 0
            return try db.column("SELECT target FROM site_release WHERE build_seq > ? ORDER BY build_seq", said)
        }
        // Of a tree whose listing is gone nothing is taken for granted.
        return targets.map { SHA256Digest(hex: $0).flatMap(listing) ?? SiteTree([:]) }
    }

    private func state(_ db: any SQLConnection) throws -> SiteState? {
        try db.row("SELECT * FROM site_state WHERE one = 1").map { row in
            SiteState(
                buildSequence: try row["build_seq"],
                target: (try row["target"] as String?).flatMap(SHA256Digest.init(hex:)),
                wantsFull: try row["wants_full"] as Int == 1, at: Instant(seconds: try row["at"]))
        }
    }

    private func listing(_ target: SHA256Digest) -> SiteTree? {
        (try? FileSystem.read("\(folder)/\(target.hex).tree")).flatMap { SiteTree($0) }
    }

    /// Writes the release's items and queues them for the edge.
    ///
    /// - Returns: how many items, and their bytes.
    func release(
        _ record: BundleRecord, _ builder: BundleBuilder, signatures: [[UInt8]], at now: Instant
    ) throws -> (items: Int, bytes: Int) {
        let base = try record.base.map { digest in
            guard let tree = listing(digest) else {
                throw BundleRefusal(text: "the listing of the base \(digest) is gone")
            }
            return tree
        }
        // The lanes' processes sweep this folder; a release has no rows yet.
        let lock = try lock(patience: 60)
        defer { withExtendedLifetime(lock) {} }
        let path = "\(folder)/\(padded(record.buildSequence, 10))"
        // What a dead process left is not queued.
        try FileSystem.removeTree(path)
        let root = try Directory(making: folder)
        try root.replaceDurably("\(record.target.hex).tree", builder.tree.bytes)
        let items = try builder.write(
            record, releases: signatures, base: base, underway: try underway(), into: Directory(making: path),
            makeID: { makeUUID(at: now, random(16)) })
        try root.syncNames()
        try database.write { db in
            try db.execute(
                "INSERT INTO site_release (build_seq, target, base, created) VALUES (?, ?, ?, ?)", record.buildSequence,
                record.target.hex, record.base?.hex, record.created.seconds)
            for item in items {
                try db.execute("INSERT INTO site_item (id, build_seq) VALUES (?, ?)", item.id, record.buildSequence)
                try LaneDatabase.enqueue(db, lane: Configuration.sendLane, item: item.id, bytes: item.bytes, at: now)
            }
        }
        return (items.count, items.reduce(0) { $0 + $1.bytes })
    }

    /// The item, where it belongs to a release.
    func item(_ db: any SQLConnection, _ id: String) throws -> FerryItem? {
        let sequence: Int? = try db.value("SELECT build_seq FROM site_item WHERE id = ?", id)
        do {
            return try sequence.map { try bundleItem(id, in: "\(folder)/\(padded($0, 10))") }
        } catch let error as FileError where error.code == ENOENT {
            // A release that was delivered is gone from here; what is queued beside it is not.
            throw ItemRefused(id: id, code: .schema)
        }
    }

    /// What the edge says; an older word never overwrites a newer one.
    static func take(_ db: any SQLConnection, _ item: FerryItem) throws {
        guard let state = try item.part("item.json").flatMap({ SiteState($0) }) else {
            throw LaneDatabase.RejectedItem(.schema)
        }
        try db.execute(
            """
            INSERT INTO site_state (one, build_seq, target, wants_full, at) VALUES (1, ?, ?, ?, ?)
            ON CONFLICT (one) DO UPDATE SET build_seq = excluded.build_seq, target = excluded.target,
                wants_full = excluded.wants_full, at = excluded.at WHERE excluded.at >= site_state.at
            """, state.buildSequence, state.target?.hex, state.wantsFull ? 1 : 0, state.at.seconds)
    }

    /// - Parameter patience: seconds to wait for whoever has it.
    private func lock(patience: Int) throws -> FileLock {
        try FileSystem.makeDirectories(folder, mode: 0o750)
        return try FileLock.waiting(for: folder + "/lock", patience: patience)
    }

    /// Removes items that are delivered, and listings that no release will be against.
    func sweep() throws {
        guard FileSystem.kind(folder) == .directory else { return }
        // While a site is released, nothing is swept.
        guard let lock = try? lock(patience: 0) else { return }
        defer { withExtendedLifetime(lock) {} }
        let (pending, kept) = try database.read { db in
            let pending: [Int] = try db.column(
                """
                SELECT DISTINCT i.build_seq FROM site_item i JOIN lane_queue q ON q.item = i.id
                WHERE q.lane = ? AND q.state <> 'delivered'
                """, Configuration.sendLane)
            let newest: [String] = try db.column("SELECT target FROM site_release ORDER BY build_seq DESC LIMIT 16")
            return (Set(pending), Set(newest + [try state(db)?.target?.hex].compactMap { $0 }))
        }
        for entry in try FileSystem.list(folder) {
            if let sequence = Int(entry.name), entry.kind == .directory {
                if !pending.contains(sequence) { try FileSystem.removeTree(folder + "/" + entry.name) }
            } else if entry.name.hasSuffix(".tree"), !kept.contains(String(entry.name.dropLast(5))) {
                try FileSystem.remove(folder + "/" + entry.name)
            }
        }
    }
}

/// Why a site is not released.
struct BundleRefusal: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}
