/* Part of mxc.h. */
#ifndef MXC_LOCK_H
#define MXC_LOCK_H

#include "mxc.h"

#endif
