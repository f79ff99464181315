/* Serial ports. */
#ifndef UART_H
#define UART_H

#include "mxc_device.h"

#define MXC_F_UART_STATUS_TX_BUSY (1u << 0)
#define MXC_F_UART_STATUS_TX_FULL (1u << 7)

int MXC_UART_WriteCharacter(mxc_uart_regs_t *port, uint8_t character);

#endif
