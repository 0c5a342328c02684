// AES-CBC and truncated HMACs over batches of messages, on two libraries: libcrypto, and Intel's multi-buffer library
// for IPsec where the machine has it. Glue only: what a token looks like, and what is believed of one, is in the module
// `KerberosTokens`. Functions return 1 for success, 0 for failure.
#ifndef GARTER_CKERBEROSCIPHERS_H
#define GARTER_CKERBEROSCIPHERS_H

#include <stddef.h>
#include <stdint.h>

#define CKC_MAXIMUM_BATCH 16
#define CKC_MAXIMUM_KEY 32
#define CKC_MAXIMUM_CHECKSUM 24

typedef enum { CKC_SHA1 = 0, CKC_SHA256 = 1, CKC_SHA384 = 2 } ckc_hash;

// The keys of one direction of one session, and what the libraries make of them. Wiped when destroyed.
typedef struct ckc_keys ckc_keys;

// Two instances of the multi-buffer library: the widest, and the one for few messages. For one thread at a time.
typedef struct ckc_multibuffer ckc_multibuffer;

// One message through AES-CBC, initial vector zero: `length` octets, a multiple of 16. It may stay where it is.
typedef struct {
  ckc_keys *keys;
  const uint8_t *source;
  uint8_t *target;
  size_t length;
} ckc_cipher_job;

// One message's HMAC, cut to the length that goes with the hash: 12, 16 or 24.
typedef struct {
  ckc_keys *keys;
  const uint8_t *source;
  size_t length;
  int sealed;  // with the key for sealed messages, else with the one for signed ones
  uint8_t checksum[CKC_MAXIMUM_CHECKSUM];
} ckc_hash_job;

// `enciphering`: keys of the direction that we send; else they decipher. Null without memory.
ckc_keys *ckc_keys_create(ckc_hash hash, int enciphering, size_t cipher_length, size_t hash_length,
                          const uint8_t *cipher_key, const uint8_t *sealed_key, const uint8_t *signed_key);
void ckc_keys_destroy(ckc_keys *keys);
ckc_hash ckc_hash_of(const ckc_keys *keys);

// libcrypto. What it keeps for a key is made at the key's first use.
int ckc_portable_cipher(ckc_cipher_job *jobs, size_t count);
int ckc_portable_hash(ckc_hash_job *jobs, size_t count);
// For deriving keys.
int ckc_block(const uint8_t *key, size_t key_length, const uint8_t source[16], uint8_t target[16]);
int ckc_hmac(ckc_hash hash, const uint8_t *key, size_t key_length, const uint8_t *source, size_t length,
             uint8_t target[64]);
int ckc_random(uint8_t *target, size_t length);
int ckc_equal(const uint8_t *one, const uint8_t *other, size_t length);
void ckc_wipe(void *memory, size_t length);
const char *ckc_portable_version(void);

// The multi-buffer library.
typedef enum {
  CKC_PRESENT = 0,
  CKC_NOT_COMPILED_IN,    // built without its header, or with one of another generation
  CKC_NOT_INSTALLED,      // the header's soname cannot be opened
  CKC_OLDER_THAN_HEADER,
  CKC_LACKS_SYMBOL,
  CKC_NO_AESNI,           // it would imitate AES in tables
  CKC_NOT_SAFE,           // built without clearing what it leaves on the stack, or without checks
  CKC_NO_MEMORY
} ckc_presence;

// Features that are not to be used although the processor has them.
#define CKC_WITHOUT_AVX512 1u
#define CKC_WITHOUT_SHANI 2u
#define CKC_WITHOUT_AVX2 4u

typedef struct {
  char version[16];
  int avx512, avx2, shani, vaes;
} ckc_features;

ckc_presence ckc_multibuffer_create(unsigned without, ckc_multibuffer **target, ckc_features *features);
void ckc_multibuffer_destroy(ckc_multibuffer *multibuffer);
// Makes the key schedules. Before any job with these keys.
int ckc_multibuffer_expand(ckc_multibuffer *multibuffer, ckc_keys *keys);
// All jobs of a call have keys of one size and direction.
int ckc_multibuffer_cipher(ckc_multibuffer *multibuffer, ckc_cipher_job *jobs, size_t count);
// `narrow`: on the instance for few messages.
int ckc_multibuffer_hash(ckc_multibuffer *multibuffer, int narrow, ckc_hash_job *jobs, size_t count);

#endif
