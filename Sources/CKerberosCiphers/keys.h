#ifndef GARTER_CKERBEROSCIPHERS_KEYS_H
#define GARTER_CKERBEROSCIPHERS_KEYS_H

#include <openssl/evp.h>

#include "CKerberosCiphers.h"

// Two keys of an HMAC: for signed messages, for sealed ones.
enum { CKC_SIGNED = 0, CKC_SEALED = 1 };

struct ckc_keys {
  // Round keys of one direction, 15 at most; the multi-buffer library wants them aligned.
  _Alignas(64) uint8_t schedule[15 * 16];
  // Chaining values after the block of key and pad, in the order of the words that the multi-buffer library has.
  _Alignas(16) uint8_t inner[2][64];
  _Alignas(16) uint8_t outer[2][64];
  uint8_t cipher_key[CKC_MAXIMUM_KEY];
  uint8_t hash_key[2][CKC_MAXIMUM_KEY];
  size_t cipher_length, hash_length;
  ckc_hash hash;
  int enciphering;
  int expanded;
  // libcrypto's, made at first use.
  EVP_CIPHER_CTX *cipher;
  EVP_MAC_CTX *mac[2];
};

static inline size_t ckc_checksum_length(ckc_hash hash) { return hash == CKC_SHA1 ? 12 : hash == CKC_SHA256 ? 16 : 24; }

#endif
