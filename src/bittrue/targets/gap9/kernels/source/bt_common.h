/* What the kernels share: the split of work over cores, copies and fills of bytes. */
#ifndef BT_COMMON_H
#define BT_COMMON_H

#include "pulp_intrinsics.h"

typedef struct {
    int32_t begin;
    int32_t end;
} bt_share;

/* Core `core` of `cores` does the units begin to end-1 of `total`; no core has more than ceil(total / cores). */
BT_INLINE bt_share bt_share_of(int32_t total, int32_t core, int32_t cores)
{
    int32_t chunk = (total + cores - 1) / cores;
    bt_share share = {bt_min(core * chunk, total), bt_min((core + 1) * chunk, total)};
    return share;
}

/* Copy `words` words with post-increment: two loads, two stores a turn, so that no load is used at once. */
#if defined(BT_INSN)
BT_INLINE void bt_copy_words(uint8_t **to, const uint8_t **from, int32_t words)
{
    uint8_t *target = *to;
    const uint8_t *source = *from;
    if (words & 1) {
        bt_store(target, bt_load(source));
        target += 4;
        source += 4;
    }
    if (words > 1)
        __asm__ volatile(".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"
                         ".insn i 0x7b, 4, x0, %[turns], 8\n\t"
                         ".insn i 0x0b, 2, t0, %[source], 4\n\t"
                         ".insn i 0x0b, 2, t1, %[source], 4\n\t"
                         ".insn s 0x2b, 2, t0, 4(%[target])\n\t"
                         ".insn s 0x2b, 2, t1, 4(%[target])\n\t"
                         ".option pop"
                         : [target] "+r"(target), [source] "+r"(source)
                         : [turns] "r"(words >> 1)
                         : "t0", "t1", "memory");
    *to = target;
    *from = source;
}

BT_INLINE void bt_fill_words(uint8_t **to, uint32_t word, int32_t words)
{
    uint8_t *target = *to;
    if (words & 1) {
        bt_store(target, word);
        target += 4;
    }
    if (words > 1)
        __asm__ volatile(".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"
                         ".insn i 0x7b, 4, x0, %[turns], 4\n\t"
                         ".insn s 0x2b, 2, %[word], 4(%[target])\n\t"
                         ".insn s 0x2b, 2, %[word], 4(%[target])\n\t"
                         ".option pop"
                         : [target] "+r"(target)
                         : [turns] "r"(words >> 1), [word] "r"(word)
                         : "memory");
    *to = target;
}
#else
BT_INLINE void bt_copy_words(uint8_t **to, const uint8_t **from, int32_t words)
{
    for (int32_t i = 0; i < words; i++, *to += 4, *from += 4)
        bt_store(*to, bt_load(*from));
}

BT_INLINE void bt_fill_words(uint8_t **to, uint32_t word, int32_t words)
{
    for (int32_t i = 0; i < words; i++, *to += 4)
        bt_store(*to, word);
}
#endif

/* Copy bytes between places that do not overlap, of any alignment; returns the end of the target. The last ones are
 * copied as the last word, parts of which are copied twice.
 */
BT_INLINE uint8_t *bt_copy(uint8_t *to, const uint8_t *from, int32_t bytes)
{
    uint8_t *end = to + bytes;
    if (bytes >= 4) {
        const uint8_t *last = from + bytes - 4;
        bt_copy_words(&to, &from, bytes >> 2);
        if (bytes & 3)
            bt_store(end - 4, bt_load(last));
    } else if (bytes > 0) {
        to[0] = from[0];
        if (bytes > 1)
            to[1] = from[1];
        if (bytes > 2)
            to[2] = from[2];
    }
    return end;
}

/* The first `bytes` (1 to 4) bytes at an address as a word, the rest of it zeros; and back. */
BT_INLINE uint32_t bt_load_part(const uint8_t *from, int32_t bytes)
{
    uint32_t word = 0;
    if (bytes == 4)
        return bt_load(from);
    for (int32_t i = 0; i < bytes; i++)
        word |= (uint32_t)from[i] << (8 * i);
    return word;
}

BT_INLINE void bt_store_part(uint8_t *to, uint32_t word, int32_t bytes)
{
    if (bytes == 4)
        bt_store(to, word);
    else
        for (int32_t i = 0; i < bytes; i++)
            to[i] = (uint8_t)(word >> (8 * i));
}

/* Fill with one value (0 to 255); returns the end of the target. */
BT_INLINE uint8_t *bt_fill(uint8_t *to, uint32_t value, int32_t bytes)
{
    bt_fill_words(&to, value * 0x01010101u, bytes >> 2);
    for (int32_t i = 0; i < (bytes & 3); i++)
        *to++ = (uint8_t)value;
    return to;
}

#endif
