import CLibCrypto

/// AES-256-GCM with a random nonce before the ciphertext and the tag after it.
package enum AEAD {
    package static let keyBytes = 32
    private static let nonceBytes = 12
    private static let tagBytes = 16
    /// Fetched once: looking it up costs as much as sealing a short text. Never freed, never changed.
    nonisolated(unsafe) private static let gcm = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)

    /// - Parameter nonce: 12 bytes that never repeat under one key.
    package static func seal(
        _ plain: [UInt8], key: [UInt8], nonce: [UInt8], associated: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        guard key.count == keyBytes, nonce.count == nonceBytes, let context = EVP_CIPHER_CTX_new() else {
            throw CryptoError(code: .seal, detail: "key or nonce of the wrong length")
        }
        defer { EVP_CIPHER_CTX_free(context) }
        var out = [UInt8](repeating: 0, count: plain.count + tagBytes)
        var count: Int32 = 0
        guard EVP_EncryptInit_ex(context, gcm, nil, key, nonce) == 1,
            EVP_EncryptUpdate(context, nil, &count, associated, Int32(associated.count)) == 1,
            EVP_EncryptUpdate(context, &out, &count, plain, Int32(plain.count)) == 1
        else { throw .last(.seal) }
        var tag = [UInt8](repeating: 0, count: tagBytes)
        var rest = [UInt8](repeating: 0, count: 32)
        guard EVP_EncryptFinal_ex(context, &rest, &count) == 1, xm_gcm_get_tag(context, Int32(tagBytes), &tag) == 1
        else {
            throw .last(.seal)
        }
        out.replaceSubrange(plain.count..., with: tag)
        return nonce + out
    }

    /// Throws `open` unless key, nonce, associated data and every byte are right.
    package static func open(_ box: [UInt8], key: [UInt8], associated: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard key.count == keyBytes, box.count >= nonceBytes + tagBytes, let context = EVP_CIPHER_CTX_new() else {
            throw CryptoError(code: .open, detail: "")
        }
        defer { EVP_CIPHER_CTX_free(context) }
        let nonce = Array(box[..<nonceBytes])
        let cipher = Array(box[nonceBytes..<(box.count - tagBytes)])
        var tag = Array(box[(box.count - tagBytes)...])
        var out = [UInt8](repeating: 0, count: cipher.count + 16)
        var count: Int32 = 0
        guard EVP_DecryptInit_ex(context, gcm, nil, key, nonce) == 1,
            EVP_DecryptUpdate(context, nil, &count, associated, Int32(associated.count)) == 1,
            EVP_DecryptUpdate(context, &out, &count, cipher, Int32(cipher.count)) == 1,
            xm_gcm_set_tag(context, Int32(tagBytes), &tag) == 1
        else { throw .last(.open) }
        var rest = [UInt8](repeating: 0, count: 32)
        guard EVP_DecryptFinal_ex(context, &rest, &count) == 1 else {
            ERR_clear_error()
            throw CryptoError(code: .open, detail: "")
        }
        return Array(out[..<cipher.count])
    }
}

/// HMAC-SHA-256 (RFC 2104).
package func hmacSHA256(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 0
    // A nil key pointer would mean "the previous key": an empty key is passed as one zero-length buffer.
    let made = HMAC(EVP_sha256(), key.isEmpty ? [0] : key, Int32(key.count), message, message.count, &out, &count)
    // Zeros in its place would be one key for everybody.
    precondition(made != nil && count == 32, "HMAC-SHA-256 failed in libcrypto")
    return out
}

/// The same for many messages under one key, which is prepared once.
package func hmacSHA256(key: [UInt8], each messages: some Sequence<[UInt8]>) -> [[UInt8]] {
    let context = xm_hmac_sha256_new(key, key.count)
    defer { EVP_MAC_CTX_free(context) }
    return messages.map { message in
        var out = [UInt8](repeating: 0, count: 32)
        precondition(xm_hmac_sha256(context, message, message.count, &out) == 1, "HMAC-SHA-256 failed in libcrypto")
        return out
    }
}

/// HKDF with SHA-256 (RFC 5869).
package enum HKDF {
    package static func extract(salt: [UInt8], ikm: [UInt8]) -> [UInt8] { hmacSHA256(key: salt, ikm) }

    /// - Parameter count: at most 255 × 32 bytes.
    package static func expand(prk: [UInt8], info: String, count: Int) -> [UInt8] {
        var out: [UInt8] = []
        var block: [UInt8] = []
        var counter: UInt8 = 1
        while out.count < count {
            block = hmacSHA256(key: prk, block + Array(info.utf8) + [counter])
            out += block
            counter += 1
        }
        return Array(out[..<count])
    }
}

/// Compares secrets in time that depends on their length only.
package func equalInConstantTime(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
}
