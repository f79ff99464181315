/* Part of mxc_device.h. */
#ifndef GPIO_REGS_H
#define GPIO_REGS_H

#include "mxc_device.h"

#endif
