import PortalBase
import SQL
import Workflow

/// Finds changes to the log. An owner of the database could compute the whole chain anew; only seals kept elsewhere reveal that.
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
        let (known, secret): (Subject, [UInt8]?)
        do {
            (known, secret) = try subject(id, db)
        } catch let error as SQLError {
            throw error
        } catch {
            return [Break(subject: id, version: 0, what: "its key does not open")]
        }
        let rows = try db.rows("SELECT * FROM event WHERE subject = ? ORDER BY version", id)
        var before = SHA256Digest(of: Array(id.utf8))
        var filed: [(version: Int, file: CaseDocument)] = []
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
                if version == 1 {
                    let row = try db.row("SELECT lookup, receipt FROM correspondent WHERE subject = ?", id)
                    let answered = try row.map {
                        (lookup: try $0["lookup"] as String, receipt: try $0["receipt"] as String)
                    }
                    let isErased = secret == nil
                    let told = json["case"]?.object ?? [:], found = Self.identity(known, answered).object ?? [:]
                    let differs = Set(told.keys).union(found.keys).filter { told[$0] != found[$0] }
                    if !differs.subtracting(isErased ? ["correspondent"] : []).isEmpty {
                        add(version, "the case's row says something else: \(differs.sorted().joined(separator: ", "))")
                    }
                }
                let box: [UInt8] = try row["box"]
                if SHA256Digest(of: box).hex != json["box"]?.string { add(version, "the box was changed") }
                if let secret {
                    let words = try JSON(
                        parsing: try keys.open(box, key: secret, at: .event(subject: id, version: version)))
                    if let event = Event(open: json, boxed: words) {
                        for case .filed(let file) in event.facts { filed.append((version, file)) }
                    } else {
                        add(version, "it cannot be read")
                    }
                } else if Event(open: json, boxed: nil) == nil {
                    add(version, "it cannot be read")
                }
                // The next event is held against the digest as the log has it, so that one change is told once.
                before = SHA256Digest(hex: digest) ?? before
            } catch {
                add(version, "it cannot be read")
            }
        }
        if let secret { breaks += try verifyFiles(filed, of: id, secret, db) }
        let indexed: Int? = try db.value("SELECT version FROM case_index WHERE subject = ?", id)
        if let indexed, indexed != rows.count {
            add(rows.count, "\(indexed) events are known of it, \(rows.count) are there")
        }
        return breaks
    }

    /// Every file that was filed is there, piece by piece, and what its sender is answered with opens.
    private func verifyFiles(
        _ filed: [(version: Int, file: CaseDocument)], of id: String, _ secret: [UInt8], _ db: any SQLConnection
    ) throws -> [Break] {
        var breaks: [Break] = []
        for (version, file) in filed {
            let digest = SHA256Stream()
            var bytes = 0
            let count: Int =
                try db.value("SELECT count(*) FROM document WHERE subject = ? AND number = ?", id, file.number) ?? 0
            // Piece by piece, so that a large file is never whole in memory.
            for piece in 0..<count {
                let box: [UInt8]? = try db.value(
                    "SELECT box FROM document WHERE subject = ? AND number = ? AND piece = ?", id, file.number, piece)
                let place = SubjectKeys.Place.document(
                    subject: id, number: file.number, piece: piece, isLast: piece == count - 1)
                guard let box, let plain = try? keys.open(box, key: secret, at: place) else { break }
                digest.append(plain)
                bytes += plain.count
            }
            if bytes != file.bytes || digest.digest() != file.digest {
                breaks.append(
                    Break(subject: id, version: version, what: "the file \(file.number) is not what was filed"))
            }
        }
        do {
            _ = try correspondent(of: id, secret, db)
        } catch let error as SQLError {
            throw error
        } catch {
            breaks.append(Break(subject: id, version: 1, what: "what its sender is answered with does not open"))
        }
        return breaks
    }
}
