#include "bench.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdlib.h>
#include <string.h>

struct bench_contexts {
  gss_ctx_id_t initiator;
  gss_ctx_id_t acceptor;
};

bench_contexts *bench_make_contexts(const char *service) { return bench_make_contexts_of(service, 0); }

bench_contexts *bench_make_contexts_of(const char *service, int32_t type) {
  OM_uint32 minor, major;
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
  krb5_enctype wanted = type;
  if (type != 0) {
    gss_OID_set_desc mechanisms = {1, (gss_OID)gss_mech_krb5};
    major = gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &mechanisms, GSS_C_INITIATE, &credential, NULL, NULL);
    if (GSS_ERROR(major)) return NULL;
    major = gss_krb5_set_allowable_enctypes(&minor, credential, 1, &wanted);
    if (GSS_ERROR(major)) return NULL;
  }
  gss_buffer_desc text = {strlen(service), (void *)service};
  gss_buffer_desc request = GSS_C_EMPTY_BUFFER, answer = GSS_C_EMPTY_BUFFER, last = GSS_C_EMPTY_BUFFER;
  gss_name_t name = GSS_C_NO_NAME;
  OM_uint32 flags = GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG;
  bench_contexts *contexts = calloc(1, sizeof *contexts);
  if (!contexts) return NULL;
  major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name);
  if (GSS_ERROR(major)) return NULL;
  major = gss_init_sec_context(&minor, credential, &contexts->initiator, name, (gss_OID)gss_mech_krb5, flags,
                               0, NULL, NULL, NULL, &request, NULL, NULL);
  if (GSS_ERROR(major)) return NULL;
  major = gss_accept_sec_context(&minor, &contexts->acceptor, GSS_C_NO_CREDENTIAL, &request, NULL, NULL, NULL, &answer,
                                 NULL, NULL, NULL);
  if (GSS_ERROR(major)) return NULL;
  major = gss_init_sec_context(&minor, credential, &contexts->initiator, name, (gss_OID)gss_mech_krb5, flags,
                               0, NULL, &answer, NULL, &last, NULL, NULL);
  gss_release_buffer(&minor, &request);
  gss_release_buffer(&minor, &answer);
  gss_release_name(&minor, &name);
  OM_uint32 ignored;
  gss_release_cred(&ignored, &credential);
  return major == GSS_S_COMPLETE ? contexts : NULL;
}

size_t bench_context_key(bench_contexts *contexts, int32_t type, uint8_t key[32]) {
  static gss_OID_desc lucid_context = {12, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x06\x01"};
  gss_buffer_set_t answer = GSS_C_NO_BUFFER_SET;
  OM_uint32 minor;
  size_t length = 0;
  OM_uint32 major = gss_inquire_sec_context_by_oid(&minor, contexts->initiator, &lucid_context, &answer);
  if (GSS_ERROR(major) || answer == NULL || answer->count != 1) return 0;
  gss_krb5_lucid_context_v1_t *lucid = *(gss_krb5_lucid_context_v1_t **)answer->elements[0].value;
  gss_krb5_lucid_key_t *found = &lucid->cfx_kd.acceptor_subkey;
  if (lucid->protocol == 1 && (int32_t)found->type == type && found->length <= 32) {
    length = found->length;
    memcpy(key, found->data, length);
  }
  gss_krb5_free_lucid_sec_context(&minor, lucid);
  gss_release_buffer_set(&minor, &answer);
  return length;
}

int bench_protect(bench_contexts *contexts, int sealed, size_t plaintext, size_t count, double *wrap, double *unwrap) {
  char *octets = calloc(1, plaintext), *copy = malloc(plaintext + 1024);
  int good = octets && copy;
  for (size_t index = 0; good && index < count; index++) {
    OM_uint32 minor;
    int is_sealed = 0;
    gss_buffer_desc input = {plaintext, octets}, token = GSS_C_EMPTY_BUFFER, output = GSS_C_EMPTY_BUFFER;
    double start = bench_thread_cpu();
    OM_uint32 major = gss_wrap(&minor, contexts->initiator, sealed, GSS_C_QOP_DEFAULT, &input, &is_sealed, &token);
    double wrapped = bench_thread_cpu();
    good = major == GSS_S_COMPLETE && is_sealed == sealed && token.length <= plaintext + 1024;
    if (!good) break;
    // An integrity-only token is scrambled by the library, so it gets a copy; what a copy costs is not the library's.
    memcpy(copy, token.value, token.length);
    gss_buffer_desc received = {token.length, copy};
    double copied = bench_thread_cpu();
    gss_release_buffer(&minor, &token);
    double released = bench_thread_cpu();
    major = gss_unwrap(&minor, contexts->acceptor, &received, &output, NULL, NULL);
    good = major == GSS_S_COMPLETE && output.length == plaintext;
    gss_release_buffer(&minor, &output);
    double unwrapped = bench_thread_cpu();
    *wrap += wrapped - start + released - copied;
    *unwrap += unwrapped - released;
  }
  free(octets);
  free(copy);
  return good;
}
