/* Elements read one by one, and the walk over them that element-by-element kernels share. */
#ifndef BT_ELEMENTS_H
#define BT_ELEMENTS_H

#include "bt_common.h"
#include "bt_kernels.h"

/* Compared by size: compilers make a table of a switch, which lies in slow memory. */
BT_INLINE int32_t bt_element(const void *data, int32_t type, int32_t index)
{
    if (type <= BT_U8)
        return type < BT_U8 ? ((const int8_t *)data)[index] : ((const uint8_t *)data)[index];
    if (type > BT_U16)
        return ((const int32_t *)data)[index];
    return type < BT_U16 ? ((const int16_t *)data)[index] : ((const uint16_t *)data)[index];
}

/* Channels first to last-1 of a pixel: what is left of a share that begins at element `unit`. */
typedef struct {
    int32_t pixel;
    int32_t first;
    int32_t last;
} bt_stretch;

BT_INLINE bt_stretch bt_stretch_of(int32_t unit, int32_t end, int32_t channels)
{
    int32_t pixel = unit / channels, first = unit - pixel * channels;
    bt_stretch stretch = {pixel, first, bt_min(channels, first + end - unit)};
    return stretch;
}

#endif
