/* Part of mxc_device.h. */
#ifndef PWRSEQ_REGS_H
#define PWRSEQ_REGS_H

#include "mxc_device.h"

#endif
