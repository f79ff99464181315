/* The inner loops of the depthwise convolution.
 *
 * The image is transposed into words of four taps below each other of one channel. For kernels of up to 3 rows such a
 * word serves two rows of the output: the weights of the lower one are those of the upper one, a byte higher.
 */
#ifndef BT_DEPTHWISE_H
#define BT_DEPTHWISE_H

#include "bt_common.h"
#include "bt_kernels.h"

/* Four taps that walk along rows of the image; rows outside of it stand still on zeros. */
typedef struct {
    const uint8_t *from[4];
    int32_t step[4];
} bt_walk;

/* One or two rows of the output, up to four channels; all words, for the assembly. */
typedef struct {
    const uint8_t *x;
    uint8_t *y;
    /* Bytes from one window to the next, from one output to the next. */
    int32_t step;
    int32_t pitch;
    /* Bytes to the row below; of windows by fours from the end of the last one to the first of the next four. */
    int32_t below;
    int32_t lo;
    int32_t hi;
    int32_t bits;
    /* Outputs of a row (of two rows those that are left of a third of them; by fours their fours), channels. */
    int32_t count;
    int32_t channels;
    /* From the end of a row to the next channel, in x and in y. */
    int32_t next_x;
    int32_t next_y;
    const uint8_t *w;
    /* Walks along the channels if there is one for each. */
    const bt_scale *scale;
    int32_t scale_step;
    const int32_t *bias;
    /* Of two rows a third of their outputs; by fours the words of a window. */
    int32_t turns;
} bt_lines;

typedef void bt_lines_function(bt_lines *c);

/* Three words of weights that stay in registers; any kernel, four windows at once; anything else. */
typedef enum { BT_THREE_WORDS, BT_BY_FOURS, BT_WORD_BY_WORD } bt_way;

/* One unit of work: one or two rows of the output, four channels; and what all units of a core share. */
typedef struct {
    int32_t oy;
    int32_t rows;
    int32_t channel;
    /* 1 to 4 channels exist. */
    int32_t valid;
    /* Columns of the image that the row sees, and words of one column of the kernel. */
    int32_t columns;
    int32_t words;
    uint8_t *scratch;
    /* Columns begin to end-1 lie within the image. */
    int32_t begin;
    int32_t end;
    /* The taps of the rows, at channel 0; -1 where they lie within the image. */
    bt_walk walk;
    int32_t inside[4];
    /* Bytes of one channel of the scratch, its first column within the image, and how many of them there are. */
    int32_t plane;
    uint8_t *first;
    int32_t count;
    bt_way way;
    /* But for BT_WORD_BY_WORD: what all units share, and the functions for one row and for two. */
    bt_lines lines;
    bt_lines_function *run[2];
    int32_t no_bias[4];
    /* What taps outside of the image read; on the stack, because constants lie in slow memory. */
    uint32_t zero;
} bt_unit;

/* Of depthwise_rest.c: the functions for everything but kernels of three words on u8 without 64-bit sums ... */
bt_lines_function *bt_depthwise_function(bt_way way, const bt_requant *q, int32_t is_signed, int32_t two);

/* ... and any kernel with any requantization. */
void bt_depthwise_words(const bt_depthwise_params *p, const bt_unit *u);

/* Which lanes a transposition picks of two words: low or high bytes of the halves, high halves. */
#define BT_EVEN_BYTES 0x06040200u
#define BT_ODD_BYTES 0x07050301u
#define BT_LOW_HALVES 0x05040100u
#define BT_HIGH_HALVES 0x07060302u

#if defined(BT_INSN)

#define BT_REPEAT(count, last)                                                                            \
    ".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"                                   \
    ".insn i 0x7b, 4, x0, " count ", 2 * " #last "\n\t"
#define BT_TAP(reg, tap) ".insn r 0x0b, 7, 0x10, " reg ", %[f" #tap "], %[s" #tap "]\n\t"
#define BT_SHUFFLE(reg, other, lanes) ".insn r 0x57, 1, 0x64, " reg ", " other ", %[" lanes "]\n\t"
#define BT_PLANE(reg, to) ".insn r 0x2b, 6, 0x00, %[column], %[" to "], " reg "\n\t"

