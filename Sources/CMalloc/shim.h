// The settings of the C library's allocator, which the Glibc module leaves out.
#ifndef GARTER_CMALLOC_SHIM_H
#define GARTER_CMALLOC_SHIM_H

#include <malloc.h>

#endif
