import CLibCrypto
package import PortalBase

/// A second signature by SM2 over SM3 (GB/T 32918, GM/T 0009), as `openssl dgst -sm3 -sign` makes it: the DER of r and s.
package enum SM2Signature {
    /// The identifier that GM/T 0009 prescribes where none is agreed upon.
    package static let identifier = "1234567812345678"

    package static func sign(_ content: [UInt8], by identity: Identity) throws(CryptoError) -> [UInt8] {
        let context = try makeContext(identity.key.key)
        defer { EVP_MD_CTX_free(context.digest); EVP_PKEY_CTX_free(context.key) }
        var count = 0
        guard EVP_DigestSignInit(context.digest, nil, EVP_sm3(), nil, identity.key.key) == 1,
            EVP_DigestSign(context.digest, nil, &count, content, content.count) == 1
        else { throw .last(.sign) }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context.digest, &signature, &count, content, content.count) == 1 else {
            throw .last(.sign)
        }
        return Array(signature[..<count])
    }

    /// Verifies by any of the pinned certificates, each of which must also lead to the authority.
    ///
    /// - Returns: the signer's certificate.
    package static func verify(
        _ signature: [UInt8], over content: [UInt8], trust: TrustStore, allowed: [Certificate], at instant: Instant,
        revokedBy now: Instant
    ) throws(CryptoError) -> Certificate {
        for certificate in allowed {
            guard let key = X509_get0_pubkey(certificate.x509), EVP_PKEY_is_a(key, "SM2") == 1 else { continue }
            let context = try makeContext(key)
            defer { EVP_MD_CTX_free(context.digest); EVP_PKEY_CTX_free(context.key) }
            guard EVP_DigestVerifyInit(context.digest, nil, EVP_sm3(), nil, key) == 1 else {
                throw .last(.badSignature)
            }
            if EVP_DigestVerify(context.digest, signature, signature.count, content, content.count) == 1 {
                try trust.verify(certificate, for: .signing, at: instant, revokedBy: now)
                return certificate
            }
            ERR_clear_error()
        }
        throw CryptoError(code: .badSignature, detail: "no pinned SM2 certificate made it")
    }

    private static func makeContext(_ key: OpaquePointer) throws(CryptoError) -> (
        digest: OpaquePointer, key: OpaquePointer
    ) {
        guard let digest = EVP_MD_CTX_new() else { throw .last(.sign) }
        guard let keyContext = EVP_PKEY_CTX_new_from_pkey(nil, key, nil),
            EVP_PKEY_CTX_set1_id(keyContext, identifier, Int32(identifier.utf8.count)) == 1
        else {
            EVP_MD_CTX_free(digest)
            throw .last(.sign)
        }
        EVP_MD_CTX_set_pkey_ctx(digest, keyContext)
        return (digest, keyContext)
    }
}
