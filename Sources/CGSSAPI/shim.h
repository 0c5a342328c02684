// What Swift cannot import from the headers of GSS-API: cast macros, and globals that Swift 6 takes for shared mutable
// state although the library never writes them. Accessors only; whatever decides something is in the module `GSSAPI`.
#ifndef GARTER_CGSSAPI_SHIM_H
#define GARTER_CGSSAPI_SHIM_H

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>

// RFC 2744 section 3.9.1: the parts of a major status.
static inline int cgssapi_is_error(OM_uint32 major) { return GSS_ERROR(major) != 0; }
static inline OM_uint32 cgssapi_calling_error(OM_uint32 major) { return GSS_CALLING_ERROR(major); }
static inline OM_uint32 cgssapi_routine_error(OM_uint32 major) { return GSS_ROUTINE_ERROR(major); }
static inline OM_uint32 cgssapi_supplementary(OM_uint32 major) { return GSS_SUPPLEMENTARY_INFO(major); }

// RFC 2744 section 4.8: name types.
static inline gss_OID cgssapi_nt_hostbased_service(void) { return GSS_C_NT_HOSTBASED_SERVICE; }
static inline gss_OID cgssapi_nt_user_name(void) { return GSS_C_NT_USER_NAME; }
static inline gss_OID cgssapi_nt_export_name(void) { return GSS_C_NT_EXPORT_NAME; }
static inline gss_OID cgssapi_nt_krb5_principal(void) { return (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME; }

// Objects for gss_inquire_sec_context_by_oid.
static inline gss_OID cgssapi_inquire_session_key(void) { return GSS_C_INQ_SSPI_SESSION_KEY; }
// GSS_KRB5_EXPORT_LUCID_SEC_CONTEXT_OID with the version as its last arc, as gss_krb5_export_lucid_sec_context makes it.
// Asked for by inquiry, the context goes on; exported, it would be gone.
static inline gss_OID cgssapi_inquire_lucid_context_v1(void) {
  static gss_OID_desc identifier = {12, (void *)"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x06\x01"};
  return &identifier;
}

#endif
