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

BT_INLINE void add_types(const bt_add_params *p, int32_t kind, bt_stretch s)
{
    if (p->a_type == BT_I8 && p->b_type == BT_I8)
        add_stretch(p, kind, BT_I8, BT_I8, s);
    else if (p->a_type == BT_U8 && p->b_type == BT_U8)
        add_stretch(p, kind, BT_U8, BT_U8, s);
    else
        add_stretch(p, kind, p->a_type, p->b_type, s);
}

void bt_add_tensors(const bt_add_params *p, int32_t core, int32_t cores)
{
    bt_share share = bt_share_of(p->pixels * p->channels, core, cores);
    for (int32_t unit = share.begin; unit < share.end;) {
        bt_stretch s = bt_stretch_of(unit, share.end, p->channels);
        if (p->requant.kind == BT_NARROW)
            add_types(p, BT_NARROW, s);
        else
            add_stretch(p, p->requant.kind, p->a_type, p->b_type, s);
        unit += s.last - s.first;
    }
}
