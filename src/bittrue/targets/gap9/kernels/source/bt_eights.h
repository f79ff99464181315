/* Pairs of whole blocks of 8-bit weights for two rows, from the bias to the stored bytes: the loop that convolutions
 * spend most of their time in. 64 products in 26 instructions: 10 loads, 16 dot products.
 */
#ifndef BT_EIGHTS_H
#define BT_EIGHTS_H

#include "bt_ways.h"

#if defined(BT_INSN)

/* All words, for the assembly. */
typedef struct {
    /* The first row, and how far it is to the second one. */
    const uint8_t *x0;
    int32_t x_pitch;
    const uint8_t *w;
    /* Bytes of a block, words of a channel. */
    int32_t block;
    int32_t words;
    const int32_t *bias;
    int32_t bias_step;
    const bt_scale *scale;
    int32_t scale_step;
    uint8_t *y0;
    int32_t y_pitch;
    int32_t lo;
    int32_t hi;
    int32_t bits;
    int32_t count;
    /* What every pair of rows begins with, and how far it is to the next one. */
    const uint8_t *first_w;
    const int32_t *first_bias;
    const bt_scale *first_scale;
    int32_t first_count;
    int32_t x_step;
    int32_t y_gap;
    int32_t pairs;
    int32_t sum[16];
} bt_eights;

/* Registers: s1 to s11 and t0 to t4 sums, t5 and t6 words of the rows, a1 and a2 of weights; a3 and a4 walk along the
 * two blocks, a5 and a6 along the rows; a0 holds the struct: with registers up to a5 instructions are short. No loaded
 * bias is used at once.
 */
#define BT_EIGHTS_BEGIN                                                                                   \
    ".balign 16\n"                                                                                        \
    "1:\n\tlw a1, 20(%[c])\n\tlw a5, 0(%[c])\n\tlw a6, 4(%[c])\n\tlw a4, 12(%[c])\n\t"                    \
    "lw a3, 8(%[c])\n\tlw s1, 0(a1)\n\tadd a6, a6, a5\n\tlw s3, 4(a1)\n\tmv s2, s1\n\t"                   \
    "lw s5, 8(a1)\n\tmv s4, s3\n\tlw s7, 12(a1)\n\tmv s6, s5\n\tlw s9, 16(a1)\n\tmv s8, s7\n\t"           \
    "lw s11, 20(a1)\n\tmv s10, s9\n\tlw t1, 24(a1)\n\tmv t0, s11\n\tlw t3, 28(a1)\n\tmv t2, t1\n\t"       \
    "lw a7, 16(%[c])\n\tmv t4, t3\n\tadd a4, a4, a3\n\t"
#define BT_EIGHTS_LOOP(turns, last, body)                                                                 \
    ".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"                                   \
    ".insn i 0x7b, 4, x0, " turns ", 2 * " #last "\n\t" body ".option pop\n\t"
#define BT_EIGHTS_NEXT(reg, pointer) ".insn i 0x0b, 2, " reg ", " pointer ", 4\n\t"
#define BT_EIGHTS_TWO(code, even, odd, w)                                                                 \
    ".insn r 0x57, 1, " code ", " even ", t5, " w "\n\t.insn r 0x57, 1, " code ", " odd ", t6, " w "\n\t"
#define BT_EIGHTS_SUMS(code)                                                                              \
    BT_EIGHTS_NEXT("t5", "a5") BT_EIGHTS_NEXT("t6", "a6") BT_EIGHTS_NEXT("a1", "a3")                      \
    BT_EIGHTS_NEXT("a2", "a3") BT_EIGHTS_TWO(code, "s1", "s2", "a1") BT_EIGHTS_NEXT("a1", "a3")           \
    BT_EIGHTS_TWO(code, "s3", "s4", "a2") BT_EIGHTS_NEXT("a2", "a3") BT_EIGHTS_TWO(code, "s5", "s6", "a1") \
    BT_EIGHTS_NEXT("a1", "a4") BT_EIGHTS_TWO(code, "s7", "s8", "a2") BT_EIGHTS_NEXT("a2", "a4")           \
    BT_EIGHTS_TWO(code, "s9", "s10", "a1") BT_EIGHTS_NEXT("a1", "a4") BT_EIGHTS_TWO(code, "s11", "t0", "a2") \
    BT_EIGHTS_NEXT("a2", "a4") BT_EIGHTS_TWO(code, "t1", "t2", "a1") BT_EIGHTS_TWO(code, "t3", "t4", "a2")
#define BT_EIGHTS_SAVE                                                                                    \
    "sw s1, 88(%[c])\n\tsw s2, 92(%[c])\n\tsw s3, 96(%[c])\n\tsw s4, 100(%[c])\n\t"                       \
    "sw s5, 104(%[c])\n\tsw s6, 108(%[c])\n\tsw s7, 112(%[c])\n\tsw s8, 116(%[c])\n\t"                    \
    "sw s9, 120(%[c])\n\tsw s10, 124(%[c])\n\tsw s11, 128(%[c])\n\tsw t0, 132(%[c])\n\t"                  \
    "sw t1, 136(%[c])\n\tsw t2, 140(%[c])\n\tsw t3, 144(%[c])\n\tsw t4, 148(%[c])\n\t"
