/* Part of mxc_device.h. */
#ifndef TMR_REGS_H
#define TMR_REGS_H

#include "mxc_device.h"

#endif
