/* The two inner loops of the depthwise convolution, for kernels of 3 columns of up to 4 rows. */
#ifndef BT_DEPTHWISE_H
#define BT_DEPTHWISE_H

#include "bt_requant.h"

/* Four taps that walk along rows of the image; rows outside of it stand still on zeros. */
typedef struct {
    const uint8_t *from[4];
    int32_t step[4];
} bt_walk;

/* One channel of one row of the output. */
typedef struct {
    const uint8_t *x;
    const uint8_t *w;
    uint8_t *y;
    /* Bytes from one window to the next, and from one output to the next. */
    int32_t step;
    int32_t pitch;
    int32_t bias;
    int32_t count;
} bt_channel;

/* Which lanes a transposition picks: bytes 0 and 1 of two words by turns, bytes 2 and 3, low halves, high halves. */
#define BT_LOW_BYTES 0x05010400u
#define BT_HIGH_BYTES 0x07030602u
#define BT_LOW_HALVES 0x05040100u
#define BT_HIGH_HALVES 0x07060302u

#if defined(BT_INSN)

#define BT_TAP(reg, tap) ".insn r 0x0b, 7, 0x10, " reg ", %[f" #tap "], %[s" #tap "]\n\t"
#define BT_SHUFFLE(reg, other, lanes) ".insn r 0x57, 1, 0x64, " reg ", " other ", %[" lanes "]\n\t"
#define BT_PLANE(reg, to) ".insn s 0x2b, 2, " reg ", 4(%[" to "])\n\t"

/* Words of four channels, four taps each, become words of four taps of each channel: 20 instructions. */
BT_INLINE void bt_transpose_run(bt_walk w, uint8_t *to, int32_t plane, int32_t count)
{
    uint8_t *p1 = to + plane, *p2 = p1 + plane, *p3 = p2 + plane;
    if (count > 0)
        __asm__ volatile(".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"
                         ".insn i 0x7b, 4, x0, %[count], 2 * 20\n\t"
                         BT_TAP("t0", 0) BT_TAP("t1", 1) BT_TAP("t2", 2) BT_TAP("t3", 3)
                         "mv t4, t0\n\tmv t5, t2\n\t"
                         BT_SHUFFLE("t4", "t1", "lb") BT_SHUFFLE("t0", "t1", "hb")
                         BT_SHUFFLE("t5", "t3", "lb") BT_SHUFFLE("t2", "t3", "hb")
                         "mv t1, t4\n\tmv t3, t0\n\t"
                         BT_SHUFFLE("t1", "t5", "lh") BT_SHUFFLE("t4", "t5", "hh")
                         BT_SHUFFLE("t3", "t2", "lh") BT_SHUFFLE("t0", "t2", "hh")
                         BT_PLANE("t1", "p0") BT_PLANE("t4", "p1") BT_PLANE("t3", "p2") BT_PLANE("t0", "p3")
                         ".option pop"
                         : [f0] "+r"(w.from[0]), [f1] "+r"(w.from[1]), [f2] "+r"(w.from[2]), [f3] "+r"(w.from[3]),
                           [p0] "+r"(to), [p1] "+r"(p1), [p2] "+r"(p2), [p3] "+r"(p3)
                         : [s0] "r"(w.step[0]), [s1] "r"(w.step[1]), [s2] "r"(w.step[2]), [s3] "r"(w.step[3]),
                           [lb] "r"(BT_LOW_BYTES), [hb] "r"(BT_HIGH_BYTES), [lh] "r"(BT_LOW_HALVES),
                           [hh] "r"(BT_HIGH_HALVES), [count] "r"(count)
                         : "t0", "t1", "t2", "t3", "t4", "t5", "memory");
}

/* Three loads and three dot products give t3. */
#define BT_WINDOW(code, last)                                                                             \
    ".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"                                   \
    ".insn i 0x7b, 4, x0, %[count], 2 * " #last "\n\t"                                                    \
    "lw t0, 0(%[x])\n\tlw t1, 4(%[x])\n\tlw t2, 8(%[x])\n\tmv t3, %[bias]\n\tadd %[x], %[x], %[step]\n\t" \
    ".insn r 0x57, 1, " code ", t3, t0, %[w0]\n\t.insn r 0x57, 1, " code ", t3, t1, %[w1]\n\t"            \
    ".insn r 0x57, 1, " code ", t3, t2, %[w2]\n\t"
#define BT_OUTPUT                                                                                         \
    ".insn r 0x33, 6, 0x02, t3, t3, %[lo]\n\t.insn r 0x33, 4, 0x02, t3, t3, %[hi]\n\t"                    \
    "sb t3, 0(%[y])\n\tadd %[y], %[y], %[pitch]\n\t.option pop"
