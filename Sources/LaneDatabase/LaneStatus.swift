package import PortalBase
import SQL

/// How one lane stands on one side.
package struct LaneStatus: Sendable {
    package let lane: String
    /// Items by state: waiting, batched, delivered, dead.
    package let items: [String: Int]
    /// Batches sent by state: frozen, signed, acked, rejected.
    package let sent: [String: Int]
    /// Batches received by result.
    package let received: [String: Int]
    package let highest: Int
    /// Numbers below the highest that have not come.
    package let gaps: [Int]
    package let alarms: [String]

    package var json: JSON {
        func counts(_ counts: [String: Int]) -> JSON { .object(counts.mapValues { .integer($0) }) }
        return .object([
            "lane": .string(lane), "items": counts(items), "sent": counts(sent), "received": counts(received),
            "highest": .integer(highest),
            "gaps": .array(gaps.map { .integer($0) }), "alarms": .array(alarms.map { .string($0) }),
        ])
    }

    package var text: String {
        func list(_ counts: [String: Int]) -> String {
            counts.isEmpty
                ? "none" : counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        }
        var out =
            "\(lane): items \(list(items)); batches sent \(list(sent)); received \(list(received)), highest \(highest)"
        if !gaps.isEmpty { out += "; MISSING \(gaps.map(String.init).joined(separator: " "))" }
        if !alarms.isEmpty { out += "; ALARM \(alarms.joined(separator: ", "))" }
        return out
    }
}

extension LaneDatabase {
    /// Reads the lanes' state out of an owner's database without changing it.
    ///
    /// - Parameter location: as for `openDatabase`.
    package static func status(of location: String) throws -> [LaneStatus] {
        try openDatabase(location, isReadOnly: true).read { db in
            let names: [String] = try db.column(
                "SELECT lane FROM lane_queue UNION SELECT lane FROM lane_outgoing UNION SELECT lane FROM lane_incoming ORDER BY lane"
            )
            return try names.map { lane in
                func counts(_ table: String, _ column: String) throws -> [String: Int] {
                    let rows = try db.rows(
                        "SELECT \(column) AS state, count(*) AS n FROM \(table) WHERE lane = ? GROUP BY 1", lane)
                    return try Dictionary(
                        uniqueKeysWithValues: rows.map { (try $0["state"] as String, try $0["n"] as Int) })
                }
                let numbers = Set(try db.column("SELECT seq FROM lane_incoming WHERE lane = ?", lane) as [Int])
                let highest = numbers.max() ?? 0
                return LaneStatus(
                    lane: lane, items: try counts("lane_queue", "state"), sent: try counts("lane_outgoing", "state"),
                    received: try counts("lane_incoming", "result"), highest: highest,
                    gaps: highest > 1 ? (1..<highest).filter { !numbers.contains($0) } : [],
                    alarms: try db.column(
                        "SELECT code || ' ' || detail FROM lane_alarm WHERE lane = ? AND cleared = 0", lane))
            }
        }
    }
}
