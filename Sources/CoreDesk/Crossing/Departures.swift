import CMS
import Cases
import Ferry
import Forms
import LaneDatabase
import PortalBase
import Procedures
import SQL
import Seals
import Submissions
import Workflow

/// What a citizen is told, as an item of the lane to the edge: sealed, and readable with receipt and code only.
struct Departures: Outbox {
    let surroundings: Surroundings
    let random: @Sendable (Int) -> [UInt8]

    static let tables = ["CREATE TABLE status_out (id TEXT PRIMARY KEY, clear BLOB NOT NULL)"]

    static let paperTables = [
        // Sealed parts of statuses: pieces of papers.
        """
        CREATE TABLE status_part_out (
            id TEXT NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (id, name))
        """,
        "CREATE INDEX status_part_out_subject ON status_part_out (subject)",
        "CREATE TABLE voucher_out (id TEXT PRIMARY KEY, clear BLOB NOT NULL)",
    ]

    /// Name of the setting that says which generation of the database this is: 0, or a number that each restore makes by the clock, since a
    /// backup does not know what was restored before.
    static let generationName = "generation"

    static func generation(_ db: any SQLConnection) throws -> Int {
        let text: [UInt8]? = try db.value("SELECT value FROM setting WHERE name = ?", generationName)
        return text.flatMap(decimal) ?? 0
    }

    /// Counts in ten minutes since 2026, in which nobody restores twice.
    static func generation(after last: Int, at now: Instant) -> Int {
        max(last + 1, (now.seconds - 1_767_196_800) / 600)
    }

    /// Versions of one case in a generation: 31 bits hold some forty years of them.
    private static let versionsOfOne = 1 << 10

    func tell(_ telling: Telling, _ db: any SQLConnection) throws {
        let version = try Self.generation(db) * Self.versionsOfOne + telling.version
        guard let lookup = bytesFromHex(telling.correspondent.lookup),
            let key = bytesFromHex(telling.correspondent.statusKey)
        else { throw SQLError(.fault, "a correspondent without keys") }
        let pieces = try PaperParts.seal(
            telling.papers.filter { !$0.bytes.isEmpty }.flatMap { [$0.bytes, $0.signature] }, key: key, lookup: lookup,
            version: version, random)
        var plain = box(telling).canonicalBytes
        // Steps of 4 KiB, so that the length tells little.
        plain += [UInt8](repeating: 0, count: (4096 - plain.count % 4096) % 4096)
        let box = try AEAD.seal(
            plain, key: key, nonce: random(12), associated: lookup + Array(String(version).utf8))
        var fields: [String: JSON] = [
            "id": .string(telling.item), "kind": .string("status"), "lookup": .string(telling.correspondent.lookup),
            "version": .integer(version), "open": .bool(telling.status.isOpen), "box": .string(base64(box)),
        ]
        if let shown = publicPart(telling) { fields["public"] = shown }
        if !pieces.isEmpty {
            fields["parts"] = .array(
                pieces.map { piece in
                    .object([
                        "bytes": .integer(piece.sealed.count), "name": .string(piece.name),
                        "sha256": .string(SHA256Digest(of: piece.sealed).hex),
                    ])
                })
        }
        let clear = JSON.object(fields).canonicalBytes
        try db.execute("INSERT INTO status_out (id, clear) VALUES (?, ?)", telling.item, clear)
        try forgetParts(of: telling, db)
        for piece in pieces {
            try db.execute(
                "INSERT INTO status_part_out (id, name, subject, sealed) VALUES (?, ?, ?, ?)", telling.item, piece.name,
                telling.subject.id, piece.sealed)
        }
        try LaneDatabase.enqueue(
            db, lane: Configuration.sendLane, item: telling.item,
            bytes: pieces.reduce(clear.count) { $0 + $1.sealed.count }, at: telling.at)
    }

    /// A newer status brings all papers that still count: those of older ones go once they have crossed, and all of them with the words of an
    /// erased case.
    private func forgetParts(of telling: Telling, _ db: any SQLConnection) throws {
        if telling.papers.isEmpty {
            try db.execute("DELETE FROM status_part_out WHERE subject = ?", telling.subject.id)
        } else {
            try db.execute(
                """
                DELETE FROM status_part_out WHERE subject = ?
                    AND id IN (SELECT item FROM lane_queue WHERE lane = ? AND state = 'delivered')
                """, telling.subject.id, Configuration.sendLane)
        }
    }

