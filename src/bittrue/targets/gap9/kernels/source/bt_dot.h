/* Sums of products of 4 output channels with 2 rows of activations (or 8 channels with one row).
 *
 * Weights come in blocks of 4 channels, their words interleaved: word 0 of channels 0 to 3, word 1 of them, ...
 * so that one pointer runs through them. A word holds 4 weights of 8 bits in the order of the activations. Of narrower
 * weights it holds 8 (16): bits 8i+4 to 8i+7 are weight i, bits 8i to 8i+3 weight 4 + i (2 bits: 8i+6, 8i+4, 8i+2, 8i
 * hold the weights i, 4 + i, 8 + i, 12 + i). A mask then leaves four weights times 16 (64), signs right; the sums are
 * 16 (64) times too large, and the accumulators start with 16 (64) times the bias.
 *
 * A block function returns the end of its weights, where the next block begins.
 */
#ifndef BT_DOT_H
#define BT_DOT_H

#include "pulp_intrinsics.h"

#if defined(BT_INSN)

#define BT_LOOP(last) ".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t" \
                      ".insn i 0x7b, 4, x0, %[turns], 2 * " #last "\n\t"
#define BT_LOOP_END ".option pop"
#define BT_NEXT(reg, pointer) ".insn i 0x0b, 2, " reg ", %[" pointer "], 4\n\t"
#define BT_DOT_I8 "0x5c"
#define BT_DOT_U8 "0x54"
#define BT_DOT(code, sum, x, w) ".insn r 0x57, 1, " code ", %[s" #sum "], " x ", " w "\n\t"
#define BT_SUMS                                                                                                   \
    [s0] "+r"(sum[0]), [s1] "+r"(sum[1]), [s2] "+r"(sum[2]), [s3] "+r"(sum[3]), [s4] "+r"(sum[4]), [s5] "+r"(sum[5]), \
        [s6] "+r"(sum[6]), [s7] "+r"(sum[7])

/* Four words of weights, then row 0 into the even sums, row 1 into the odd ones: 6 loads, 8 dot products. */
#define BT_BODY_8(code)                                                                                   \
    BT_LOOP(14)                                                                                           \
    BT_NEXT("t0", "w") BT_NEXT("t1", "w") BT_NEXT("t2", "w") BT_NEXT("t3", "w")                           \
    BT_NEXT("t4", "x0") BT_NEXT("t5", "x1")                                                               \
    BT_DOT(code, 0, "t4", "t0") BT_DOT(code, 2, "t4", "t1") BT_DOT(code, 4, "t4", "t2")                   \
    BT_DOT(code, 6, "t4", "t3") BT_DOT(code, 1, "t5", "t0") BT_DOT(code, 3, "t5", "t1")                   \
    BT_DOT(code, 5, "t5", "t2") BT_DOT(code, 7, "t5", "t3")                                               \
    BT_LOOP_END

/* Four weights of one channel, masked out of a word, for both rows. */
#define BT_MASKED(code, even, odd, w) \
    "and t6, " w ", %[mask]\n\t" BT_DOT(code, even, "t4", "t6") BT_DOT(code, odd, "t5", "t6")
#define BT_LAST(code)                                                                                         \
    BT_NEXT("t4", "x0") BT_NEXT("t5", "x1")                                                                   \
    BT_MASKED(code, 0, 1, "t0") BT_MASKED(code, 2, 3, "t1") BT_MASKED(code, 4, 5, "t2") BT_MASKED(code, 6, 7, "t3")
#define BT_SHIFTED(bits) \
    "slli t0, t0, " bits "\n\tslli t1, t1, " bits "\n\tslli t2, t2, " bits "\n\tslli t3, t3, " bits "\n\t"
#define BT_WEIGHTS BT_NEXT("t0", "w") BT_NEXT("t1", "w") BT_NEXT("t2", "w") BT_NEXT("t3", "w")
#define BT_BODY_4(code) BT_LOOP(36) BT_WEIGHTS BT_LAST(code) BT_SHIFTED("4") BT_LAST(code) BT_LOOP_END
#define BT_BODY_2(code)                                                                                       \
    BT_LOOP(72)                                                                                               \
    BT_WEIGHTS BT_LAST(code) BT_SHIFTED("2") BT_LAST(code) BT_SHIFTED("2") BT_LAST(code) BT_SHIFTED("2")      \
    BT_LAST(code) BT_LOOP_END

