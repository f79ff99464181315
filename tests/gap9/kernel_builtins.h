/* The GAP compiler's builtins that the kernels use, written out in plain C for a compiler that lacks them. */
#include <stdint.h>

typedef signed char fake_v4s __attribute__((vector_size(4)));
typedef unsigned char fake_v4u __attribute__((vector_size(4)));

static inline int32_t fake_sdotsp4(fake_v4s x, fake_v4s w, int32_t sum)
{
    return sum + x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
}

static inline int32_t fake_sdotusp4(fake_v4u x, fake_v4s w, int32_t sum)
{
    return sum + x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
}

static inline fake_v4s fake_max4(fake_v4s a, fake_v4s b)
{
    for (int i = 0; i < 4; i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
}

static inline fake_v4u fake_maxu4(fake_v4u a, fake_v4u b)
{
    for (int i = 0; i < 4; i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
}

static inline fake_v4s fake_shuffle(fake_v4s a, fake_v4s b, fake_v4s lanes)
{
    fake_v4s result = a;
    for (int i = 0; i < 4; i++)
        result[i] = lanes[i] & 4 ? b[lanes[i] & 3] : a[lanes[i] & 3];
    return result;
}

static inline int32_t fake_maxsi(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int32_t fake_minsi(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

#define __builtin_pulp_sdotsp4 fake_sdotsp4
#define __builtin_pulp_sdotusp4 fake_sdotusp4
#define __builtin_pulp_max4 fake_max4
#define __builtin_pulp_maxu4 fake_maxu4
#define __builtin_pulp_maxsi fake_maxsi
#define __builtin_pulp_minsi fake_minsi
#define __builtin_shuffle fake_shuffle
