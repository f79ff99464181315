/* Part of mxc.h. */
#ifndef MXC_ASSERT_H
#define MXC_ASSERT_H

#include "mxc.h"

#endif
