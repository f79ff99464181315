/* Convolution of every channel with its own kernel.
 *
 * In HWC the four bytes of a word are four channels; a dot product needs four taps of one channel. For one row of the
 * output and four channels the part of the image that its windows see is transposed once, into words of up to four
 * taps of a kernel's column; windows that overlap share them.
 */
#include "bt_common.h"
#include "bt_depthwise.h"
#include "bt_kernels.h"

/* One unit of work: a row of the output, four channels. */
typedef struct {
    int32_t oy;
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
    /* What taps outside of the image read; on the stack, because constants lie in slow memory. */
    uint32_t zero;
} unit_of_work;

static bt_walk start_walk(const bt_depthwise_params *p, const unit_of_work *u, int32_t ky, int32_t ix)
{
    bt_walk w;
    for (int32_t i = 0; i < 4; i++) {
        int32_t iy = u->oy * p->stride_h - p->pad_top + (ky + i) * p->dilation_h;
        int32_t inside = ky + i < p->kernel_h && iy >= 0 && iy < p->in_h;
        w.from[i] = inside ? (const uint8_t *)p->input + (iy * p->in_w + ix) * p->in_pitch + u->channel
                           : (const uint8_t *)&u->zero;
        w.step[i] = inside ? p->in_pitch : 0;
    }
    return w;
}

/* Any number of channels and rows of the kernel, byte by byte. */
static void transpose_bytes(bt_walk w, uint8_t *to, int32_t plane, int32_t column, int32_t count, int32_t channels)
{
    for (; count > 0; count--, to += column)
        for (int32_t i = 0; i < 4; i++, w.from[i - 1] += w.step[i - 1])
            for (int32_t c = 0; c < channels; c++)
                to[c * plane + i] = w.from[i][c];
}

/* Columns outside of the image are the same for all units of a core. */
static void zero_columns(const unit_of_work *u)
{
    int32_t column = 4 * u->words, plane = u->columns * column;
    for (int32_t c = 0; c < 4; c++) {
        bt_fill(u->scratch + c * plane, 0, u->begin * column);
        bt_fill(u->scratch + c * plane + u->end * column, 0, (u->columns - u->end) * column);
    }
}

/* The scratch of a unit: [channel][column of the image][tap]. */
static void fill_scratch(const bt_depthwise_params *p, const unit_of_work *u)
{
    int32_t column = 4 * u->words, plane = u->columns * column, count = u->end - u->begin;
    for (int32_t t = 0; t < u->words; t++) {
        bt_walk w = start_walk(p, u, 4 * t, u->begin - p->pad_left);
        uint8_t *to = u->scratch + u->begin * column + 4 * t;
        if (u->valid == 4 && column == 4)
            bt_transpose_run(w, to, plane, count);
        else
            transpose_bytes(w, to, plane, column, count, u->valid);
    }
}

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

static void run_channel(const bt_depthwise_params *p, const channel_work *k, int32_t channel, int32_t at)
{
    const bt_requant *q = &p->requant;
    const bt_scale *scale = q->scales + (q->per_channel ? channel : 0);
    bt_channel c = {k->x, k->w, (uint8_t *)p->output + at, k->step, p->out_pitch, k->bias, p->out_w};
    if (k->column != 4 || p->kernel_w != 3 || (q->kind != BT_WIDE && q->kind != BT_NARROW))
        channel_any(p, k, channel, at);
    else if (q->kind == BT_WIDE)
        (p->is_signed ? bt_three_i8_wide : bt_three_u8_wide)(q, scale, &c);
    else
        (p->is_signed ? bt_three_i8_narrow : bt_three_u8_narrow)(q, scale, &c);
}

static void run_unit(const bt_depthwise_params *p, const unit_of_work *u)
{
    int32_t column = 4 * u->words;
    fill_scratch(p, u);
    for (int32_t c = 0; c < u->valid; c++) {
        int32_t channel = u->channel + c;
        channel_work k = {u->scratch + c * u->columns * column,
                          (const uint8_t *)p->weights + channel * p->kernel_w * column, u->words,
                          p->dilation_w * column, p->stride_w * column, p->bias ? p->bias[channel] : 0};
        run_channel(p, &k, channel, u->oy * p->out_w * p->out_pitch + channel);
    }
}

void bt_depthwise(const bt_depthwise_params *p, int32_t core, int32_t cores)
{
    int32_t groups = (p->channels + 3) >> 2;
    bt_share share = bt_share_of(p->out_h * groups, core, cores);
    unit_of_work u = {0, 0, 0, (p->out_w - 1) * p->stride_w + (p->kernel_w - 1) * p->dilation_w + 1,
                      (p->kernel_h + 3) >> 2, 0, 0, 0, 0};
    u.scratch = (uint8_t *)p->scratch + core * 16 * u.columns * u.words;
    u.begin = bt_min(p->pad_left, u.columns);
    u.end = bt_clamp(p->in_w + p->pad_left, u.begin, u.columns);
    zero_columns(&u);
    for (int32_t unit = share.begin; unit < share.end; unit++) {
        u.oy = unit / groups;
        u.channel = 4 * (unit - u.oy * groups);
        u.valid = bt_min(p->channels - u.channel, 4);
        run_unit(p, &u);
    }
}
