/* Sum of every window, requantized; four channels at a time, each picked by a dot product with a single one. */
#include "bt_window.h"

typedef struct {
    int32_t channel[4];
} sums;

BT_INLINE sums add_word(sums s, uint32_t word, int32_t is_signed)
{
    for (int32_t c = 0; c < 4; c++)
        s.channel[c] = is_signed ? bt_dot_i8(s.channel[c], word, 1u << (8 * c))
                                 : bt_dot_u8(s.channel[c], word, 1u << (8 * c));
    return s;
}

/* Words that are `step` bytes apart, two of them a turn. */
#if defined(BT_INSN)
#define ADD(code, word)                                                                                   \
    ".insn r 0x57, 1, " code ", %[s0], " word ", %[o0]\n\t.insn r 0x57, 1, " code ", %[s1], " word ", %[o1]\n\t" \
    ".insn r 0x57, 1, " code ", %[s2], " word ", %[o2]\n\t.insn r 0x57, 1, " code ", %[s3], " word ", %[o3]\n\t"
#define NEXT(reg) ".insn r 0x0b, 7, 0x10, " reg ", %[from], %[step]\n\t"
#define DEFINE_TWOS(name, code, is_signed)                                                                \
    BT_INLINE sums name(sums s, const uint8_t **from, int32_t step, int32_t turns)                        \
    {                                                                                                     \
        if (turns > 0)                                                                                    \
            __asm__ volatile(".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"          \
                             ".insn i 0x7b, 4, x0, %[turns], 2 * 10\n\t"                                  \
                             NEXT("t0") NEXT("t1") ADD(code, "t0") ADD(code, "t1") ".option pop"          \
                             : [s0] "+r"(s.channel[0]), [s1] "+r"(s.channel[1]), [s2] "+r"(s.channel[2]), \
                               [s3] "+r"(s.channel[3]), [from] "+r"(*from)                                \
                             : [step] "r"(step), [turns] "r"(turns), [o0] "r"(1), [o1] "r"(1 << 8),       \
                               [o2] "r"(1 << 16), [o3] "r"(1 << 24)                                       \
                             : "t0", "t1", "memory");                                                     \
        return s;                                                                                         \
    }
#else
#define DEFINE_TWOS(name, code, is_signed)                                                                \
    BT_INLINE sums name(sums s, const uint8_t **from, int32_t step, int32_t turns)                        \
    {                                                                                                     \
        for (int32_t left = 2 * turns; left > 0; left--, *from += step)                                   \
            s = add_word(s, bt_load(*from), is_signed);                                                   \
        return s;                                                                                         \
    }
#endif
DEFINE_TWOS(add_twos_i8, "0x5c", 1)
DEFINE_TWOS(add_twos_u8, "0x54", 0)

/* Lines of words; a window whose rows follow each other without a gap is one line. */
BT_INLINE sums sum_of(bt_window window, int32_t is_signed)
{
    const uint8_t *line = window.pixel;
    int32_t columns = window.columns, rows = window.rows;
    sums s = {{0, 0, 0, 0}};
    if (window.row_step == columns * window.column_step) {
        columns *= rows;
        rows = rows > 0;
    }
    for (; rows > 0; rows--, line += window.row_step) {
        const uint8_t *from = line;
        s = (is_signed ? add_twos_i8 : add_twos_u8)(s, &from, window.column_step, columns >> 1);
        if (columns & 1)
            s = add_word(s, bt_load(from), is_signed);
    }
    return s;
}

/* Words of four channels, of a kind whose record stays in registers; window and y are at the first one. */
BT_INLINE void whole_words(bt_window window, const bt_requant *q, int32_t kind, uint8_t *y, int32_t channel,
                           int32_t words, int32_t is_signed)
{
    bt_requant r = *q;
    const bt_scale *scale = r.scales + (r.per_channel ? channel : 0);
    for (; words > 0; words--, window.pixel += 4, y += 4) {
        sums s = sum_of(window, is_signed);
        for (int32_t c = 0; c < 4; c++, scale += r.per_channel)
            y[c] = (uint8_t)bt_scaled(&r, kind, scale, s.channel[c]);
    }
}

typedef void words_function(bt_window window, const bt_requant *q, uint8_t *y, int32_t channel, int32_t words);
#define DEFINE_WORDS(name, kind, is_signed)                                                               \
    static __attribute__((noinline)) void name(bt_window window, const bt_requant *q, uint8_t *y, int32_t channel, \
                                               int32_t words)                                             \
    {                                                                                                     \
        whole_words(window, q, kind, y, channel, words, is_signed);                                       \
    }
DEFINE_WORDS(narrow_i8, BT_NARROW, 1)
DEFINE_WORDS(narrow_u8, BT_NARROW, 0)
DEFINE_WORDS(parts_i8, BT_PARTS, 1)
DEFINE_WORDS(parts_u8, BT_PARTS, 0)
DEFINE_WORDS(wide_i8, BT_WIDE, 1)
DEFINE_WORDS(wide_u8, BT_WIDE, 0)

/* 0: another kind. */
static words_function *function_of(int32_t kind, int32_t is_signed)
{
    if (kind == BT_NARROW)
        return is_signed ? narrow_i8 : narrow_u8;
    if (kind == BT_PARTS)
        return is_signed ? parts_i8 : parts_u8;
    return kind != BT_WIDE ? 0 : is_signed ? wide_i8 : wide_u8;
}

/* Sums of the last 1 to 3 channels, byte by byte. */
static sums sum_of_bytes(bt_window window, int32_t bytes, int32_t is_signed)
{
    sums s = {{0, 0, 0, 0}};
    for (int32_t y = 0; y < window.rows; y++, window.pixel += window.row_step) {
        const uint8_t *from = window.pixel;
        for (int32_t x = 0; x < window.columns; x++, from += window.column_step)
            for (int32_t c = 0; c < bytes; c++)
                s.channel[c] += is_signed ? (int8_t)from[c] : from[c];
    }
    return s;
}

/* Up to four channels, any kind. */
static __attribute__((noinline)) void average(const bt_pool_params *p, bt_window window, int32_t at, int32_t channel)
{
    int32_t bytes = bt_min(p->channels - channel, 4);
    sums s;
    window.pixel += channel;
    if (bytes < 4)
        s = sum_of_bytes(window, bytes, p->is_signed);
    else
        s = p->is_signed ? sum_of(window, 1) : sum_of(window, 0);
    for (int32_t c = 0; c < bytes; c++)
        bt_put(&p->requant, p->requant.kind, p->output, at + channel + c, channel + c, s.channel[c]);
}

void bt_avg_pool(const bt_pool_params *p, int32_t core, int32_t cores)
{
    words_function *function = function_of(p->requant.kind, p->is_signed);
    for (bt_walk_over w = bt_begin(p, core, cores); w.left > 0; bt_next(p, &w)) {
        int32_t word = w.word, whole = function ? bt_min(w.last, p->channels >> 2) - word : 0;
        bt_window window = w.window;
        if (whole > 0) {
            window.pixel += 4 * word;
            function(window, &p->requant, (uint8_t *)p->output + w.out + 4 * word, 4 * word, whole);
            word += whole;
        }
        for (; word < w.last; word++)
            average(p, w.window, w.out, 4 * word);
    }
}
