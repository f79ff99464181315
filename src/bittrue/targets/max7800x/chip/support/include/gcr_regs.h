/* Part of mxc_device.h. */
#ifndef GCR_REGS_H
#define GCR_REGS_H

#include "mxc_device.h"

#endif
