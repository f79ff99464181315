/* Any function of a byte, as a table of 256 bytes. */
#include "bt_common.h"
#include "bt_kernels.h"

#if defined(BT_INSN)
/* Four bytes a turn, 12 instructions. */
BT_INLINE void look_up_fours(uint8_t **y, const uint8_t **x, const uint8_t *table, int32_t turns)
{
    if (turns > 0)
        __asm__ volatile(".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"
                         ".insn i 0x7b, 4, x0, %[turns], 2 * 12\n\t"
                         ".insn i 0x0b, 4, t0, %[x], 1\n\t.insn i 0x0b, 4, t1, %[x], 1\n\t"
                         ".insn i 0x0b, 4, t2, %[x], 1\n\t.insn i 0x0b, 4, t3, %[x], 1\n\t"
                         ".insn r 0x03, 7, 0x20, t0, %[table], t0\n\t.insn r 0x03, 7, 0x20, t1, %[table], t1\n\t"
                         ".insn r 0x03, 7, 0x20, t2, %[table], t2\n\t.insn r 0x03, 7, 0x20, t3, %[table], t3\n\t"
                         ".insn s 0x2b, 0, t0, 1(%[y])\n\t.insn s 0x2b, 0, t1, 1(%[y])\n\t"
                         ".insn s 0x2b, 0, t2, 1(%[y])\n\t.insn s 0x2b, 0, t3, 1(%[y])\n\t"
                         ".option pop"
                         : [x] "+r"(*x), [y] "+r"(*y)
                         : [table] "r"(table), [turns] "r"(turns)
                         : "t0", "t1", "t2", "t3", "memory");
}
#else
BT_INLINE void look_up_fours(uint8_t **y, const uint8_t **x, const uint8_t *table, int32_t turns)
{
    for (int32_t left = 4 * turns; left > 0; left--)
        *(*y)++ = table[*(*x)++];
}
#endif

void bt_lookup(const bt_lookup_params *p, int32_t core, int32_t cores)
{
    bt_share share = bt_share_of(p->count, core, cores);
    const uint8_t *x = (const uint8_t *)p->input + share.begin;
    uint8_t *y = (uint8_t *)p->output + share.begin;
    int32_t count = share.end - share.begin;
    look_up_fours(&y, &x, p->table, count >> 2);
    for (int32_t left = count & 3; left > 0; left--)
        *y++ = p->table[*x++];
}