    func vouch(_ vouching: Vouching, _ db: any SQLConnection) throws {
        let (paper, kind) = (vouching.paper, vouching.kind)
        guard let state = Voucher.State(rawValue: paper.state.rawValue) else { return }
        let voucher = Voucher(
            code: vouching.code, title: Bilingual(zh: kind.label.text("zh"), en: kind.label.text("en")),
            number: kind.number(of: paper), organ: surroundings.unit(paper.organ),
            issued: paper.issued.date(in: .shanghai), digest: vouching.digest, state: state,
            version: try Self.generation(db) * Self.versionsOfOne + vouching.version)
        let clear = voucher.item(id: vouching.item)
        try db.execute("INSERT INTO voucher_out (id, clear) VALUES (?, ?)", vouching.item, clear)
        try LaneDatabase.enqueue(
            db, lane: Configuration.sendLane, item: vouching.item, bytes: clear.count, at: vouching.at)
    }

    /// The voucher as it crosses; nil for another item.
    static func voucher(_ db: any SQLConnection, _ id: String) throws -> FerryItem? {
        let clear: [UInt8]? = try db.value("SELECT clear FROM voucher_out WHERE id = ?", id)
        return clear.map { FerryItem(kind: Voucher.kind, id: id, parts: [.init(name: "item.json", bytes: $0)]) }
    }

    /// The item as it crosses.
    static func item(_ db: any SQLConnection, _ id: String) throws -> FerryItem {
        guard let clear: [UInt8] = try db.value("SELECT clear FROM status_out WHERE id = ?", id) else {
            throw ItemRefused(id: id, code: .schema)
        }
        let pieces = try db.rows("SELECT name, sealed FROM status_part_out WHERE id = ? ORDER BY name", id).map { row in
            FerryItem.Part(name: try row["name"], bytes: try row["sealed"])
        }
        // One whose papers are gone was overtaken by a newer status.
        let listed = (try? JSON(parsing: clear))?["parts"]?.array?.count ?? 0
        guard pieces.count == listed else { throw ItemRefused(id: id, code: .schema) }
        return FerryItem(kind: "status", id: id, parts: [.init(name: "item.json", bytes: clear)] + pieces)
    }

    /// What receipt and code open.
    private func box(_ telling: Telling) -> JSON {
        let status = telling.status
        var dates: [String: JSON] = [
            "received": .string(telling.subject.received.minuteText(in: .shanghai)),
            "updated": .string(telling.at.minuteText(in: .shanghai)),
        ]
        if let due = status.due { dates["due"] = .string(DueText.text(due, surroundings.calendar)) }
        var fields: [String: JSON] = [
            "state": .string(status.state.rawValue), "text": .string(status.text), "dates": .object(dates),
            "withdrawal": .bool(status.messages.contains(.withdrawal)),
        ]
        if !telling.papers.isEmpty {
            fields["papers"] = .array(
                telling.papers.map { copy in
                    .object([
                        "bytes": .integer(copy.bytes.count), "code": .string(copy.code.text),
                        "date": .string(copy.paper.issued.date(in: .shanghai).text),
                        "number": .string(copy.kind.number(of: copy.paper)),
                        "sha256": .string(copy.digest.hex),
                        "signature": .integer(copy.signature.count), "state": .string(copy.paper.state.rawValue),
                        "title": .string(copy.kind.label.text(telling.correspondent.language == "en" ? "en" : "zh")),
                    ])
                })
            fields["delivery"] = .bool(status.messages.contains(.delivery))
        }
        if status.messages.contains(.rating) { fields["rating"] = .string(telling.notices.rating) }
        if let request = status.request, let form = surroundings.configuration.definition(telling.subject.form) {
            fields["correction"] = .object([
                "notice": .string(telling.notices.request), "form": .string(telling.subject.form),
                "id": .string(form.id), "fields": .array(request.fields.map(JSON.string)),
            ])
        }
        return .object(fields)
    }

    /// What anybody may read of a request that came by GeoReport v2: its number, whether it is open, and when; never its
    /// words, its place or its sender.
    private func publicPart(_ telling: Telling) -> JSON? {
        guard telling.correspondent.channel == "open311",
            let mapping = surroundings.configuration.definition(telling.subject.form)?.open311,
            let service = telling.answers[mapping.service]?.string
        else { return nil }
        return .object([
            "service_request_id": .string(String(telling.subject.shownNumber)),
            "status": .string(telling.status.isOpen ? "open" : "closed"), "service_code": .string(service),
            "requested_datetime": .string(telling.subject.received.rfc3339(in: .shanghai)),
            "updated_datetime": .string(telling.at.rfc3339(in: .shanghai)),
        ])
    }
}
