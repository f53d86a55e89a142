import CLibCrypto
package import PortalBase

/// Detached CMS SignedData (RFC 5652) with signed attributes, SHA-256.
package enum DetachedSignature {
    package static func sign(_ content: [UInt8], by identity: Identity) throws(CryptoError) -> [UInt8] {
        let input = MemoryBIO(content)
        let flags = UInt32(CMS_DETACHED | CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP)
        guard let cms = CMS_sign(nil, nil, nil, nil, flags) else { throw .last(.sign) }
        defer { CMS_ContentInfo_free(cms) }
        guard CMS_add1_signer(cms, identity.certificate.x509, identity.key.key, EVP_sha256(), flags) != nil,
            CMS_final(cms, input.pointer, nil, flags) == 1
        else { throw .last(.sign) }
        return try cmsBytes(cms, .sign)
    }

    /// Verifies a signature over `content`.
    ///
    /// A chain to the authority is necessary and not sufficient, since any clerk's certificate has one: the signer's
    /// public key must also be among `allowed`. Exactly one signer, with signed attributes.
    /// - Returns: the signer's certificate.
    package static func verify(
        _ signature: [UInt8], over content: [UInt8], trust: TrustStore, allowed: Set<SHA256Digest>, at instant: Instant,
        revokedBy now: Instant
    ) throws(CryptoError) -> Certificate {
        let certificate = try signer(of: signature, over: content)
        try trust.verify(certificate, for: .signing, at: instant, revokedBy: now)
        try check(certificate, isAmong: allowed)
        return certificate
    }

    /// The pinned signer of content that nothing has parsed yet. Whether its certificate was good when it signed is still
    /// to be asked, once the content says when that was.
    package static func pinnedSigner(
        of signature: [UInt8], over content: [UInt8], allowed: Set<SHA256Digest>
    ) throws(CryptoError) -> Certificate {
        let certificate = try signer(of: signature, over: content)
        try check(certificate, isAmong: allowed)
        return certificate
    }

    private static func check(_ certificate: Certificate, isAmong allowed: Set<SHA256Digest>) throws(CryptoError) {
        guard allowed.contains(certificate.publicKeyDigest) else {
            throw CryptoError(
                code: .signerNotAllowed, detail: "\(certificate.commonName) (\(certificate.publicKeyDigest))")
        }
    }

    /// Digests that a signature may be over. SHA-1 and MD5 are none.
    private static let digests = [NID_sha256, NID_sha384, NID_sha512, NID_sm3]

    /// Whose signature it is, by its bytes alone: neither the chain nor the key has been judged.
    package static func signer(of signature: [UInt8], over content: [UInt8]) throws(CryptoError) -> Certificate {
        let cms = try cmsRead(signature, .badSignature)
        defer { CMS_ContentInfo_free(cms) }
        guard OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed else {
            throw CryptoError(code: .badSignature, detail: "not SignedData")
        }
        guard CMS_is_detached(cms) == 1 else {
            throw CryptoError(code: .badSignature, detail: "content stands in the signature itself")
        }
        let signers = CMS_get0_SignerInfos(cms)
        guard xm_signer_count(signers) == 1, let signer = xm_signer_at(signers, 0) else {
            throw CryptoError(code: .badSignature, detail: "not exactly one signer")
        }
        guard CMS_signed_get_attr_count(signer) > 0 else {
            throw CryptoError(code: .badSignature, detail: "no signed attributes")
        }
        var digest: UnsafeMutablePointer<X509_ALGOR>?
        CMS_SignerInfo_get0_algs(signer, nil, nil, &digest, nil)
        var name: OpaquePointer?
        X509_ALGOR_get0(&name, nil, nil, digest)
        guard digests.contains(OBJ_obj2nid(name)) else {
            throw CryptoError(code: .badSignature, detail: "signed over a digest that is too weak")
        }
        let input = MemoryBIO(content)
        // The chain is checked by the caller, at its instant and for the right purpose.
        let flags = UInt32(CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY)
        guard CMS_verify(cms, nil, nil, input.pointer, nil, flags) == 1 else { throw .last(.badSignature) }
        var x509: OpaquePointer?
        CMS_SignerInfo_get0_algs(signer, nil, &x509, nil, nil)
        guard let x509, X509_up_ref(x509) == 1 else {
            throw CryptoError(code: .badSignature, detail: "no signer certificate")
        }
        return Certificate(owning: x509)
    }
}
