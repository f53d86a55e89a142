import CMS
import Ferry
import Glibc
package import LaneDatabase
package import PortalBase
import SQL
import Seals
package import SiteBundle
import Synchronization

/// The edge's database: sealed submissions and attachments, once-only rows, tickets, status boxes, and both lanes' state.
///
/// Everything that a citizen could be identified by is sealed before it comes here. Several processes may share one
/// database.
package struct SubmissionDatabase: Sendable {
    let database: any SQLDatabase
    let random: @Sendable (Int) -> [UInt8]
    private let hourKeys = HourKeys()

    package static let sendLane = "e2c"
    package static let receiveLane = "c2e"
    /// Seconds that a client's own key stands for its submission.
    private static let onceLifetime = 24 * 3600
    /// Seconds in which the same content from the same client is a double click.
    private static let doubleLifetime = 600
    /// Seconds that a token of Open311 leads to its request's number.
    private static let tokenLifetime = 180 * 86_400

    /// The folder of the database's file; nil where a server keeps it.
    private let folder: String?
    /// Where site bundles are left for the site's own user; nil where none may come.
    private let siteDrop: BundleDrop?

    /// - Parameter location: a file's path, or `postgresql://…`.
    package init(
        location: String, siteDrop: String? = nil, random: @escaping @Sendable (Int) -> [UInt8]
    ) throws {
        database = try openDatabase(location)
        folder = isPostgreSQL(location) ? nil : FileSystem.parent(location)
        self.siteDrop = siteDrop.map { BundleDrop(path: $0) }
        self.random = random
        try Self.migrations.run(on: database)
    }

    private static let migrations = Migrations(
        .init(
            [
                """
                CREATE TABLE submission (
                    id TEXT PRIMARY KEY, kind TEXT NOT NULL, received INTEGER NOT NULL, lookup BLOB UNIQUE,
                    clear BLOB NOT NULL, sealed BLOB NOT NULL)
                """,
                // Small rows under random keys: one tree each and no index beside it, since every random place costs a page of
                // the log. What has expired is found by reading them through, every few minutes.
                "CREATE TABLE once (key BLOB PRIMARY KEY, box BLOB NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID",
                "CREATE TABLE hour_key (hour INTEGER PRIMARY KEY, key BLOB NOT NULL)",
                "CREATE TABLE ticket (ticket BLOB PRIMARY KEY, box BLOB NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID",
                """
                CREATE TABLE status (
                    lookup BLOB PRIMARY KEY, version INTEGER NOT NULL, open INTEGER NOT NULL, box BLOB NOT NULL, public TEXT)
                """,
                // A claim is null while its file is still on its way, a submission while it waits for its form.
                """
                CREATE TABLE attachment (
                    id TEXT PRIMARY KEY, claim BLOB UNIQUE, box BLOB, created INTEGER NOT NULL, submission TEXT, position INTEGER)
                """,
                "CREATE INDEX attachment_submission ON attachment (submission)",
                """
                CREATE TABLE attachment_part (
                    attachment TEXT NOT NULL, number INTEGER NOT NULL, sealed BLOB NOT NULL, bytes INTEGER NOT NULL,
                    digest TEXT NOT NULL, PRIMARY KEY (attachment, number))
                """,
                // Tokens that are good for one use: solved challenges.
                "CREATE TABLE used_token (token BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID",
                "CREATE TABLE site_report (id TEXT PRIMARY KEY, state TEXT NOT NULL, clear BLOB NOT NULL)",
                "CREATE TABLE open311_token (token BLOB PRIMARY KEY, lookup BLOB NOT NULL, created INTEGER NOT NULL)",
            ] + LaneDatabase.tables),
        // What anybody may read stands apart, found by what Open311 asks for.
        .init(releasedTables, fill: moveReleased),
        .init(["ALTER TABLE status DROP COLUMN public"]),
        .init(
            [
                // Of all parts so far, and when a file whose form has not come is given up.
                "ALTER TABLE attachment ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0",
                "ALTER TABLE attachment ADD COLUMN expires INTEGER NOT NULL DEFAULT 0",
                // A MAC of the client that sent the form, under the ticket itself; and whether another client opened it.
                "ALTER TABLE ticket ADD COLUMN holder BLOB",
                "ALTER TABLE ticket ADD COLUMN opened INTEGER NOT NULL DEFAULT 0",
                // How many messages answered one thing.
                "CREATE TABLE message_count (key BLOB PRIMARY KEY, count INTEGER NOT NULL, expires INTEGER NOT NULL)",
            ] + stepTables + LaneDatabase.heldTables, fill: fillAttachments),
        .init(LaneDatabase.carriedTables), .init(sealTables), .init(voucherTables))

    private static func fillAttachments(_ db: any SQLConnection) throws {
        try db.execute(
            """
            UPDATE attachment SET expires = created + ?, bytes = coalesce(
                (SELECT CAST(sum(p.bytes) AS BIGINT) FROM attachment_part p WHERE p.attachment = attachment.id), 0)
            """, StoredAttachment.claimLifetime)
    }

    // MARK: Intake

    /// A submission whose content is sealed for the core.
    package struct Sealed: Sendable {
        package let id: String
        package let kind: String
        package let received: Instant
        /// Nil for what concerns a case that is known already.
        package let lookup: [UInt8]?
        /// `item.json`
        package let clear: [UInt8]
        /// `item.p7m`
        package let sealed: [UInt8]
        /// Files that belong to it, in the order in which the payload names them.
        package let attachments: [StoredAttachment]

        package init(
            id: String, kind: String, received: Instant, lookup: [UInt8]?, clear: [UInt8], sealed: [UInt8],
            attachments: [StoredAttachment] = []
        ) {
            self.id = id
            self.kind = kind
            self.received = received
            self.lookup = lookup
            self.clear = clear
            self.sealed = sealed
            self.attachments = attachments
        }
    }

    /// What the citizen is shown: receipt and query code.
    package struct Credentials: Sendable, Equatable {
        package let receipt: Receipt
        package let code: QueryCode

        package init(receipt: Receipt, code: QueryCode) {
            self.receipt = receipt
            self.code = code
        }

        var bytes: [UInt8] { Array((receipt.text + code.text).utf8) }

        init?(_ bytes: some Collection<UInt8>) {
            let text = String(decoding: bytes, as: UTF8.self)
            guard let receipt = Receipt(typed: String(text.prefix(17))),
                let code = QueryCode(typed: String(text.dropFirst(17)))
            else { return nil }
            self.receipt = receipt
            self.code = code
        }
    }

    package enum Outcome: Sendable, Equatable {
        case stored
        /// The same submission came before under this key; these are its credentials.
        case repeated(Credentials)
        /// The key was used for something else.
        case keyReused
        /// A file is no longer there, or belongs to another submission.
        case attachmentGone
        /// So many messages answered this before.
        case tooMany
    }

    /// What is stored beside a submission so that its citizen, and nobody else, finds it again.
    package struct Handles: Sendable {
        /// Keys under which it may have come before; the first is the one it is filed under.
        package let onceKeys: [[UInt8]]
        /// Whether the key is the client's own, and so a promise for a day; else it tells a double click.
        package var isClientKey = false
        /// Of the payload, to tell a repeat from a reuse.
        package let digest: SHA256Digest
        /// 128 random bits that open a page with receipt and code.
        package var ticket: String?
        /// The network address that sent it, which the ticket's page is bound to.
        package var client: [UInt8] = []
        /// What it answers, and how many messages may answer it in 90 days.
        package var answers: (key: [UInt8], most: Int)?
        /// 128 random bits for a client that asks for the core's number later.
        package var open311Token: String?

        package init(
            onceKeys: [[UInt8]], isClientKey: Bool = false, digest: SHA256Digest, ticket: String? = nil,
            client: [UInt8] = [], open311Token: String? = nil, answers: (key: [UInt8], most: Int)? = nil
        ) {
            self.onceKeys = onceKeys
            self.isClientKey = isClientKey
            self.digest = digest
            self.ticket = ticket
            self.client = client
            self.open311Token = open311Token
            self.answers = answers
        }
    }

    /// Stores a submission durably, once: its row, its once-only row, its files, its place in the lane and its handles,
    /// in one transaction that it may share with others.
    package func store(
        _ submission: Sealed, credentials: Credentials, handles: Handles
    ) async throws -> Outcome {
        let (once, ticket) = try boxes(credentials, handles)
        let bytes =
            submission.clear.count + submission.sealed.count
            + submission.attachments.reduce(0) { $0 + $1.parts.reduce(0) { $0 + $1.bytes } }
        do {
            return try await database.commit { db in
                let now = submission.received
                if let known = try earlier(db, handles, once, now) {
                    // The second click is shown the same receipt, and a program's second try leads to the same request.
                    if case .repeated(let credentials) = known {
                        if let ticket = handles.ticket {
                            try addTicket(
                                db, ticket, Self.ticketBox(credentials, ticket, random), client: handles.client, now)
                        }
                        if let token = handles.open311Token {
                            let keys = CitizenKeys(credentials.receipt, credentials.code)
                            try addOpen311(db, token, keys.lookup, now)
                        }
                    }
                    return known
                }
                if let (key, most) = handles.answers { try count(db, key, most, now) }
                for (position, attachment) in submission.attachments.enumerated() {
                    let taken = try db.execute(
                        "UPDATE attachment SET submission = ?, position = ? WHERE id = ? AND submission IS NULL",
                        submission.id, position, attachment.id)
                    guard taken == 1 else { throw AttachmentGone() }
                }
                try db.execute(
                    "INSERT INTO submission (id, kind, received, lookup, clear, sealed) VALUES (?, ?, ?, ?, ?, ?)",
                    submission.id, submission.kind, now.seconds, submission.lookup, submission.clear, submission.sealed)
                try LaneDatabase.enqueue(
                    db, lane: Self.sendLane, item: submission.id, bytes: bytes, at: submission.received)
                if let name = handles.ticket, let ticket {
                    try addTicket(db, name, ticket, client: handles.client, now)
                }
                if let token = handles.open311Token, let lookup = submission.lookup {
                    try addOpen311(db, token, lookup, now)
                }
                return .stored
            }
        } catch is AttachmentGone {
            return .attachmentGone
        } catch is TooManyMessages {
            return .tooMany
        }
    }

    private struct TooManyMessages: Error {}

    private static let countLifetime = 90 * 86_400

    /// Counts a message that answers `key`; throws for one too many.
    private func count(_ db: any SQLConnection, _ key: [UInt8], _ most: Int, _ now: Instant) throws {
        let counted = try db.execute(
            """
            INSERT INTO message_count (key, count, expires) VALUES (?, 1, ?)
            ON CONFLICT (key) DO UPDATE SET count = message_count.count + 1 WHERE message_count.count < ?
            """, SHA256Digest(of: key).bytes, now.seconds + Self.countLifetime, most)
        guard counted == 1 else { throw TooManyMessages() }
    }

    private func addOpen311(_ db: any SQLConnection, _ token: String, _ lookup: [UInt8], _ now: Instant) throws {
        try db.execute(
            "INSERT INTO open311_token (token, lookup, created) VALUES (?, ?, ?)",
            SHA256Digest(of: Array(token.utf8)).bytes, lookup, now.seconds)
    }

    /// The transaction is undone, with the once-only row, so that the citizen can send again.
    private struct AttachmentGone: Error {}

    private func boxes(_ credentials: Credentials, _ handles: Handles) throws -> (once: [UInt8]?, ticket: [UInt8]?) {
        let once = try handles.onceKeys.first.map { key in
            try AEAD.seal(
                handles.digest.bytes + credentials.bytes, key: Self.boxKey(key, "once"), nonce: random(12),
                associated: [])
        }
        return (once, try handles.ticket.map { try Self.ticketBox(credentials, $0, random) })
    }

    /// Files the once-only row, or says what lies there already.
    private func earlier(
        _ db: any SQLConnection, _ handles: Handles, _ box: [UInt8]?, _ now: Instant
    ) throws -> Outcome? {
        guard let first = handles.onceKeys.first, let box else { return nil }
        for key in handles.onceKeys.dropFirst() {
            if let known = try knownOnce(db, key, handles.digest, now) { return known }
        }
        let name = SHA256Digest(of: first).bytes
        try db.execute("DELETE FROM once WHERE key = ? AND expires <= ?", name, now.seconds)
        // Another process may be storing the same: whoever comes second waits here and finds the first one's row.
        let isNew = try db.execute(
            "INSERT INTO once (key, box, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", name, box,
            now.seconds + (handles.isClientKey ? Self.onceLifetime : Self.doubleLifetime))
        if isNew == 1 { return nil }
        return try knownOnce(db, first, handles.digest, now) ?? .keyReused
    }

    private func knownOnce(
        _ db: any SQLConnection, _ key: [UInt8], _ digest: SHA256Digest, _ now: Instant
    ) throws -> Outcome? {
        let box: [UInt8]? = try db.value(
            "SELECT box FROM once WHERE key = ? AND expires > ?", SHA256Digest(of: key).bytes, now.seconds)
        guard let box else { return nil }
        let plain = try AEAD.open(box, key: Self.boxKey(key, "once"), associated: [])
        guard plain.prefix(32).elementsEqual(digest.bytes), let known = Credentials(plain.dropFirst(32)) else {
            return .keyReused
        }
        return .repeated(known)
    }

    /// The key of a box that only the holder of `secret` opens; the secret itself is not stored.
    static func boxKey(_ secret: [UInt8], _ use: String) -> [UInt8] {
        HKDF.expand(prk: HKDF.extract(salt: [], ikm: secret), info: use, count: AEAD.keyBytes)
    }

    // MARK: Keys of the hour

    /// The keys of one hour and the one before, as they were read last: rows never change.
    private final class HourKeys: Sendable {
        let known = Mutex<(hour: Int, keys: [[UInt8]])?>(nil)
    }

    /// Random keys that are gone after two hours, this hour's first: for telling a double click from a second request
    /// where the client sends no key of its own, and for signing what must not live longer.
    package func hourKeys(at now: Instant) throws -> [[UInt8]] {
        let hour = now.seconds / 3600
        if let known = hourKeys.known.withLock({ $0 }), known.hour == hour { return known.keys }
        let keys = try database.write { db in
            try db.execute(
                "INSERT INTO hour_key (hour, key) VALUES (?, ?) ON CONFLICT DO NOTHING", hour, random(32))
            try db.execute("DELETE FROM hour_key WHERE hour < ?", hour - 1)
            return try db.column("SELECT key FROM hour_key WHERE hour <= ? ORDER BY hour DESC", hour) as [[UInt8]]
        }
        hourKeys.known.withLock { $0 = (hour, keys) }
        return keys
    }

    /// The same for a task: where the keys of a new hour must be written first, another thread waits for the database.
    package func currentHourKeys(at now: Instant) async throws -> [[UInt8]] {
        if let known = hourKeys.known.withLock({ $0 }), known.hour == now.seconds / 3600 { return known.keys }
        return try await onBlockingThread { try hourKeys(at: now) }
    }

    /// Takes a token that is good for one use. False for one that was used before.
    package func use(token: [UInt8], until expires: Instant) throws -> Bool {
        try database.write { db in
            try db.execute(
                "INSERT INTO used_token (token, expires) VALUES (?, ?) ON CONFLICT DO NOTHING",
                SHA256Digest(of: token).bytes, expires.seconds)
        } == 1
    }

    // MARK: Retention

    /// How many rows went.
    package struct Purged: Sendable, Equatable {
        package var delivered = 0
        package var abandoned = 0

        package var isEmpty: Bool { delivered + abandoned == 0 }
    }

    /// Deletes what is no longer needed here: the content of what the core has acknowledged, files whose form never
    /// came, expired keys, tickets and tokens.
    package func purge(at now: Instant, keepDelivered: Int) throws -> Purged {
        try database.write { db in
            for table in ["once", "ticket", "used_token", "message_count", "step_page"] {
                try db.execute("DELETE FROM \(table) WHERE expires <= ?", now.seconds)
            }
            try db.execute("DELETE FROM open311_token WHERE created < ?", now.seconds - Self.tokenLifetime)
            // Made away with on time in quiet nights too.
            try db.execute("DELETE FROM hour_key WHERE hour < ?", now.seconds / 3600 - 1)
            var purged = Purged()
            purged.abandoned = try db.execute(
                "DELETE FROM attachment WHERE submission IS NULL AND expires <= ?", now.seconds)
            let delivered = "SELECT item FROM lane_queue WHERE lane = ? AND state = 'delivered' AND settled <= ?"
            let before = now.seconds - keepDelivered
            try db.execute("DELETE FROM attachment WHERE submission IN (\(delivered))", Self.sendLane, before)
            try db.execute(
                "DELETE FROM attachment_part WHERE attachment NOT IN (SELECT id FROM attachment)")
            // What is left of a row says that something was received, until the core's answer says more.
            purged.delivered = try db.execute(
                "UPDATE submission SET clear = ?, sealed = ? WHERE sealed <> ? AND id IN (\(delivered))", [UInt8](),
                [UInt8](), [UInt8](), Self.sendLane, before)
            try db.execute(
                """
                DELETE FROM submission WHERE id IN (\(delivered))
                    AND (lookup IS NULL OR lookup IN (SELECT lookup FROM status))
                """, Self.sendLane, before)
            return purged
        }
    }

    /// Whether files may be taken in: what is left of the disk is for forms, which are small.
    package func hasRoom(for bytes: Int) -> Bool {
        guard let folder else { return true }
        return (try? Directory(folder).freeBytes()).map { $0 >= bytes } ?? false
    }

    /// Bytes that must be free for forms to be taken in.
    private static let formReserve = 32 << 20

    /// Whether forms can be taken in: the database takes a write, and the disk has room for what comes.
    package func isWritable() -> Bool {
        guard hasRoom(for: Self.formReserve) else { return false }
        return (try? database.write { try $0.execute("DELETE FROM ticket WHERE expires < 0") }) != nil
    }

    /// What waits to be carried, and how old the oldest is, for whoever watches.
    package func backlog() throws -> (waiting: Int, oldest: Instant?) {
        try database.read { db in
            let waiting: Int? = try db.value(
                "SELECT count(*) FROM lane_queue WHERE lane = ? AND state = 'waiting'", Self.sendLane)
            let oldest: Int? = try db.value(
                """
                SELECT min(received) FROM submission WHERE id IN
                    (SELECT item FROM lane_queue WHERE lane = ? AND state IN ('waiting', 'batched'))
                """, Self.sendLane)
            return (waiting ?? 0, oldest.map(Instant.init(seconds:)))
        }
    }

    // MARK: Lanes

    /// Both lanes' state, in this database.
    ///
    /// - Parameter sealSigners: digests of the public keys that may sign seals of the core's log.
    package func laneStore(sealSigners: Set<SHA256Digest> = []) -> LaneDatabase {
        LaneDatabase(
            database, load: { db, _, id in try item(db, id) },
            stage: { item in
                try leave(item)
                return item
            },
            apply: { db, item, now in
                let clear = try item.part("item.json") ?? []
                switch item.kind {
                case SignedSeal.kind: try Self.takeSeal(db, clear, signers: sealSigners, at: now)
                case Voucher.kind: try Self.takeVoucher(db, clear, at: now)
                default: try Self.apply(db, item)
                }
            },
            hold: { error in (error as? DropFailure).map(\.description) })
    }

    /// A folder that is not there or may not be written; a full disk is everybody's matter, and the batch waits.
    private static let dropIsWrong: Set<Int32> = [ENOENT, ENOTDIR, EACCES, EPERM, EROFS, ELOOP]

    /// What came for the site's user cannot be left for it: statuses that came in the same batch are told all the same.
    private struct DropFailure: Error, CustomStringConvertible {
        let description: String
    }

    /// Tells the core what the site's user has applied, once for each state, and removes from the drop what that makes
    /// needless.
    package func report(_ state: SiteState, at now: Instant) throws {
        let isNew = try database.write { db in
            let text = String(decoding: state.bytes, as: UTF8.self)
            if try db.value("SELECT EXISTS (SELECT 1 FROM site_report WHERE state = ?)", text) == true { return false }
            let id = makeUUID(at: now, random(16))
            let clear = state.item(id: id)
            try db.execute(
                "DELETE FROM site_report WHERE id IN (SELECT item FROM lane_queue WHERE state = 'delivered')")
            try db.execute("INSERT INTO site_report (id, state, clear) VALUES (?, ?, ?)", id, text, clear)
            try LaneDatabase.enqueue(db, lane: Self.sendLane, item: id, bytes: clear.count, at: now)
            return true
        }
        if isNew { try siteDrop?.sweep(upTo: state.buildSequence) }
    }

    private func item(_ db: any SQLConnection, _ id: String) throws -> FerryItem {
        guard let row = try db.row("SELECT kind, clear, sealed FROM submission WHERE id = ?", id) else {
            if let clear: [UInt8] = try db.value("SELECT clear FROM site_report WHERE id = ?", id) {
                return FerryItem(kind: "siteState", id: id, parts: [.init(name: "item.json", bytes: clear)])
            }
            // What was delivered and purged cannot be sent again; the others of its batch can.
            throw ItemRefused(id: id, code: .schema)
        }
        var parts: [FerryItem.Part] = [
            .init(name: "item.json", bytes: try row["clear"]), .init(name: "item.p7m", bytes: try row["sealed"]),
        ]
        let files = try db.rows(
            """
            SELECT a.position, a.id, p.number, p.bytes FROM attachment a JOIN attachment_part p ON p.attachment = a.id
            WHERE a.submission = ? ORDER BY a.position, p.number
            """, id)
        for file in files {
            let (attachment, number): (String, Int) = (try file["id"], try file["number"])
            parts.append(
                .init(name: attachmentPartName(try file["position"], number), count: try file["bytes"]) { [database] in
                    let sealed: [UInt8]? = try database.read { db in
                        try db.value(
                            "SELECT sealed FROM attachment_part WHERE attachment = ? AND number = ?", attachment, number
                        )
                    }
                    guard let sealed else { throw SQLError(.fault, "no part \(number) of an attachment") }
                    return sealed
                })
        }
        return FerryItem(kind: try row["kind"], id: id, parts: parts)
    }

    /// Leaves what is for the site's own user in its drop.
    private func leave(_ item: FerryItem) throws {
        guard item.kind == "siteBundle" else { return }
        guard let siteDrop else { throw DropFailure(description: "the configuration has no site_drop") }
        do {
            try siteDrop.deposit(item)
        } catch let error as FileError where Self.dropIsWrong.contains(error.code) {
            throw DropFailure(description: "site_drop: \(error)")
        }
    }

    static func apply(_ db: any SQLConnection, _ item: FerryItem) throws {
        if item.kind == "siteBundle" { return }
        guard let clear = try item.part("item.json"), let json = try? JSON(parsing: clear),
            let lookup = json["lookup"]?.string.flatMap(bytesFromHex), lookup.count == 32,
            let version = json["version"]?.integer,
            let open = json["open"]?.bool, let box = json["box"]?.string.flatMap(bytesFromBase64)
        else { throw LaneDatabase.RejectedItem(.schema) }
        let released = json["public"].map(ReleasedRequest.init)
        if case .some(nil) = released { throw LaneDatabase.RejectedItem(.schema) }
        // Older versions never overwrite newer ones, in whatever order batches come.
        let isNewer = try db.execute(
            """
            INSERT INTO status (lookup, version, open, box) VALUES (?, ?, ?, ?)
            ON CONFLICT (lookup) DO UPDATE SET version = excluded.version, open = excluded.open, box = excluded.box
                WHERE excluded.version > status.version
            """, lookup, version, open, box)
        guard isNewer == 1 else { return }
        try release(db, released ?? nil, lookup: lookup)
        try keepParts(of: item, lookup: lookup, version: version, db)
    }
}
