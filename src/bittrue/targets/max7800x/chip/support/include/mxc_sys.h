/* Clocks. */
#ifndef MXC_SYS_H
#define MXC_SYS_H

#include "mxc_device.h"

/* Bits of GCR.pclkdis0, and from 32 on of GCR.pclkdis1. */
typedef enum {
  MXC_SYS_PERIPH_CLOCK_CNN = 25,
  MXC_SYS_PERIPH_CLOCK_SMPHR = 32 + 9,
  MXC_SYS_PERIPH_CLOCK_CPU1 = 32 + 31
} mxc_sys_periph_clock_t;

/* Values of GCR.clkctrl.sysclk_sel. */
typedef enum {
  MXC_SYS_CLOCK_ISO = 0,
  MXC_SYS_CLOCK_IPO = 4,
  MXC_SYS_CLOCK_IBRO = 5
} mxc_sys_system_clock_t;

extern uint32_t SystemCoreClock;

void SystemCoreClockUpdate(void);
int MXC_SYS_Clock_Select(mxc_sys_system_clock_t clock);
int MXC_SYS_ClockSourceEnable(mxc_sys_system_clock_t clock);
int MXC_SYS_ClockSourceDisable(mxc_sys_system_clock_t clock);
void MXC_SYS_ClockEnable(mxc_sys_periph_clock_t clock);
void MXC_SYS_ClockDisable(mxc_sys_periph_clock_t clock);

#endif
