import CLibCrypto
package import PortalBase

/// An X.509 certificate. Immutable after loading, and reference-counted by libcrypto.
package final class Certificate: @unchecked Sendable {
    // The X509 object is only read after init; libcrypto locks its caches itself.
    let x509: OpaquePointer

    /// Takes ownership of `x509`.
    init(owning x509: OpaquePointer) {
        self.x509 = x509
    }

    deinit { X509_free(x509) }

    package convenience init(pem: [UInt8]) throws(CryptoError) {
        let bio = MemoryBIO(pem)
        guard let x509 = PEM_read_bio_X509(bio.pointer, nil, nil, nil) else { throw .last(.badCertificate) }
        self.init(owning: x509)
    }

    package convenience init(der: [UInt8]) throws(CryptoError) {
        let bio = MemoryBIO(der)
        guard let x509 = d2i_X509_bio(bio.pointer, nil) else { throw .last(.badCertificate) }
        self.init(owning: x509)
    }

    /// SHA-256 of the subject public key info: what lanes and lists pin.
    package var publicKeyDigest: SHA256Digest {
        var buffer: UnsafeMutablePointer<UInt8>?
        let count = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &buffer)
        defer { xm_openssl_free(buffer) }
        // A constant in its place would make all keys alike.
        guard let buffer, count > 0 else { preconditionFailure("libcrypto cannot encode a public key that it read") }
        return SHA256Digest(of: Array(UnsafeBufferPointer(start: buffer, count: Int(count))))
    }

    package var der: [UInt8] {
        var buffer: UnsafeMutablePointer<UInt8>?
        let count = i2d_X509(x509, &buffer)
        defer { xm_openssl_free(buffer) }
        guard let buffer, count > 0 else { preconditionFailure("libcrypto cannot encode a certificate that it read") }
        return Array(UnsafeBufferPointer(start: buffer, count: Int(count)))
    }

    /// The subject's common name; empty when it has none.
    package var commonName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        let count = X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, &buffer, Int32(buffer.count))
        guard count > 0 else { return "" }
        return String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A private key. Never printed, never encoded again.
package final class PrivateKey: @unchecked Sendable {
    // Read only after init; libcrypto's key operations on one key are safe from several threads.
    let key: OpaquePointer

    package init(pem: [UInt8]) throws(CryptoError) {
        let bio = MemoryBIO(pem)
        guard let key = PEM_read_bio_PrivateKey(bio.pointer, nil, nil, nil) else { throw .last(.badKey) }
        self.key = key
    }

    /// Takes ownership of `key`.
    init(owning key: OpaquePointer) {
        self.key = key
    }

    deinit { EVP_PKEY_free(key) }

    func matches(_ certificate: Certificate) -> Bool { X509_check_private_key(certificate.x509, key) == 1 }
}

/// A key with its certificate.
package struct Identity: Sendable {
    package let certificate: Certificate
    let key: PrivateKey

    package init(certificate: Certificate, key: PrivateKey) throws(CryptoError) {
        guard key.matches(certificate) else {
            throw CryptoError(code: .badKey, detail: "the key does not belong to the certificate")
        }
        self.certificate = certificate
        self.key = key
    }

    /// The certificate of the identity that `init(path:)` reads, without its key.
    package static func certificate(path: String) throws -> Certificate {
        let file = path.hasPrefix(TokenURI.prefix) ? try TokenURI(path).certificate : path + ".crt"
        return try Certificate(pem: FileSystem.read(file))
    }

    /// Reads `<path>.crt` and `<path>.key`, both PEM; or finds a key in a token by its URI (`pkcs11:…`).
    package init(path: String) throws {
        if path.hasPrefix(TokenURI.prefix) {
            let uri = try TokenURI(path)
            try self.init(
                certificate: Certificate(pem: FileSystem.read(uri.certificate)), key: PrivateKey(token: uri))
            return
        }
        let file = path + ".key"
        try checkSecret(file)
        try self.init(
            certificate: Certificate(pem: FileSystem.read(path + ".crt")), key: PrivateKey(pem: FileSystem.read(file)))
    }
}

/// A file that others could read or replace is no secret any more.
func checkSecret(_ file: String) throws(CryptoError) {
    guard let mode = FileSystem.permissions(file), !FileSystem.isPrivate(file) else { return }
    throw CryptoError(
        code: .badKey,
        detail: "\(file) has mode \(String(mode, radix: 8)): others could read or replace it; chmod 640 or 600")
}

