/* Convolution: im2col of two output pixels at a time, then 8 channels x 2 pixels in registers. */
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

/* One row of the kernel within row `line` of the image, pixel by pixel: those outside are zeros. */
static uint8_t *copy_taps(const bt_conv_params *p, uint8_t *to, const uint8_t *line, int32_t left)
{
    for (int32_t kx = 0, ix = left; kx < p->kernel_w; kx++, ix += p->dilation_w)
        if (ix < 0 || ix >= p->in_w)
            to = bt_fill(to, 0, p->in_c);
        else
            to = bt_copy(to, line + ix * p->in_pitch, p->in_c);
    return to;
}

/* The same where the pixels lie side by side in memory: three pieces, outside, inside, outside. */
static uint8_t *copy_run(const bt_conv_params *p, uint8_t *to, const uint8_t *line, int32_t left)
{
    int32_t begin = bt_clamp(-left, 0, p->kernel_w);
    int32_t end = bt_clamp(p->in_w - left, begin, p->kernel_w);
    if (begin > 0)
        to = bt_fill(to, 0, begin * p->in_c);
    to = bt_copy(to, line + (left + begin) * p->in_c, (end - begin) * p->in_c);
    return end < p->kernel_w ? bt_fill(to, 0, (p->kernel_w - end) * p->in_c) : to;
}

/* At the image's border. */
static void copy_border(const bt_conv_params *p, uint8_t *to, place at)
{
    int32_t side_by_side = p->dilation_w == 1 && p->in_pitch == p->in_c;
    for (int32_t ky = 0, iy = at.iy; ky < p->kernel_h; ky++, iy += p->dilation_h) {
        const uint8_t *line = (const uint8_t *)p->input + iy * p->in_w * p->in_pitch;
        if (iy < 0 || iy >= p->in_h)
            to = bt_fill(to, 0, p->kernel_w * p->in_c);
        else if (side_by_side)
            to = copy_run(p, to, line, at.ix);
        else
            to = copy_taps(p, to, line, at.ix);
    }
}

/* `rows` runs of bytes, `line` apart, behind each other: runs of 1 to 3 bytes; of 4 and more, whose last bytes are
 * copied as the last word.
 */
#if defined(BT_INSN)
#define NESTED(body, rows_last, turns_last)                                                               \
    ".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"                                   \
    ".insn i 0x7b, 4, x1, %[rows], 2 * " #rows_last "\n\t.insn i 0x7b, 4, x0, %[turns], 2 * " #turns_last "\n\t" \
    body ".option pop"
BT_INLINE void copy_bytes(uint8_t *to, const uint8_t *from, int32_t run, int32_t rows, int32_t line)
{
    __asm__ volatile(NESTED(".insn i 0x0b, 4, t0, %[from], 1\n\t.insn s 0x2b, 0, t0, 1(%[to])\n\t"
                            "add %[from], %[from], %[gap]\n\t", 4, 2)
                     : [to] "+r"(to), [from] "+r"(from)
                     : [turns] "r"(run), [rows] "r"(rows), [gap] "r"(line - run)
                     : "t0", "memory");
}

BT_INLINE void copy_words(uint8_t *to, const uint8_t *from, int32_t run, int32_t rows, int32_t line)
{
    __asm__ volatile(NESTED(".insn i 0x0b, 2, t0, %[from], 4\n\t.insn s 0x2b, 2, t0, 4(%[to])\n\t"
                            "add %[from], %[from], %[rest]\n\tlw t0, -4(%[from])\n\tadd %[to], %[to], %[rest]\n\t"
                            "add %[from], %[from], %[gap]\n\tsw t0, -4(%[to])\n\t", 8, 2)
                     : [to] "+r"(to), [from] "+r"(from)
                     : [turns] "r"(run >> 2), [rows] "r"(rows), [rest] "r"(run & 3), [gap] "r"(line - run)
                     : "t0", "memory");
}
#else
BT_INLINE void copy_bytes(uint8_t *to, const uint8_t *from, int32_t run, int32_t rows, int32_t line)
{
    for (; rows > 0; rows--, from += line)
        to = bt_copy(to, from, run);
}
#define copy_words copy_bytes
#endif

static void copy_runs(uint8_t *to, const uint8_t *from, int32_t run, int32_t rows, int32_t line)
{
    if (run < 4)
        copy_bytes(to, from, run, rows, line);
    else if (run < 32)
        copy_words(to, from, run, rows, line);
    else
        for (; rows > 0; rows--, from += line)
            to = bt_copy(to, from, run);
}

/* What the kernel sees for one output pixel: kernel_h * kernel_w * in_c bytes. */
static void im2col(const bt_conv_params *p, uint8_t *to, const place *where)
{
    place at = *where;
    int32_t inside = at.ix >= 0 && at.ix + p->kernel_w <= p->in_w && at.iy >= 0 &&
                     at.iy + (p->kernel_h - 1) * p->dilation_h < p->in_h;
    int32_t line = p->in_w * p->in_pitch, run = p->kernel_w * p->in_c;
    const uint8_t *from = (const uint8_t *)p->input + at.iy * line + at.ix * p->in_pitch;
    if (!inside || p->dilation_w != 1 || p->in_pitch != p->in_c) {
        copy_border(p, to, at);
        return;
    }
    copy_runs(to, from, run, p->kernel_h, line * p->dilation_h);
}

/* Cores that share the channels of two pixels all make their columns, also where these are common to all cores: they
 * write the same bytes, so that nobody has to wait.
 */
void bt_conv(const bt_conv_params *p, int32_t core, int32_t cores)
{
    int32_t words = bt_words(p->kernel_h * p->kernel_w * p->in_c, p->weight_bits);
    int32_t row = bt_row_bytes(words, p->weight_bits), pitch = p->out_pitch * (p->requant.kind == BT_NONE ? 4 : 1);
    int32_t pixels = p->out_h * p->out_w, blocks = (p->out_c + 3) >> 2;
    bt_matrix m = {p->weights, p->bias, &p->requant, p->out_c, words, p->weight_bits, p->is_signed};
    bt_share share = bt_share_of(((pixels + 1) >> 1) * blocks, core, cores);
    int32_t pair = share.begin / blocks, first = share.begin - pair * blocks, left = share.end - share.begin;
    place at = place_of(p, 2 * pair);
    int32_t kept = p->columns == BT_COLUMNS_KEPT, step = p->columns == BT_COLUMNS_OWN ? 0 : 2 * row;
    uint8_t *x0 = (uint8_t *)p->scratch + (step ? pair : core) * 2 * row, *y = (uint8_t *)p->output + 2 * pair * pitch;
    for (int32_t pixel = 2 * pair; left > 0; pixel += 2, y += 2 * pitch, x0 += step) {
        int32_t last = bt_min(blocks, first + left), two = pixel + 1 < pixels;
        if (!kept) {
            im2col(p, x0, &at);
            at = next_place(p, at);
            if (two)
                im2col(p, x0 + row, &at);
            at = next_place(p, at);
        }
        bt_matrix_pair(&m, x0, two ? x0 + row : x0, y, two ? y + pitch : y, first, last);
        left -= last - first;
        first = 0;
    }
}
