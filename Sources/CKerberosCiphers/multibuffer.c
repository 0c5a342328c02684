// Intel's multi-buffer library, opened at run time: the package recommends it, nothing fails without it. Its interface
// moves with its soname, so a build serves the generation of the header that it saw.
#include <string.h>

#include "keys.h"

#if defined(__x86_64__) && __has_include(<intel-ipsec-mb.h>)
#include <intel-ipsec-mb.h>
#if IMB_VERSION_NUM >= IMB_VERSION(1, 3, 0) && IMB_VERSION_NUM < IMB_VERSION(3, 0, 0)
#define CKC_HAS_HEADER
#endif
#endif

#ifdef CKC_HAS_HEADER
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#if IMB_VERSION_NUM < IMB_VERSION(2, 0, 0)
#define CKC_SONAME "libIPSec_MB.so.1"
#else
#define CKC_SONAME "libIPSec_MB.so.2"
#endif

struct ckc_multibuffer {
  IMB_MGR *wide, *narrow;
  IMB_JOB jobs[CKC_MAXIMUM_BATCH];
};

// The only symbols; everything else goes through a manager's function pointers.
static struct {
  ckc_presence presence;
  unsigned version;
  IMB_MGR *(*allocate)(uint64_t);
  void (*release)(IMB_MGR *);
  void (*init_auto)(IMB_MGR *, IMB_ARCH *);
  void (*init_avx2)(IMB_MGR *);
  void (*init_sse)(IMB_MGR *);
} library;
static pthread_once_t opened = PTHREAD_ONCE_INIT;

static void open_library(void) {
  void *handle = dlopen(CKC_SONAME, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    library.presence = CKC_NOT_INSTALLED;
    return;
  }
  unsigned (*version)(void) = (unsigned (*)(void))dlsym(handle, "imb_get_version");
  library.allocate = (IMB_MGR * (*)(uint64_t)) dlsym(handle, "alloc_mb_mgr");
  library.release = (void (*)(IMB_MGR *))dlsym(handle, "free_mb_mgr");
  library.init_auto = (void (*)(IMB_MGR *, IMB_ARCH *))dlsym(handle, "init_mb_mgr_auto");
  library.init_avx2 = (void (*)(IMB_MGR *))dlsym(handle, "init_mb_mgr_avx2");
  library.init_sse = (void (*)(IMB_MGR *))dlsym(handle, "init_mb_mgr_sse");
  if (version == NULL || library.allocate == NULL || library.release == NULL || library.init_auto == NULL ||
      library.init_avx2 == NULL || library.init_sse == NULL) {
    library.presence = CKC_LACKS_SYMBOL;
    return;
  }
  library.version = version();
  int other_generation = library.version >> 16 != IMB_VERSION_NUM >> 16;
  library.presence = library.version < IMB_VERSION_NUM || other_generation ? CKC_OLDER_THAN_HEADER : CKC_PRESENT;
}