/* Words of four channels, four taps each, become words of four taps of each channel, `column` bytes apart. */
BT_INLINE void bt_transpose_run(bt_walk w, uint8_t *to, int32_t plane, int32_t column, int32_t count)
{
    uint8_t *p1 = to + plane, *p2 = p1 + plane, *p3 = p2 + plane;
    if (count > 0)
        __asm__ volatile(BT_REPEAT("%[count]", 18)
                         BT_TAP("t0", 0) BT_TAP("t1", 1) BT_TAP("t2", 2) BT_TAP("t3", 3)
                         ".insn r 0x57, 0, 0x68, t4, t1, t0\n\t.insn r 0x57, 0, 0x68, t5, t3, t2\n\t"
                         BT_SHUFFLE("t0", "t1", "hh") BT_SHUFFLE("t2", "t3", "hh")
                         "mv t1, t4\n\tmv t3, t0\n\t"
                         BT_SHUFFLE("t1", "t5", "even") BT_SHUFFLE("t4", "t5", "odd")
                         BT_SHUFFLE("t3", "t2", "even") BT_SHUFFLE("t0", "t2", "odd")
                         BT_PLANE("t1", "p0") BT_PLANE("t4", "p1") BT_PLANE("t3", "p2") BT_PLANE("t0", "p3")
                         ".option pop"
                         : [f0] "+r"(w.from[0]), [f1] "+r"(w.from[1]), [f2] "+r"(w.from[2]), [f3] "+r"(w.from[3]),
                           [p0] "+r"(to), [p1] "+r"(p1), [p2] "+r"(p2), [p3] "+r"(p3)
                         : [s0] "r"(w.step[0]), [s1] "r"(w.step[1]), [s2] "r"(w.step[2]), [s3] "r"(w.step[3]),
                           [even] "r"(BT_EVEN_BYTES), [odd] "r"(BT_ODD_BYTES), [hh] "r"(BT_HIGH_HALVES),
                           [column] "r"(column), [count] "r"(count)
                         : "t0", "t1", "t2", "t3", "t4", "t5", "memory");
}

/* Registers: a1 x, a2 y, a3 step, a4 pitch, a5 below, a6 lo, a7 hi, s11 bits; s1 to s3 weights of the upper row, s4 to
 * s6 of the lower one, s7 to s10 and t5 the record; t0 to t2 words of the window, t3 and t4 sums, t6 and t3 what
 * becomes of them. Hardware loop 1 is over channels, 0 over windows.
 */
#define BT_BEGIN_CHANNELS(last)                                                                           \
    "lw a1, 0(%[c])\n\tlw a2, 4(%[c])\n\tlw a3, 8(%[c])\n\tlw a4, 12(%[c])\n\tlw a5, 16(%[c])\n\t"         \
    "lw a6, 20(%[c])\n\tlw a7, 24(%[c])\n\tlw s11, 28(%[c])\n\tlw t0, 36(%[c])\n\t"                        \
    ".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"                                   \
    ".insn i 0x7b, 4, x1, t0, 2 * (" #last ")\n\t"
#define BT_WEIGHTS_UPPER                                                                                  \
    "lw t0, 48(%[c])\n\tlw t1, 52(%[c])\n\tlw t2, 56(%[c])\n\tlw t3, 60(%[c])\n\t"                         \
    "lw s1, 0(t0)\n\tlw s2, 4(t0)\n\tlw s3, 8(t0)\n\taddi t0, t0, 12\n\tsw t0, 48(%[c])\n\t"              \
    "lw s7, 0(t1)\n\tlw s8, 4(t1)\n\tlw s10, 8(t1)\n\tlw s9, 12(t1)\n\tadd t1, t1, t2\n\tsw t1, 52(%[c])\n\t" \
    "lw t4, 0(t3)\n\taddi t3, t3, 4\n\tsw t3, 60(%[c])\n\t"
