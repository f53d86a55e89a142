import CLibCrypto
import PortalBase
import Synchronization

/// A private key in a PKCS #11 token, named by a URI (RFC 7512):
///
/// `pkcs11:token=edge;object=edge-sign?module-path=/usr/lib/…/module.so&pin-source=file:/etc/xinmi/pin&x-certificate=/etc/xinmi/edge-sign.crt`
///
/// The key stays in the token: it signs there, and agrees on keys there. Needs Debian's `libengine-pkcs11-openssl`.
struct TokenURI: Sendable, Equatable {
    /// Without the query.
    let object: String
    let module: String
    /// File with the PIN; nil for tokens that ask in another way.
    let pinFile: String?
    let certificate: String

    static let prefix = "pkcs11:"

    init(_ text: String) throws(CryptoError) {
        func wrong(_ what: String) -> CryptoError { CryptoError(code: .badKey, detail: "\(what) in \(text)") }
        guard text.hasPrefix(Self.prefix), let mark = text.firstIndex(of: "?") else { throw wrong("no query") }
        object = String(text[..<mark])
        var query: [String: String] = [:]
        for pair in text[text.index(after: mark)...].split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2 else { throw wrong("a value is missing") }
            query[String(halves[0])] = String(halves[1])
        }
        func path(_ key: String) -> String? {
            query[key].map { $0.hasPrefix("file:") ? String($0.dropFirst(5)) : $0 }
        }
        guard let module = path("module-path") else { throw wrong("no module-path") }
        guard let certificate = path("x-certificate") else { throw wrong("no x-certificate") }
        self.module = module
        self.certificate = certificate
        pinFile = path("pin-source")
    }
}

/// libp11's engine, begun once: one module a process.
private final class TokenEngine: Sendable {
    private struct State {
        // An ENGINE, which lives as long as the process.
        nonisolated(unsafe) var engine: OpaquePointer?
        var module = ""
    }

    private let state = Mutex(State())
    static let shared = TokenEngine()

    func key(_ uri: TokenURI, pin: String?) throws(CryptoError) -> OpaquePointer {
        let key = state.withLock { state -> Result<SendableKey, CryptoError> in
            if state.engine == nil {
                guard let engine = xm_token_engine(uri.module) else { return .failure(.last(.badKey)) }
                state.engine = engine
                state.module = uri.module
            }
            guard state.module == uri.module, let engine = state.engine else {
                return .failure(CryptoError(code: .badKey, detail: "one process works with one PKCS #11 module"))
            }
            guard let key = xm_token_key(engine, uri.object + ";type=private", pin) else {
                return .failure(.last(.badKey))
            }
            return .success(SendableKey(key: key))
        }
        return try key.get().key
    }

    /// Passed on to its one owner.
    private struct SendableKey: @unchecked Sendable {
        let key: OpaquePointer
    }
}

extension PrivateKey {
    /// The key that the URI names.
    convenience init(token uri: TokenURI) throws {
        // A line's end behind the PIN is none of it.
        let pin = try uri.pinFile.map { file in
            try checkSecret(file)
            return String(
                decoding: try FileSystem.read(file, limit: 256).prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self)
        }
        self.init(owning: try TokenEngine.shared.key(uri, pin: pin))
    }
}
