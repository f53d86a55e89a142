import CMS

/// Makes, wraps and uses the key of each subject. The master key, which wraps them, stays outside the database.
///
/// Destroying a subject's key erases every word of its boxes.
package struct SubjectKeys: Sendable {
    private let master: [UInt8]
    private let random: @Sendable (Int) -> [UInt8]

    /// - Parameters:
    ///   - master: 32 bytes.
    ///   - random: so many bytes that nobody can guess.
    package init?(master: [UInt8], random: @escaping @Sendable (Int) -> [UInt8]) {
        guard master.count == AEAD.keyBytes else { return nil }
        self.master = master
        self.random = random
    }

    /// A new key, and how it is kept.
    func make(for subject: String) throws(CryptoError) -> (key: [UInt8], wrapped: [UInt8]) {
        let key = random(AEAD.keyBytes)
        return (key, try AEAD.seal(key, key: master, nonce: random(12), associated: Array(subject.utf8)))
    }

    func unwrap(_ wrapped: [UInt8], of subject: String) throws(CryptoError) -> [UInt8] {
        try AEAD.open(wrapped, key: master, associated: Array(subject.utf8))
    }

    /// A box knows where it belongs: one of another event, or of another subject, does not open.
    func seal(_ plain: [UInt8], key: [UInt8], subject: String, version: Int) throws(CryptoError) -> [UInt8] {
        try AEAD.seal(plain, key: key, nonce: random(12), associated: Self.place(subject, version))
    }

    func open(_ box: [UInt8], key: [UInt8], subject: String, version: Int) throws(CryptoError) -> [UInt8] {
        try AEAD.open(box, key: key, associated: Self.place(subject, version))
    }

    private static func place(_ subject: String, _ version: Int) -> [UInt8] { Array("\(subject)\0\(version)".utf8) }
}
