#ifndef GARTER_CLIBCRYPT_SHIM_H
#define GARTER_CLIBCRYPT_SHIM_H
#include <crypt.h>
#endif
