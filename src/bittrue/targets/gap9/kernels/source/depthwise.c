/* Convolution of every channel with its own kernel.
 *
 * In HWC the four bytes of a word are four channels; a dot product needs four taps of one channel. For one row of the
 * output (two, where a kernel's column and one row more fit into a word) and four channels the part of the image that
 * its windows see is transposed once, into words of up to four taps of a kernel's column; windows that overlap share
 * them.
 */
#include "bt_depthwise.h"

BT_DEFINE_THREES(u8)
BT_DEFINE_PICK(pick_u8, u8)

/* Taps ky to ky+3 at the first column within the image, channel 0. */
static __attribute__((noinline)) void start_walk(const bt_depthwise_params *p, bt_unit *u, int32_t ky)
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
static __attribute__((noinline)) void zero_columns(const bt_unit *u)
{
    int32_t column = 4 * u->words;
    uint8_t *to = u->scratch;
    for (int32_t c = 0; c < 4; c++, to += u->plane) {
        bt_fill(to, 0, u->begin * column);
        bt_fill(to + u->end * column, 0, (u->columns - u->end) * column);
    }
}

/* Word t of every column of the scratch of a unit: [channel][column of the image][tap]. */
BT_INLINE void transpose(const bt_unit *u, int32_t t)
{
    bt_walk w = u->walk;
    for (int32_t i = 0; i < 4; i++)
        w.from[i] += u->channel & u->inside[i];
    if (u->valid == 4)
        bt_transpose_run(w, u->first + 4 * t, u->plane, 4 * u->words, u->count);
    else
        transpose_bytes(w, u->first + 4 * t, u->plane, 4 * u->words, u->count, u->valid);
}

/* Rows of the output that one transposition of a kernel of three words serves. */
static int32_t rows_at_once(const bt_depthwise_params *p)
{
    return p->kernel_h <= 3 && p->stride_h == 1 && p->stride_w == 1 && p->dilation_h == 1 ? 2 : 1;
}

static bt_way way_of(const bt_depthwise_params *p)
{
    int32_t kind = p->requant.kind, fast = kind == BT_PARTS || kind == BT_NARROW || kind == BT_WIDE;
    if (!fast || p->dilation_w != 1)
        return BT_WORD_BY_WORD;
    if (p->kernel_h <= 4 && p->kernel_w == 3)
        return BT_THREE_WORDS;
    return p->out_w < 4 ? BT_WORD_BY_WORD : BT_BY_FOURS;
}

static bt_lines_function *function_of(const bt_depthwise_params *p, bt_way way, int32_t two)
{
    int32_t kind = p->requant.kind;
    if (way == BT_THREE_WORDS && kind != BT_WIDE && !p->is_signed)
        return pick_u8(kind, two, p->requant.lo == 0);
    return bt_depthwise_function(way, &p->requant, p->is_signed, two);
}

static void start_lines(const bt_depthwise_params *p, bt_unit *u)
{
    const bt_requant *q = &p->requant;
    int32_t row = p->out_w * p->out_pitch, step = 4 * p->stride_w;
    bt_lines c = {0, 0, step, p->out_pitch, row, q->lo, q->hi, q->slope_shift, p->out_w, 0, u->plane - p->out_w * step,
                  1 - row, 0, 0, q->per_channel * (int32_t)sizeof *q->scales, 0, 0};
    u->lines = c;
    u->run[0] = function_of(p, u->way, 0);
    u->run[1] = function_of(p, u->way, 1);
    bt_fill((uint8_t *)u->no_bias, 0, sizeof u->no_bias);
}

/* Three windows at a time pay where a row has some of them: their code is larger. */
static void set_turns(const bt_depthwise_params *p, bt_unit *u)
{
    int32_t thirds = u->rows == 2 && p->out_w >= 12 ? p->out_w / 3 : 0;
    u->lines.turns = thirds;
    u->lines.count = p->out_w - 3 * thirds;
    u->lines.next_x = u->plane - 4 * p->out_w * p->stride_w - (thirds ? 8 : 0);
}

/* Channels of a unit, from output ox of the row on. */
BT_INLINE void run_from(const bt_depthwise_params *p, bt_unit *u, int32_t ox)
{
    bt_lines *c = &u->lines;
    int32_t channel = u->channel;
    c->x = u->scratch + ox * c->step;
    c->y = (uint8_t *)p->output + (u->oy * p->out_w + ox) * c->pitch + channel;
    c->channels = u->valid;
    c->w = (const uint8_t *)p->weights + (u->way == BT_THREE_WORDS ? 12 : 4 * c->turns) * channel;
    c->scale = p->requant.scales + (c->scale_step ? channel : 0);
    c->bias = p->bias ? p->bias + channel : u->no_bias;
    u->run[u->rows - 1](c);
}

/* Outputs from ox on, `count` fours of them. */
static void run_fours(const bt_depthwise_params *p, bt_unit *u, int32_t ox, int32_t count)
{
    bt_lines *c = &u->lines;
    c->turns = p->kernel_w * u->words;
    c->step = 4 * p->stride_w * u->words;
    c->below = c->step - 4 * c->turns;
    c->count = count;
    c->next_x = u->plane - 4 * count * c->step;
    c->next_y = 1 - 4 * count * c->pitch;
    run_from(p, u, ox);
}

static __attribute__((noinline)) void other_unit(const bt_depthwise_params *p, bt_unit *u)
{
    for (int32_t t = 0; t < u->words; t++) {
        start_walk(p, u, 4 * t);
        transpose(u, t);
    }
    if (u->way == BT_WORD_BY_WORD) {
        bt_depthwise_words(p, u);
        return;
    }
    run_fours(p, u, 0, p->out_w >> 2);
    /* What is left are the last four, some of them again. */
    if (p->out_w & 3)
        run_fours(p, u, p->out_w - 4, 1);
}

static __attribute__((noinline)) void set_line(const bt_depthwise_params *p, bt_unit *u, int32_t oy, int32_t rows)
{
    u->oy = oy;
    u->rows = bt_min(rows, p->out_h - oy);
    if (u->way == BT_THREE_WORDS) {
        start_walk(p, u, 0);
        set_turns(p, u);
    }
}

/* What all units of a core share. */
static void start_units(const bt_depthwise_params *p, bt_unit *u, int32_t core)
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
    if (u->way != BT_WORD_BY_WORD)
        start_lines(p, u);
}

void bt_depthwise(const bt_depthwise_params *p, int32_t core, int32_t cores)
{
    bt_way way = way_of(p);
    int32_t groups = (p->channels + 3) >> 2, rows = way == BT_THREE_WORDS ? rows_at_once(p) : 1;
    int32_t lines = rows == 2 ? (p->out_h + 1) >> 1 : p->out_h;
    bt_share share = bt_share_of(lines * groups, core, cores);
    int32_t line = share.begin / groups, group = share.begin - line * groups;
    bt_unit u;
    u.way = way;
    start_units(p, &u, core);
    set_line(p, &u, line * rows, rows);
    for (int32_t left = share.end - share.begin; left > 0; left--) {
        u.channel = 4 * group;
        u.valid = bt_min(p->channels - u.channel, 4);
        if (way == BT_THREE_WORDS) {
            transpose(&u, 0);
            run_from(p, &u, 0);
        } else {
            other_unit(p, &u);
        }
        if (++group == groups && left > 1) {
            group = 0;
            set_line(p, &u, u.oy + rows, rows);
        }
    }
}