/* Then a1 walks along the sums, a2 along the records, a3 and a4 along the outputs; a5 lo, a6 hi, a7 from one record to
 * the next, s1 bits.
 */
#define BT_EIGHTS_PUT(kind, last)                                                                         \
    "lw a1, 20(%[c])\n\tlw a2, 24(%[c])\n\tsw a4, 8(%[c])\n\tlw a3, 36(%[c])\n\tlw a4, 40(%[c])\n\t"      \
    "add a1, a1, a2\n\tsw a1, 20(%[c])\n\tlw a2, 28(%[c])\n\tadd a4, a4, a3\n\t"                          \
    "addi a1, %[c], 88\n\tlw a7, 32(%[c])\n\tlw a5, 44(%[c])\n\tlw a6, 48(%[c])\n\t"                      \
    "lw s1, 52(%[c])\n\tli t0, 8\n\t"                                                                     \
    BT_EIGHTS_LOOP("t0", last, kind)                                                                      \
    "lw a1, 56(%[c])\n\tsw a2, 28(%[c])\n\tsw a3, 36(%[c])\n\taddi a1, a1, -1\n\t"                        \
    "sw a1, 56(%[c])\n\tbnez a1, 1b\n\t"
/* The next pair of rows. */
#define BT_EIGHTS_PAIR                                                                                    \
    "lw a1, 80(%[c])\n\tlw a2, 72(%[c])\n\tlw a4, 84(%[c])\n\tadd a3, a3, a1\n\tlw a1, 68(%[c])\n\t"      \
    "sw a2, 56(%[c])\n\tsw a3, 36(%[c])\n\tlw a2, 64(%[c])\n\tsw a1, 28(%[c])\n\t"                        \
    "lw a1, 60(%[c])\n\tsw a2, 20(%[c])\n\tlw a3, 0(%[c])\n\tlw a2, 76(%[c])\n\tsw a1, 8(%[c])\n\t"       \
    "addi a4, a4, -1\n\tadd a3, a3, a2\n\tsw a4, 84(%[c])\n\tsw a3, 0(%[c])\n\tbnez a4, 1b\n\t"
#define BT_EIGHTS_WIDE BT_EIGHTS_PUT(BT_PUT_CHANNEL_WIDE("a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2"), 24)
#define BT_EIGHTS_PARTS BT_EIGHTS_PUT(BT_PUT_CHANNEL_PARTS("a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2", "s1"), 21)
#define BT_EIGHTS_NARROW BT_EIGHTS_PUT(BT_PUT_CHANNEL_NARROW("a1", "a2", "a3", "a4", "a5", "a6", "a7"), 15)

#define BT_DEFINE_EIGHTS(name, code, kind, eight)                                                         \
    static __attribute__((noinline)) void name(const bt_matrix *m, const bt_rows *r, int32_t first, int32_t count) \
    {                                                                                                     \
        const bt_requant *q = m->requant;                                                                 \
        bt_cursor at = bt_start(m, *r, first, 1);                                                         \
        bt_eights all;                                                                                    \
        register bt_eights *c __asm__("a0") = &all;                                                       \
        all.x0 = r->x0;                                                                                   \
        all.x_pitch = r->x1 - r->x0;                                                                      \
        all.w = all.first_w = at.w;                                                                       \
        all.block = 16 * m->words;                                                                        \
        all.words = m->words;                                                                             \
        all.bias = all.first_bias = at.bias;                                                              \
        all.bias_step = m->bias ? 32 : 0;                                                                 \
        all.scale = all.first_scale = at.scale;                                                           \
        all.scale_step = q->per_channel * (int32_t)sizeof(bt_scale);                                      \
        all.y0 = at.y0;                                                                                   \
        all.y_pitch = at.y1 - at.y0;                                                                      \
        all.lo = q->lo;                                                                                   \
        all.hi = q->hi;                                                                                   \
        all.bits = q->slope_shift;                                                                        \
        all.count = all.first_count = count;                                                              \
        all.x_step = r->x_step;                                                                           \
        all.y_gap = r->y_step - 8 * count;                                                                \
        all.pairs = r->pairs;                                                                             \
        __asm__ volatile(BT_EIGHTS_BEGIN BT_EIGHTS_LOOP("a7", 26, BT_EIGHTS_SUMS(code)) BT_EIGHTS_SAVE    \
                         BT_EIGHTS_##kind BT_EIGHTS_PAIR                                                  \
                         : : [c] "r"(c)                                                                   \
                         : "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", \
                           "s9", "s10", "s11", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory");       \
    }

#else
#define BT_DEFINE_EIGHTS(name, code, kind, eight) BT_DEFINE_WAY(name, bt_run_eights, BT_##kind, eight)
#endif

#endif
