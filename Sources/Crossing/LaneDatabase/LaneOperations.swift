package import Ferry
package import PortalBase
import SQL

/// What only an operator does to a lane.
extension LaneDatabase {
    /// Why an epoch record is not adopted.
    package enum AdoptionError: Error, Sendable, CustomStringConvertible {
        case notNext(lane: String, current: String?)

        package var description: String {
            switch self {
            case .notNext(let lane, let current):
                "the record does not follow this side's epoch of \(lane), which is \(current ?? "none yet")"
            }
        }
    }

    /// Begins a lane, or begins it anew: numbers count from 1. What was on its way is queued again, and what the record asks
    /// to send once more. Adopting the current epoch's own record again changes nothing.
    ///
    /// - Parameter record: with its signature verified.
    /// - Returns: how many items are queued again.
    @discardableResult
    package func adopt(_ record: EpochRecord, signer: String, at now: Instant) throws -> Int {
        try database.write { db in
            // Two operators with the same record at once: the second finds it adopted.
            try AuditLog.lock(db)
            let current = try Self.epoch(db, record.lane)?.id.epoch
            if current == record.epoch { return 0 }
            guard current == record.after else { throw AdoptionError.notNext(lane: record.lane, current: current) }
            try db.execute(
                "INSERT INTO lane_epoch (lane, epoch, after, at) VALUES (?, ?, ?, ?)", record.lane, record.epoch,
                record.after, now.seconds)
            var queued = try db.execute(
                "UPDATE lane_queue SET state = 'waiting', epoch = NULL, seq = NULL WHERE lane = ? AND state = 'batched'",
                record.lane)
            if let first = record.resendFrom {
                queued += try db.execute(
                    """
                    UPDATE lane_queue SET state = 'waiting', epoch = NULL, seq = NULL, settled = NULL
                    WHERE lane = ? AND state = 'delivered' AND epoch = ? AND seq >= ?
                    """, record.lane, record.after, first)
            }
            // What stopped the old epoch is over with it.
            try db.execute(
                "UPDATE lane_alarm SET cleared = ? WHERE lane = ? AND cleared IS NULL AND code NOT IN ('dead', 'contradiction')",
                now.seconds,
                record.lane)
            try Self.audit(
                db, LaneID(name: record.lane, epoch: record.epoch), "epoch", nil,
                [
                    "after": record.after.map { .string($0) } ?? .null, "signer": .string(signer),
                    "queued": .integer(queued),
                ], now)
            return queued
        }
    }

    /// Items that the other side refused go out once more, after somebody has mended what was wrong.
    ///
    /// - Returns: how many.
    package func revive(lane: String, items: [String], at now: Instant) throws -> Int {
        try database.write { db in
            var count = 0
            let chosen: [String] =
                items.isEmpty
                ? try db.column("SELECT item FROM lane_queue WHERE lane = ? AND state = 'dead' ORDER BY position", lane)
                : items
            for item in chosen {
                count += try db.execute(
                    """
                    UPDATE lane_queue SET state = 'waiting', epoch = NULL, seq = NULL
                    WHERE lane = ? AND item = ? AND state = 'dead'
                    """, lane, item)
            }
            try db.execute(
                "UPDATE lane_alarm SET cleared = ? WHERE lane = ? AND code = 'dead' AND cleared IS NULL", now.seconds,
                lane)
            try Self.audit(db, LaneID(name: lane, epoch: ""), "revived", nil, ["items": .integer(count)], now)
            return count
        }
    }

    /// Items that were delivered go out once more, to a side that has lost them.
    package func sendAgain(lane: String, items: [String], at now: Instant) throws {
        try database.write { db in
            var count = 0
            for item in items {
                count += try db.execute(
                    """
                    UPDATE lane_queue SET state = 'waiting', epoch = NULL, seq = NULL, settled = NULL
                    WHERE lane = ? AND item = ? AND state = 'delivered'
                    """, lane, item)
            }
            try Self.audit(db, LaneID(name: lane, epoch: ""), "sentAgain", nil, ["items": .integer(count)], now)
        }
    }

    /// Somebody has looked at an alarm, and the lane may go on.
    ///
    /// - Parameters:
    ///   - detail: words of the one alarm that is meant; nil for all of the code.
    ///   - person: who has looked; nil at a terminal.
    /// - Returns: how many alarms were standing.
    package func clear(
        _ alarm: LaneAlarm, lane: String, detail: String? = nil, by person: String? = nil, at now: Instant
    ) throws -> Int {
        try database.write { db in
            let count = try db.execute(
                """
                UPDATE lane_alarm SET cleared = ?
                WHERE lane = ? AND code = ? AND cleared IS NULL AND (? IS NULL OR detail = ?)
                """, now.seconds, lane, alarm.rawValue, detail, detail)
            if count > 0 {
                try Self.audit(
                    db, LaneID(name: lane, epoch: ""), "cleared", nil,
                    ["code": .string(alarm.rawValue), "by": person.map(JSON.string) ?? .null], now)
            }
            return count
        }
    }

    /// Numbers and parts that a gap slip names are offered again.
    ///
    /// - Returns: numbers that this side no longer has.
    package func offerAgain(_ slip: GapSlip, at now: Instant) throws -> [Int] {
        try database.write { db in
            guard let (id, _) = try Self.epoch(db, slip.lane), id.epoch.hasPrefix(slip.epoch) else {
                throw GapSlipError.otherEpoch
            }
            var gone: [Int] = []
            for want in slip.wanted {
                for sequence in want.numbers {
                    let changed = try db.execute(
                        """
                        UPDATE lane_outgoing SET state = CASE WHEN ? = '[]' THEN 'signed' ELSE 'needParts' END, wanted = ?
                        WHERE lane = ? AND epoch = ? AND seq = ? AND state IN ('signed', 'offered', 'needParts')
                        """, JSON.array(want.parts.map { .integer($0) }).canonicalText,
                        JSON.array(want.parts.map { .integer($0) }).canonicalText, id.name, id.epoch, sequence)
                    if changed == 0 { gone.append(sequence) }
                }
            }
            try Self.audit(db, id, "offeredAgain", nil, ["slip": .string(slip.text)], now)
            return gone
        }
    }
}
