import CMS
import PortalBase

/// Makes, wraps and uses the key of each subject. The master key, which wraps them, stays outside the database.
///
/// Destroying a subject's key erases every word of its boxes.
package struct SubjectKeys: Sendable {
    private let master: [UInt8]
    private let indexKey: [UInt8]
    private let random: @Sendable (Int) -> [UInt8]

    /// - Parameters:
    ///   - master: 32 bytes.
    ///   - random: so many bytes that nobody can guess.
    package init?(master: [UInt8], random: @escaping @Sendable (Int) -> [UInt8]) {
        guard master.count == AEAD.keyBytes else { return nil }
        self.master = master
        indexKey = hmacSHA256(key: master, Array("index".utf8))
        self.random = random
    }

    /// Where a box belongs: moved to another place it does not open.
    enum Place {
        case event(subject: String, version: Int)
        case correspondent(subject: String)
        case document(subject: String, number: Int, piece: Int, isLast: Bool)
        /// What is made out of the log, and made again the same: a table's name.
        case projection(subject: String, table: String)

        fileprivate var bytes: [UInt8] {
            switch self {
            case .event(let subject, let version): Array("\(subject)\0\(version)".utf8)
            case .correspondent(let subject): Array("\(subject)\0correspondent".utf8)
            case .document(let subject, let number, let piece, let isLast):
                Array("\(subject)\0document\0\(number)\0\(piece)\0\(isLast ? 1 : 0)".utf8)
            case .projection(let subject, let table): Array("\(subject)\0projection\0\(table)".utf8)
            }
        }
    }

    /// 63 bits for each term, which stand for it in the index.
    func indexTokens(_ terms: some Sequence<String>) -> [Int] {
        hmacSHA256(key: indexKey, each: terms.map { Array($0.utf8) }).map { mac in
            Int(mac.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } >> 1)
        }
    }

    /// Sixteen random bytes as a name.
    func token() -> String { hexText(random(16)) }

    /// A new key, and how it is kept.
    func make(for subject: String) throws(CryptoError) -> (key: [UInt8], wrapped: [UInt8]) {
        let key = random(AEAD.keyBytes)
        return (key, try wrap(key, of: subject))
    }

    func wrap(_ key: [UInt8], of subject: String) throws(CryptoError) -> [UInt8] {
        try AEAD.seal(key, key: master, nonce: random(12), associated: Array(subject.utf8))
    }

    func unwrap(_ wrapped: [UInt8], of subject: String) throws(CryptoError) -> [UInt8] {
        try AEAD.open(wrapped, key: master, associated: Array(subject.utf8))
    }

    func seal(_ plain: [UInt8], key: [UInt8], at place: Place) throws(CryptoError) -> [UInt8] {
        try AEAD.seal(plain, key: key, nonce: random(12), associated: place.bytes)
    }

    /// The same bytes at the same place give the same box, so that what is made again is compared as it is. The nonce is a MAC over
    /// place and bytes: it comes again only with both.
    func sealAlike(_ plain: [UInt8], key: [UInt8], at place: Place) throws(CryptoError) -> [UInt8] {
        let nonce = hmacSHA256(key: hmacSHA256(key: key, Array("nonce".utf8)), place.bytes + [0] + plain).prefix(12)
        return try AEAD.seal(plain, key: key, nonce: Array(nonce), associated: place.bytes)
    }

    func open(_ box: [UInt8], key: [UInt8], at place: Place) throws(CryptoError) -> [UInt8] {
        try AEAD.open(box, key: key, associated: place.bytes)
    }
}
