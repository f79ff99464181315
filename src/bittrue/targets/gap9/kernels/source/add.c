/* Sum of two tensors, requantized. */
#include "bt_elements.h"

typedef struct {
    int32_t a;
    int32_t b;
    int32_t out;
} places;

BT_INLINE void add_stretch(const bt_add_params *p, int32_t kind, int32_t a_type, int32_t b_type, bt_stretch s)
{
    bt_requant q = p->requant;
    places at = {s.pixel * p->a_pitch, s.pixel * p->b_pitch, s.pixel * p->out_pitch};
    const void *a = p->a, *b = p->b;
    void *output = p->output;
    for (int32_t c = s.first; c < s.last; c++) {
        int32_t sum = bt_add(bt_element(a, a_type, at.a + c), bt_element(b, b_type, at.b + c));
        bt_put(&q, kind, output, at.out + c, c, sum);
    }
}

/* Bytes with one record for all channels, which stays in registers. */
BT_INLINE void add_bytes(const bt_add_params *p, int32_t kind, int32_t type, bt_stretch s)
{
    bt_requant q = p->requant;
    bt_scale scale = *q.scales;
    const uint8_t *a = (const uint8_t *)p->a + s.pixel * p->a_pitch + s.first;
    const uint8_t *b = (const uint8_t *)p->b + s.pixel * p->b_pitch + s.first;
    uint8_t *y = (uint8_t *)p->output + s.pixel * p->out_pitch + s.first;
    for (int32_t count = s.last - s.first; count > 0; count--, a++, b++)
        *y++ = (uint8_t)bt_scaled(&q, kind, &scale, bt_element(a, type, 0) + bt_element(b, type, 0));
}

static void add_any(const bt_add_params *p, bt_stretch s)
{
    int32_t kind = p->requant.kind, one = !p->requant.per_channel && p->a_type == p->b_type;
    if (one && kind == BT_NARROW && p->a_type == BT_I8)
        add_bytes(p, BT_NARROW, BT_I8, s);
    else if (one && kind == BT_NARROW && p->a_type == BT_U8)
        add_bytes(p, BT_NARROW, BT_U8, s);
    else
        add_stretch(p, kind, p->a_type, p->b_type, s);
}

/* Without anything per channel, dense tensors are one long pixel. */
static int32_t is_dense(const bt_add_params *p)
{
    return !p->requant.per_channel && p->a_pitch == p->channels && p->b_pitch == p->channels &&
           p->out_pitch == p->channels;
}

void bt_add_tensors(const bt_add_params *p, int32_t core, int32_t cores)
{
    int32_t total = p->pixels * p->channels, channels = is_dense(p) ? total : p->channels;
    bt_share share = bt_share_of(total, core, cores);
    for (int32_t unit = share.begin; unit < share.end;) {
        bt_stretch s = bt_stretch_of(unit, share.end, channels);
        add_any(p, s);
        unit += s.last - s.first;
    }
}