#define BT_WEIGHTS_LOWER "slli s4, s1, 8\n\tslli s5, s2, 8\n\tslli s6, s3, 8\n\t"
/* Records; the bias (t4) becomes part of the offset. */
#define BT_RECORD_NARROW BT_MUL_ADD("s8", "t4", "s7")
#define BT_RECORD_PARTS BT_MUL_ADD("s10", "t4", "s7") "srai t5, s9, 5\n\t" BT_MUL_ADD("t5", "t4", "s8")
/* s8: minus the low word of the offset, s10: its high word, one more where the low one is not 0. Then the low word of
   a product is below s8 where there is no carry. */
#define BT_RECORD_WIDE                                                                                    \
    "mul t0, t4, s7\n\tmulh t1, t4, s7\n\tadd s8, s8, t0\n\tsltu t0, s8, t0\n\t"                          \
    "add s10, s10, t1\n\tadd s10, s10, t0\n\tneg s8, s8\n\tsltu t0, x0, s8\n\tadd s10, s10, t0\n\t"
#define BT_MUL_ADD(rd, a, b) ".insn r 0x33, 0, 0x21, " rd ", " a ", " b "\n\t"
#define BT_SUM_SHIFT(rd, other, shift) ".insn r 0x5b, 2, 0x20, " rd ", " other ", " shift "\n\t"
/* The first product is not added to anything: its code is 0x10 below that of the others. */
#define BT_PRODUCTS(code, sum, x0, x1, x2, w0, w1, w2)                                                    \
    ".insn r 0x57, 1, " code " - 0x10, " sum ", " x0 ", " w0 "\n\t"                                       \
    ".insn r 0x57, 1, " code ", " sum ", " x1 ", " w1 "\n\t.insn r 0x57, 1, " code ", " sum ", " x2 ", " w2 "\n\t"
#define BT_SCALED_NARROW(sum, result) "mul " result ", " sum ", s7\n\t" BT_SUM_SHIFT(result, "s8", "s9")
#define BT_SCALED_PARTS(sum, result)                                                                      \
    "mul " result ", " sum ", s8\n\t" BT_SUM_SHIFT(result, "t5", "s11")                                   \
    BT_MUL_ADD(result, sum, "s7") BT_SUM_SHIFT(result, "s10", "s9")
#define BT_SCALED_WIDE(sum, result)                                                                       \
    "mul " result ", " sum ", s7\n\tmulh " sum ", " sum ", s7\n\tsltu " result ", " result ", s8\n\t"     \
    "sub " result ", s10, " result "\n\t" BT_SUM_SHIFT(result, sum, "s9")
#define BT_CLAMPED(result)                                                                                \
    ".insn r 0x33, 6, 0x02, " result ", " result ", a6\n\t"                                               \
    ".insn r 0x33, 4, 0x02, " result ", " result ", a7\n\t"
/* The same where lo is 0. */
#define BT_CLIPPED(result) ".insn r 0x33, 6, 0x0a, " result ", " result ", a7\n\t"
#define BT_PUT_UPPER ".insn r 0x2b, 4, 0x00, a4, a2, t6\n\t"
#define BT_PUT_LOWER ".insn r 0x23, 4, 0x00, a5, a2, t3\n\t"
#define BT_END_CHANNELS                                                                                   \
    "lw t0, 40(%[c])\n\tlw t1, 44(%[c])\n\tadd a1, a1, t0\n\tadd a2, a2, t1\n\t.option pop"

/* One row, in any step. The numbers count instructions: of the record, and of a window after its loads. */
#define BT_ONE_ROW(code, kind, clamped, record, body)                                                     \
    BT_BEGIN_CHANNELS(27 + record + body) BT_WEIGHTS_UPPER BT_RECORD_##kind                               \
    "lw t0, 32(%[c])\n\t.insn i 0x7b, 4, x0, t0, 2 * (3 + " #body ")\n\t"                                 \
    "lw t1, 4(a1)\n\tlw t2, 8(a1)\n\t.insn r 0x0b, 7, 0x10, t0, a1, a3\n\t"                               \
    BT_PRODUCTS(code, "t3", "t1", "t2", "t0", "s2", "s3", "s1") BT_SCALED_##kind("t3", "t6") clamped("t6") \
    BT_PUT_UPPER BT_END_CHANNELS

