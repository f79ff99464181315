/* Part of mxc.h. */
#ifndef MXC_PINS_H
#define MXC_PINS_H

#include "mxc.h"

#endif
