/* Timers. */
#ifndef TMR_H
#define TMR_H

#include "mxc_device.h"

#define MXC_F_TMR_INTFL_IRQ_A (1u << 0)
#define MXC_S_TMR_CTRL0_MODE_ONESHOT 0u
#define MXC_S_TMR_CTRL0_MODE_CONTINUOUS 1u
#define MXC_F_TMR_CTRL0_EN_A (1u << 15)
#define MXC_F_TMR_CTRL1_IE_A (1u << 3)

void MXC_TMR_SW_Start(mxc_tmr_regs_t *timer);
unsigned int MXC_TMR_SW_Stop(mxc_tmr_regs_t *timer);
void MXC_TMR_Delay(mxc_tmr_regs_t *timer, uint32_t microseconds);

#endif
