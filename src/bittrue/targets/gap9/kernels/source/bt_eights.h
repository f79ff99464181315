/* Pairs of whole blocks of 8-bit weights for two rows, from the bias to the stored bytes: the loop that convolutions
 * spend most of their time in. 64 products in 26 instructions: 10 loads, 16 dot products.
 */
#ifndef BT_EIGHTS_H
#define BT_EIGHTS_H

#include "bt_ways.h"

#if defined(BT_INSN)

/* All words, for the assembly. */
typedef struct {
    const uint8_t *x0;
    const uint8_t *x1;
    const uint8_t *w;
    /* Bytes of a block, words of a channel. */
    int32_t block;
    int32_t words;
    const int32_t *bias;
    int32_t bias_step;
    const bt_scale *scale;
    int32_t scale_step;
    uint8_t *y0;
    uint8_t *y1;
    int32_t lo;
    int32_t hi;
    int32_t bits;
    int32_t count;
    int32_t sum[16];
} bt_eights;

/* Registers: s1 to s11 and t0 to t4 sums, t5 and t6 words of the rows, a1 and a2 of weights; a3 and a4 walk along the
 * two blocks, a5 and a6 along the rows. No loaded bias is used at once.
 */
#define BT_EIGHTS_BEGIN                                                                                   \
    "1:\n\tlw a1, 20(%[c])\n\tlw a5, 0(%[c])\n\tlw a6, 4(%[c])\n\tlw a3, 8(%[c])\n\tlw a4, 12(%[c])\n\t"   \
    "lw s1, 0(a1)\n\tlw s3, 4(a1)\n\tmv s2, s1\n\tlw s5, 8(a1)\n\tmv s4, s3\n\tlw s7, 12(a1)\n\t"         \
    "mv s6, s5\n\tlw s9, 16(a1)\n\tmv s8, s7\n\tlw s11, 20(a1)\n\tmv s10, s9\n\tlw t1, 24(a1)\n\t"        \
    "mv t0, s11\n\tlw t3, 28(a1)\n\tmv t2, t1\n\tlw a7, 16(%[c])\n\tmv t4, t3\n\tadd a4, a3, a4\n\t"
#define BT_EIGHTS_NEXT(reg, pointer) ".insn i 0x0b, 2, " reg ", " pointer ", 4\n\t"
#define BT_EIGHTS_TWO(code, even, odd, w)                                                                 \
    ".insn r 0x57, 1, " code ", " even ", t5, " w "\n\t.insn r 0x57, 1, " code ", " odd ", t6, " w "\n\t"
#define BT_EIGHTS_SUMS(code)                                                                              \
    ".insn i 0x7b, 4, x0, a7, 2 * 26\n\t"                                                                 \
    BT_EIGHTS_NEXT("t5", "a5") BT_EIGHTS_NEXT("t6", "a6") BT_EIGHTS_NEXT("a1", "a3")                      \
    BT_EIGHTS_NEXT("a2", "a3") BT_EIGHTS_TWO(code, "s1", "s2", "a1") BT_EIGHTS_NEXT("a1", "a3")           \
    BT_EIGHTS_TWO(code, "s3", "s4", "a2") BT_EIGHTS_NEXT("a2", "a3") BT_EIGHTS_TWO(code, "s5", "s6", "a1") \
    BT_EIGHTS_NEXT("a1", "a4") BT_EIGHTS_TWO(code, "s7", "s8", "a2") BT_EIGHTS_NEXT("a2", "a4")           \
    BT_EIGHTS_TWO(code, "s9", "s10", "a1") BT_EIGHTS_NEXT("a1", "a4") BT_EIGHTS_TWO(code, "s11", "t0", "a2") \
    BT_EIGHTS_NEXT("a2", "a4") BT_EIGHTS_TWO(code, "t1", "t2", "a1") BT_EIGHTS_TWO(code, "t3", "t4", "a2")