/* Two blocks of weights for one row: 9 loads, 8 dot products. */
#define BT_BODY_ROW(code)                                                                                 \
    BT_LOOP(17)                                                                                           \
    BT_NEXT("t4", "x0")                                                                                   \
    BT_NEXT("t0", "w") BT_NEXT("t1", "w") BT_NEXT("t2", "w") BT_NEXT("t3", "w")                           \
    BT_DOT(code, 0, "t4", "t0") BT_DOT(code, 1, "t4", "t1") BT_DOT(code, 2, "t4", "t2")                   \
    BT_DOT(code, 3, "t4", "t3")                                                                           \
    BT_NEXT("t0", "v") BT_NEXT("t1", "v") BT_NEXT("t2", "v") BT_NEXT("t3", "v")                           \
    BT_DOT(code, 4, "t4", "t0") BT_DOT(code, 5, "t4", "t1") BT_DOT(code, 6, "t4", "t2")                   \
    BT_DOT(code, 7, "t4", "t3")                                                                           \
    BT_LOOP_END

/* One block, or two channels of one, for one row: 5 loads and 4 dot products, 3 loads and 2. */
#define BT_BODY_FOUR(code)                                                                                \
    BT_LOOP(9)                                                                                            \
    BT_NEXT("t4", "x0") BT_WEIGHTS BT_DOT(code, 0, "t4", "t0") BT_DOT(code, 1, "t4", "t1")                \
    BT_DOT(code, 2, "t4", "t2") BT_DOT(code, 3, "t4", "t3") BT_LOOP_END
#define BT_BODY_TWO(code)                                                                                 \
    BT_LOOP(5)                                                                                            \
    BT_NEXT("t4", "x0") "lw t1, 4(%[w])\n\t.insn i 0x0b, 2, t0, %[w], 16\n\t"                             \
    BT_DOT(code, 1, "t4", "t1") BT_DOT(code, 0, "t4", "t0") BT_LOOP_END

/* Two blocks of weights for two rows, 64 products in 26 instructions: 10 loads, 16 dot products. More sums than an
 * asm statement has operands: registers by name, sums through memory. Once read, `turns` and `bias` hold weights.
 */
#define BT_BIAS(even, odd, place) "lw " even ", " #place "(%[bias])\n\tmv " odd ", " even "\n\t"
#define BT_BIASES                                                                                         \
    BT_BIAS("s1", "s2", 0) BT_BIAS("s3", "s4", 4) BT_BIAS("s5", "s6", 8) BT_BIAS("s7", "s8", 12)          \
    BT_BIAS("s9", "s10", 16) BT_BIAS("s11", "t0", 20) BT_BIAS("t1", "t2", 24) BT_BIAS("t3", "t4", 28)
#define BT_SAVE(even, odd, place) "sw " even ", " #place "(%[sum])\n\tsw " odd ", 4+" #place "(%[sum])\n\t"
#define BT_SAVES                                                                                          \
    BT_SAVE("s1", "s2", 0) BT_SAVE("s3", "s4", 8) BT_SAVE("s5", "s6", 16) BT_SAVE("s7", "s8", 24)         \
    BT_SAVE("s9", "s10", 32) BT_SAVE("s11", "t0", 40) BT_SAVE("t1", "t2", 48) BT_SAVE("t3", "t4", 56)
#define BT_TWO(code, even, odd, w)                                                                        \
    ".insn r 0x57, 1, " code ", " even ", t5, %[" w "]\n\t.insn r 0x57, 1, " code ", " odd ", t6, %[" w "]\n\t"
#define BT_NEXT_TO(reg, pointer) ".insn i 0x0b, 2, %[" reg "], %[" pointer "], 4\n\t"
#define BT_BODY_EIGHT(code)                                                                               \
    BT_BIASES BT_LOOP(26)                                                                                 \
    BT_NEXT("t5", "x0") BT_NEXT("t6", "x1") BT_NEXT_TO("turns", "w") BT_NEXT_TO("bias", "w")              \
    BT_TWO(code, "s1", "s2", "turns") BT_NEXT_TO("turns", "w") BT_TWO(code, "s3", "s4", "bias")           \
    BT_NEXT_TO("bias", "w") BT_TWO(code, "s5", "s6", "turns") BT_NEXT_TO("turns", "v")                    \
    BT_TWO(code, "s7", "s8", "bias") BT_NEXT_TO("bias", "v") BT_TWO(code, "s9", "s10", "turns")           \
    BT_NEXT_TO("turns", "v") BT_TWO(code, "s11", "t0", "bias") BT_NEXT_TO("bias", "v")                    \
    BT_TWO(code, "t1", "t2", "turns") BT_TWO(code, "t3", "t4", "bias")                                    \
    BT_LOOP_END "\n\t" BT_SAVES

