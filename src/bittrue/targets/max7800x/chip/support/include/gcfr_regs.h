/* Part of mxc_device.h. */
#ifndef GCFR_REGS_H
#define GCFR_REGS_H

#include "mxc_device.h"

#endif
