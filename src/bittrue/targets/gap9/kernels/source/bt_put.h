/* Sums of two rows, requantized and stored channel by channel: the tail of every block of a matrix product. */
#ifndef BT_PUT_H
#define BT_PUT_H

#include "bt_requant.h"

/* What runs along with the channels. */
typedef struct {
    const uint8_t *w;
    const int32_t *bias;
    const bt_scale *scale;
    uint8_t *y0;
    uint8_t *y1;
} bt_cursor;

#if defined(BT_INSN)

#define BT_ADD_SHIFT(rd, other, shift) ".insn r 0x5b, 2, 0x20, " rd ", " other ", " shift "\n\t"
#define BT_MAC(rd, a, b) ".insn r 0x33, 0, 0x21, " rd ", " a ", " b "\n\t"
/* The first word of a record, and on to the next one. */
#define BT_PUT_NEXT(rd, scale, step) ".insn r 0x0b, 7, 0x10, " rd ", " scale ", " step "\n\t"
/* Both sums of a channel. */
#define BT_PUT_SUMS(sum) ".insn i 0x0b, 2, t0, " sum ", 4\n\t.insn i 0x0b, 2, t1, " sum ", 4\n\t"
#define BT_PUT_BYTES(a, b, y0, y1, lo, hi)                                                                \
    ".insn r 0x33, 6, 0x02, t0, " a ", " lo "\n\t.insn r 0x33, 6, 0x02, t1, " b ", " lo "\n\t"            \
    ".insn r 0x33, 4, 0x02, t0, t0, " hi "\n\t.insn r 0x33, 4, 0x02, t1, t1, " hi "\n\t"                  \
    ".insn s 0x2b, 0, t0, 1(" y0 ")\n\t.insn s 0x2b, 0, t1, 1(" y1 ")\n\t"
/* One channel of both rows: 24, 15 and 21 instructions, with t0 to t6 to help. No result of a load is used at once. */
#define BT_PUT_CHANNEL_WIDE(sum, scale, y0, y1, lo, hi, step, spare)                                      \
    "lw t3, 4(" scale ")\n\tlw t4, 8(" scale ")\n\tlw t5, 12(" scale ")\n\t"                              \
    BT_PUT_NEXT("t2", scale, step) BT_PUT_SUMS(sum)                                                       \
    "mul t6, t0, t2\n\tmulh t0, t0, t2\n\tmul " spare ", t1, t2\n\tmulh t1, t1, t2\n\t"                   \
    "add t6, t6, t3\n\tadd " spare ", " spare ", t3\n\tsltu t6, t6, t3\n\tsltu " spare ", " spare ", t3\n\t" \
    "add t6, t6, t4\n\tadd " spare ", " spare ", t4\n\t"                                                  \
    BT_ADD_SHIFT("t0", "t6", "t5") BT_ADD_SHIFT("t1", spare, "t5")                                        \
    BT_PUT_BYTES("t0", "t1", y0, y1, lo, hi)
#define BT_PUT_CHANNEL_NARROW(sum, scale, y0, y1, lo, hi, step)                                           \
    "lw t3, 4(" scale ")\n\tlw t5, 12(" scale ")\n\t" BT_PUT_NEXT("t2", scale, step) BT_PUT_SUMS(sum)     \
    "mul t0, t0, t2\n\tmul t1, t1, t2\n\t"                                                                \
    BT_ADD_SHIFT("t0", "t3", "t5") BT_ADD_SHIFT("t1", "t3", "t5")                                         \
    BT_PUT_BYTES("t0", "t1", y0, y1, lo, hi)
/* The low part of the multiplier first, then the other one on top of it. */
#define BT_PUT_CHANNEL_PARTS(sum, scale, y0, y1, lo, hi, step, spare, bits)                               \
    "lw t3, 4(" scale ")\n\t" BT_PUT_SUMS(sum)                                                            \
    "lw t5, 12(" scale ")\n\tlw t4, 8(" scale ")\n\t" BT_PUT_NEXT("t2", scale, step)                      \
    "mul t6, t0, t3\n\tmul t3, t1, t3\n\tsrai " spare ", t5, 5\n\t"                                       \
    BT_ADD_SHIFT("t6", spare, bits) BT_ADD_SHIFT("t3", spare, bits)                                       \
    BT_MAC("t6", "t0", "t2") BT_MAC("t3", "t1", "t2")                                                     \
    BT_ADD_SHIFT("t6", "t4", "t5") BT_ADD_SHIFT("t3", "t4", "t5")                                         \
    BT_PUT_BYTES("t6", "t3", y0, y1, lo, hi)
