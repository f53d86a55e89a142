import PortalBase
import SQL
import Workflow

/// Finds changes to the log. Whoever owns the database can compute the whole chain anew: seals that are kept elsewhere find that.
extension CaseStore {
    /// What does not hold in the log.
    package struct Break: Sendable, Equatable, CustomStringConvertible {
        /// Empty for the log as a whole.
        package let subject: String
        /// 0 for the subject as a whole.
        package let version: Int
        package let what: String

        package var description: String {
            [subject, version > 0 ? "\(version)" : ""].filter { !$0.isEmpty }.joined(separator: " ")
                + (subject.isEmpty ? what : ": \(what)")
        }
    }

    /// Goes over the whole log: every event's digest covers the one before, its columns say what its body says, its box opens; no
    /// event, case, number or definition is missing.
    package func verify() throws -> [Break] {
        try database.read { db in
            var breaks: [Break] = []
            for (series, range) in [
                (Self.numbers, 0...Subject.others), (Self.otherNumbers, Subject.others + 1...Int.max),
            ] {
                let count: Int =
                    try db.value(
                        "SELECT count(*) FROM subject WHERE number >= ? AND number <= ?", range.lowerBound,
                        range.upperBound) ?? 0
                let last: Int = try db.value("SELECT last FROM counter WHERE series = ?", series) ?? 0
                if count != last {
                    breaks.append(
                        Break(
                            subject: "", version: 0, what: "\(last) began in the series \(series), \(count) are there"))
                }
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
            let trusted = try keysOfPersons(db)
            var (number, isLast) = (Int.min, false)
            while !isLast {
                let slice = try slice(after: number, Self.verifiedAtOnce, db)
                guard let newest = slice.last?.row.subject.number else { break }
                breaks += try verify(slice, after: number, trusted, db)
                (number, isLast) = (newest, slice.count < Self.verifiedAtOnce)
            }
            return breaks
        }
    }

    /// Cases whose events are in memory at once.
    private static let verifiedAtOnce = 500

    private func verify(
        _ slice: [Log], after first: Int, _ trusted: KeysOfPersons, _ db: any SQLConnection
    ) throws -> [Break] {
        let last = slice.last?.row.subject.number ?? first
        let senders = try db.rows(
            """
            SELECT c.* FROM subject s JOIN correspondent c ON c.subject = s.id WHERE s.number > ? AND s.number <= ?
            """, first, last)
        let bySubject = Dictionary(try senders.map { (try $0["subject"] as String, $0) }) { first, _ in first }
        let known = try db.rows(
            "SELECT subject, version FROM case_index WHERE number > ? AND number <= ?", first, last)
        let versions = Dictionary(try known.map { (try $0["subject"] as String, try $0["version"] as Int) }) {
            first, _ in first
        }
        let found = parallelMap(slice.count, jobs: threads) { place, _ in
            let id = slice[place].row.subject.id
            return self.verify(slice[place], bySubject[id], indexed: versions[id])
        }
        return try zip(slice, found).flatMap { log, found in
            found.breaks + (try found.claims.compactMap { try verify($0, trusted, db) })
                + (try found.secret.map { try verifyFiles(found.filed, of: log.row.subject.id, $0, db) } ?? [])
        }
    }

    private struct Verified: Sendable {
        var breaks: [Break] = []
        /// Nil once it was erased, or where its key does not open.
        var secret: [UInt8]?
        var filed: [(version: Int, file: CaseDocument)] = []
        var claims: [SignedEvent] = []
    }

    /// What does not hold of an act whose officer claims to have signed it; nil where all does.
    private func verify(_ claimed: SignedEvent, _ trusted: KeysOfPersons, _ db: any SQLConnection) throws -> Break? {
        let (id, version) = (claimed.subject.id, claimed.event.version)
        do {
            guard try !isSignedAsClaimed(claimed, keys: trusted, db) else { return nil }
            return Break(
                subject: id, version: version,
                what: "what its officer signed is something else, or is not signed by them, or did something else")
        } catch let failure as Failure {
            return Break(subject: id, version: version, what: "its signature cannot be judged: \(failure.code)")
        }
    }

    private func verify(_ log: Log, _ sender: SQLRow?, indexed: Int?) -> Verified {
        let (known, rows) = (log.row.subject, log.events)
        var verified = Verified()
        func add(_ version: Int, _ what: String) {
            verified.breaks.append(Break(subject: known.id, version: version, what: what))
        }
        do {
            verified.secret = try secret(of: log.row)
        } catch {
            add(0, "its key does not open")
            return verified
        }
        var before = SHA256Digest(of: Array(known.id.utf8))
        // The definition that the log ends by, and whether every event was read.
        var (process, isRead) = (String?.none, !rows.isEmpty)
        var events: [Event] = []
        func addUnreadable(_ version: Int) {
            add(version, "it cannot be read")
            isRead = false
        }
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
                    let answered = try sender.map {
                        (lookup: try $0["lookup"] as String, receipt: try $0["receipt"] as String)
                    }
                    let isErased = verified.secret == nil
                    let told = json["case"]?.object ?? [:], found = Self.identity(known, answered).object ?? [:]
                    let differs = Set(told.keys).union(found.keys).filter { told[$0] != found[$0] }
                        .subtracting(isErased ? ["process", "correspondent"] : ["process"])
                    if !differs.isEmpty {
                        add(version, "the case's row says something else: \(differs.sorted().joined(separator: ", "))")
                    }
                    process = told["process"]?.string
                }
                let box: [UInt8] = try row["box"]
                if SHA256Digest(of: box).hex != json["box"]?.string { add(version, "the box was changed") }
                let words = try verified.secret.map { secret in
                    try JSON(
                        parsing: keys.open(box, key: secret, at: .event(subject: known.id, version: version)))
                }
                if let event = Event(open: json, boxed: words) {
                    for case .filed(let file) in event.facts { verified.filed.append((version, file)) }
                    if words != nil, Self.claimsSignature(event), let digest = process.flatMap(SHA256Digest.init(hex:))
                    {
                        verified.claims.append(
                            SignedEvent(
                                subject: known, process: digest, event: event, key: texts[2], before: events))
                    } else if event.signed != nil, !Self.claimsSignature(event) {
                        add(version, "it holds a signature that its level does not claim")
                    }
                    process = event.adopted?.hex ?? process
                    events.append(event)
                } else {
                    addUnreadable(version)
                }
                // The next event is held against the digest as the log has it, so that one change is told once.
                before = SHA256Digest(hex: digest) ?? before
            } catch {
                addUnreadable(version)
            }
        }
        if isRead, process != known.process.hex { add(rows.count, "the case's row says something else: process") }
        if let secret = verified.secret, let sender {
            do {
                _ = try correspondent(sender, of: known.id, secret)
            } catch {
                add(1, "what its sender is answered with does not open")
            }
        }
        if let indexed, indexed != rows.count {
            add(rows.count, "\(indexed) events are known of it, \(rows.count) are there")
        }
        return verified
    }

    /// Every file that was filed is there, piece by piece.
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
        return breaks
    }
}
