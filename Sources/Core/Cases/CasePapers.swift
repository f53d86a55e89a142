import CMS
import Forms
package import PortalBase
package import Procedures
import SQL
package import Workflow

/// A paper of a case that is to be drawn up, or to be signed.
package struct PaperWork: Sendable {
    package let view: CaseStore.View
    /// Place among the case's papers.
    package let place: Int
    package let paper: Case.Paper
    package let kind: Process.Paper
    /// The event that issued it.
    package let event: Event
    /// What it is verified by.
    package let code: SpokenCode
    /// Its bytes, once it was drawn up.
    package let drawn: [UInt8]?
}

/// A signed paper as its citizen gets it.
package struct PaperCopy: Sendable {
    package let kind: Process.Paper
    package let paper: Case.Paper
    package let code: SpokenCode
    package let digest: SHA256Digest
    /// Empty of one that was replaced or withdrawn.
    package let bytes: [UInt8]
    package let signature: [UInt8]
}

/// What anybody is to learn of a paper.
package struct Vouching: Sendable {
    package let kind: Process.Paper
    package let paper: Case.Paper
    package let code: SpokenCode
    package let digest: SHA256Digest
    /// Rises with everything that happens to the case.
    package let version: Int
    /// Names it for ever.
    package let item: String
    package let at: Instant
}

extension CaseStore.View {
    /// The event whose words a paper says: of one with a new number, that of the first.
    package func issuing(_ paper: Case.Paper) -> Event? {
        guard let event = events.first(where: { $0.version == paper.version }) else { return nil }
        guard event.action == Process.EventName.reissued else { return event }
        let first = event.facts.compactMap { if case .revoked(let place) = $0 { place } else { nil } }.first
        guard let first, file.papers.indices.contains(first), file.papers[first].version < paper.version else {
            return nil
        }
        return issuing(file.papers[first])
    }
}

/// Papers between the event that issues them and the one that signs them. Who draws and who signs stand behind processes of their own.
extension CaseStore {
    /// Statements that make the table of papers, for the database's owner.
    static let paperTables = [
        // Papers that are to be drawn up or signed: made out of the log.
        "CREATE TABLE paper_awaited (number INTEGER NOT NULL, paper INTEGER NOT NULL, PRIMARY KEY (number, paper))"
    ]

    /// Cases that wait for a paper, oldest first.
    package func awaitingPapers() throws -> [(id: String, place: Int)] {
        try database.read { db in
            try db.rows(
                """
                SELECT s.id, p.paper FROM paper_awaited p JOIN subject s ON s.number = p.number ORDER BY p.number, p.paper
                """
            ).map { (try $0["id"], try $0["paper"]) }
        }
    }

    /// A paper that is to be drawn up or signed; nil once it is signed or withdrawn.
    package func paperWork(_ id: String, _ place: Int, now: Instant) throws -> PaperWork? {
        try database.read { db in
            guard let secret = try secret(of: row(of: id, db)) else { throw Failure.erased }
            let view = try view(id, at: now, carried: nil, db)
            guard view.file.papers.indices.contains(place) else { return nil }
            let paper = view.file.papers[place]
            guard paper.state == .awaited, let kind = view.process.paper(paper.document),
                let event = view.issuing(paper)
            else { return nil }
            return PaperWork(
                view: view, place: place, paper: paper, kind: kind, event: event,
                code: Self.code(of: paper, secret),
                drawn: try paper.file.map { try bytes(of: id, secret, file: $0, db) })
        }
    }

    /// Keeps a paper as it was drawn up. A second drawing of the same paper changes nothing.
    package func keepDrawn(_ work: PaperWork, _ bytes: [UInt8], at now: Instant) throws {
        let name = "\(work.kind.label.text("zh")).pdf"
        try add(
            IncomingDocument(field: work.paper.document, name: name, type: Self.paperType, bytes), to: work,
            Process.EventName.drawn, at: now
        ) { .drawn(paper: work.place, file: $0) }
    }

    /// Keeps its organ's signature, and tells what waited for it.
    ///
    /// - Parameter signature: detached, over the drawn bytes; verified by the caller.
    package func keepSignature(_ work: PaperWork, _ signature: [UInt8], at now: Instant) throws {
        let name = "\(work.kind.label.text("zh")).p7s"
        try add(
            IncomingDocument(field: work.paper.document, name: name, type: Self.signatureType, signature), to: work,
            Process.EventName.signed, at: now
        ) { .signed(paper: work.place, signature: $0) }
    }

    /// Gives a paper a new number, since its own stands on another paper: one that was signed after the backup was made from which this
    /// log came back. It says the same.
    package func reissue(_ work: PaperWork, at now: Instant) throws {
        try advance(work, Process.EventName.reissued, at: now) { _ in
            [
                .revoked(paper: work.place),
                .issued(document: work.paper.document, series: work.kind.mark, number: 0, organ: work.paper.organ),
            ]
        }
    }

