import CMS
import Ferry
import LaneDatabase
package import PortalBase
import SQL
import Seals

/// Seals over the core's log, as they came: the edge publishes them, so that strangers hold copies that the core cannot change.
extension SubmissionDatabase {
    static let sealTables = [
        "CREATE TABLE seal (n INTEGER PRIMARY KEY, line TEXT NOT NULL)",
        // Those that contradict one that came before: evidence, and not published.
        "CREATE TABLE seal_contradiction (line TEXT PRIMARY KEY, at INTEGER NOT NULL)",
    ]

    /// Seals may come in any order; one that contradicts another is put aside, with an alarm.
    ///
    /// - Parameter signers: digests of the public keys that may sign a seal.
    static func takeSeal(
        _ db: any SQLConnection, _ item: [UInt8], signers: Set<SHA256Digest>, at now: Instant
    ) throws {
        guard let came = SignedSeal(item: item) else { throw LaneDatabase.RejectedItem(.schema) }
        do throws(CryptoError) {
            _ = try DetachedSignature.pinnedSigner(of: came.signature, over: came.seal.bytes, allowed: signers)
        } catch {
            throw LaneDatabase.RejectedItem(.schema)
        }
        let number = came.seal.number
        let known = try seal(number, db)
        if known?.seal == came.seal { return }
        let (before, after) = (try seal(number - 1, db), try seal(number + 1, db))
        let isFitting =
            known == nil && before.map { came.seal.follows($0.seal) } ?? true
            && after.map { $0.seal.follows(came.seal) } ?? true
        if isFitting {
            try db.execute("INSERT INTO seal (n, line) VALUES (?, ?)", number, came.line)
        } else {
            try db.execute(
                "INSERT INTO seal_contradiction (line, at) VALUES (?, ?) ON CONFLICT DO NOTHING", came.line, now.seconds
            )
            try LaneDatabase.alarm(
                db, receiveLane, .contradiction, "seal \(number) does not fit the seals that came before", now)
        }
    }

    private static func seal(_ number: Int, _ db: any SQLConnection) throws -> SignedSeal? {
        let line: String? = try db.value("SELECT line FROM seal WHERE n = ?", number)
        return line.flatMap { SignedSeal(line: $0) }
    }

    /// Writes the file that anybody may fetch: a line a seal, from the first on, as far as none is missing.
    ///
    /// - Returns: what somebody should look at.
    package func publishSeals(to path: String, at now: Instant) throws -> [String] {
        let lines: [String] = try database.read { try $0.column("SELECT line FROM seal ORDER BY n") }
        let seals = lines.compactMap { SignedSeal(line: $0) }
        let whole = zip(seals, 1...).prefix { $0.seal.number == $1 }.map(\.0)
        let bytes = Array(whole.map { $0.line + "\n" }.joined().utf8)
        // Both lanes' processes come here.
        let lock = try FileLock.waiting(for: path + ".lock", patience: 30, mode: 0o640)
        defer { withExtendedLifetime(lock) {} }
        let old = FileSystem.kind(path) == nil ? [] : try FileSystem.read(path)
        // What was published once stays, whatever happened to this database since.
        guard bytes.starts(with: old) || old.starts(with: bytes) else {
            return ["ALARM \(path) holds other seals than this database: nothing was written"]
        }
        if bytes.count > old.count { try FileSystem.replaceDurably(path, with: bytes, mode: 0o644) }
        let contradictions: [String] = try database.read { db in
            try db.column(
                "SELECT detail FROM lane_alarm WHERE code = ? AND cleared IS NULL", LaneAlarm.contradiction.rawValue)
        }
        var told = contradictions.map { "ALARM \(LaneAlarm.contradiction.rawValue) \($0)" }
        guard let newest = seals.last?.seal else { return told }
        let age = now.seconds - newest.at.seconds
        if whole.count < seals.count {
            told.append(
                "ALARM seal \(whole.count + 1) has not come, a later one has: `coredesk audit seal --resend` sends all again"
            )
        } else if age < -86_400 {
            told.append(
                "ALARM seal \(newest.number) is of \(newest.at.rfc3339(in: .shanghai)): the core's clock is ahead")
        } else if age > Self.sealPatience {
            told.append("ALARM no seal of the core's log since \(newest.at.rfc3339(in: .shanghai))")
        }
        return told
    }

    /// Seconds after which a seal is missed: one is made each day, and carriers rest on weekends.
    private static let sealPatience = 4 * 86_400
}
