import CLibCrypto

/// CMS AuthEnvelopedData (RFC 5083): AES-256-GCM, P-256 ECDH with the X9.63 KDF over SHA-256.
///
/// Stock `openssl cms -decrypt` opens what this writes. One call holds one message in memory, so callers bound it.
package enum Envelope {
    /// Largest message sealed in one piece.
    package static let maxBytes = 64 << 20

    package static func seal(_ bytes: [UInt8], for recipients: [Certificate]) throws(CryptoError) -> [UInt8] {
        try seal(consuming: bytes, for: recipients)
    }

    /// The same for bytes that need not stay in memory while the message is written.
    package static func seal(
        consuming bytes: consuming [UInt8], for recipients: [Certificate]
    ) throws(CryptoError) -> [UInt8] {
        guard !recipients.isEmpty, bytes.count <= maxBytes else {
            throw CryptoError(code: .seal, detail: "no recipient, or too large")
        }
        let flags = UInt32(CMS_BINARY | CMS_PARTIAL | CMS_USE_KEYID)
        guard let cms = CMS_encrypt(nil, nil, EVP_aes_256_gcm(), flags) else { throw .last(.seal) }
        defer { CMS_ContentInfo_free(cms) }
        for recipient in recipients {
            guard let info = CMS_add1_recipient_cert(cms, recipient.x509, flags | UInt32(CMS_KEY_PARAM)),
                let context = CMS_RecipientInfo_get0_pkey_ctx(info),
                EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) == 1
            else { throw .last(.seal) }
        }
        // `CMS_final` would take the content a kilobyte at a time.
        guard let chain = CMS_dataInit(cms, nil) else { throw .last(.seal) }
        defer { BIO_free_all(chain) }
        if let memory = BIO_find_type(chain, BIO_TYPE_MEM) { xm_bio_reserve(memory, bytes.count + 64) }
        let written = bytes.withUnsafeBytes { $0.isEmpty ? 0 : BIO_write(chain, $0.baseAddress, Int32($0.count)) }
        let count = bytes.count
        bytes = []
        guard Int(written) == count, xm_bio_flush(chain) == 1, CMS_dataFinal(cms, chain) == 1 else {
            throw .last(.seal)
        }
        return try cmsBytes(cms, .seal)
    }

    /// Opens a message for this identity. Nothing is returned unless the authentication tag holds.
    package static func open(_ message: [UInt8], with identity: Identity) throws(CryptoError) -> [UInt8] {
        try open(try parse(message), with: identity)
    }

    /// The same for bytes that need not stay in memory while they are opened.
    package static func open(
        consuming message: consuming [UInt8], with identity: Identity
    ) throws(CryptoError) -> [UInt8] {
        let cms = try parse(message)
        message = []
        return try open(cms, with: identity)
    }

    /// Opens a message with whichever of these identities it was sealed for: an old key is kept beside its successor as
    /// long as something sealed for it may come, or lies in store.
    ///
    /// - Throws: `notRecipient` where it is for none of them, `open` where it is damaged.
    package static func open(_ message: [UInt8], withAnyOf identities: [Identity]) throws(CryptoError) -> [UInt8] {
        for identity in identities.dropLast() {
            do throws(CryptoError) {
                return try open(message, with: identity)
            } catch {
                guard error.code == .notRecipient else { throw error }
            }
        }
        guard let last = identities.last else { throw CryptoError(code: .notRecipient, detail: "no key") }
        return try open(message, with: last)
    }

    /// Whether this identity opens what is sealed for it: where not, its key or token fails, and no message is to blame.
    package static func works(with identity: Identity) -> Bool {
        (try? open(seal([1], for: [identity.certificate]), with: identity)) == [1]
    }

    private static func parse(_ message: [UInt8]) throws(CryptoError) -> OpaquePointer {
        let cms = try cmsRead(message, .open)
        guard OBJ_obj2nid(CMS_get0_type(cms)) == NID_id_smime_ct_authEnvelopedData else {
            CMS_ContentInfo_free(cms)
            throw CryptoError(code: .open, detail: "not AuthEnvelopedData")
        }
        return cms
    }

    /// Takes ownership of `cms`.
    private static func open(_ cms: OpaquePointer, with identity: Identity) throws(CryptoError) -> [UInt8] {
        defer { CMS_ContentInfo_free(cms) }
        ERR_clear_error()
        guard CMS_decrypt_set1_pkey(cms, identity.key.key, identity.certificate.x509) == 1 else {
            // Where no entry names the certificate, libcrypto says no more than that it failed.
            let error = ERR_peek_last_error()
            let isForOthers = error == 0 || ERR_GET_REASON(error) == CMS_R_NO_MATCHING_RECIPIENT
            throw .last(isForOthers ? .notRecipient : .open)
        }
        guard let place = CMS_get0_content(cms), let sealed = place.pointee else { throw .last(.open) }
        let count = Int(ASN1_STRING_length(sealed))
        guard let chain = CMS_dataInit(cms, nil) else { throw .last(.open) }
        defer { BIO_free_all(chain) }
        var isWhole = false
        // Read straight into the result, which is given away only when the tag holds.
        let bytes = [UInt8](unsafeUninitializedCapacity: count + 1) { buffer, filled in
            while true {
                let n = BIO_read(chain, buffer.baseAddress! + filled, Int32(count + 1 - filled))
                if n <= 0 {
                    isWhole = n == 0 && xm_cipher_status(chain) == 1
                    break
                }
                filled += Int(n)
                // More plain than sealed bytes there cannot be.
                if filled > count { break }
            }
        }
        guard isWhole else { throw .last(.open) }
        return bytes
    }
}

/// A message from its encoding, and nothing behind it. The caller frees it.
func cmsRead(_ bytes: [UInt8], _ failure: CryptoError.Code) throws(CryptoError) -> OpaquePointer {
    var left = 0
    let cms = bytes.withUnsafeBytes { bytes in
        var place = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let cms = d2i_CMS_ContentInfo(nil, &place, bytes.count)
        left = bytes.count - (place.map { UnsafeRawPointer($0) - bytes.baseAddress! } ?? 0)
        return cms
    }
    guard let cms else { throw .last(failure) }
    guard left == 0 else {
        CMS_ContentInfo_free(cms)
        throw CryptoError(code: failure, detail: "\(left) bytes behind the end")
    }
    return cms
}

/// DER of a message.
func cmsBytes(_ cms: OpaquePointer, _ failure: CryptoError.Code) throws(CryptoError) -> [UInt8] {
    let count = Int(i2d_CMS_ContentInfo(cms, nil))
    guard count > 0 else { throw .last(failure) }
    var written = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        var place = buffer.baseAddress
        written = Int(i2d_CMS_ContentInfo(cms, &place))
        filled = max(0, written)
    }
    guard written == count else { throw .last(failure) }
    return bytes
}
