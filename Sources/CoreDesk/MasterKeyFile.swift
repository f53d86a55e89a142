import CMS
import Glibc
import PortalBase

/// The key that wraps the keys of all cases: 32 bytes in a file that only its owner reads, or a CMS AuthEnvelopedData that an identity
/// opens, such as one with its key in a token.
struct MasterKeyFile: Sendable {
    let path: String
    /// Whose key opens the file; nil where it holds the bytes themselves.
    let identity: String?

    private static let bytes = AEAD.keyBytes
    /// Of the file, sealed.
    private static let mostBytes = 16 << 10

    /// Names a key and says nothing of it, for people who keep several copies.
    static func fingerprint(_ key: [UInt8]) -> String {
        hexText(hmacSHA256(key: key, Array("fingerprint".utf8)).prefix(8))
    }

    /// The key that takes over, while a rotation is under way.
    var next: String { path + ".next" }

    static func make(_ random: (Int) -> [UInt8]) -> [UInt8] { random(bytes) }

    var damaged: ConfigurationError { damaged(path) }

    private func damaged(_ path: String) -> ConfigurationError {
        ConfigurationError(
            text: identity == nil
                ? "\(path) is no master key of \(Self.bytes) bytes: bring it back from its backup"
                : "\(path) is not sealed for master_key_identity, or damaged: where it lies in the open, or is sealed for another identity, `coredesk rotate-key` makes a new one (--former-identity); else bring it back from its backup"
        )
    }

    /// The database's cases were written with another one.
    var stranger: ConfigurationError {
        ConfigurationError(
            text:
                "master_key is not the key that the database's cases were written with; after `coredesk rotate-key` restart what runs, and give it again where \(next) is there"
        )
    }

    func read() throws -> [UInt8] { try read(path) }

    private func read(_ path: String) throws -> [UInt8] { try open(stored(path), from: path) }

    /// The key in the bytes of a file.
    func open(_ bytes: [UInt8], from path: String) throws -> [UInt8] {
        guard let identity else {
            guard bytes.count == Self.bytes else { throw damaged(path) }
            return bytes
        }
        // A key that fails is said by itself: nothing is wrong with the file then.
        let opener = try Identity(path: identity)
        guard let key = try? Envelope.open(bytes, with: opener), key.count == Self.bytes else {
            throw damaged(path)
        }
        return key
    }

    /// The same also where the file was not sealed yet.
    func readPlainOrSealed() throws -> [UInt8] {
        let bytes = try stored(path)
        return bytes.count == Self.bytes ? bytes : try read()
    }

    /// The bytes of a file that only its owner and a group read.
    func stored(_ path: String) throws -> [UInt8] {
        guard FileSystem.kind(path) == .file else {
            throw ConfigurationError(
                text: "there is no master key \(path): `coredesk init` makes one, or bring it back from its backup")
        }
        guard FileSystem.isPrivate(path) else {
            throw ConfigurationError(
                text: "others may read or write the master key \(path): chmod 600, or 640 for a group of its own")
        }
        return try FileSystem.read(path, limit: Self.mostBytes)
    }

    func write(_ key: [UInt8], to path: String) throws {
        try FileSystem.replaceDurably(path, with: bytes(of: key), mode: 0o600)
    }

    /// A key as its file holds it.
    func bytes(of key: [UInt8]) throws -> [UInt8] {
        try identity.map { try Envelope.seal(key, for: [Identity.certificate(path: $0)]) } ?? key
    }

    /// The key that takes over, in the open or sealed for the identity of now or a former one.
    func readNext(former: String?) throws -> [UInt8] {
        let bytes = try stored(next)
        for identity in [nil, identity, former] {
            if identity == nil, bytes.count != Self.bytes { continue }
            if let key = try? MasterKeyFile(path: path, identity: identity).open(bytes, from: next) { return key }
        }
        throw ConfigurationError(
            text:
                "\(next) does not open. Never remove it: the keys of all cases may be wrapped by it. Give the identity that it was sealed for with --former-identity"
        )
    }

    /// The lock of the key's file: processes that read the key share it, and the one that replaces the key excludes them.
    func lock(isShared: Bool) throws -> FileLock {
        do throws(FileError) {
            return try FileLock(reading: path, isShared: isShared)
        } catch {
            guard error.code == EWOULDBLOCK else { throw error }
            throw ConfigurationError(
                text: isShared
                    ? "`coredesk rotate-key` is at work on \(path): try again when it is done"
                    : "stop `coredesk serve`, the timers and the lanes first: a process has the key \(path); nothing was changed"
            )
        }
    }
}
