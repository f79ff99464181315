/* Convolution of every channel with its own kernel.
 *
 * In HWC the four bytes of a word are four channels; a dot product needs four taps of one channel. For one row of the
 * output (two, where a kernel's column and one row more fit into a word) and four channels the part of the image that
 * its windows see is transposed once, into words of up to four taps of a kernel's column; windows that overlap share
 * them.
 */
#include "bt_common.h"
#include "bt_depthwise.h"
#include "bt_kernels.h"

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
    /* Of kernels of three words: what all units share, and the functions for one row and for two. */
    bt_lines lines;
    void (*run[2])(bt_lines *c);
    int32_t no_bias[4];
    /* What taps outside of the image read; on the stack, because constants lie in slow memory. */
    uint32_t zero;
} unit_of_work;

/* Taps ky to ky+3 at the first column within the image, channel 0. */
static __attribute__((noinline)) void start_walk(const bt_depthwise_params *p, unit_of_work *u, int32_t ky)
{
    int32_t iy = u->oy * p->stride_h - p->pad_top + ky * p->dilation_h, pixels = p->in_w * p->in_pitch;
    const uint8_t *from = (const uint8_t *)p->input + iy * pixels + (u->begin - p->pad_left) * p->in_pitch;
    int32_t left = p->kernel_h + u->rows - 1 - ky;
    for (int32_t i = 0; i < 4; i++, iy += p->dilation_h, from += p->dilation_h * pixels) {
        int32_t inside = i < left && iy >= 0 && iy < p->in_h;
        u->walk.from[i] = inside ? from : (const uint8_t *)&u->zero;
        u->walk.step[i] = inside ? p->in_pitch : 0;
        u->inside[i] = -inside;
    }
}

/* Any number of channels, byte by byte. */
static void transpose_bytes(bt_walk w, uint8_t *to, int32_t plane, int32_t column, int32_t count, int32_t channels)
{
    for (; count > 0; count--, to += column)
        for (int32_t i = 0; i < 4; i++, w.from[i - 1] += w.step[i - 1])
            for (int32_t c = 0; c < channels; c++)
                to[c * plane + i] = w.from[i][c];
}

/* Columns outside of the image are the same for all units of a core. */
static __attribute__((noinline)) void zero_columns(const unit_of_work *u)
{
    int32_t column = 4 * u->words;
    uint8_t *to = u->scratch;
    for (int32_t c = 0; c < 4; c++, to += u->plane) {
        bt_fill(to, 0, u->begin * column);
        bt_fill(to + u->end * column, 0, (u->columns - u->end) * column);
    }
}

/* Word t of every column of the scratch of a unit: [channel][column of the image][tap]. */
BT_INLINE void transpose(const unit_of_work *u, int32_t t)
{
    bt_walk w = u->walk;
    for (int32_t i = 0; i < 4; i++)
        w.from[i] += u->channel & u->inside[i];
    if (u->valid == 4)
        bt_transpose_run(w, u->first + 4 * t, u->plane, 4 * u->words, u->count);
    else
        transpose_bytes(w, u->first + 4 * t, u->plane, 4 * u->words, u->count, u->valid);
}

/* Sums of one channel of one row, any kernel. */
typedef struct {
    const uint8_t *x;
    const uint8_t *w;
    /* Words of a kernel's column, bytes from one to the next, bytes from one window to the next. */
    int32_t words;
    int32_t column;
    int32_t step;
    int32_t bias;
} channel_work;

BT_INLINE int32_t window_sum(const channel_work *k, const uint8_t *x, int32_t kernel_w, int32_t is_signed)
{
    const uint8_t *w = k->w;
    int32_t sum = k->bias;
    for (int32_t kx = 0; kx < kernel_w; kx++, x += k->column)
        for (int32_t t = 0; t < k->words; t++, w += 4)
            sum = is_signed ? bt_dot_i8(sum, bt_load(x + 4 * t), bt_load(w))
                            : bt_dot_u8(sum, bt_load(x + 4 * t), bt_load(w));
    return sum;
}

/* One channel of one row, any kernel and any requantization. */
BT_INLINE void channel_any(const bt_depthwise_params *p, const channel_work *k, int32_t channel, int32_t at)
{
    const uint8_t *x = k->x;
    for (int32_t ox = 0; ox < p->out_w; ox++, x += k->step, at += p->out_pitch) {
        int32_t sum = p->is_signed ? window_sum(k, x, p->kernel_w, 1) : window_sum(k, x, p->kernel_w, 0);
        bt_put(&p->requant, p->requant.kind, p->output, at, channel, sum);
    }
}

static __attribute__((noinline)) void any_unit(const bt_depthwise_params *p, unit_of_work *u)
{
    int32_t column = 4 * u->words;
    for (int32_t t = 0; t < u->words; t++) {
        start_walk(p, u, 4 * t);
        transpose(u, t);
    }
    for (int32_t c = 0; c < u->valid; c++) {
        int32_t channel = u->channel + c;
        channel_work k = {u->scratch + c * u->plane,
                          (const uint8_t *)p->weights + channel * p->kernel_w * column, u->words,
                          p->dilation_w * column, p->stride_w * column, p->bias ? p->bias[channel] : 0};
        channel_any(p, &k, channel, u->oy * p->out_w * p->out_pitch + channel);
    }
}

