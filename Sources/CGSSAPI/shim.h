// What Swift cannot import from the headers of GSS-API: cast macros, and globals that Swift 6 takes for shared mutable
// state although the library never writes them. Accessors only; whatever decides something is in the module `GSSAPI`.
#ifndef GARTER_CGSSAPI_SHIM_H
#define GARTER_CGSSAPI_SHIM_H

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <profile.h>

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
// The value of such a name is a pointer to a krb5_principal: the only form that keeps the principal's type.
static inline gss_OID cgssapi_nt_krb5_principal_object(void) { return (gss_OID)gss_nt_krb5_principal; }

// Objects for gss_inquire_sec_context_by_oid.
static inline gss_OID cgssapi_inquire_session_key(void) { return GSS_C_INQ_SSPI_SESSION_KEY; }

#endif
