/* Largest value of every window, four channels at a time. */
#include "bt_window.h"

/* Four taps of a window. */
typedef struct {
    const uint8_t *from[4];
} taps;

#if defined(BT_INSN)
#define LOOP(last) \
    ".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t.insn i 0x7b, 4, x0, %[words], 2 * " #last "\n\t"
#define NEXT(reg, tap) ".insn i 0x0b, 2, " reg ", %[f" #tap "], 4\n\t"
#define LARGER(code, a, b) ".insn r 0x57, 1, " code ", " a ", " a ", " b "\n\t"
#define FOUR_TAPS(code) \
    NEXT("t0", 0) NEXT("t1", 1) NEXT("t2", 2) NEXT("t3", 3) LARGER(code, "t0", "t1") LARGER(code, "t2", "t3")
#define STORE(code) LARGER(code, "t0", "t2") ".insn s 0x2b, 2, t0, 4(%[y])\n\t.option pop"
/* The largest of four taps; of the four taps and of what is there already. */
#define DEFINE_LARGEST(name, body, larger, again)                                                         \
    static __attribute__((noinline)) void name(taps t, uint8_t *y, int32_t words)                         \
    {                                                                                                     \
        __asm__ volatile(body : [f0] "+r"(t.from[0]), [f1] "+r"(t.from[1]), [f2] "+r"(t.from[2]),         \
                         [f3] "+r"(t.from[3]), [y] "+r"(y)                                                \
                         : [words] "r"(words) : "t0", "t1", "t2", "t3", "memory");                        \
    }
#define FIRST(code) LOOP(8) FOUR_TAPS(code) STORE(code)
#define AGAIN(code) LOOP(10) FOUR_TAPS(code) "lw t1, 0(%[y])\n\t" LARGER(code, "t0", "t2") LARGER(code, "t1", "t0") \
    ".insn s 0x2b, 2, t1, 4(%[y])\n\t.option pop"
#else
#define DEFINE_LARGEST(name, body, larger, again)                                                         \
    static void name(taps t, uint8_t *y, int32_t words)                                                   \
    {                                                                                                     \
        for (int32_t i = 0; i < 4 * words; i += 4) {                                                      \
            uint32_t found = (again) ? bt_load(y + i) : bt_load(t.from[0] + i);                           \
            for (int32_t tap = 0; tap < 4; tap++)                                                         \
                found = larger(found, bt_load(t.from[tap] + i));                                          \
            bt_store(y + i, found);                                                                       \
        }                                                                                                 \
    }
#endif

DEFINE_LARGEST(first_i8, FIRST("0x18"), bt_max_i8, 0)
DEFINE_LARGEST(first_u8, FIRST("0x1c"), bt_max_u8, 0)
DEFINE_LARGEST(again_i8, AGAIN("0x18"), bt_max_i8, 1)
DEFINE_LARGEST(again_u8, AGAIN("0x1c"), bt_max_u8, 1)

/* Words of four channels, taps by fours; every window holds a pixel. */
BT_INLINE void whole_words(bt_window window, uint8_t *y, int32_t words, int32_t is_signed)
{
    int32_t left = window.rows * window.columns, column = 0, first = 1;
    const uint8_t *line = window.pixel, *from = line;
    while (left > 0) {
        taps t;
        for (int32_t i = 0; i < 4; i++) {
            t.from[i] = from;
            if (left > 1) {
                left--;
                from += window.column_step;
                if (++column == window.columns) {
                    column = 0;
                    line += window.row_step;
                    from = line;
                }
            } else {
                left = 0;
            }
        }
        if (first)
            (is_signed ? first_i8 : first_u8)(t, y, words);
        else
            (is_signed ? again_i8 : again_u8)(t, y, words);
        first = 0;
    }
}

/* The last 1 to 3 channels, byte by byte. */
BT_INLINE void last_bytes(bt_window window, uint8_t *y, int32_t bytes, int32_t is_signed)
{
    for (; bytes > 0; bytes--, window.pixel++) {
        const uint8_t *line = window.pixel;
        int32_t found = is_signed ? -128 : 0;
        for (int32_t row = window.rows; row > 0; row--, line += window.row_step) {
            const uint8_t *from = line;
            for (int32_t column = window.columns; column > 0; column--, from += window.column_step)
                found = bt_max(found, is_signed ? (int8_t)*from : *from);
        }
        *y++ = (uint8_t)found;
    }
}

BT_INLINE void run(const bt_pool_params *p, bt_walk_over w, int32_t is_signed)
{
    for (; w.left > 0; bt_next(p, &w)) {
        uint8_t *y = (uint8_t *)p->output + w.out + 4 * w.word;
        int32_t whole = bt_min(w.last, p->channels >> 2) - w.word;
        bt_window window = w.window;
        window.pixel += 4 * w.word;
        if (whole > 0)
            whole_words(window, y, whole, is_signed);
        if (w.word + whole < w.last) {
            window.pixel += 4 * whole;
            last_bytes(window, y + 4 * whole, p->channels & 3, is_signed);
        }
    }
}

void bt_max_pool(const bt_pool_params *p, int32_t core, int32_t cores)
{
    bt_walk_over w = bt_begin(p, core, cores);
    if (p->is_signed)
        run(p, w, 1);
    else
        run(p, w, 0);
}