/* Kernels of three words: rows of the output that one transposition serves, 0: it is another kernel. */
static int32_t rows_at_once(const bt_depthwise_params *p)
{
    int32_t kind = p->requant.kind, fast = kind == BT_PARTS || kind == BT_NARROW || kind == BT_WIDE;
    if (!fast || p->kernel_h > 4 || p->kernel_w != 3 || p->dilation_w != 1)
        return 0;
    return p->kernel_h <= 3 && p->stride_h == 1 && p->stride_w == 1 && p->dilation_h == 1 ? 2 : 1;
}

static void pick_ways(const bt_depthwise_params *p, unit_of_work *u)
{
    int32_t kind = p->requant.kind, clip = p->requant.lo == 0;
    if (kind == BT_WIDE) {
        u->run[0] = p->is_signed ? bt_one_i8_wide : bt_one_u8_wide;
        u->run[1] = p->is_signed ? bt_two_i8_wide : bt_two_u8_wide;
    } else if (kind == BT_PARTS) {
        u->run[0] = p->is_signed ? bt_one_i8_parts : bt_one_u8_parts;
        u->run[1] = clip ? (p->is_signed ? bt_two_i8_parts_clip : bt_two_u8_parts_clip)
                         : (p->is_signed ? bt_two_i8_parts : bt_two_u8_parts);
    } else {
        u->run[0] = p->is_signed ? bt_one_i8_narrow : bt_one_u8_narrow;
        u->run[1] = clip ? (p->is_signed ? bt_two_i8_narrow_clip : bt_two_u8_narrow_clip)
                         : (p->is_signed ? bt_two_i8_narrow : bt_two_u8_narrow);
    }
}

static void start_lines(const bt_depthwise_params *p, unit_of_work *u)
{
    const bt_requant *q = &p->requant;
    int32_t row = p->out_w * p->out_pitch, step = 4 * p->stride_w;
    bt_lines c = {0, 0, step, p->out_pitch, row, q->lo, q->hi, q->slope_shift, p->out_w, 0, u->plane - p->out_w * step,
                  1 - row, 0, 0, q->per_channel * (int32_t)sizeof *q->scales, 0, 0};
    u->lines = c;
    pick_ways(p, u);
    bt_fill((uint8_t *)u->no_bias, 0, sizeof u->no_bias);
}

/* Three windows at a time pay where a row has some of them: their code is larger. */
static void set_thirds(const bt_depthwise_params *p, unit_of_work *u)
{
    int32_t thirds = u->rows == 2 && p->out_w >= 12 ? p->out_w / 3 : 0;
    u->lines.thirds = thirds;
    u->lines.count = p->out_w - 3 * thirds;
    u->lines.next_x = u->plane - 4 * p->out_w * p->stride_w - (thirds ? 8 : 0);
}

BT_INLINE void three_unit(const bt_depthwise_params *p, unit_of_work *u)
{
    bt_lines *c = &u->lines;
    int32_t channel = u->channel;
    transpose(u, 0);
    c->x = u->scratch;
    c->y = (uint8_t *)p->output + u->oy * c->below + channel;
    c->channels = u->valid;
    c->w = (const uint8_t *)p->weights + 12 * channel;
    c->scale = p->requant.scales + (c->scale_step ? channel : 0);
    c->bias = p->bias ? p->bias + channel : u->no_bias;
    u->run[u->rows - 1](c);
}

static __attribute__((noinline)) void set_line(const bt_depthwise_params *p, unit_of_work *u, int32_t oy, int32_t rows)
{
    u->oy = oy;
    u->rows = bt_min(rows, p->out_h - oy);
    start_walk(p, u, 0);
    set_thirds(p, u);
}

/* What all units of a core share. */
static void start_units(const bt_depthwise_params *p, unit_of_work *u, int32_t core)
{
    u->columns = (p->out_w - 1) * p->stride_w + (p->kernel_w - 1) * p->dilation_w + 1;
    u->words = (p->kernel_h + 3) >> 2;
    u->plane = 4 * u->columns * u->words;
    u->scratch = (uint8_t *)p->scratch + core * 4 * u->plane;
    u->begin = bt_min(p->pad_left, u->columns);
    u->end = bt_clamp(p->in_w + p->pad_left, u->begin, u->columns);
    u->first = u->scratch + 4 * u->begin * u->words;
    u->count = u->end - u->begin;
    u->zero = 0;
    zero_columns(u);
    start_lines(p, u);
}

void bt_depthwise(const bt_depthwise_params *p, int32_t core, int32_t cores)
{
    int32_t groups = (p->channels + 3) >> 2, three = rows_at_once(p), rows = bt_max(three, 1);
    int32_t lines = rows == 2 ? (p->out_h + 1) >> 1 : p->out_h;
    bt_share share = bt_share_of(lines * groups, core, cores);
    int32_t line = share.begin / groups, group = share.begin - line * groups;
    unit_of_work u;
    start_units(p, &u, core);
    set_line(p, &u, line * rows, rows);
    for (int32_t left = share.end - share.begin; left > 0; left--) {
        u.channel = 4 * group;
        u.valid = bt_min(p->channels - u.channel, 4);
        if (three)
            three_unit(p, &u);
        else
            any_unit(p, &u);
        if (++group == groups && left > 1) {
            group = 0;
            set_line(p, &u, u.oy + rows, rows);
        }
    }
}