#define BT_DEFINE_EIGHT(name, body)                                                                       \
    BT_INLINE const uint8_t *name(int32_t sum[16], const uint8_t *w, const uint8_t *v, const uint8_t *x0, \
                                  const uint8_t *x1, const int32_t *bias, int32_t turns)                  \
    {                                                                                                     \
        __asm__ volatile(body : [w] "+r"(w), [v] "+r"(v), [x0] "+r"(x0), [x1] "+r"(x1), [bias] "+r"(bias), \
                         [turns] "+r"(turns) : [sum] "r"(sum)                                             \
                         : "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t0", "t1", "t2", "t3", \
                           "t4", "t5", "t6", "memory");                                                   \
        return v;                                                                                         \
    }

#define BT_DEFINE_BLOCK(name, body)                                                                       \
    BT_INLINE const uint8_t *name(int32_t sum[8], const uint8_t *w, const uint8_t *x0, const uint8_t *x1,   \
                                  int32_t turns)                                                          \
    {                                                                                                     \
        __asm__ volatile(body : BT_SUMS, [w] "+r"(w), [x0] "+r"(x0), [x1] "+r"(x1) : [turns] "r"(turns)   \
                         : "t0", "t1", "t2", "t3", "t4", "t5", "memory");                                 \
        return w;                                                                                         \
    }
#define BT_DEFINE_MASKED(name, body, bits)                                                                \
    BT_INLINE const uint8_t *name(int32_t sum[8], const uint8_t *w, const uint8_t *x0, const uint8_t *x1,   \
                                  int32_t turns)                                                          \
    {                                                                                                     \
        __asm__ volatile(body : BT_SUMS, [w] "+r"(w), [x0] "+r"(x0), [x1] "+r"(x1)                        \
                         : [turns] "r"(turns), [mask] "r"(bits)                                           \
                         : "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory");                           \
        return w;                                                                                         \
    }
#define BT_DEFINE_ROW(name, body)                                                                         \
    BT_INLINE const uint8_t *name(int32_t sum[8], const uint8_t *w, const uint8_t *v, const uint8_t *x0,    \
                                  int32_t turns)                                                          \
    {                                                                                                     \
        __asm__ volatile(body : BT_SUMS, [w] "+r"(w), [v] "+r"(v), [x0] "+r"(x0) : [turns] "r"(turns)     \
                         : "t0", "t1", "t2", "t3", "t4", "memory");                                       \
        return v;                                                                                         \
    }

#define BT_DEFINE_PART(name, body)                                                                        \
    BT_INLINE void name(int32_t sum[8], const uint8_t *w, const uint8_t *x0, int32_t turns)                 \
    {                                                                                                     \
        __asm__ volatile(body : [s0] "+r"(sum[0]), [s1] "+r"(sum[1]), [s2] "+r"(sum[2]), [s3] "+r"(sum[3]), \
                         [w] "+r"(w), [x0] "+r"(x0) : [turns] "r"(turns)                                  \
                         : "t0", "t1", "t2", "t3", "t4", "memory");                                       \
    }

BT_DEFINE_PART(bt_four_i8, BT_BODY_FOUR(BT_DOT_I8))
BT_DEFINE_PART(bt_four_u8, BT_BODY_FOUR(BT_DOT_U8))
BT_DEFINE_PART(bt_two_i8, BT_BODY_TWO(BT_DOT_I8))
BT_DEFINE_PART(bt_two_u8, BT_BODY_TWO(BT_DOT_U8))
BT_DEFINE_BLOCK(bt_block_i8, BT_BODY_8(BT_DOT_I8))
BT_DEFINE_BLOCK(bt_block_u8, BT_BODY_8(BT_DOT_U8))
BT_DEFINE_MASKED(bt_block_i8_w4, BT_BODY_4(BT_DOT_I8), 0xf0f0f0f0u)
BT_DEFINE_MASKED(bt_block_u8_w4, BT_BODY_4(BT_DOT_U8), 0xf0f0f0f0u)
BT_DEFINE_MASKED(bt_block_i8_w2, BT_BODY_2(BT_DOT_I8), 0xc0c0c0c0u)
BT_DEFINE_MASKED(bt_block_u8_w2, BT_BODY_2(BT_DOT_U8), 0xc0c0c0c0u)
BT_DEFINE_ROW(bt_row_i8, BT_BODY_ROW(BT_DOT_I8))
BT_DEFINE_ROW(bt_row_u8, BT_BODY_ROW(BT_DOT_U8))
BT_DEFINE_EIGHT(bt_eight_i8, BT_BODY_EIGHT(BT_DOT_I8))
BT_DEFINE_EIGHT(bt_eight_u8, BT_BODY_EIGHT(BT_DOT_U8))

#else

