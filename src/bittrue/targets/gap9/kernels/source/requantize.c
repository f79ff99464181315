/* Requantization of a tensor of any element type. */
#include "bt_elements.h"

BT_INLINE void requantize_stretch(const bt_requantize_params *p, int32_t kind, int32_t type, bt_stretch s)
{
    bt_requant q = p->requant;
    int32_t in = s.pixel * p->in_pitch, out = s.pixel * p->out_pitch;
    const void *input = p->input;
    void *output = p->output;
    for (int32_t c = s.first; c < s.last; c++)
        bt_put(&q, kind, output, out + c, c, bt_element(input, type, in + c));
}

void bt_requantize_tensor(const bt_requantize_params *p, int32_t core, int32_t cores)
{
    bt_share share = bt_share_of(p->pixels * p->channels, core, cores);
    for (int32_t unit = share.begin; unit < share.end;) {
        bt_stretch s = bt_stretch_of(unit, share.end, p->channels);
        if (p->requant.kind == BT_NARROW && p->in_type == BT_I8)
            requantize_stretch(p, BT_NARROW, BT_I8, s);
        else if (p->requant.kind == BT_NARROW && p->in_type == BT_U8)
            requantize_stretch(p, BT_NARROW, BT_U8, s);
        else if (p->requant.kind == BT_WIDE && p->in_type == BT_I32)
            requantize_stretch(p, BT_WIDE, BT_I32, s);
        else
            requantize_stretch(p, p->requant.kind, p->in_type, s);
        unit += s.last - s.first;
    }
}
