/* Instruction caches. */
#ifndef ICC_H
#define ICC_H

#include "mxc_device.h"

void MXC_ICC_Enable(mxc_icc_regs_t *cache);
void MXC_ICC_Disable(mxc_icc_regs_t *cache);

#endif