ckc_presence ckc_multibuffer_create(unsigned without, ckc_multibuffer **target, ckc_features *features) {
  memset(features, 0, sizeof *features);
  *target = NULL;
  pthread_once(&opened, open_library);
  if (library.presence != CKC_PRESENT) return library.presence;

  ckc_multibuffer *multibuffer = calloc(1, sizeof *multibuffer);
  if (multibuffer == NULL) return CKC_NO_MEMORY;
  uint64_t flags = without & CKC_WITHOUT_SHANI ? IMB_FLAG_SHANI_OFF : 0;
  multibuffer->wide = library.allocate(flags);
  multibuffer->narrow = library.allocate(flags);
  ckc_presence found = CKC_PRESENT;
  if (multibuffer->wide == NULL || multibuffer->narrow == NULL) {
    found = CKC_NO_MEMORY;
  } else if (!(multibuffer->wide->features & IMB_FEATURE_AESNI)) {
    found = CKC_NO_AESNI;
  } else if (!(multibuffer->wide->features & IMB_FEATURE_SAFE_DATA)) {
    found = CKC_NOT_SAFE;
  }
  if (found != CKC_PRESENT) {
    ckc_multibuffer_destroy(multibuffer);
    return found;
  }
  int has_avx2 = (multibuffer->wide->features & IMB_CPUFLAGS_AVX2) == IMB_CPUFLAGS_AVX2;
  if (without & CKC_WITHOUT_AVX2 || !has_avx2) {
    library.init_sse(multibuffer->wide);
  } else if (without & CKC_WITHOUT_AVX512) {
    library.init_avx2(multibuffer->wide);
  } else {
    library.init_auto(multibuffer->wide, NULL);
  }
  library.init_sse(multibuffer->narrow);

  uint64_t has = multibuffer->wide->features;
  features->avx512 = multibuffer->wide->used_arch == IMB_ARCH_AVX512;
  features->avx2 = features->avx512 || multibuffer->wide->used_arch == IMB_ARCH_AVX2;
  features->shani = (has & IMB_FEATURE_SHANI) != 0;
  features->vaes = features->avx512 && (has & IMB_CPUFLAGS_AVX512_T2) == IMB_CPUFLAGS_AVX512_T2;
  snprintf(features->version, sizeof features->version, "%u.%u.%u", library.version >> 16 & 0xff,
           library.version >> 8 & 0xff, library.version & 0xff);
  *target = multibuffer;
  return CKC_PRESENT;
}

void ckc_multibuffer_destroy(ckc_multibuffer *multibuffer) {
  if (multibuffer == NULL) return;
  if (multibuffer->wide != NULL) library.release(multibuffer->wide);
  if (multibuffer->narrow != NULL) library.release(multibuffer->narrow);
  OPENSSL_cleanse(multibuffer, sizeof *multibuffer);
  free(multibuffer);
}

// RFC 2104: the hash's state after the one block of key and pad. No key here is longer than a block.
static void chain(const IMB_MGR *manager, const ckc_keys *keys, int which, uint8_t pad, uint8_t *state) {
  _Alignas(16) uint8_t block[128];
  memset(block, pad, sizeof block);
  for (size_t i = 0; i < keys->hash_length; i++) block[i] ^= keys->hash_key[which][i];
  switch (keys->hash) {
    case CKC_SHA1: manager->sha1_one_block(block, state); break;
    case CKC_SHA256: manager->sha256_one_block(block, state); break;
    case CKC_SHA384: manager->sha384_one_block(block, state); break;
  }
  OPENSSL_cleanse(block, sizeof block);
}

int ckc_multibuffer_expand(ckc_multibuffer *multibuffer, ckc_keys *keys) {
  _Alignas(64) uint8_t other[sizeof keys->schedule];
  void *enciphering = keys->enciphering ? keys->schedule : other;
  void *deciphering = keys->enciphering ? other : keys->schedule;
  if (keys->cipher_length == 32) {
    multibuffer->wide->keyexp_256(keys->cipher_key, enciphering, deciphering);
  } else {
    multibuffer->wide->keyexp_128(keys->cipher_key, enciphering, deciphering);
  }
  OPENSSL_cleanse(other, sizeof other);
  for (int which = CKC_SIGNED; which <= CKC_SEALED; which++) {
    chain(multibuffer->wide, keys, which, 0x36, keys->inner[which]);
    chain(multibuffer->wide, keys, which, 0x5c, keys->outer[which]);
  }
  keys->expanded = 1;
  return 1;
}

static int all_completed(const IMB_JOB *jobs, size_t count, uint32_t completed) {
  if (completed != count) return 0;
  for (size_t i = 0; i < count; i++) {
    if (jobs[i].status != IMB_STATUS_COMPLETED) return 0;
  }
  return 1;
}

