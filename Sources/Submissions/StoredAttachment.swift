import CMS
package import PortalBase
import SQL

/// A citizen's file, sealed in parts as it arrived.
package struct StoredAttachment: Sendable, Equatable {
    /// Seconds that a file waits for its form.
    package static let claimLifetime = 24 * 3600
    /// Bytes of a file in one sealed part; CROSSING allows up to 8 MiB, and a smaller one costs less memory.
    package static let partBytes = 2 << 20

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

extension SubmissionDatabase {
    /// Begins a file: a row that nothing can claim yet.
    package func beginAttachment(at now: Instant) async throws -> String {
        let id = hexText(random(16))
        try await database.commit { db in
            try db.execute("INSERT INTO attachment (id, created) VALUES (?, ?)", id, now.seconds)
        }
        return id
    }

    package func add(part number: Int, _ sealed: [UInt8], to attachment: String) async throws {
        try await database.commit { db in
            try db.execute(
                "INSERT INTO attachment_part (attachment, number, sealed, bytes, digest) VALUES (?, ?, ?, ?, ?)",
                attachment, number, sealed, sealed.count, SHA256Digest(of: sealed).hex)
        }
    }

    /// Ends a file whose content was found clean.
    ///
    /// - Returns: its claim, 128 random bits: whoever has it can send the file with a form within a day.
    package func finish(_ attachment: String, _ description: AttachmentDescription) async throws -> String {
        let claim = hexText(random(16))
        let plain = JSON.object(description.fields).canonicalBytes
        let box = try AEAD.seal(
            plain, key: Self.boxKey(Array(claim.utf8), "claim"), nonce: random(12), associated: Array(attachment.utf8))
        try await database.commit { db in
            try db.execute(
                "UPDATE attachment SET claim = ?, box = ? WHERE id = ?", SHA256Digest(of: Array(claim.utf8)).bytes, box,
                attachment)
        }
        return claim
    }

    /// Takes back a file that is not wanted.
    package func discard(_ attachment: String) async throws {
        try await database.commit { db in
            try db.execute("DELETE FROM attachment_part WHERE attachment = ?", attachment)
            try db.execute("DELETE FROM attachment WHERE id = ? AND submission IS NULL", attachment)
        }
    }

    /// The file that a claim stands for; nil where it is unknown or too old. One that was sent already is found too, so
    /// that a double click is told from a mistake by the once-only row.
    package func attachment(claim: String, at now: Instant) throws -> StoredAttachment? {
        guard claim.utf8.count == 32 else { return nil }
        return try database.read { db in
            guard
                let row = try db.row(
                    "SELECT id, box FROM attachment WHERE claim = ? AND created > ?",
                    SHA256Digest(of: Array(claim.utf8)).bytes, now.seconds - StoredAttachment.claimLifetime)
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
