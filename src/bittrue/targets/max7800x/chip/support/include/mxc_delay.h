/* Waiting. */
#ifndef MXC_DELAY_H
#define MXC_DELAY_H

#include <stdint.h>

#define SEC(s) ((uint32_t)(s) * 1000000u)
#define MSEC(ms) ((uint32_t)(ms) * 1000u)
#define USEC(us) ((uint32_t)(us))
#define MXC_DELAY_SEC(s) SEC(s)
#define MXC_DELAY_MSEC(ms) MSEC(ms)
#define MXC_DELAY_USEC(us) USEC(us)

int MXC_Delay(uint32_t microseconds);

#endif
