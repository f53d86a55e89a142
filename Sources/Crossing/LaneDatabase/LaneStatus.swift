import Ferry
package import PortalBase
import SQL

/// How one lane stands on one side.
package struct LaneStatus: Sendable {
    package let lane: String
    package let epoch: String
    /// Items by state: waiting, batched, delivered, dead.
    package let items: [String: Int]
    /// Bytes and age in seconds of what waits to be batched.
    package let waiting: (bytes: Int, age: Int)
    /// Batches sent by state: frozen, signed, offered, needParts, expired, acked, rejected, passed.
    package let sent: [String: Int]
    package let lastSent: Int
    /// Batches that nobody has answered: how many, their bytes, the oldest one's age in seconds.
    package let open: (batches: Int, bytes: Int, age: Int)
    /// Batches received by result.
    package let received: [String: Int]
    package let receivedBytes: Int
    package let highest: Int
    /// Seconds since something was received; nil where nothing was.
    package let silence: Int?
    /// Numbers below the highest that have not come.
    package let gaps: [ClosedRange<Int>]
    /// Parts that have not come, by number.
    package let missing: [Int: [Int]]
    package let alarms: [(code: String, detail: String)]

    package var json: JSON {
        func counts(_ counts: [String: Int]) -> JSON { .object(counts.mapValues { .integer($0) }) }
        return .object([
            "lane": .string(lane), "epoch": .string(epoch), "items": counts(items),
            "waiting": .object(["bytes": .integer(waiting.bytes), "ageSeconds": .integer(waiting.age)]),
            "sent": counts(sent), "lastSent": .integer(lastSent),
            "open": .object([
                "batches": .integer(open.batches), "bytes": .integer(open.bytes), "ageSeconds": .integer(open.age),
            ]),
            "received": counts(received), "receivedBytes": .integer(receivedBytes), "highest": .integer(highest),
            "silenceSeconds": silence.map { .integer($0) } ?? .null,
            "gaps": .array(gaps.map { .array([.integer($0.lowerBound), .integer($0.upperBound)]) }),
            "missingParts": .object(
                Dictionary(uniqueKeysWithValues: missing.map { ("\($0)", .array($1.map { .integer($0) })) })),
            "alarms": .array(alarms.map { .string("\($0.code) \($0.detail)") }),
        ])
    }

    package var text: String {
        func list(_ counts: [String: Int]) -> String {
            counts.isEmpty
                ? "none" : counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        }
        var lines = ["\(lane) epoch \(epoch.isEmpty ? "none" : epoch)"]
        lines.append(
            "  items \(list(items))\(waiting.bytes > 0 ? "; \(size(waiting.bytes)) wait, oldest \(age(waiting.age))" : "")"
        )
        lines.append(
            "  batches sent \(list(sent))\(lastSent > 0 ? ", last number \(lastSent)" : "")\(open.batches > 0 ? "; unanswered \(size(open.bytes)), oldest \(age(open.age))" : "")"
        )
        lines.append(
            "  received \(list(received))\(highest > 0 ? ", highest number \(highest), \(size(receivedBytes))" : "")\(silence.map { ", newest \(age($0)) ago" } ?? "")"
        )
        if !gaps.isEmpty { lines.append("  MISSING numbers \(gaps.map(numbersText).joined(separator: " "))") }
        for (sequence, parts) in missing.sorted(by: { $0.key < $1.key }) {
            lines.append("  MISSING parts of \(sequence): \(parts.map(String.init).joined(separator: " "))")
        }
        for alarm in alarms { lines.append("  ALARM \(alarm.code) \(alarm.detail)") }
        return lines.joined(separator: "\n")
    }
}

private func size(_ bytes: Int) -> String {
    bytes < 10_000 ? "\(bytes) B" : bytes < 10_000_000 ? "\(bytes / 1_000) kB" : "\(bytes / 1_000_000) MB"
}

private func age(_ seconds: Int) -> String {
    seconds < 120
        ? "\(seconds) s"
        : seconds < 7_200 ? "\(seconds / 60) min" : seconds < 172_800 ? "\(seconds / 3_600) h" : "\(seconds / 86_400) d"
}

extension LaneDatabase {
    /// Reads the lanes' state out of an owner's database without changing it.
    ///
    /// - Parameter location: as for `openDatabase`.
    package static func status(of location: String, at now: Instant) throws -> [LaneStatus] {
        try status(openDatabase(location, isReadOnly: true), at: now)
    }

    /// The lanes of this side.
    package func status(at now: Instant) throws -> [LaneStatus] { try Self.status(database, at: now) }

    private static func status(_ database: any SQLDatabase, at now: Instant) throws -> [LaneStatus] {
        try database.read { db in
            let names: [String] = try db.column(
                "SELECT lane FROM lane_epoch UNION SELECT lane FROM lane_queue ORDER BY lane")
            return try names.map { lane in
                let id = try epoch(db, lane)?.id ?? LaneID(name: lane, epoch: "")
                func counts(_ table: String, _ column: String, all: Bool = false) throws -> [String: Int] {
                    let rows =
                        all
                        ? try db.rows(
                            "SELECT \(column) AS state, count(*) AS n FROM \(table) WHERE lane = ? GROUP BY 1", lane)
                        : try db.rows(
                            "SELECT \(column) AS state, count(*) AS n FROM \(table) WHERE lane = ? AND epoch = ? GROUP BY 1",
                            lane, id.epoch)
                    return try Dictionary(
                        uniqueKeysWithValues: rows.map { (try $0["state"] as String, try $0["n"] as Int) })
                }
                func number(_ query: String) throws -> Int { try db.value(query, lane, id.epoch) ?? 0 }
                let unanswered = "state IN ('signed', 'offered', 'needParts', 'expired')"
                let receipts = try receipts(db, id, at: now)
                let oldest: Int? = try db.value(
                    "SELECT min(created) FROM lane_outgoing WHERE lane = ? AND epoch = ? AND \(unanswered)", lane,
                    id.epoch)
                let waiting = try waiting(db, lane)
                return LaneStatus(
                    lane: lane, epoch: id.epoch, items: try counts("lane_queue", "state", all: true),
                    waiting: (waiting.bytes, waiting.since.map { now.seconds - $0.seconds } ?? 0),
                    sent: try counts("lane_outgoing", "state"),
                    lastSent: try number("SELECT max(seq) FROM lane_outgoing WHERE lane = ? AND epoch = ?"),
                    open: (
                        try number("SELECT count(*) FROM lane_outgoing WHERE lane = ? AND epoch = ? AND \(unanswered)"),
                        try number(
                            "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM lane_outgoing WHERE lane = ? AND epoch = ? AND \(unanswered)"
                        ), oldest.map { now.seconds - $0 } ?? 0
                    ), received: try counts("lane_incoming", "result"),
                    receivedBytes: try number(
                        "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM lane_incoming WHERE lane = ? AND epoch = ?"
                    ),
                    highest: try number("SELECT max(seq) FROM lane_incoming WHERE lane = ? AND epoch = ?"),
                    silence: receipts.newest.map { now.seconds - $0.seconds },
                    gaps: receipts.gaps.map(\.numbers),
                    missing: Dictionary(uniqueKeysWithValues: receipts.waiting.map { ($0.sequence, $0.missing) }),
                    alarms: try db.rows(
                        "SELECT code, detail FROM lane_alarm WHERE lane = ? AND cleared IS NULL ORDER BY position", lane
                    ).map { (code: try $0["code"], detail: try $0["detail"]) })
            }
        }
    }
}
