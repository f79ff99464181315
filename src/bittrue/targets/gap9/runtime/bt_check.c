/* Known-answer checks, see bt_check.h. Without BT_CHECK and BT_TRACE there is nothing in here. */
#include "bt_check.h"

#if BT_CHECK || BT_TRACE

enum { CHUNK = 1024 }; /* bytes of a tensor that are looked at together */

static int32_t bytes_of(int32_t type)
{
    return type == BT_I32 ? 4 : type == BT_I16 || type == BT_U16 ? 2 : 1;
}

/* Copy bytes of a tensor, counted as if it were dense, to a place of whole words. */
static void gather(const bt_tensor *t, uint32_t from, uint32_t bytes, uint8_t *to)
{
    uint32_t pixel_bytes = (uint32_t)(t->channels * bytes_of(t->type)), pitch = (uint32_t)t->pitch;
    uint32_t pixel = from / pixel_bytes, at = from - pixel * pixel_bytes;
    const uint8_t *data = t->data + pixel * pitch;

    if (pitch == pixel_bytes && ((uintptr_t)(data + at) & 3) == 0) {
        const uint32_t *words = (const uint32_t *)(const void *)(data + at);
        for (uint32_t i = 0; i < bytes >> 2; i++)
            ((uint32_t *)(void *)to)[i] = words[i];
        for (uint32_t i = bytes & ~3u; i < bytes; i++)
            to[i] = data[at + i];
        return;
    }
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = data[at];
        if (++at == pixel_bytes) {
            at = 0;
            data += pitch;
        }
    }
}

static uint32_t tensor_bytes(const bt_tensor *t)
{
    return (uint32_t)(t->height * t->width * t->channels * bytes_of(t->type));
}

static BT_IN_L2 uint32_t chunk[CHUNK / 4];

#if BT_CHECK
#if BT_ANSWERS_IN_L2
static const uint8_t *answers_at(uint32_t offset, uint32_t bytes)
{
    (void)bytes;
    return bt_answers + offset;
}
#else
static const uint8_t *answers_at(uint32_t offset, uint32_t bytes)
{
    static BT_IN_L2 uint32_t answers[CHUNK / 4];
    bt_request request;

    bt_ram_start(bt_answers_external + offset, answers, (bytes + 3) & ~3u, BT_IN, &request);
    bt_ram_wait(&request, BT_IN);
    return (const uint8_t *)answers;
}
#endif

static int32_t element_at(const uint8_t *data, int32_t type)
{
    switch (type) {
    case BT_I8:
        return (int8_t)data[0];
    case BT_U8:
        return data[0];
    case BT_I16:
        return (int16_t)(data[0] | data[1] << 8);
    case BT_U16:
        return data[0] | data[1] << 8;
    default:
        return (int32_t)((uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
                         (uint32_t)data[3] << 24);
    }
}

/* Compare a chunk whose first element has a number; both begin at whole words. */
static void compare(bt_finding *finding, const uint8_t *expected, uint32_t first, uint32_t bytes, int32_t type)
{
    const uint32_t *words = (const uint32_t *)(const void *)expected;
    const uint8_t *got = (const uint8_t *)chunk;
    uint32_t size = (uint32_t)bytes_of(type), at = 0;

    while (at + 4 <= bytes && words[at >> 2] == chunk[at >> 2])
        at += 4;
    for (; at < bytes; at += size) {
        int32_t wanted = element_at(expected + at, type), found = element_at(got + at, type);
        if (wanted == found)
            continue;
        if (finding->differences++ == 0) {
            finding->element = first + at / size;
            finding->expected = wanted;
            finding->got = found;
        }
    }
}
#endif

#if BT_TRACE
static void trace(uint32_t offset, uint32_t bytes)
{
    bt_request request;

    bt_ram_start(bt_trace_external + offset, chunk, (bytes + 3) & ~3u, BT_OUT, &request);
    bt_ram_wait(&request, BT_OUT);
}
#endif

void bt_inspect_layer(int32_t number)
{
    const bt_tensor *t = &bt_layers[number].output;
    uint32_t total = tensor_bytes(t);

    for (uint32_t at = 0; at < total; at += CHUNK) {
        uint32_t bytes = total - at < CHUNK ? total - at : CHUNK;
        gather(t, at, bytes, (uint8_t *)chunk);
#if BT_CHECK
        compare(&bt_findings[number], answers_at(t->offset + at, bytes), at / (uint32_t)bytes_of(t->type), bytes,
                t->type);
#endif
#if BT_TRACE
        trace(t->offset + at, bytes);
#endif
    }
}

#endif