#define BT_PUT_LOOP(last, body)                                                                           \
    ".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"                                   \
    ".insn i 0x7b, 4, x0, %[channels], 2 * " #last "\n\t" body ".option pop"
#define BT_PUT_HERE "%[sum]", "%[scale]", "%[y0]", "%[y1]", "%[lo]", "%[hi]", "%[step]"
#define BT_PUT_WITH(define, ...) define(__VA_ARGS__)
#define BT_PUT_WIDE BT_PUT_LOOP(24, BT_PUT_WITH(BT_PUT_CHANNEL_WIDE, BT_PUT_HERE, "%[spare]"))
#define BT_PUT_NARROW BT_PUT_LOOP(15, BT_PUT_WITH(BT_PUT_CHANNEL_NARROW, BT_PUT_HERE))
#define BT_PUT_PARTS BT_PUT_LOOP(21, BT_PUT_WITH(BT_PUT_CHANNEL_PARTS, BT_PUT_HERE, "%[spare]", "%[bits]"))

#define BT_DEFINE_PUT(name, body)                                                                         \
    BT_INLINE bt_cursor name(const bt_requant *q, bt_cursor at, int32_t channels, const int32_t *sum)     \
    {                                                                                                     \
        int32_t spare;                                                                                    \
        __asm__ volatile(body : [sum] "+r"(sum), [scale] "+r"(at.scale), [y0] "+r"(at.y0), [y1] "+r"(at.y1), \
                         [spare] "=&r"(spare)                                                             \
                         : [channels] "r"(channels), [lo] "r"(q->lo), [hi] "r"(q->hi),                    \
                           [step] "r"(q->per_channel * (int32_t)sizeof(bt_scale)), [bits] "r"(q->slope_shift) \
                         : "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory");                           \
        return at;                                                                                        \
    }

#else

#define BT_PUT_WIDE BT_WIDE
#define BT_PUT_PARTS BT_PARTS
#define BT_PUT_NARROW BT_NARROW
#define BT_DEFINE_PUT(name, kind)                                                                         \
    BT_INLINE bt_cursor name(const bt_requant *q, bt_cursor at, int32_t channels, const int32_t *sum)     \
    {                                                                                                     \
        for (int32_t step = q->per_channel; channels > 0; channels--, sum += 2, at.scale += step) {       \
            *at.y0++ = (uint8_t)bt_scaled(q, kind, at.scale, sum[0]);                                     \
            *at.y1++ = (uint8_t)bt_scaled(q, kind, at.scale, sum[1]);                                     \
        }                                                                                                 \
        return at;                                                                                        \
    }

#endif

BT_DEFINE_PUT(bt_put_wide, BT_PUT_WIDE)
BT_DEFINE_PUT(bt_put_parts, BT_PUT_PARTS)
BT_DEFINE_PUT(bt_put_narrow, BT_PUT_NARROW)

BT_INLINE bt_cursor bt_put_narrow_even(const bt_requant *q, bt_cursor at, int32_t channels, const int32_t *sum)
{
    int32_t lo = q->lo, hi = q->hi, step = q->per_channel;
    for (; channels > 0; channels--, sum += 2, at.scale += step) {
        *at.y0++ = (uint8_t)bt_clamp(bt_scale_narrow_even(at.scale, sum[0]), lo, hi);
        *at.y1++ = (uint8_t)bt_clamp(bt_scale_narrow_even(at.scale, sum[1]), lo, hi);
    }
    return at;
}

BT_INLINE bt_cursor bt_put_none(const bt_requant *q, bt_cursor at, int32_t channels, const int32_t *sum)
{
    (void)q;
    for (; channels > 0; channels--, sum += 2, at.y0 += 4, at.y1 += 4) {
        bt_store(at.y0, (uint32_t)sum[0]);
        bt_store(at.y1, (uint32_t)sum[1]);
    }
    return at;
}

/* The first `channels` channels of a block: sum[2c] and sum[2c + 1] are channel c of the two rows. */
BT_INLINE bt_cursor bt_put_block(const bt_requant *q, bt_cursor at, int32_t kind, int32_t channels, const int32_t *sum)
{
    if (kind == BT_WIDE)
        return bt_put_wide(q, at, channels, sum);
    if (kind == BT_PARTS)
        return bt_put_parts(q, at, channels, sum);
    if (kind == BT_NARROW)
        return bt_put_narrow(q, at, channels, sum);
    return kind == BT_NONE ? bt_put_none(q, at, channels, sum) : bt_put_narrow_even(q, at, channels, sum);
}

#endif
