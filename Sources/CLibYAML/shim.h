#ifndef GARTER_CLIBYAML_SHIM_H
#define GARTER_CLIBYAML_SHIM_H
#include <yaml.h>
#endif
