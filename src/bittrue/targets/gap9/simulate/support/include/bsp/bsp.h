/* The board's default devices. */
#ifndef BT_BSP_BSP_H
#define BT_BSP_BSP_H

#include "bsp/flash.h"
#include "bsp/ram.h"

#endif
