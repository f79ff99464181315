/* Any function of a byte, as a table of 256 bytes. */
#include "bt_common.h"
#include "bt_kernels.h"

void bt_lookup(const bt_lookup_params *p, int32_t core, int32_t cores)
{
    bt_share share = bt_share_of(p->count, core, cores);
    const uint8_t *x = p->input, *table = p->table;
    uint8_t *y = p->output;
    int32_t i = share.begin;
    for (; i + 3 < share.end; i += 4) {
        uint32_t word = bt_load(x + i);
        uint32_t low = table[word & 255] | (uint32_t)table[(word >> 8) & 255] << 8;
        bt_store(y + i, low | (uint32_t)table[(word >> 16) & 255] << 16 | (uint32_t)table[word >> 24] << 24);
    }
    for (; i < share.end; i++)
        y[i] = table[x[i]];
}
