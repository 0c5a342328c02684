#ifndef GARTER_CLIBIDN2_SHIM_H
#define GARTER_CLIBIDN2_SHIM_H
#include <idn2.h>
#endif