#define BT_EIGHTS_SAVE                                                                                    \
    "sw s1, 60(%[c])\n\tsw s2, 64(%[c])\n\tsw s3, 68(%[c])\n\tsw s4, 72(%[c])\n\tsw s5, 76(%[c])\n\t"      \
    "sw s6, 80(%[c])\n\tsw s7, 84(%[c])\n\tsw s8, 88(%[c])\n\tsw s9, 92(%[c])\n\tsw s10, 96(%[c])\n\t"     \
    "sw s11, 100(%[c])\n\tsw t0, 104(%[c])\n\tsw t1, 108(%[c])\n\tsw t2, 112(%[c])\n\tsw t3, 116(%[c])\n\t" \
    "sw t4, 120(%[c])\n\t"
/* Then a1 walks along the sums, a2 along the records, a3 and a4 along the outputs; a5 lo, a6 hi, a7 from one record to
 * the next, s1 bits.
 */
#define BT_EIGHTS_PUT(kind, last)                                                                         \
    "lw t0, 20(%[c])\n\tlw t1, 24(%[c])\n\tsw a4, 8(%[c])\n\tadd t0, t0, t1\n\tsw t0, 20(%[c])\n\t"        \
    "addi a1, %[c], 60\n\tlw a2, 28(%[c])\n\tlw a7, 32(%[c])\n\tlw a3, 36(%[c])\n\tlw a4, 40(%[c])\n\t"    \
    "lw a5, 44(%[c])\n\tlw a6, 48(%[c])\n\tlw s1, 52(%[c])\n\tli t0, 8\n\t"                                \
    ".insn i 0x7b, 4, x0, t0, 2 * " #last "\n\t" kind                                                     \
    "lw t0, 56(%[c])\n\tsw a2, 28(%[c])\n\tsw a3, 36(%[c])\n\taddi t0, t0, -1\n\tsw a4, 40(%[c])\n\t"      \
    "sw t0, 56(%[c])\n\tbnez t0, 1b\n\t"
#define BT_EIGHTS_WIDE BT_EIGHTS_PUT(BT_PUT_CHANNEL_WIDE("a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2"), 25)
#define BT_EIGHTS_PARTS BT_EIGHTS_PUT(BT_PUT_CHANNEL_PARTS("a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2", "s1"), 22)
#define BT_EIGHTS_NARROW BT_EIGHTS_PUT(BT_PUT_CHANNEL_NARROW("a1", "a2", "a3", "a4", "a5", "a6", "a7"), 16)

#define BT_DEFINE_EIGHTS(name, code, kind, eight)                                                         \
    static __attribute__((noinline)) void name(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t count) \
    {                                                                                                     \
        const bt_requant *q = m->requant;                                                                 \
        bt_cursor at = bt_start(m, *r, first, 1);                                                         \
        bt_eights c;                                                                                      \
        c.x0 = r->x0;                                                                                     \
        c.x1 = r->x1;                                                                                     \
        c.w = at.w;                                                                                       \
        c.block = 16 * m->words;                                                                          \
        c.words = m->words;                                                                               \
        c.bias = at.bias;                                                                                 \
        c.bias_step = m->bias ? 32 : 0;                                                                   \
        c.scale = at.scale;                                                                               \
        c.scale_step = q->per_channel * (int32_t)sizeof(bt_scale);                                        \
        c.y0 = at.y0;                                                                                     \
        c.y1 = at.y1;                                                                                     \
        c.lo = q->lo;                                                                                     \
        c.hi = q->hi;                                                                                     \
        c.bits = q->slope_shift;                                                                          \
        c.count = count;                                                                                  \
        __asm__ volatile(".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"              \
                         BT_EIGHTS_BEGIN BT_EIGHTS_SUMS(code) BT_EIGHTS_SAVE BT_EIGHTS_##kind ".option pop" \
                         : : [c] "r"(&c)                                                                  \
                         : "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", \
                           "s9", "s10", "s11", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory");       \
    }

#else
#define BT_DEFINE_EIGHTS(name, code, kind, eight) BT_DEFINE_WAY(name, bt_run_eights, BT_##kind, eight)
#endif

#endif