/* Two rows, where windows are a column apart: those that are left of a third of them, with three loads each, then
 * three at a time, with one load each.
 */
#define BT_NEXT_COLUMN(reg) ".insn i 0x0b, 2, " reg ", a1, 4\n\t"
#define BT_TWO_SUMS(code, kind, clamped, x0, x1, x2)                                                      \
    BT_PRODUCTS(code, "t3", x0, x1, x2, "s1", "s2", "s3") BT_PRODUCTS(code, "t4", x0, x1, x2, "s4", "s5", "s6") \
    BT_SCALED_##kind("t3", "t6") BT_SCALED_##kind("t4", "t3") clamped("t6") clamped("t3") BT_PUT_LOWER BT_PUT_UPPER
#define BT_TWO_ROWS(code, kind, clamped, record, body)                                                    \
    BT_BEGIN_CHANNELS(39 + record + 4 * body) BT_WEIGHTS_UPPER BT_WEIGHTS_LOWER BT_RECORD_##kind          \
    "lw t0, 32(%[c])\n\tbeqz t0, 1f\n\t.insn i 0x7b, 4, x0, t0, 2 * (3 + " #body ")\n\t"                  \
    "lw t1, 4(a1)\n\tlw t2, 8(a1)\n\t" BT_NEXT_COLUMN("t0") BT_TWO_SUMS(code, kind, clamped, "t0", "t1", "t2") \
    "1:\n\tlw t6, 64(%[c])\n\tbeqz t6, 2f\n\t" BT_NEXT_COLUMN("t0") BT_NEXT_COLUMN("t1")                  \
    ".insn i 0x7b, 4, x0, t6, 6 * (1 + " #body ")\n\t"                                                    \
    BT_NEXT_COLUMN("t2") BT_TWO_SUMS(code, kind, clamped, "t0", "t1", "t2")                               \
    BT_NEXT_COLUMN("t0") BT_TWO_SUMS(code, kind, clamped, "t1", "t2", "t0")                               \
    BT_NEXT_COLUMN("t1") BT_TWO_SUMS(code, kind, clamped, "t2", "t0", "t1")                               \
    "2:\n\t" BT_END_CHANNELS

/* Any kernel: four windows that share the weights, 5 loads and 4 dot products for each word. Registers as above, but a1
 * and s4 to s6 the windows, s1 and s2 weights, s3 words of a window; t3, t4, t6, a3 sums. Channels by a branch: both
 * hardware loops are taken.
 */
#define BT_FOUR_SUMS(code)                                                                                \
    BT_NEXT_WORD("t0", "s1") BT_NEXT_WORD("t1", "a1") BT_NEXT_WORD("t2", "s4")                            \
    ".insn r 0x57, 1, " code ", t3, t1, t0\n\t" BT_NEXT_WORD("t1", "s5")                                  \
    ".insn r 0x57, 1, " code ", t4, t2, t0\n\t" BT_NEXT_WORD("t2", "s6")                                  \
    ".insn r 0x57, 1, " code ", t6, t1, t0\n\t.insn r 0x57, 1, " code ", a3, t2, t0\n\t"
#define BT_NEXT_WORD(reg, pointer) ".insn i 0x0b, 2, " reg ", " pointer ", 4\n\t"
#define BT_PUT_NEXT(kind, clamped, sum) \
    BT_SCALED_##kind(sum, "t0") clamped("t0") ".insn r 0x2b, 4, 0x00, a4, a2, t0\n\t"
