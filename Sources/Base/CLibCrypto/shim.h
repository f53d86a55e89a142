// OpenSSL libcrypto, and the few of its macros that Swift cannot import.
#ifndef XINMI_CLIBCRYPTO_SHIM_H
#define XINMI_CLIBCRYPTO_SHIM_H

// Keys in tokens are reached by the engine interface, which libcrypto 3 calls deprecated and Debian's libp11 still needs.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/bio.h>
#include <openssl/buffer.h>
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/engine.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static inline STACK_OF(X509) *xm_x509_stack_new(void) { return sk_X509_new_null(); }
static inline int xm_x509_stack_push(STACK_OF(X509) *s, X509 *x) { return sk_X509_push(s, x); }
static inline int xm_x509_stack_count(STACK_OF(X509) *s) { return s ? sk_X509_num(s) : 0; }
static inline X509 *xm_x509_stack_at(STACK_OF(X509) *s, int i) { return sk_X509_value(s, i); }
static inline void xm_x509_stack_free(STACK_OF(X509) *s) { sk_X509_free(s); }

static inline int xm_signer_count(STACK_OF(CMS_SignerInfo) *s) { return s ? sk_CMS_SignerInfo_num(s) : 0; }
static inline CMS_SignerInfo *xm_signer_at(STACK_OF(CMS_SignerInfo) *s, int i) { return sk_CMS_SignerInfo_value(s, i); }

static inline void xm_openssl_free(void *p) { OPENSSL_free(p); }

static inline int xm_bio_reserve(BIO *b, size_t n) {
    BUF_MEM *m = NULL;
    BIO_get_mem_ptr(b, &m);
    if (!m || !BUF_MEM_grow(m, n)) return 0;
    m->length = 0;
    return 1;
}

static inline int xm_cipher_status(BIO *b) { return BIO_get_cipher_status(b) > 0; }

static inline int xm_bio_is_eof(BIO *b) { return BIO_eof(b); }
static inline long xm_bio_mem_data(BIO *b, char **p) { return BIO_get_mem_data(b, p); }
static inline int xm_bio_reset(BIO *b) { return BIO_reset(b); }
static inline int xm_bio_flush(BIO *b) { return BIO_flush(b); }

static inline int xm_gcm_set_ivlen(EVP_CIPHER_CTX *c, int n) { return EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, n, 0); }
static inline int xm_gcm_get_tag(EVP_CIPHER_CTX *c, int n, void *p) { return EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, n, p); }
static inline int xm_gcm_set_tag(EVP_CIPHER_CTX *c, int n, void *p) { return EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, n, p); }

// HMAC-SHA-256 with a key that is prepared once: NULL where libcrypto cannot.
static inline EVP_MAC_CTX *xm_hmac_sha256_new(const unsigned char *key, size_t n) {
  EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  EVP_MAC_CTX *c = mac ? EVP_MAC_CTX_new(mac) : NULL;
  EVP_MAC_free(mac);
  OSSL_PARAM digest[] = {OSSL_PARAM_construct_utf8_string("digest", (char *)"SHA256", 0), OSSL_PARAM_construct_end()};
  if (c && EVP_MAC_init(c, key, n, digest) != 1) { EVP_MAC_CTX_free(c); c = NULL; }
  return c;
}
static inline int xm_hmac_sha256(EVP_MAC_CTX *c, const unsigned char *m, size_t n, unsigned char out[32]) {
  size_t length = 0;
  return c && EVP_MAC_init(c, NULL, 0, NULL) == 1 && EVP_MAC_update(c, m, n) == 1
      && EVP_MAC_final(c, out, &length, 32) == 1 && length == 32;
}

// The engine of libp11 over one module, for as long as the process lives.
static inline ENGINE *xm_token_engine(const char *module) {
    ENGINE_load_dynamic();
    ENGINE *engine = ENGINE_by_id("pkcs11");
    if (!engine) return NULL;
    if (ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", module, 0) && ENGINE_init(engine)) return engine;
    ENGINE_free(engine);
    return NULL;
}

static inline EVP_PKEY *xm_token_key(ENGINE *engine, const char *uri, const char *pin) {
    if (pin && !ENGINE_ctrl_cmd_string(engine, "PIN", pin, 0)) return NULL;
    return ENGINE_load_private_key(engine, uri, NULL, NULL);
}

#endif