/// The authority that certificates must lead to, with its revocation lists.
package final class TrustStore: @unchecked Sendable {
    // Filled in init and only read afterwards; X509_STORE locks its own cache.
    let store: OpaquePointer
    private let hasLists: Bool

    /// What a certificate must be good for.
    package enum Purpose: Sendable { case signing, clientAuthentication, keyAgreement }

    /// - Parameters:
    ///   - authorities: PEM, one or more certificates.
    ///   - revocationLists: PEM. With one, revocation is checked, and a certificate whose issuer has no list fails.
    package init(authorities: [UInt8], revocationLists: [[UInt8]] = []) throws(CryptoError) {
        guard let store = X509_STORE_new() else { throw .last(.badCertificate) }
        self.store = store
        hasLists = !revocationLists.isEmpty
        let bio = MemoryBIO(authorities)
        var count = 0
        while let x509 = PEM_read_bio_X509(bio.pointer, nil, nil, nil) {
            X509_STORE_add_cert(store, x509)
            X509_free(x509)
            count += 1
        }
        ERR_clear_error()
        guard count > 0 else { throw CryptoError(code: .badCertificate, detail: "no authority certificate") }
        for list in revocationLists {
            // One file may hold the lists of several authorities.
            let bio = MemoryBIO(list)
            var lists = 0
            while let crl = PEM_read_bio_X509_CRL(bio.pointer, nil, nil, nil) {
                X509_STORE_add_crl(store, crl)
                X509_CRL_free(crl)
                lists += 1
            }
            guard lists > 0 else { throw .last(.badRevocationList) }
            ERR_clear_error()
        }
    }

    deinit { X509_STORE_free(store) }

    /// Whether an authority of ours issued it, whatever else may be wrong.
    private func isOwnIssuer(_ certificate: Certificate) -> Bool {
        guard let context = X509_STORE_CTX_new() else { return false }
        defer { X509_STORE_CTX_free(context) }
        guard X509_STORE_CTX_init(context, store, certificate.x509, nil) == 1 else { return false }
        var issuer: OpaquePointer?
        guard X509_STORE_CTX_get1_issuer(&issuer, context, certificate.x509) == 1 else { return false }
        defer { X509_free(issuer) }
        return X509_verify(certificate.x509, X509_get0_pubkey(issuer)) == 1
    }

    /// Checks chain, purpose and validity at `instant`, and revocation as it is known at `now`.
    ///
    /// The two differ for a batch that was sealed days ago: its signer's certificate must have been good then, and a
    /// list that came later must still count.
    package func verify(
        _ certificate: Certificate, for purpose: Purpose, at instant: Instant, revokedBy now: Instant
    ) throws(CryptoError) {
        try verifyChain(certificate, purpose, at: instant, lists: false)
        if hasLists { try verifyChain(certificate, purpose, at: now, lists: true) }
        if X509_check_ca(certificate.x509) > 0 {
            throw CryptoError(code: .untrusted, detail: "the certificate is an authority's")
        }
        if purpose == .clientAuthentication {
            let isNamed = X509_get_extension_flags(certificate.x509) & UInt32(EXFLAG_XKUSAGE) != 0
            guard isNamed, X509_get_extended_key_usage(certificate.x509) & UInt32(XKU_SSL_CLIENT) != 0 else {
                throw CryptoError(code: .untrusted, detail: "the certificate is not for client authentication")
            }
        }
        if purpose == .signing, X509_get_key_usage(certificate.x509) & UInt32(KU_DIGITAL_SIGNATURE) == 0 {
            throw CryptoError(code: .untrusted, detail: "the certificate is not for digital signatures")
        }
        if purpose == .keyAgreement, X509_get_key_usage(certificate.x509) & UInt32(KU_KEY_AGREEMENT) == 0 {
            throw CryptoError(code: .untrusted, detail: "the certificate is not for key agreement")
        }
    }

    private func verifyChain(
        _ certificate: Certificate, _ purpose: Purpose, at instant: Instant, lists: Bool
    ) throws(CryptoError) {
        guard let context = X509_STORE_CTX_new() else { throw .last(.untrusted) }
        defer { X509_STORE_CTX_free(context) }
        guard X509_STORE_CTX_init(context, store, certificate.x509, nil) == 1 else { throw .last(.untrusted) }
        let parameters = X509_STORE_CTX_get0_param(context)
        X509_VERIFY_PARAM_set_time(parameters, time_t(instant.seconds))
        // 112 bits: no RSA key under 2,048 bits, no curve under 224, no signature over SHA-1.
        X509_VERIFY_PARAM_set_auth_level(parameters, 2)
        if lists {
            X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL))
            // Validity was judged at its own instant.
            X509_STORE_CTX_set_verify_cb(context) { ok, context in
                X509_STORE_CTX_get_error(context) == X509_V_ERR_CERT_HAS_EXPIRED ? 1 : ok
            }
        }
        if purpose == .clientAuthentication {
            X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT)
        }
        guard X509_verify_cert(context) == 1 else {
            let error = X509_STORE_CTX_get_error(context)
            ERR_clear_error()
            let isOurs = [
                X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_CRL_NOT_YET_VALID, X509_V_ERR_CRL_HAS_EXPIRED,
                X509_V_ERR_CRL_SIGNATURE_FAILURE,
            ].contains(error)
            let depth = X509_STORE_CTX_get_error_depth(context)
            throw CryptoError(
                code: isOurs && (depth > 0 || isOwnIssuer(certificate)) ? .revocationListOutdated : .untrusted,
                detail: String(cString: X509_verify_cert_error_string(Int(error))))
        }
    }
}
