/* The im2col matrix at the image's border, where it is common to all cores. */
#ifndef BT_BORDER_H
#define BT_BORDER_H

#include "bt_kernels.h"

/* What the kernel sees from row `top` and column `left` of the image on. No byte is ever anything else than what it
 * will be, because other cores that make the same columns may read them already.
 */
void bt_border(const bt_conv_params *p, uint8_t *to, int32_t top, int32_t left);

#endif
