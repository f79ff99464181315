/* Rows of activations times a blocked weight matrix: signed activations, narrow weights, single blocks, rare
 * requantizations.
 */
#include "bt_eights.h"

BT_DEFINE_EIGHTS(eights_i8_parts, "0x5c", PARTS, bt_eight_i8)
BT_DEFINE_EIGHTS(eights_i8_narrow, "0x5c", NARROW, bt_eight_i8)
BT_DEFINE_EIGHTS(eights_i8_wide, "0x5c", WIDE, bt_eight_i8)
BT_DEFINE_WAY(eights_u8_narrow_even, bt_run_eights, BT_NARROW_EVEN, bt_eight_u8)
BT_DEFINE_WAY(eights_i8_narrow_even, bt_run_eights, BT_NARROW_EVEN, bt_eight_i8)
BT_DEFINE_WAY(eights_u8_none, bt_run_eights, BT_NONE, bt_eight_u8)
BT_DEFINE_WAY(eights_i8_none, bt_run_eights, BT_NONE, bt_eight_i8)

void bt_matrix_eights(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t count)
{
    int32_t kind = m->requant->kind;
    if (kind == BT_NONE)
        (m->is_signed ? eights_i8_none : eights_u8_none)(m, r, first, count);
    else if (kind == BT_NARROW_EVEN)
        (m->is_signed ? eights_i8_narrow_even : eights_u8_narrow_even)(m, r, first, count);
    else if (kind == BT_PARTS)
        eights_i8_parts(m, r, first, count);
    else if (kind == BT_NARROW)
        eights_i8_narrow(m, r, first, count);
    else
        eights_i8_wide(m, r, first, count);
}

/* The function of the kind; the ifs are in the order of how often they are taken. */
#define DEFINE_PICK(name)                                                                                 \
    static void name(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t count)                     \
    {                                                                                                     \
        int32_t kind = m->requant->kind;                                                                  \
        if (kind == BT_PARTS)                                                                             \
            name##_parts(m, r, first, count);                                                             \
        else if (kind == BT_WIDE)                                                                         \
            name##_wide(m, r, first, count);                                                              \
        else if (kind == BT_NARROW)                                                                       \
            name##_narrow(m, r, first, count);                                                            \
        else if (kind == BT_NONE)                                                                         \
            name##_none(m, r, first, count);                                                              \
        else                                                                                              \
            name##_narrow_even(m, r, first, count);                                                       \
    }
#define DEFINE_WAYS(name, ...)                                                                            \
    BT_DEFINE_WAY(name##_parts, bt_run_blocks, BT_PARTS, __VA_ARGS__)                                     \
    BT_DEFINE_WAY(name##_wide, bt_run_blocks, BT_WIDE, __VA_ARGS__)                                             \
    BT_DEFINE_WAY(name##_narrow, bt_run_blocks, BT_NARROW, __VA_ARGS__)                                         \
    BT_DEFINE_WAY(name##_narrow_even, bt_run_blocks, BT_NARROW_EVEN, __VA_ARGS__)                               \
    BT_DEFINE_WAY(name##_none, bt_run_blocks, BT_NONE, __VA_ARGS__)                                             \
    DEFINE_PICK(name)
DEFINE_WAYS(blocks_i8, bt_block_i8, 0)
DEFINE_WAYS(blocks_u8, bt_block_u8, 0)
DEFINE_WAYS(blocks_i8_w4, bt_block_i8_w4, 4)
DEFINE_WAYS(blocks_u8_w4, bt_block_u8_w4, 4)
DEFINE_WAYS(blocks_i8_w2, bt_block_i8_w2, 6)
DEFINE_WAYS(blocks_u8_w2, bt_block_u8_w2, 6)

static void whole_blocks(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t count)
{
    if (m->weight_bits == 8)
        (m->is_signed ? blocks_i8 : blocks_u8)(m, r, first, count);
    else if (m->weight_bits == 4)
        (m->is_signed ? blocks_i8_w4 : blocks_u8_w4)(m, r, first, count);
    else
        (m->is_signed ? blocks_i8_w2 : blocks_u8_w2)(m, r, first, count);
}

/* One block of its own; its outputs come into a and b, 4 bytes or words. */
static void block_alone(const bt_matrix *m, const bt_rows *r, int32_t block, const bt_requant *q, int32_t a[4],
                        int32_t b[4])
{
    bt_matrix alone = {m->weights + block * m->words * 16, m->bias ? m->bias + 4 * block : 0, q, 4, m->words,
                       m->weight_bits, m->is_signed};
    bt_rows rows = {r->x0, r->x1, (uint8_t *)a, (uint8_t *)b, 0, 0, 1};
    whole_blocks(&alone, &rows, 0, 1);
}

/* Fewer than 4 channels. */
static __attribute__((noinline)) void part_of_block(const bt_matrix *m, const bt_rows *r, int32_t block)
{
    int32_t a[4], b[4], valid = bt_min(m->channels - 4 * block, 4), element = m->requant->kind == BT_NONE ? 4 : 1;
    const uint8_t *from0 = (const uint8_t *)a, *from1 = (const uint8_t *)b;
    uint8_t *y0 = r->y0 + 4 * block * element, *y1 = r->y1 + 4 * block * element;
    bt_requant q = *m->requant;
    q.scales += q.per_channel ? 4 * block : 0;
    block_alone(m, r, block, &q, a, b);
    for (int32_t left = valid * element; left > 0; left--) {
        *y0++ = *from0++;
        *y1++ = *from1++;
    }
}

/* Requantizations that blocks have no way for: sums come through BT_NONE. */
static __attribute__((noinline)) void any_block(const bt_matrix *m, const bt_rows *r, int32_t block)
{
    int32_t a[4], b[4], valid = bt_min(m->channels - 4 * block, 4);
    bt_requant none = {0, 0, 0, BT_NONE, 0, 0, 0, 0, 0};
    block_alone(m, r, block, &none, a, b);
    for (int32_t c = 0; c < valid; c++) {
        bt_put(m->requant, m->requant->kind, r->y0, 4 * block + c, 4 * block + c, a[c]);
        bt_put(m->requant, m->requant->kind, r->y1, 4 * block + c, 4 * block + c, b[c]);
    }
}

void bt_matrix_rest(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t whole, int32_t last)
{
    if (whole > first)
        whole_blocks(m, r, first, whole - first);
    bt_rows rows = *r;
    for (int32_t pair = rows.pairs; pair > 0; pair--, bt_next_pair(&rows))
        for (int32_t block = bt_max(first, whole); block < last; block++)
            (m->requant->kind <= BT_WIDE ? part_of_block : any_block)(m, &rows, block);
}
