import CLibCrypto

/// What cryptography refused. Programs look at the code; the detail is libcrypto's own, for the operator's log.
package struct CryptoError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// A key or certificate file is not what it should be.
        case badKey, badCertificate, badRevocationList
        /// Sealing or opening failed: damaged bytes, or no message of ours.
        case seal, open
        /// Sealed for other keys than those at hand.
        case notRecipient
        case sign
        /// The bytes are no signature that this system accepts.
        case badSignature
        /// The signature is good but its signer is not pinned for this use.
        case signerNotAllowed
        /// The signer's certificate does not lead to the trusted authority, is expired or revoked.
        case untrusted
        /// Nothing can be said of any signer: this side's revocation list is missing, too old or not valid yet.
        case revocationListOutdated
    }
    package let code: Code
    package let detail: String

    package init(code: Code, detail: String) {
        self.code = code
        self.detail = detail
    }

    package var description: String { detail.isEmpty ? code.rawValue : "\(code.rawValue): \(detail)" }

    /// Takes libcrypto's error queue, which is per thread: call before anything may switch threads.
    static func last(_ code: Code) -> CryptoError {
        var texts: [String] = []
        while true {
            let error = ERR_get_error()
            if error == 0 { break }
            var buffer = [CChar](repeating: 0, count: 256)
            ERR_error_string_n(error, &buffer, buffer.count)
            texts.append(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        return CryptoError(code: code, detail: texts.joined(separator: "; "))
    }
}

/// Owns a memory BIO.
struct MemoryBIO: ~Copyable {
    let pointer: OpaquePointer

    init() {
        pointer = BIO_new(BIO_s_mem())
    }

    /// Of less than 2 GiB.
    init(_ bytes: [UInt8]) {
        pointer = BIO_new(BIO_s_mem())
        _ = bytes.withUnsafeBytes { BIO_write(pointer, $0.baseAddress, Int32($0.count)) }
    }

    deinit { BIO_free(pointer) }

    var bytes: [UInt8] {
        var data: UnsafeMutablePointer<CChar>?
        let count = xm_bio_mem_data(pointer, &data)
        guard let data, count > 0 else { return [] }
        return Array(UnsafeRawBufferPointer(start: data, count: count))
    }
}
