/* Part of mxc_device.h. */
#ifndef ICC_REGS_H
#define ICC_REGS_H

#include "mxc_device.h"

#endif
