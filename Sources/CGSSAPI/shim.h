#ifndef GARTER_CGSSAPI_SHIM_H
#define GARTER_CGSSAPI_SHIM_H
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#endif
