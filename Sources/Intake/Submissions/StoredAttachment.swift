import CMS
package import PortalBase
import SQL

/// A citizen's file, sealed in parts as it arrived.
package struct StoredAttachment: Sendable, Equatable {
    /// Seconds that a file which came with a form waits for the form to be sent.
    package static let claimLifetime = 24 * 3600
    /// Seconds that a file which a program sent by itself waits for its form.
    package static let programClaimLifetime = 30 * 60

    package struct Part: Sendable, Equatable {
        package let number: Int
        /// Of the sealed part.
        package let bytes: Int
        package let digest: String
    }

    package let id: String
    package let claim: String
    package let description: AttachmentDescription
    package let parts: [Part]
}

/// A file on its way in.
package struct PendingAttachment: Sendable {
    let id: String
    /// Seconds that it waits for its form.
    let lifetime: Int
    /// What is kept of it.
    fileprivate(set) var parts: [StoredAttachment.Part] = []

    fileprivate func next(_ sealed: [UInt8]) -> StoredAttachment.Part {
        .init(number: parts.count, bytes: sealed.count, digest: SHA256Digest(of: sealed).hex)
    }
}

extension SubmissionDatabase {
    /// - Parameter lifetime: seconds that it waits for its form.
    package func newAttachment(lifetime: Int = StoredAttachment.claimLifetime) -> PendingAttachment {
        PendingAttachment(id: hexText(random(16)), lifetime: lifetime)
    }

    /// Keeps a part of a file that goes on.
    package func add(_ sealed: [UInt8], to file: inout PendingAttachment, at now: Instant) async throws {
        let (known, part) = (file, file.next(sealed))
        try await database.commit { db in try keep(part, sealed, known, db, now) }
        file.parts.append(part)
    }

    /// Bytes of files whose form has not come, with what each file costs besides.
    package func unclaimedBytes(at now: Instant) throws -> Int {
        try database.read { try Self.unclaimedBytes($0, at: now) }
    }

    private static func unclaimedBytes(_ db: any SQLConnection, at now: Instant) throws -> Int {
        let row = try db.row(
            """
            SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes, count(*) AS files
            FROM attachment WHERE submission IS NULL AND expires > ?
            """, now.seconds)
        return try row.map { try $0["bytes"] as Int + fileOverhead * ($0["files"] as Int) } ?? 0
    }

    /// Makes room for one more file: where so many bytes wait for their forms, the oldest that came whole give way, whose forms
    /// ask for them again. No crowd of clients then closes the door to files.
    ///
    /// - Returns: false where what still comes in takes all of it.
    package func makeRoom(below most: Int, at now: Instant) async throws -> Bool {
        try await database.commit { db in
            while try Self.unclaimedBytes(db, at: now) >= most {
                let oldest: [String] = try db.column(
                    "SELECT id FROM attachment WHERE submission IS NULL AND claim IS NOT NULL ORDER BY created, id LIMIT 8"
                )
                if oldest.isEmpty { return false }
                for id in oldest {
                    try db.execute("DELETE FROM attachment_part WHERE attachment = ?", id)
                    try db.execute("DELETE FROM attachment WHERE id = ?", id)
                }
            }
            return true
        }
    }

    /// Bytes of a file's rows and their places in indexes.
    private static let fileOverhead = 2_048

    /// Ends a file whose content was found clean: with its last part, in one transaction.
    ///
    /// - Returns: the file with its claim, 128 random bits: whoever has it can send the file with a form within a day.
    package func finish(
        _ file: PendingAttachment, last sealed: [UInt8], _ description: AttachmentDescription, at now: Instant
    ) async throws -> StoredAttachment {
        let claim = hexText(random(16))
        let box = try AEAD.seal(
            JSON.object(description.fields).canonicalBytes, key: Self.boxKey(Array(claim.utf8), "claim"),
            nonce: random(12), associated: Array(file.id.utf8))
        let part = file.next(sealed)
        try await database.commit { db in
            try keep(part, sealed, file, db, now)
            try db.execute(
                "UPDATE attachment SET claim = ?, box = ? WHERE id = ?", SHA256Digest(of: Array(claim.utf8)).bytes, box,
                file.id)
        }
        return StoredAttachment(id: file.id, claim: claim, description: description, parts: file.parts + [part])
    }

    /// The first part brings the file's row, which nothing can claim yet.
    private func keep(
        _ part: StoredAttachment.Part, _ sealed: [UInt8], _ file: PendingAttachment, _ db: any SQLConnection,
        _ now: Instant
    ) throws {
        if part.number == 0 {
            try db.execute(
                "INSERT INTO attachment (id, created, expires) VALUES (?, ?, ?)", file.id, now.seconds,
                now.seconds + file.lifetime)
        }
        try db.execute("UPDATE attachment SET bytes = bytes + ? WHERE id = ?", part.bytes, file.id)
        try db.execute(
            "INSERT INTO attachment_part (attachment, number, sealed, bytes, digest) VALUES (?, ?, ?, ?, ?)", file.id,
            part.number, sealed, part.bytes, part.digest)
    }

    /// Takes back a file that is not wanted.
    package func discard(_ file: PendingAttachment) async throws {
        guard !file.parts.isEmpty else { return }
        try await database.commit { db in
            try db.execute("DELETE FROM attachment_part WHERE attachment = ?", file.id)
            try db.execute("DELETE FROM attachment WHERE id = ? AND submission IS NULL", file.id)
        }
    }

    /// The file that a claim stands for; nil where it is unknown or too old. One that was sent already is found too, so
    /// that a double click is told from a mistake by the once-only row.
    package func attachment(claim: String, at now: Instant) throws -> StoredAttachment? {
        guard claim.utf8.count == 32 else { return nil }
        return try database.read { db in
            guard
                let row = try db.row(
                    "SELECT id, box FROM attachment WHERE claim = ? AND expires > ?",
                    SHA256Digest(of: Array(claim.utf8)).bytes, now.seconds)
            else { return nil }
            let id: String = try row["id"]
            let plain = try AEAD.open(
                try row["box"], key: Self.boxKey(Array(claim.utf8), "claim"), associated: Array(id.utf8))
            guard let description = (try? JSON(parsing: plain)).flatMap(AttachmentDescription.init) else { return nil }
            let parts = try db.rows(
                "SELECT number, bytes, digest FROM attachment_part WHERE attachment = ? ORDER BY number", id
            ).map { StoredAttachment.Part(number: try $0["number"], bytes: try $0["bytes"], digest: try $0["digest"]) }
            return StoredAttachment(id: id, claim: claim, description: description, parts: parts)
        }
    }
}
