/* Convolution of every channel with its own kernel.
 *
 * In HWC the four bytes of a word are four channels; a dot product needs four taps of one channel. For one row of the
 * output and four channels the part of the image that its windows see is transposed once, into words of up to four
 * taps of a kernel's column; windows that overlap share them.
 */
#include "bt_common.h"
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
} unit_of_work;

/* Four words (taps) of four bytes (channels) become four words (channels) of four bytes (taps). */
BT_INLINE void transpose(uint8_t *to, int32_t plane, const uint32_t tap[4])
{
    uint32_t low01 = bt_shuffle(tap[0], tap[1], 0x05010400), high01 = bt_shuffle(tap[0], tap[1], 0x07030602);
    uint32_t low23 = bt_shuffle(tap[2], tap[3], 0x05010400), high23 = bt_shuffle(tap[2], tap[3], 0x07030602);
    bt_store(to, bt_shuffle(low01, low23, 0x05040100));
    bt_store(to + plane, bt_shuffle(low01, low23, 0x07060302));
    bt_store(to + 2 * plane, bt_shuffle(high01, high23, 0x05040100));
    bt_store(to + 3 * plane, bt_shuffle(high01, high23, 0x07060302));
}

/* Four taps that walk along rows of the image; rows outside of it stand still on zeros. */
typedef struct {
    const uint8_t *from[4];
    int32_t step[4];
} walk;

static walk start_walk(const bt_depthwise_params *p, const unit_of_work *u, int32_t ky, int32_t ix)
{
    static const uint32_t zero = 0;
    walk w;
    for (int32_t i = 0; i < 4; i++) {
        int32_t iy = u->oy * p->stride_h - p->pad_top + (ky + i) * p->dilation_h;
        int32_t inside = ky + i < p->kernel_h && iy >= 0 && iy < p->in_h;
        w.from[i] = inside ? (const uint8_t *)p->input + (iy * p->in_w + ix) * p->in_pitch + u->channel
                           : (const uint8_t *)&zero;
        w.step[i] = inside ? p->in_pitch : 0;
    }
    return w;
}

BT_INLINE void transpose_run(walk w, uint8_t *to, int32_t plane, int32_t column, int32_t count, int32_t bytes)
{
    for (; count > 0; count--, to += column) {
        uint32_t tap[4];
        for (int32_t i = 0; i < 4; i++) {
            tap[i] = bt_load_part(w.from[i], bytes);
            w.from[i] += w.step[i];
        }
        transpose(to, plane, tap);
    }
}

static void zero_columns(uint8_t *to, int32_t plane, int32_t bytes)
{
    for (int32_t c = 0; c < 4; c++)
        bt_fill(to + c * plane, 0, bytes);
}

/* The scratch of a unit: [channel][column of the image][tap]. */
static void fill_scratch(const bt_depthwise_params *p, const unit_of_work *u)
{
    int32_t column = 4 * u->words, plane = u->columns * column;
    int32_t begin = bt_min(p->pad_left, u->columns), end = bt_clamp(p->in_w + p->pad_left, begin, u->columns);
    zero_columns(u->scratch, plane, begin * column);
    zero_columns(u->scratch + end * column, plane, (u->columns - end) * column);
    for (int32_t t = 0; t < u->words; t++) {
        walk w = start_walk(p, u, 4 * t, begin - p->pad_left);
        uint8_t *to = u->scratch + begin * column + 4 * t;
        if (u->valid == 4)
            transpose_run(w, to, plane, column, end - begin, 4);
        else
            transpose_run(w, to, plane, column, end - begin, u->valid);
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

/* A kernel of three words (3x3, 4x3, 2x3): weights and requantization stay in registers. */
BT_INLINE void channel_three(const bt_depthwise_params *p, const channel_work *k, int32_t kind, int32_t is_signed,
                             int32_t channel, uint8_t *y)
{
    bt_scale scale = p->requant.scales[p->requant.per_channel ? channel : 0];
    uint32_t w0 = bt_load(k->w), w1 = bt_load(k->w + 4), w2 = bt_load(k->w + 8);
    int32_t lo = p->requant.lo, hi = p->requant.hi, pitch = p->out_pitch, step = k->step, bias = k->bias;
    const uint8_t *x = k->x;
    for (int32_t count = p->out_w; count > 0; count--, x += step, y += pitch) {
        uint32_t x0 = bt_load(x), x1 = bt_load(x + k->column), x2 = bt_load(x + 2 * k->column);
        int32_t sum = is_signed ? bt_dot_i8(bias, x0, w0) : bt_dot_u8(bias, x0, w0);
        sum = is_signed ? bt_dot_i8(sum, x1, w1) : bt_dot_u8(sum, x1, w1);
        sum = is_signed ? bt_dot_i8(sum, x2, w2) : bt_dot_u8(sum, x2, w2);
        sum = kind == BT_WIDE ? bt_scale_wide(&scale, sum) : bt_scale_narrow(&scale, sum);
        *y = (uint8_t)bt_clamp(sum, lo, hi);
    }
}

static void run_channel(const bt_depthwise_params *p, const channel_work *k, int32_t channel, int32_t at)
{
    int32_t kind = p->requant.kind;
    uint8_t *y = (uint8_t *)p->output + at;
    if (k->words != 1 || p->kernel_w != 3 || (kind != BT_WIDE && kind != BT_NARROW))
        channel_any(p, k, channel, at);
    else if (kind == BT_WIDE && p->is_signed)
        channel_three(p, k, BT_WIDE, 1, channel, y);
    else if (kind == BT_WIDE)
        channel_three(p, k, BT_WIDE, 0, channel, y);
    else if (p->is_signed)
        channel_three(p, k, BT_NARROW, 1, channel, y);
    else
        channel_three(p, k, BT_NARROW, 0, channel, y);
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
                      (p->kernel_h + 3) >> 2, 0};
    u.scratch = (uint8_t *)p->scratch + core * 16 * u.columns * u.words;
    for (int32_t unit = share.begin; unit < share.end; unit++) {
        u.oy = unit / groups;
        u.channel = 4 * (unit - u.oy * groups);
        u.valid = bt_min(p->channels - u.channel, 4);
        run_unit(p, &u);
    }
}
