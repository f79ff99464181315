/* Sum of two tensors, requantized. */
#include "bt_line.h"

BT_DEFINE_SUMS(I8, I8, i8_i8)
BT_DEFINE_SUMS(U8, U8, u8_u8)
BT_DEFINE_SUMS(I8, U8, i8_u8)
BT_DEFINE_SUMS(I16, I16, i16_i16)
BT_DEFINE_SUMS(I32, I32, i32_i32)

/* The function for two types in this order, 0 if there is none. */
static bt_line_function *function_of(int32_t a_type, int32_t b_type, int32_t kind)
{
    if (a_type == BT_I8 && b_type == BT_U8)
        return i8_u8(kind);
    if (a_type != b_type || a_type == BT_U16)
        return 0;
    if (a_type <= BT_U8)
        return a_type == BT_I8 ? i8_i8(kind) : u8_u8(kind);
    return a_type == BT_I16 ? i16_i16(kind) : i32_i32(kind);
}

/* Any types and any requantization. */
static void add_stretch(const bt_add_params *p, bt_stretch s)
{
    int32_t a = s.pixel * p->a_pitch, b = s.pixel * p->b_pitch, out = s.pixel * p->out_pitch;
    for (int32_t c = s.first; c < s.last; c++) {
        int32_t sum = bt_add(bt_element(p->a, p->a_type, a + c), bt_element(p->b, p->b_type, b + c));
        bt_put(&p->requant, p->requant.kind, p->output, out + c, c, sum);
    }
}

void bt_add_tensors(const bt_add_params *p, int32_t core, int32_t cores)
{
    int32_t a = bt_element_bytes(p->a_type), b = bt_element_bytes(p->b_type);
    int32_t swap = p->a_type == BT_U8 && p->b_type == BT_I8;
    bt_line line = {p->a, p->b, p->output, p->a_pitch * a, p->b_pitch * b, p->out_pitch, 0};
    bt_line swapped = {p->b, p->a, p->output, line.b_step, line.a_step, p->out_pitch, 0}, bytes = {0, 0, 0, a, b, 1, 0};
    bt_line_function *function = 0;
    if (bt_has_lines(p->requant.kind))
        function = swap ? function_of(p->b_type, p->a_type, p->requant.kind)
                        : function_of(p->a_type, p->b_type, p->requant.kind);
    if (function) {
        line = swap ? swapped : line;
        bt_run_lines(&p->requant, function, line, bytes, p->pixels, p->channels, core, cores);
        return;
    }
    bt_share share = bt_share_of(p->pixels * p->channels, core, cores);
    for (int32_t unit = share.begin; unit < share.end;) {
        bt_stretch s = bt_stretch_of(unit, share.end, p->channels);
        add_stretch(p, s);
        unit += s.last - s.first;
    }
}
