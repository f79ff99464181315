/* Requantization of a tensor of any element type. */
#include "bt_line.h"

BT_DEFINE_ONES(I8, i8)
BT_DEFINE_ONES(U8, u8)
BT_DEFINE_ONES(I16, i16)
BT_DEFINE_ONES(U16, u16)
BT_DEFINE_ONES(I32, i32)

static bt_line_function *function_of(int32_t type, int32_t kind)
{
    if (type <= BT_U8)
        return type == BT_I8 ? i8(kind) : u8(kind);
    if (type <= BT_U16)
        return type == BT_I16 ? i16(kind) : u16(kind);
    return i32(kind);
}

/* Any requantization. */
static void requantize_stretch(const bt_requantize_params *p, bt_stretch s)
{
    int32_t in = s.pixel * p->in_pitch, out = s.pixel * p->out_pitch;
    for (int32_t c = s.first; c < s.last; c++)
        bt_put(&p->requant, p->requant.kind, p->output, out + c, c, bt_element(p->input, p->in_type, in + c));
}

void bt_requantize_tensor(const bt_requantize_params *p, int32_t core, int32_t cores)
{
    int32_t size = bt_element_bytes(p->in_type);
    bt_line line = {p->input, p->input, p->output, p->in_pitch * size, p->in_pitch * size, p->out_pitch, 0};
    bt_line bytes = {0, 0, 0, size, size, 1, 0};
    if (bt_has_lines(p->requant.kind)) {
        bt_run_lines(&p->requant, function_of(p->in_type, p->requant.kind), line, bytes, p->pixels, p->channels, core,
                     cores);
        return;
    }
    bt_share share = bt_share_of(p->pixels * p->channels, core, cores);
    for (int32_t unit = share.begin; unit < share.end;) {
        bt_stretch s = bt_stretch_of(unit, share.end, p->channels);
        requantize_stretch(p, s);
        unit += s.last - s.first;
    }
}
