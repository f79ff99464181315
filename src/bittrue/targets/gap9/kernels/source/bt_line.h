/* Lines of elements with one requantization record, which stays in registers: what kernels that work element by element
 * do for all of a dense tensor, or for one channel of all pixels.
 */
#ifndef BT_LINE_H
#define BT_LINE_H

#include "bt_elements.h"

/* Elements and the bytes between them; b is the second operand of a sum. */
typedef struct {
    const uint8_t *a;
    const uint8_t *b;
    uint8_t *y;
    int32_t a_step;
    int32_t b_step;
    int32_t y_step;
    int32_t count;
} bt_line;

typedef void bt_line_function(const bt_requant *q, const bt_scale *scale, bt_line line);

#if defined(BT_INSN)

/* Two elements in turns, so that nothing is used right after it is loaded: t0 and t1, with t2 and t3 to help. */
#define BT_LINE_NEXT(size, reg, pointer) \
    ".insn r 0x0b, 7, " size ", " reg ", %[" pointer "], %[" pointer "s]\n\t"
#define BT_LINE_ONE(type) BT_LINE_NEXT(BT_SIZE_##type, "t0", "a") BT_LINE_NEXT(BT_SIZE_##type, "t1", "a")
#define BT_LINE_SUM(type, other)                                                                          \
    BT_LINE_NEXT(BT_SIZE_##type, "t0", "a") BT_LINE_NEXT(BT_SIZE_##other, "t2", "b")                      \
    BT_LINE_NEXT(BT_SIZE_##type, "t1", "a") BT_LINE_NEXT(BT_SIZE_##other, "t3", "b")                      \
    "add t0, t0, t2\n\tadd t1, t1, t3\n\t"
#define BT_SIZE_I8 "0x00"
#define BT_SIZE_U8 "0x20"
#define BT_SIZE_I16 "0x08"
#define BT_SIZE_U16 "0x28"
#define BT_SIZE_I32 "0x10"
#define BT_LINE_ADD_SHIFT(rd, other, shift) ".insn r 0x5b, 2, 0x20, " rd ", " other ", " shift "\n\t"
#define BT_LINE_MAC(rd, a, b) ".insn r 0x33, 0, 0x21, " rd ", " a ", " b "\n\t"
#define BT_LINE_NARROW                                                                                    \
    "mul t0, t0, %[m]\n\tmul t1, t1, %[m]\n\t"                                                            \
    BT_LINE_ADD_SHIFT("t0", "%[low]", "%[shift]") BT_LINE_ADD_SHIFT("t1", "%[low]", "%[shift]")
#define BT_LINE_PARTS                                                                                     \
    "mul t2, t0, %[low]\n\tmul t3, t1, %[low]\n\t"                                                        \
    BT_LINE_ADD_SHIFT("t2", "%[rest]", "%[bits]") BT_LINE_ADD_SHIFT("t3", "%[rest]", "%[bits]")           \
    BT_LINE_MAC("t2", "t0", "%[m]") BT_LINE_MAC("t3", "t1", "%[m]")                                       \
    BT_LINE_ADD_SHIFT("t2", "%[high]", "%[shift]") BT_LINE_ADD_SHIFT("t3", "%[high]", "%[shift]")
#define BT_LINE_WIDE                                                                                      \
    "mul t2, t0, %[m]\n\tmulh t0, t0, %[m]\n\tmul t3, t1, %[m]\n\tmulh t1, t1, %[m]\n\t"                  \
    "add t2, t2, %[low]\n\tadd t3, t3, %[low]\n\tsltu t2, t2, %[low]\n\tsltu t3, t3, %[low]\n\t"          \
    "add t2, t2, %[high]\n\tadd t3, t3, %[high]\n\t"                                                      \
    BT_LINE_ADD_SHIFT("t0", "t2", "%[shift]") BT_LINE_ADD_SHIFT("t1", "t3", "%[shift]")
#define BT_LINE_PUT(a, b)                                                                                 \
    ".insn r 0x33, 6, 0x02, t0, " a ", %[lo]\n\t.insn r 0x33, 6, 0x02, t1, " b ", %[lo]\n\t"              \
    ".insn r 0x33, 4, 0x02, t0, t0, %[hi]\n\t.insn r 0x33, 4, 0x02, t1, t1, %[hi]\n\t"                    \
    ".insn r 0x2b, 4, 0x00, %[ys], %[y], t0\n\t.insn r 0x2b, 4, 0x00, %[ys], %[y], t1\n\t.option pop"
#define BT_LINE_LOOP(last)                                                                                \
    ".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"                                   \
    ".insn i 0x7b, 4, x0, %[turns], 2 * (" #last ")\n\t"
#define BT_LINE_TWOS(body, s, q, line)                                                                    \
    if ((line).count > 1)                                                                                 \
        __asm__ volatile(body : [a] "+r"((line).a), [b] "+r"((line).b), [y] "+r"((line).y)                \
                         : [as] "r"((line).a_step), [bs] "r"((line).b_step), [ys] "r"((line).y_step),     \
                           [turns] "r"((line).count >> 1), [m] "r"((s)->multiplier), [low] "r"((s)->offset_lo), \
                           [high] "r"((s)->offset_hi), [shift] "r"((s)->shift), [rest] "r"((s)->shift >> 5), \
                           [bits] "r"((q)->slope_shift), [lo] "r"((q)->lo), [hi] "r"((q)->hi)             \
                         : "t0", "t1", "t2", "t3", "memory");                                             \
    (line).count &= 1;

#else
#define BT_LINE_TWOS(body, s, q, line)
#endif

#define BT_DEFINE_LINE(name, body, kind, value)                                                           \
    static __attribute__((noinline)) void name(const bt_requant *q, const bt_scale *scale, bt_line line)  \
    {                                                                                                     \
        BT_LINE_TWOS(body, scale, q, line)                                                                \
        for (; line.count > 0; line.count--, line.a += line.a_step, line.b += line.b_step) {              \
            *line.y = (uint8_t)bt_scaled(q, kind, scale, value);                                          \
            line.y += line.y_step;                                                                        \
        }                                                                                                 \
    }
/* The kinds of one combination of element types; the numbers count instructions. */
#define BT_DEFINE_ONES(type, text)                                                                        \
    BT_DEFINE_KINDS(text, BT_LINE_ONE(type), 2, bt_element(line.a, BT_##type, 0))
#define BT_DEFINE_SUMS(type, other, text)                                                                 \
    BT_DEFINE_KINDS(text, BT_LINE_SUM(type, other), 6,                                                    \
                    bt_add(bt_element(line.a, BT_##type, 0), bt_element(line.b, BT_##other, 0)))
#define BT_DEFINE_KINDS(text, load, loads, value)                                                         \
    BT_DEFINE_LINE(text##_narrow, BT_LINE_LOOP(loads + 10) load BT_LINE_NARROW BT_LINE_PUT("t0", "t1"), BT_NARROW, \
                   value)                                                                                 \
    BT_DEFINE_LINE(text##_parts, BT_LINE_LOOP(loads + 14) load BT_LINE_PARTS BT_LINE_PUT("t2", "t3"), BT_PARTS, value) \
    BT_DEFINE_LINE(text##_wide, BT_LINE_LOOP(loads + 18) load BT_LINE_WIDE BT_LINE_PUT("t0", "t1"), BT_WIDE, value) \
    BT_DEFINE_LINE_PICK(text)
#define BT_DEFINE_LINE_PICK(text)                                                                         \
    BT_INLINE bt_line_function *text(int32_t kind)                                                        \
    {                                                                                                     \
        return kind == BT_NARROW ? text##_narrow : kind == BT_PARTS ? text##_parts : text##_wide;          \
    }

/* Whether a requantization has lines. */
BT_INLINE int32_t bt_has_lines(int32_t kind)
{
    return kind == BT_NARROW || kind == BT_PARTS || kind == BT_WIDE;
}

BT_INLINE int32_t bt_element_bytes(int32_t type)
{
    return type <= BT_U8 ? 1 : type <= BT_U16 ? 2 : 4;
}

/* What a core does of (pixels, channels): elements that lie behind each other, or one channel of some pixels after the
 * other. Pixels are divided, or channels if there are more of them. Each core begins with another channel, so that not
 * all are at the same bank.
 */
typedef struct {
    bt_share pixels;
    bt_share channels;
    int32_t first;
} bt_field;

BT_INLINE bt_field bt_field_of(int32_t pixels, int32_t channels, int32_t core, int32_t cores)
{
    bt_share all_pixels = {0, pixels}, all_channels = {0, channels};
    bt_field by_channels = {all_pixels, bt_share_of(channels, core, cores), 0};
    bt_field by_pixels = {bt_share_of(pixels, core, cores), all_channels, core * channels / cores};
    by_channels.first = by_channels.channels.begin;
    return channels > pixels ? by_channels : by_pixels;
}

/* All channels of a field; `line` begins at pixel 0 and channel 0. */
BT_INLINE void bt_run_field(const bt_requant *q, bt_line_function *function, bt_line line, bt_field f, bt_line bytes)
{
    line.count = f.pixels.end - f.pixels.begin;
    line.a += f.pixels.begin * line.a_step;
    line.b += f.pixels.begin * line.b_step;
    line.y += f.pixels.begin * line.y_step;
    for (int32_t left = line.count > 0 ? f.channels.end - f.channels.begin : 0, c = f.first; left > 0; left--, c++) {
        bt_line here = line;
        c = c == f.channels.end ? f.channels.begin : c;
        here.a += c * bytes.a_step;
        here.b += c * bytes.b_step;
        here.y += c;
        function(q, q->scales + (q->per_channel ? c : 0), here);
    }
}

/* One record for dense tensors: all elements in a row, else channel by channel. The steps of `bytes` are those from one
 * element to the next, those of `line` from one pixel to the next.
 */
BT_INLINE void bt_run_lines(const bt_requant *q, bt_line_function *function, bt_line line, bt_line bytes,
                            int32_t pixels, int32_t channels, int32_t core, int32_t cores)
{
    int32_t dense = !q->per_channel && line.a_step == channels * bytes.a_step && line.y_step == channels &&
                    line.b_step == channels * bytes.b_step;
    if (dense) {
        bt_share share = bt_share_of(pixels * channels, core, cores);
        line.a += share.begin * bytes.a_step;
        line.b += share.begin * bytes.b_step;
        line.y += share.begin;
        line.a_step = bytes.a_step;
        line.b_step = bytes.b_step;
        line.y_step = 1;
        line.count = share.end - share.begin;
        function(q, q->scales, line);
    } else {
        bt_run_field(q, function, line, bt_field_of(pixels, channels, core, cores), bytes);
    }
}

#endif
