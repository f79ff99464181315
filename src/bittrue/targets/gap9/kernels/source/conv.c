/* Convolution: im2col of two output pixels at a time, then 8 channels x 2 pixels in registers. */
#include "bt_border.h"
#include "bt_common.h"
#include "bt_kernels.h"
#include "bt_matrix.h"

/* Where the kernel's first tap lies for an output pixel. */
typedef struct {
    int32_t ox;
    int32_t iy;
    int32_t ix;
} place;

static place place_of(const bt_conv_params *p, int32_t pixel)
{
    int32_t oy = pixel / p->out_w, ox = pixel - oy * p->out_w;
    place at = {ox, oy * p->stride_h - p->pad_top, ox * p->stride_w - p->pad_left};
    return at;
}

BT_INLINE place next_place(const bt_conv_params *p, place at)
{
    at.ox++;
    at.ix += p->stride_w;
    if (at.ox == p->out_w) {
        at.ox = 0;
        at.ix = -p->pad_left;
        at.iy += p->stride_h;
    }
    return at;
}

/* `rows` runs of bytes, between two of which `to_gap` and `from_gap` bytes are left out. Runs of 1 to 3 bytes; runs of
 * 4 and of 8 and more, where the odd bytes are the begin of a piece of 4 or 8, the rest of which is copied twice.
 */
#if defined(BT_INSN)
#define TURNS(body, last) ".insn i 0x7b, 4, x0, %[turns], 2 * " #last "\n\t" body
#define DEFINE_COPY(name, shift, body, last)                                                              \
    BT_INLINE void name(uint8_t *to, const uint8_t *from, int32_t run, int32_t rows, int32_t to_gap, int32_t from_gap) \
    {                                                                                                     \
        __asm__ volatile(".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"              \
                         ".insn i 0x7b, 4, x1, %[rows], 2 * " #last "\n\t" body                           \
                         "add %[from], %[from], %[from_gap]\n\tadd %[to], %[to], %[to_gap]\n\t.option pop" \
                         : [to] "+r"(to), [from] "+r"(from)                                               \
                         : [turns] "r"(run >> shift), [rows] "r"(rows), [odd] "r"(run & ((1 << shift) - 1)), \
                           [to_gap] "r"(to_gap), [from_gap] "r"(from_gap)                                 \
                         : "t0", "t1", "memory");                                                         \
    }
#define NEXT_ODD(store) "add %[from], %[from], %[odd]\n\t" store "add %[to], %[to], %[odd]\n\t"
DEFINE_COPY(copy_bytes, 0, TURNS(".insn i 0x0b, 4, t0, %[from], 1\n\t.insn s 0x2b, 0, t0, 1(%[to])\n\t", 2), 5)
DEFINE_COPY(copy_words, 2, "lw t0, 0(%[from])\n\t" NEXT_ODD("sw t0, 0(%[to])\n\t")
            TURNS(".insn i 0x0b, 2, t0, %[from], 4\n\t.insn s 0x2b, 2, t0, 4(%[to])\n\t", 2), 9)
DEFINE_COPY(copy_eights, 3, "lw t0, 0(%[from])\n\tlw t1, 4(%[from])\n\t"
            NEXT_ODD("sw t0, 0(%[to])\n\tsw t1, 4(%[to])\n\t")
            TURNS(".insn i 0x0b, 2, t0, %[from], 4\n\t.insn i 0x0b, 2, t1, %[from], 4\n\t"
                  ".insn s 0x2b, 2, t0, 4(%[to])\n\t.insn s 0x2b, 2, t1, 4(%[to])\n\t", 4), 13)
#else
BT_INLINE void copy_bytes(uint8_t *to, const uint8_t *from, int32_t run, int32_t rows, int32_t to_gap, int32_t from_gap)
{
    for (; rows > 0; rows--, from += run + from_gap)
        to = bt_copy(to, from, run) + to_gap;
}
#define copy_words copy_bytes
#define copy_eights copy_bytes
#endif

BT_INLINE void copy_runs(uint8_t *to, const uint8_t *from, int32_t run, int32_t rows, int32_t to_gap, int32_t from_gap)
{
    if (run >= 8)
        copy_eights(to, from, run, rows, to_gap, from_gap);
    else if (run >= 4)
        copy_words(to, from, run, rows, to_gap, from_gap);
    else
        copy_bytes(to, from, run, rows, to_gap, from_gap);
}

/* The taps of a kernel's row or column that lie within the image; none, if the end is not behind the begin. */
BT_INLINE bt_share taps_inside(int32_t at, int32_t size, int32_t kernel, int32_t dilation)
{
    int32_t outside = bt_max(-at, 0), reach = bt_max(size - at, 0);
    if (dilation != 1) {
        outside = (outside + dilation - 1) / dilation;
        reach = (reach + dilation - 1) / dilation;
    }
    bt_share taps = {outside, bt_min(reach, kernel)};
    return taps;
}