    /// How many papers were signed.
    package func signedPapers() throws -> Int {
        try database.read { db in
            try db.value("SELECT count(*) FROM event WHERE action = ?", Process.EventName.signed) ?? 0
        }
    }

    /// Numbers of a mark in a year begin behind this one: it was given before the log was lost.
    package func raise(_ mark: String, of year: Int, to number: Int) throws {
        try database.write { db in
            try db.execute(
                """
                INSERT INTO counter (series, last) VALUES (?, ?)
                ON CONFLICT (series) DO UPDATE SET last = excluded.last WHERE counter.last < excluded.last
                """, Self.counter(ofMark: mark, in: year), number)
        }
    }

    /// Each year of a mark begins at 1 (发文字号).
    static func counter(ofMark mark: String, in year: Int) -> String { "paper \(mark) \(year)" }

    private static let paperType = "application/pdf", signatureType = "application/pkcs7-signature"

    private func add(
        _ document: IncomingDocument, to work: PaperWork, _ name: String, at now: Instant, _ fact: (Int) -> Fact
    ) throws {
        try advance(work, name, with: [document], at: now) { file in
            let described = [document].described(from: file.files.count)
            return described.map(Fact.filed) + described.map { fact($0.number) }
        }
    }

    /// Writes the next event of a paper that is not signed yet; refuses one of any other paper.
    private func advance(
        _ work: PaperWork, _ name: String, with documents: [IncomingDocument] = [], at now: Instant,
        _ facts: (Case) -> [Fact]
    ) throws {
        _ = try retrying {
            try database.write { db in
                try change(
                    work.view.subject.id, key: "paper \(work.place) \(name)", Command(action: name), .clock,
                    documents: documents, at: now, now: now, db
                ) { _, file, _ in
                    guard file.papers.indices.contains(work.place), file.papers[work.place].state == .awaited else {
                        throw Refusal.state
                    }
                    return (name, facts(file))
                }
            }
        }
    }

    // MARK: For citizens and strangers

    /// Follows from the number: the same paper drawn up again after a restore has another number, and another code.
    static func code(of paper: Case.Paper, _ secret: [UInt8]) -> SpokenCode {
        SpokenCode(
            random: hmacSHA256(
                key: secret, Array("voucher \(paper.document) \(paper.year) \(paper.number)".utf8)))
    }

    /// Every signed paper of a case; those that count with their bytes.
    func copies(for writing: Writing, _ db: any SQLConnection) throws -> [PaperCopy] {
        try writing.file.papers.compactMap { paper in
            guard let kind = writing.process.paper(paper.document), let file = paper.file,
                let signature = paper.signature, let known = writing.file.files.first(where: { $0.number == file })
            else { return nil }
            let isValid = paper.state == .valid
            return PaperCopy(
                kind: kind, paper: paper, code: Self.code(of: paper, writing.secret), digest: known.digest,
                bytes: isValid ? try bytes(of: writing.subject.id, writing.secret, file: file, db) : [],
                signature: isValid ? try bytes(of: writing.subject.id, writing.secret, file: signature, db) : [])
        }
    }

    /// Vouches for signed papers of which there is something new.
    func vouch(
        for writing: Writing, since before: [Case.Paper], salt: String = "", _ db: any SQLConnection
    ) throws {
        for (place, paper) in writing.file.papers.enumerated() where paper.signature != nil {
            guard !before.indices.contains(place) || before[place] != paper,
                let kind = writing.process.paper(paper.document),
                let file = writing.file.files.first(where: { $0.number == paper.file })
            else { continue }
            let name = writing.head.bytes + Array("voucher \(place) \(salt)".utf8)
            try outbox.vouch(
                Vouching(
                    kind: kind, paper: paper, code: Self.code(of: paper, writing.secret), digest: file.digest,
                    version: writing.file.version, item: makeUUID(of: SHA256Digest(of: name)), at: writing.now), db)
        }
    }

    private func bytes(
        of subject: String, _ secret: [UInt8], file number: Int, _ db: any SQLConnection
    ) throws -> [UInt8] {
        let boxes: [[UInt8]] = try db.column(
            "SELECT box FROM document WHERE subject = ? AND number = ? ORDER BY piece", subject, number)
        guard !boxes.isEmpty else { throw Failure.document }
        return try boxes.enumerated().flatMap { piece, box in
            try keys.open(
                box, key: secret,
                at: .document(
                    subject: subject, number: number, piece: piece, isLast: piece == boxes.count - 1))
        }
    }
}
