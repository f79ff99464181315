/* Everything that a generated project needs of the chip and the board. */
#ifndef MXC_H
#define MXC_H

#include "mxc_device.h"
#include "mxc_errors.h"
#include "mxc_delay.h"
#include "mxc_sys.h"
#include "board.h"
#include "gpio.h"
#include "icc.h"
#include "lp.h"
#include "tmr.h"
#include "uart.h"

#endif