/* Zeros, by words, in what a kernel sees that is partly outside: `row` bytes for each of its rows. */
BT_INLINE void clear(const bt_conv_params *p, uint8_t *to, bt_share x, bt_share y, int32_t row)
{
    int32_t whole = x.begin == 0 && x.end == p->kernel_w, length = p->kernel_h * row;
    int32_t begin = whole && y.begin == 0 ? y.end * row & -4 : 0;
    int32_t end = whole && y.end == p->kernel_h ? bt_min(y.begin * row, length) : length;
    to += begin;
    bt_fill_words(&to, 0, (end - begin + 3) >> 2);
}

/* Taps one by one, where they do not lie side by side. */
static __attribute__((noinline)) void copy_taps(const bt_conv_params *p, uint8_t *to, const uint8_t *from, int32_t wide,
                                                int32_t high)
{
    int32_t line = p->dilation_h * p->in_w * p->in_pitch, gap = p->dilation_w * p->in_pitch - p->in_c;
    for (; high > 0; high--, to += p->kernel_w * p->in_c, from += line)
        copy_runs(to, from, p->in_c, wide, 0, gap);
}

/* What the kernel sees for output pixels one after the other, `row` bytes apart: kernel_h * kernel_w * in_c bytes. Then
 * `where` is the next one.
 */
static __attribute__((noinline)) void im2col(const bt_conv_params *p, uint8_t *to, int32_t row, place *where,
                                             int32_t pixels)
{
    int32_t tap = p->in_c, step = p->dilation_w * p->in_pitch, taps = p->kernel_w * tap, width = p->in_w * p->in_pitch;
    int32_t line = p->dilation_h * width, end_x = p->in_w - (p->kernel_w - 1) * p->dilation_w;
    int32_t end_y = p->in_h - (p->kernel_h - 1) * p->dilation_h;
    place at = *where;
    for (; pixels > 0; pixels--, to += row, at = next_place(p, at)) {
        const uint8_t *from = (const uint8_t *)p->input + at.iy * width + at.ix * p->in_pitch;
        uint8_t *target = to;
        int32_t wide = p->kernel_w, high = p->kernel_h;
        if (at.ix < 0 || at.ix >= end_x || at.iy < 0 || at.iy >= end_y) {
            if (p->columns != BT_COLUMNS_OWN) {
                bt_border(p, to, at.iy, at.ix);
                continue;
            }
            bt_share x = taps_inside(at.ix, p->in_w, wide, p->dilation_w);
            bt_share y = taps_inside(at.iy, p->in_h, high, p->dilation_h);
            clear(p, to, x, y, taps);
            wide = x.end - x.begin;
            high = y.end - y.begin;
            target += y.begin * taps + x.begin * tap;
            from += y.begin * line + x.begin * step;
            if (wide <= 0 || high <= 0)
                continue;
        }
        if (step == tap)
            copy_runs(target, from, wide * tap, high, taps - wide * tap, line - wide * tap);
        else
            copy_taps(p, target, from, wide, high);
    }
    *where = at;
}

/* Cores that share the channels of two pixels all make their columns, also where these are common to all cores: each
 * byte is written as what it is already, so that nobody has to wait. Small columns are made of several pairs before they
 * are multiplied, so that the instructions of either stay in the caches.
 */
void bt_conv(const bt_conv_params *p, int32_t core, int32_t cores)
{
    int32_t words = bt_words(p->kernel_h * p->kernel_w * p->in_c, p->weight_bits);
    int32_t row = bt_row_bytes(words, p->weight_bits), pitch = p->out_pitch * (p->requant.kind == BT_NONE ? 4 : 1);
    int32_t pixels = p->out_h * p->out_w, own = p->columns == BT_COLUMNS_OWN;
    bt_matrix m = {p->weights, p->bias, &p->requant, p->out_c, words, p->weight_bits, p->is_signed};
    bt_piece piece = bt_piece_of(pixels, p->out_c, core, cores);
    int32_t room = own ? bt_max(bt_min(BT_COLUMNS_ROOM / (2 * row), piece.most), 1) : pixels;
    place at = place_of(p, 2 * piece.pair);
    for (; piece.left > 0; bt_next_piece(&piece)) {
        int32_t pixel = 2 * piece.pair, two = pixel + 1 < pixels;
        uint8_t *x = (uint8_t *)p->scratch + (own ? core * room * 2 : pixel) * row;
        uint8_t *y = (uint8_t *)p->output + pixel * pitch;
        bt_cut_piece(&piece, bt_min(room, (pixels - pixel) >> 1));
        bt_rows r = {x, two ? x + row : x, y, two ? y + pitch : y, 2 * row, 2 * pitch, piece.pairs};
        if (p->columns != BT_COLUMNS_KEPT)
            im2col(p, x, row, &at, two ? 2 * piece.pairs : 1);
        bt_matrix_rows(&m, &r, piece.first, piece.last);
    }
}
