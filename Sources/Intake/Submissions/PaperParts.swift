package import CMS
import Ferry
import PortalBase

/// Papers and their signatures as parts of a status: pieces of at most 1 MiB, each under a key that only the case's status key gives, bound
/// to its status and its place.
package enum PaperParts {
    private static let pieceBytes = 1 << 20
    /// Of one piece as it is sealed: nonce and tag.
    static let maxSealed = pieceBytes + 28

    package struct Piece: Sendable {
        package let name: String
        package let sealed: [UInt8]
    }

    /// - Parameter contents: each paper's bytes and then its signature's; an empty one has no piece.
    package static func seal(
        _ contents: [[UInt8]], key statusKey: [UInt8], lookup: [UInt8], version: Int,
        _ random: (Int) -> [UInt8]
    ) throws(CryptoError) -> [Piece] {
        let key = Self.key(statusKey)
        var pieces: [Piece] = []
        for (number, content) in contents.enumerated() {
            let count = Self.count(content.count)
            for piece in 0..<count {
                let plain = Array(content[piece * pieceBytes..<min((piece + 1) * pieceBytes, content.count)])
                let place = associated(lookup, version, number, piece, isLast: piece == count - 1)
                pieces.append(
                    Piece(
                        name: paperPartName(number, piece),
                        sealed: try AEAD.seal(plain, key: key, nonce: random(12), associated: place)))
            }
        }
        return pieces
    }

    /// - Parameters:
    ///   - number: among the contents.
    ///   - bytes: of the whole, as the status says.
    ///   - sealed: the piece of a name.
    package static func open(
        _ number: Int, bytes: Int, key statusKey: [UInt8], lookup: [UInt8], version: Int,
        _ sealed: (String) throws -> [UInt8]?
    ) throws -> [UInt8] {
        let (key, count) = (key(statusKey), count(bytes))
        var content: [UInt8] = []
        for piece in 0..<count {
            guard let box = try sealed(paperPartName(number, piece)) else {
                throw CryptoError(code: .open, detail: "a piece is missing")
            }
            content += try AEAD.open(
                box, key: key, associated: associated(lookup, version, number, piece, isLast: piece == count - 1))
        }
        return content
    }

    private static func key(_ statusKey: [UInt8]) -> [UInt8] {
        HKDF.expand(prk: statusKey, info: "document", count: AEAD.keyBytes)
    }

    private static func count(_ bytes: Int) -> Int { (bytes + pieceBytes - 1) / pieceBytes }

    private static func associated(
        _ lookup: [UInt8], _ version: Int, _ number: Int, _ piece: Int, isLast: Bool
    ) -> [UInt8] {
        lookup + Array("\(version) \(number) \(piece) \(isLast ? 1 : 0)".utf8)
    }
}
