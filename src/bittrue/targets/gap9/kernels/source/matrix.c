/* Rows of activations times a blocked weight matrix, requantized: the ways of unsigned activations. The shared
 * instruction cache has 4 KiB, so this file is small, and best linked right behind the kernel that calls it.
 */
#include "bt_eights.h"

BT_DEFINE_EIGHTS(eights_parts, "0x54", PARTS, bt_eight_u8)
BT_DEFINE_EIGHTS(eights_narrow, "0x54", NARROW, bt_eight_u8)
BT_DEFINE_EIGHTS(eights_wide, "0x54", WIDE, bt_eight_u8)

static void eights(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t count)
{
    int32_t kind = m->requant->kind;
    if (m->is_signed || kind == BT_NONE || kind == BT_NARROW_EVEN)
        bt_matrix_eights(m, r, first, count);
    else if (kind == BT_PARTS)
        eights_parts(m, r, first, count);
    else if (kind == BT_NARROW)
        eights_narrow(m, r, first, count);
    else
        eights_wide(m, r, first, count);
}

void bt_matrix_rows(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t last)
{
    int32_t whole = m->requant->kind <= BT_WIDE ? bt_min(m->channels >> 2, last) : first;
    int32_t pairs = m->weight_bits == 8 ? (whole - first) >> 1 : 0;
    if (pairs > 0) {
        eights(m, r, first, pairs);
        first += 2 * pairs;
    }
    if (first < last)
        bt_matrix_rest(m, r, first, whole, last);
}
