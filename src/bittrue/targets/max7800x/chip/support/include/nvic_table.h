/* Part of mxc.h. */
#ifndef NVIC_TABLE_H
#define NVIC_TABLE_H

#include "mxc.h"

#endif