#define BT_FOURS(code, kind, clamped, one)                                                                \
    "lw a1, 0(%[c])\n\tlw a2, 4(%[c])\n\tlw a4, 12(%[c])\n\tlw a5, 16(%[c])\n\tlw a6, 20(%[c])\n\t"      \
    "lw a7, 24(%[c])\n\tlw s11, 28(%[c])\n\tlw s3, 64(%[c])\n\t"                                        \
    ".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t3:\n\t"                            \
    "lw t0, 32(%[c])\n\tlw t1, 52(%[c])\n\tlw t2, 56(%[c])\n\tlw t3, 60(%[c])\n\tlw s2, 48(%[c])\n\t"    \
    "lw s7, 0(t1)\n\tlw s8, 4(t1)\n\tlw s10, 8(t1)\n\tlw s9, 12(t1)\n\tadd t1, t1, t2\n\tsw t1, 52(%[c])\n\t" \
    "lw t4, 0(t3)\n\taddi t3, t3, 4\n\tsw t3, 60(%[c])\n\tmv t6, t0\n\t" BT_RECORD_##kind                \
    ".insn i 0x7b, 4, x1, t6, 2 * (20 + 4 * " #one ")\n\t"                                              \
    "lw t0, 8(%[c])\n\tmv s1, s2\n\tadd s4, a1, t0\n\tadd s5, s4, t0\n\tadd s6, s5, t0\n\t"              \
    "li t3, 0\n\tli t4, 0\n\tli t6, 0\n\tli a3, 0\n\t"                                                  \
    ".insn i 0x7b, 4, x0, s3, 2 * 9\n\t" BT_FOUR_SUMS(code)                                              \
    BT_PUT_NEXT(kind, clamped, "t3") BT_PUT_NEXT(kind, clamped, "t4") BT_PUT_NEXT(kind, clamped, "t6")    \
    BT_PUT_NEXT(kind, clamped, "a3") "add a1, s6, a5\n\t"                                                \
    "lw t0, 40(%[c])\n\tlw t1, 44(%[c])\n\tlw t2, 36(%[c])\n\tsw s1, 48(%[c])\n\tadd a1, a1, t0\n\t"     \
    "add a2, a2, t1\n\taddi t2, t2, -1\n\tsw t2, 36(%[c])\n\tbnez t2, 3b\n\t.option pop"

