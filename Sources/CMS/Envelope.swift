import CLibCrypto

/// CMS AuthEnvelopedData (RFC 5083): AES-256-GCM, P-256 ECDH with the X9.63 KDF over SHA-256.
///
/// Stock `openssl cms -decrypt` opens what this writes. One call holds one message in memory, so callers bound it.
package enum Envelope {
    /// Largest message sealed in one piece.
    package static let maxBytes = 64 << 20

    package static func seal(_ bytes: [UInt8], for recipients: [Certificate]) throws(CryptoError) -> [UInt8] {
        guard !recipients.isEmpty, bytes.count <= maxBytes else {
            throw CryptoError(code: .seal, detail: "no recipient, or too large")
        }
        let flags = UInt32(CMS_BINARY | CMS_PARTIAL | CMS_USE_KEYID)
        let input = MemoryBIO(bytes)
        guard let cms = CMS_encrypt(nil, nil, EVP_aes_256_gcm(), flags) else { throw .last(.seal) }
        defer { CMS_ContentInfo_free(cms) }
        for recipient in recipients {
            guard let info = CMS_add1_recipient_cert(cms, recipient.x509, flags | UInt32(CMS_KEY_PARAM)),
                let context = CMS_RecipientInfo_get0_pkey_ctx(info),
                EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) == 1
            else { throw .last(.seal) }
        }
        guard CMS_final(cms, input.pointer, nil, flags) == 1 else { throw .last(.seal) }
        let output = MemoryBIO()
        guard i2d_CMS_bio(output.pointer, cms) == 1 else { throw .last(.seal) }
        return output.bytes
    }

    /// Opens a message for this identity. Nothing is returned unless the authentication tag holds.
    package static func open(_ message: [UInt8], with identity: Identity) throws(CryptoError) -> [UInt8] {
        let input = MemoryBIO(message)
        guard let cms = d2i_CMS_bio(input.pointer, nil) else { throw .last(.open) }
        defer { CMS_ContentInfo_free(cms) }
        guard OBJ_obj2nid(CMS_get0_type(cms)) == NID_id_smime_ct_authEnvelopedData else {
            throw CryptoError(code: .open, detail: "not AuthEnvelopedData")
        }
        let output = MemoryBIO()
        guard
            CMS_decrypt(cms, identity.key.key, identity.certificate.x509, nil, output.pointer, UInt32(CMS_BINARY)) == 1
        else {
            throw .last(.open)
        }
        return output.bytes
    }
}