#define BT_THREE_WIDE(code)                                                                               \
    BT_WINDOW(code, 19) "mul t4, t3, %[m]\n\tmulh t3, t3, %[m]\n\tadd t4, t4, %[ol]\n\t"                  \
    "sltu t4, t4, %[ol]\n\tadd t4, t4, %[oh]\n\tadd t3, t3, t4\n\tsra t3, t3, %[sh]\n\t" BT_OUTPUT
#define BT_THREE_NARROW(code)                                                                             \
    BT_WINDOW(code, 15) "mul t3, t3, %[m]\n\tadd t3, t3, %[ol]\n\tsra t3, t3, %[sh]\n\t" BT_OUTPUT

#define BT_DEFINE_THREE(name, body, dot, scaled)                                                          \
    static __attribute__((noinline)) void name(const bt_requant *q, const bt_scale *s, const bt_channel *c) \
    {                                                                                                     \
        const uint8_t *x = c->x;                                                                          \
        uint8_t *y = c->y;                                                                                \
        __asm__ volatile(body : [x] "+r"(x), [y] "+r"(y)                                                  \
                         : [w0] "r"(bt_load(c->w)), [w1] "r"(bt_load(c->w + 4)), [w2] "r"(bt_load(c->w + 8)), \
                           [step] "r"(c->step), [pitch] "r"(c->pitch), [bias] "r"(c->bias),               \
                           [count] "r"(c->count), [m] "r"(s->multiplier), [ol] "r"(s->offset_lo),         \
                           [oh] "r"(s->offset_hi), [sh] "r"(s->shift), [lo] "r"(q->lo), [hi] "r"(q->hi)   \
                         : "t0", "t1", "t2", "t3", "t4", "memory");                                       \
    }

#else

/* Words of four channels, four taps each, become words of four taps of each channel. */
BT_INLINE void bt_transpose_run(bt_walk w, uint8_t *to, int32_t plane, int32_t count)
{
    for (; count > 0; count--, to += 4) {
        uint32_t tap[4];
        for (int32_t i = 0; i < 4; i++, w.from[i - 1] += w.step[i - 1])
            tap[i] = bt_load(w.from[i]);
        uint32_t low01 = bt_shuffle(tap[0], tap[1], BT_LOW_BYTES), high01 = bt_shuffle(tap[0], tap[1], BT_HIGH_BYTES);
        uint32_t low23 = bt_shuffle(tap[2], tap[3], BT_LOW_BYTES), high23 = bt_shuffle(tap[2], tap[3], BT_HIGH_BYTES);
        bt_store(to, bt_shuffle(low01, low23, BT_LOW_HALVES));
        bt_store(to + plane, bt_shuffle(low01, low23, BT_HIGH_HALVES));
        bt_store(to + 2 * plane, bt_shuffle(high01, high23, BT_LOW_HALVES));
        bt_store(to + 3 * plane, bt_shuffle(high01, high23, BT_HIGH_HALVES));
    }
}

#define BT_DEFINE_THREE(name, body, dot, scaled)                                                          \
    static void name(const bt_requant *q, const bt_scale *s, const bt_channel *c)                         \
    {                                                                                                     \
        const uint8_t *x = c->x, *w = c->w;                                                               \
        uint8_t *y = c->y;                                                                                \
        for (int32_t count = c->count; count > 0; count--, x += c->step, y += c->pitch) {                 \
            int32_t sum = dot(c->bias, bt_load(x), bt_load(w));                                           \
            sum = dot(dot(sum, bt_load(x + 4), bt_load(w + 4)), bt_load(x + 8), bt_load(w + 8));          \
            *y = (uint8_t)bt_clamp(scaled(s, sum), q->lo, q->hi);                                         \
        }                                                                                                 \
    }

#endif

/* Kernels of three words: weights and requantization stay in registers. */
BT_DEFINE_THREE(bt_three_u8_wide, BT_THREE_WIDE("0x54"), bt_dot_u8, bt_scale_wide)
BT_DEFINE_THREE(bt_three_i8_wide, BT_THREE_WIDE("0x5c"), bt_dot_i8, bt_scale_wide)
BT_DEFINE_THREE(bt_three_u8_narrow, BT_THREE_NARROW("0x54"), bt_dot_u8, bt_scale_narrow)
BT_DEFINE_THREE(bt_three_i8_narrow, BT_THREE_NARROW("0x5c"), bt_dot_i8, bt_scale_narrow)

#endif
