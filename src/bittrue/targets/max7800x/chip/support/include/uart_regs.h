/* Part of mxc_device.h. */
#ifndef UART_REGS_H
#define UART_REGS_H

#include "mxc_device.h"

#endif
