import PortalBase
import SQL
import Workflow

/// Finds changes to the log. The owner of the database can compute the whole chain anew: seals outside it will show that.
extension CaseStore {
    /// What does not hold in the log.
    package struct Break: Sendable, Equatable, CustomStringConvertible {
        /// Empty for the log as a whole.
        package let subject: String
        /// 0 for the subject as a whole.
        package let version: Int
        package let what: String

        package var description: String { "\(subject) \(version): \(what)" }
    }

    /// Goes over the whole log: every event's digest covers the one before, its columns say what its body says, its box opens; no
    /// event, case, number or definition is missing.
    package func verify() throws -> [Break] {
        try database.read { db in
            var breaks: [Break] = []
            let ids: [String] = try db.column("SELECT id FROM subject ORDER BY number")
            let last: Int = try db.value("SELECT last FROM counter WHERE series = ?", Self.numbers) ?? 0
            if ids.count != last {
                breaks.append(Break(subject: "", version: 0, what: "\(last) cases began, \(ids.count) are there"))
            }
            for row in try db.rows("SELECT digest, text FROM definition") {
                let (digest, text): (String, [UInt8]) = (try row["digest"], try row["text"])
                if SHA256Digest(of: text).hex != digest {
                    breaks.append(Break(subject: "", version: 0, what: "definition \(digest) was changed"))
                }
            }
            for writer in try Readings.broken(db) {
                breaks.append(
                    Break(subject: "", version: 0, what: "the access lines of \(writer) do not follow one from another")
                )
            }
            for id in ids { breaks += try verify(id, db) }
            return breaks
        }
    }

    private func verify(_ id: String, _ db: any SQLConnection) throws -> [Break] {
        var breaks: [Break] = []
        func add(_ version: Int, _ what: String) { breaks.append(Break(subject: id, version: version, what: what)) }
        let secret: [UInt8]?
        do {
            secret = try subject(id, db).1
        } catch let error as SQLError {
            throw error
        } catch {
            return [Break(subject: id, version: 0, what: "its key does not open")]
        }
        let rows = try db.rows("SELECT * FROM event WHERE subject = ? ORDER BY version", id)
        var before = SHA256Digest(of: Array(id.utf8))
        for (number, row) in rows.enumerated() {
            let version = number + 1
            do {
                let body: [UInt8] = try row["body"]
                let digest: String = try row["digest"]
                let json = try JSON(parsing: body)
                before = Self.digest(before, body)
                if before.hex != digest { add(version, "the chain breaks") }
                let texts: [String] = [try row["subject"], try row["action"], try row["key"], try row["command"]]
                let numbers: [Int] = [try row["version"], try row["at"], try row["recorded"]]
                let isSame =
                    texts == ["subject", "action", "key", "command"].map { json[$0]?.string ?? "" }
                    && numbers == ["version", "at", "recorded"].map { json[$0]?.integer ?? -1 } && numbers[0] == version
                if !isSame { add(version, "a column differs from the body") }
                let box: [UInt8]? = try row["box"]
                if let box, SHA256Digest(of: box).hex != json["box"]?.string { add(version, "the box was changed") }
                if let secret, let box {
                    let words = try JSON(
                        parsing: try keys.open(box, key: secret, at: .event(subject: id, version: version)))
                    if Event(open: json, boxed: words) == nil { add(version, "it cannot be read") }
                } else if Event(open: json, boxed: nil) == nil {
                    add(version, "it cannot be read")
                }
                // The next event is held against the digest as the log has it, so that one change is told once.
                before = SHA256Digest(hex: digest) ?? before
            } catch {
                add(version, "it cannot be read")
            }
        }
        let known: Int? = try db.value("SELECT version FROM case_index WHERE subject = ?", id)
        if known != rows.count { add(rows.count, "\(known ?? 0) events are known of it, \(rows.count) are there") }
        return breaks
    }
}