#define BT_DEFINE_LINES(name, body, dot, kind, rows)                                                      \
    static __attribute__((noinline)) void name(bt_lines *c)                                               \
    {                                                                                                     \
        __asm__ volatile(body : : [c] "r"(c)                                                              \
                         : "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", \
                           "s9", "s10", "s11", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory");       \
    }

#else

/* Words of four channels, four taps each, become words of four taps of each channel, `column` bytes apart. */
BT_INLINE void bt_transpose_run(bt_walk w, uint8_t *to, int32_t plane, int32_t column, int32_t count)
{
    for (; count > 0; count--, to += column) {
        uint32_t tap[4];
        for (int32_t i = 0; i < 4; i++, w.from[i - 1] += w.step[i - 1])
            tap[i] = bt_load(w.from[i]);
        uint32_t low01 = bt_shuffle(tap[0], tap[1], BT_LOW_HALVES), high01 = bt_shuffle(tap[0], tap[1], BT_HIGH_HALVES);
        uint32_t low23 = bt_shuffle(tap[2], tap[3], BT_LOW_HALVES), high23 = bt_shuffle(tap[2], tap[3], BT_HIGH_HALVES);
        bt_store(to, bt_shuffle(low01, low23, BT_EVEN_BYTES));
        bt_store(to + plane, bt_shuffle(low01, low23, BT_ODD_BYTES));
        bt_store(to + 2 * plane, bt_shuffle(high01, high23, BT_EVEN_BYTES));
        bt_store(to + 3 * plane, bt_shuffle(high01, high23, BT_ODD_BYTES));
    }
}

#define BT_FOURS(...)

/* All windows of one channel, one below the other `rows` of them; `words` words each. */
#define BT_DEFINE_LINES(name, body, dot, kind, rows)                                                      \
    static void name##_channel(const bt_lines *c, const bt_requant *q, int32_t count, int32_t words)      \
    {                                                                                                     \
        const uint8_t *x = c->x;                                                                          \
        for (int32_t left = ((rows) ? (rows) : 1) * count; left > 0; left--) {                            \
            int32_t ox = (left - 1) % count, row = (left - 1) / count, sum = *c->bias;                    \
            for (int32_t i = 0; i < words; i++)                                                           \
                sum = dot(sum, bt_load(x + ox * c->step + 4 * i), bt_load(c->w + 4 * i) << (8 * row));    \
            c->y[ox * c->pitch + row * c->below] = (uint8_t)bt_scaled(q, kind, c->scale, sum);            \
        }                                                                                                 \
    }                                                                                                     \
    static void name(bt_lines *c)                                                                         \
    {                                                                                                     \
        bt_requant q = {0, 0, 0, kind, c->lo, c->hi, 0, 0, c->bits};                                      \
        int32_t fours = (rows) == 0, words = fours ? c->turns : 3;                                        \
        int32_t count = fours ? 4 * c->count : c->count + 3 * c->turns;                                   \
        int32_t next_x = count * c->step + c->next_x + (!fours && c->turns ? 8 : 0);                      \
        for (int32_t left = c->channels; left > 0; left--, c->x += next_x) {                              \
            name##_channel(c, &q, count, words);                                                          \
            c->y += count * c->pitch + c->next_y;                                                         \
            c->w += 4 * words;                                                                            \
            c->bias++;                                                                                    \
            c->scale += c->scale_step / (int32_t)sizeof *c->scale;                                        \
        }                                                                                                 \
    }

#endif

/* One and two rows of kernels of three words, windows of any kernel by fours; `type` is i8 or u8. */
#define BT_CODE_i8 "0x5c"
#define BT_CODE_u8 "0x54"
#define BT_DEFINE_ONE(name, type, kind, record, body)                                                     \
    BT_DEFINE_LINES(bt_one_##type##_##name, BT_ONE_ROW(BT_CODE_##type, kind, BT_CLAMPED, record, body),   \
                    bt_dot_##type, BT_##kind, 1)
#define BT_DEFINE_TWO(name, type, kind, clamped, record, body)                                            \
    BT_DEFINE_LINES(bt_two_##type##_##name, BT_TWO_ROWS(BT_CODE_##type, kind, clamped, record, body),     \
                    bt_dot_##type, BT_##kind, 2)
#define BT_DEFINE_FOURS(name, type, kind, one)                                                            \
    BT_DEFINE_LINES(bt_fours_##type##_##name, BT_FOURS(BT_CODE_##type, kind, BT_CLAMPED, one), bt_dot_##type, \
                    BT_##kind, 0)
/* The functions of one type without 64-bit sums: depthwise.c has them for u8, depthwise_rest.c for i8. */
#define BT_DEFINE_THREES(type)                                                                            \
    BT_DEFINE_ONE(narrow, type, NARROW, 1, 8)                                                             \
    BT_DEFINE_ONE(parts, type, PARTS, 3, 10)                                                              \
    BT_DEFINE_TWO(narrow, type, NARROW, BT_CLAMPED, 1, 16)                                                \
    BT_DEFINE_TWO(narrow_clip, type, NARROW, BT_CLIPPED, 1, 14)                                           \
    BT_DEFINE_TWO(parts, type, PARTS, BT_CLAMPED, 3, 20)                                                  \
    BT_DEFINE_TWO(parts_clip, type, PARTS, BT_CLIPPED, 3, 18)
/* The one for a kind, for two rows (1) or one (0), with a clamp from 0 on (1) or any other (0). */
#define BT_DEFINE_PICK(name, type)                                                                        \
    BT_INLINE bt_lines_function *name(int32_t kind, int32_t two, int32_t clip)                            \
    {                                                                                                     \
        if (kind == BT_PARTS)                                                                             \
            return !two ? bt_one_##type##_parts : clip ? bt_two_##type##_parts_clip : bt_two_##type##_parts; \
        return !two ? bt_one_##type##_narrow : clip ? bt_two_##type##_narrow_clip : bt_two_##type##_narrow; \
    }

#endif
