/* Part of mxc_device.h. */
#ifndef FCR_REGS_H
#define FCR_REGS_H

#include "mxc_device.h"

#endif
