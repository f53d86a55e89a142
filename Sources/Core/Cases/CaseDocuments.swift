import CMS
package import PortalBase
import SQL
import Workflow

/// A file that comes with a command, piece by piece.
package struct IncomingDocument: Sendable {
    let field: String
    let name: String
    let type: String
    let bytes: Int
    let digest: SHA256Digest
    let pieces: Int
    let piece: @Sendable (Int) throws -> [UInt8]

    /// - Parameters:
    ///   - bytes, digest: of the whole file, held against what comes.
    ///   - piece: the plain bytes of a piece, from 0.
    package init(
        field: String, name: String, type: String, bytes: Int, digest: SHA256Digest, pieces: Int,
        piece: @escaping @Sendable (Int) throws -> [UInt8]
    ) {
        self.field = field
        self.name = name
        self.type = type
        self.bytes = bytes
        self.digest = digest
        self.pieces = pieces
        self.piece = piece
    }

    private static let pieceBytes = 1 << 20

    /// One that is whole in memory.
    init(field: String, name: String, type: String, _ content: [UInt8]) {
        self.init(
            field: field, name: name, type: type, bytes: content.count, digest: SHA256Digest(of: content),
            pieces: max(1, (content.count + Self.pieceBytes - 1) / Self.pieceBytes)
        ) { number in
            Array(content[number * Self.pieceBytes..<min((number + 1) * Self.pieceBytes, content.count)])
        }
    }
}

extension [IncomingDocument] {
    func described(from first: Int) -> [CaseDocument] {
        enumerated().map { place, document in
            CaseDocument(
                number: first + place, field: document.field, name: document.name, type: document.type,
                bytes: document.bytes, digest: document.digest)
        }
    }
}

extension CaseStore {
    /// Keeps the bytes of files under the subject's key.
    func file(
        _ documents: [IncomingDocument], _ described: [CaseDocument], of id: String, _ secret: [UInt8],
        _ db: any SQLConnection
    ) throws {
        for (document, described) in zip(documents, described) {
            let digest = SHA256Stream()
            var bytes = 0
            for number in 0..<document.pieces {
                let plain = try document.piece(number)
                bytes += plain.count
                digest.append(plain)
                let place = SubjectKeys.Place.document(
                    subject: id, number: described.number, piece: number, isLast: number == document.pieces - 1)
                try db.execute(
                    "INSERT INTO document (subject, number, piece, box) VALUES (?, ?, ?, ?)", id, described.number,
                    number,
                    try keys.seal(plain, key: secret, at: place))
            }
            guard bytes == document.bytes, digest.digest() == document.digest else { throw Failure.document }
        }
    }

    /// How many pieces a file has.
    package func pieces(of id: String, document: Int) throws -> Int {
        try database.read {
            try $0.value("SELECT count(*) FROM document WHERE subject = ? AND number = ?", id, document) ?? 0
        }
    }

    /// - Parameter count: of all its pieces.
    package func piece(_ number: Int, of count: Int, of id: String, document: Int) throws -> [UInt8] {
        try database.read { db in
            let (_, secret) = try subject(id, db)
            guard let secret else { throw Failure.erased }
            let box: [UInt8]? = try db.value(
                "SELECT box FROM document WHERE subject = ? AND number = ? AND piece = ?", id, document, number)
            guard let box else { throw Failure.document }
            return try keys.open(
                box, key: secret,
                at: .document(subject: id, number: document, piece: number, isLast: number == count - 1))
        }
    }
}
