#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"

// Looked up once for the process: each lookup takes locks in libcrypto.
static EVP_CIPHER *cbc_128, *cbc_256;
static EVP_MAC *hmac;
static pthread_once_t looked_up = PTHREAD_ONCE_INIT;

static void look_up(void) {
  cbc_128 = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
  cbc_256 = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
  hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
}

ckc_keys *ckc_keys_create(ckc_hash hash, int enciphering, size_t cipher_length, size_t hash_length,
                          const uint8_t *cipher_key, const uint8_t *sealed_key, const uint8_t *signed_key) {
  if ((cipher_length != 16 && cipher_length != 32) || hash_length > CKC_MAXIMUM_KEY) return NULL;
  ckc_keys *keys = aligned_alloc(_Alignof(ckc_keys), sizeof *keys);
  if (keys == NULL) return NULL;
  memset(keys, 0, sizeof *keys);
  keys->hash = hash;
  keys->enciphering = enciphering != 0;
  keys->cipher_length = cipher_length;
  keys->hash_length = hash_length;
  memcpy(keys->cipher_key, cipher_key, cipher_length);
  memcpy(keys->hash_key[CKC_SEALED], sealed_key, hash_length);
  memcpy(keys->hash_key[CKC_SIGNED], signed_key, hash_length);
  return keys;
}

void ckc_keys_destroy(ckc_keys *keys) {
  if (keys == NULL) return;
  EVP_CIPHER_CTX_free(keys->cipher);
  EVP_MAC_CTX_free(keys->mac[CKC_SIGNED]);
  EVP_MAC_CTX_free(keys->mac[CKC_SEALED]);
  OPENSSL_cleanse(keys, sizeof *keys);
  free(keys);
}

ckc_hash ckc_hash_of(const ckc_keys *keys) { return keys->hash; }

static EVP_CIPHER_CTX *cipher_of(ckc_keys *keys) {
  if (keys->cipher != NULL) return keys->cipher;
  pthread_once(&looked_up, look_up);
  const EVP_CIPHER *cipher = keys->cipher_length == 32 ? cbc_256 : cbc_128;
  EVP_CIPHER_CTX *context = cipher == NULL ? NULL : EVP_CIPHER_CTX_new();
  if (context == NULL) return NULL;
  if (EVP_CipherInit_ex2(context, cipher, keys->cipher_key, NULL, keys->enciphering, NULL) != 1 ||
      EVP_CIPHER_CTX_set_padding(context, 0) != 1) {
    EVP_CIPHER_CTX_free(context);
    return NULL;
  }
  return keys->cipher = context;
}

static EVP_MAC_CTX *make_mac(ckc_hash hash, const uint8_t *key, size_t length) {
  pthread_once(&looked_up, look_up);
  char *name = hash == CKC_SHA1 ? "SHA1" : hash == CKC_SHA256 ? "SHA256" : "SHA384";
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_construct_end()};
  EVP_MAC_CTX *context = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
  if (context != NULL && EVP_MAC_init(context, key, length, parameters) != 1) {
    EVP_MAC_CTX_free(context);
    return NULL;
  }
  return context;
}

int ckc_portable_cipher(ckc_cipher_job *jobs, size_t count) {
  static const uint8_t zero[16];
  for (size_t i = 0; i < count; i++) {
    EVP_CIPHER_CTX *context = cipher_of(jobs[i].keys);
    int written = 0;
    if (context == NULL || jobs[i].length > INT_MAX || jobs[i].length % 16 != 0) return 0;
    if (EVP_CipherInit_ex2(context, NULL, NULL, zero, -1, NULL) != 1) return 0;
    if (EVP_CipherUpdate(context, jobs[i].target, &written, jobs[i].source, (int)jobs[i].length) != 1) return 0;
    if ((size_t)written != jobs[i].length) return 0;
  }
  return 1;
}

int ckc_portable_hash(ckc_hash_job *jobs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    ckc_keys *keys = jobs[i].keys;
    int which = jobs[i].sealed ? CKC_SEALED : CKC_SIGNED;
    uint8_t whole[EVP_MAX_MD_SIZE];
    size_t written = 0;
    if (keys->mac[which] == NULL) keys->mac[which] = make_mac(keys->hash, keys->hash_key[which], keys->hash_length);
    EVP_MAC_CTX *context = keys->mac[which];
    // Without a key it begins anew with the one it has.
    if (context == NULL || EVP_MAC_init(context, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(context, jobs[i].source, jobs[i].length) != 1 ||
        EVP_MAC_final(context, whole, &written, sizeof whole) != 1 || written < ckc_checksum_length(keys->hash)) {
      return 0;
    }
    memcpy(jobs[i].checksum, whole, ckc_checksum_length(keys->hash));
    OPENSSL_cleanse(whole, sizeof whole);
  }
  return 1;
}

int ckc_block(const uint8_t *key, size_t key_length, const uint8_t source[16], uint8_t target[16]) {
  pthread_once(&looked_up, look_up);
  const EVP_CIPHER *cipher = key_length == 32 ? cbc_256 : key_length == 16 ? cbc_128 : NULL;
  EVP_CIPHER_CTX *context = cipher == NULL ? NULL : EVP_CIPHER_CTX_new();
  static const uint8_t zero[16];
  int written = 0;
  int done = context != NULL && EVP_CipherInit_ex2(context, cipher, key, zero, 1, NULL) == 1 &&
             EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
             EVP_CipherUpdate(context, target, &written, source, 16) == 1 && written == 16;
  EVP_CIPHER_CTX_free(context);
  return done;
}

int ckc_hmac(ckc_hash hash, const uint8_t *key, size_t key_length, const uint8_t *source, size_t length,
             uint8_t target[64]) {
  EVP_MAC_CTX *context = make_mac(hash, key, key_length);
  size_t written = 0;
  int done = context != NULL && EVP_MAC_update(context, source, length) == 1 &&
             EVP_MAC_final(context, target, &written, 64) == 1;
  EVP_MAC_CTX_free(context);
  return done;
}

int ckc_random(uint8_t *target, size_t length) { return length <= INT_MAX && RAND_bytes(target, (int)length) == 1; }

int ckc_equal(const uint8_t *one, const uint8_t *other, size_t length) { return CRYPTO_memcmp(one, other, length) == 0; }

void ckc_wipe(void *memory, size_t length) { OPENSSL_cleanse(memory, length); }

const char *ckc_portable_version(void) { return OpenSSL_version(OPENSSL_VERSION_STRING); }