int ckc_multibuffer_cipher(ckc_multibuffer *multibuffer, ckc_cipher_job *jobs, size_t count) {
  static const uint8_t zero[16];
  if (count == 0) return 1;
  if (count > CKC_MAXIMUM_BATCH) return 0;
  const ckc_keys *first = jobs[0].keys;
  for (size_t i = 0; i < count; i++) {
    const ckc_keys *keys = jobs[i].keys;
    if (!keys->expanded || keys->cipher_length != first->cipher_length || keys->enciphering != first->enciphering) return 0;
    IMB_JOB *job = &multibuffer->jobs[i];
    memset(job, 0, sizeof *job);
    job->enc_keys = job->dec_keys = keys->schedule;
    job->key_len_in_bytes = keys->cipher_length;
    job->src = jobs[i].source;
    job->dst = jobs[i].target;
    job->msg_len_to_cipher_in_bytes = jobs[i].length;
    job->iv = zero;
    job->iv_len_in_bytes = sizeof zero;
  }
  uint32_t completed = IMB_SUBMIT_CIPHER_BURST(
      multibuffer->wide, multibuffer->jobs, (uint32_t)count, IMB_CIPHER_CBC,
      first->enciphering ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT, first->cipher_length == 32 ? IMB_KEY_256_BYTES : IMB_KEY_128_BYTES);
  return all_completed(multibuffer->jobs, count, completed);
}

int ckc_multibuffer_hash(ckc_multibuffer *multibuffer, int narrow, ckc_hash_job *jobs, size_t count) {
  static const IMB_HASH_ALG algorithms[] = {IMB_AUTH_HMAC_SHA_1, IMB_AUTH_HMAC_SHA_256, IMB_AUTH_HMAC_SHA_384};
  if (count == 0) return 1;
  if (count > CKC_MAXIMUM_BATCH) return 0;
  ckc_hash hash = jobs[0].keys->hash;
  for (size_t i = 0; i < count; i++) {
    const ckc_keys *keys = jobs[i].keys;
    int which = jobs[i].sealed ? CKC_SEALED : CKC_SIGNED;
    if (!keys->expanded || keys->hash != hash) return 0;
    IMB_JOB *job = &multibuffer->jobs[i];
    memset(job, 0, sizeof *job);
    job->src = jobs[i].source;
    job->msg_len_to_hash_in_bytes = jobs[i].length;
    job->auth_tag_output = jobs[i].checksum;
    job->auth_tag_output_len_in_bytes = ckc_checksum_length(hash);
    job->u.HMAC._hashed_auth_key_xor_ipad = keys->inner[which];
    job->u.HMAC._hashed_auth_key_xor_opad = keys->outer[which];
  }
  IMB_MGR *manager = narrow ? multibuffer->narrow : multibuffer->wide;
  uint32_t completed = IMB_SUBMIT_HASH_BURST(manager, multibuffer->jobs, (uint32_t)count, algorithms[hash]);
  return all_completed(multibuffer->jobs, count, completed);
}

#else

ckc_presence ckc_multibuffer_create(unsigned without, ckc_multibuffer **target, ckc_features *features) {
  (void)without;
  memset(features, 0, sizeof *features);
  *target = NULL;
  return CKC_NOT_COMPILED_IN;
}
void ckc_multibuffer_destroy(ckc_multibuffer *multibuffer) { (void)multibuffer; }
int ckc_multibuffer_expand(ckc_multibuffer *multibuffer, ckc_keys *keys) { return (void)multibuffer, (void)keys, 0; }
int ckc_multibuffer_cipher(ckc_multibuffer *multibuffer, ckc_cipher_job *jobs, size_t count) {
  return (void)multibuffer, (void)jobs, (void)count, 0;
}
int ckc_multibuffer_hash(ckc_multibuffer *multibuffer, int narrow, ckc_hash_job *jobs, size_t count) {
  return (void)multibuffer, (void)narrow, (void)jobs, (void)count, 0;
}

#endif
