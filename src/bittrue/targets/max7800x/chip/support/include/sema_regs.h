/* Part of mxc_device.h. */
#ifndef SEMA_REGS_H
#define SEMA_REGS_H

#include "mxc_device.h"

#endif