/* One turn: a word of weights of each of 4 channels, of 8 / `parts` bits a weight, times `parts` words of each row. */
BT_INLINE void bt_turn(int32_t sum[8], const uint8_t *w, const uint8_t *x0, const uint8_t *x1, int32_t parts,
                       int32_t is_signed)
{
    uint32_t mask = parts == 1 ? 0xffffffffu : parts == 2 ? 0xf0f0f0f0u : 0xc0c0c0c0u;
    for (int32_t part = 0; part < parts; part++) {
        uint32_t a = bt_load(x0 + 4 * part), b = bt_load(x1 + 4 * part);
        for (int32_t channel = 0; channel < 4; channel++) {
            uint32_t weights = (bt_load(w + 4 * channel) << (part * 8 / parts)) & mask;
            int32_t *pair = sum + 2 * channel;
            pair[0] = is_signed ? bt_dot_i8(pair[0], a, weights) : bt_dot_u8(pair[0], a, weights);
            pair[1] = is_signed ? bt_dot_i8(pair[1], b, weights) : bt_dot_u8(pair[1], b, weights);
        }
    }
}

#define BT_DEFINE_BLOCK(name, parts, is_signed)                                                           \
    BT_INLINE const uint8_t *name(int32_t sum[8], const uint8_t *w, const uint8_t *x0, const uint8_t *x1,   \
                                  int32_t turns)                                                          \
    {                                                                                                     \
        for (; turns > 0; turns--, w += 16, x0 += 4 * (parts), x1 += 4 * (parts))                         \
            bt_turn(sum, w, x0, x1, parts, is_signed);                                                    \
        return w;                                                                                         \
    }
#define BT_DEFINE_ROW(name, dot)                                                                          \
    BT_INLINE const uint8_t *name(int32_t sum[8], const uint8_t *w, const uint8_t *v, const uint8_t *x0,    \
                                  int32_t turns)                                                          \
    {                                                                                                     \
        for (; turns > 0; turns--, w += 16, v += 16, x0 += 4) {                                           \
            uint32_t x = bt_load(x0);                                                                     \
            for (int32_t channel = 0; channel < 4; channel++) {                                           \
                sum[channel] = dot(sum[channel], x, bt_load(w + 4 * channel));                            \
                sum[4 + channel] = dot(sum[4 + channel], x, bt_load(v + 4 * channel));                    \
            }                                                                                             \
        }                                                                                                 \
        return v;                                                                                         \
    }

/* One block, or its first two channels, for one row. */
#define BT_DEFINE_PART(name, channels, dot)                                                               \
    BT_INLINE void name(int32_t sum[8], const uint8_t *w, const uint8_t *x0, int32_t turns)                 \
    {                                                                                                     \
        for (; turns > 0; turns--, w += 16, x0 += 4)                                                      \
            for (int32_t channel = 0; channel < (channels); channel++)                                    \
                sum[channel] = dot(sum[channel], bt_load(x0), bt_load(w + 4 * channel));                  \
    }

#define BT_DEFINE_EIGHT(name, block)                                                                      \
    BT_INLINE const uint8_t *name(int32_t sum[16], const uint8_t *w, const uint8_t *v, const uint8_t *x0, \
                                  const uint8_t *x1, const int32_t *bias, int32_t turns)                  \
    {                                                                                                     \
        for (int32_t i = 0; i < 16; i++)                                                                  \
            sum[i] = bias[i >> 1];                                                                        \
        block(sum, w, x0, x1, turns);                                                                     \
        return block(sum + 8, v, x0, x1, turns);                                                          \
    }

BT_DEFINE_PART(bt_four_i8, 4, bt_dot_i8)
BT_DEFINE_PART(bt_four_u8, 4, bt_dot_u8)
BT_DEFINE_PART(bt_two_i8, 2, bt_dot_i8)
BT_DEFINE_PART(bt_two_u8, 2, bt_dot_u8)
BT_DEFINE_BLOCK(bt_block_i8, 1, 1)
BT_DEFINE_BLOCK(bt_block_u8, 1, 0)
BT_DEFINE_BLOCK(bt_block_i8_w4, 2, 1)
BT_DEFINE_BLOCK(bt_block_u8_w4, 2, 0)
BT_DEFINE_BLOCK(bt_block_i8_w2, 4, 1)
BT_DEFINE_BLOCK(bt_block_u8_w2, 4, 0)
BT_DEFINE_ROW(bt_row_i8, bt_dot_i8)
BT_DEFINE_ROW(bt_row_u8, bt_dot_u8)
BT_DEFINE_EIGHT(bt_eight_i8, bt_block_i8)
BT_DEFINE_EIGHT(bt_eight_u8, bt_block_u8)

#endif
#endif
