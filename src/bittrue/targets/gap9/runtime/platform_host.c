/* The same network on a computer: one core, memories are arrays, files are read where they are.
 *
 * Environment: BT_DATA, the folder of the images (default: data); BT_SAMPLE, a file to read the sample from;
 * BT_OUTPUT, a file that gets the outputs of all layers of a build with BT_TRACE.
 */
#include "bt_platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bt_dma_start(const bt_transfer *transfers, uint32_t count, int32_t direction)
{
    for (; count > 0; count--, transfers++) {
        uint8_t *far = transfers->far, *near = transfers->near;
        for (uint32_t left = transfers->size; left > 0; far += transfers->stride) {
            uint32_t bytes = left < transfers->length ? left : transfers->length;
            memcpy(direction == BT_IN ? near : far, direction == BT_IN ? far : near, bytes);
            near += bytes;
            left -= bytes;
        }
    }
}

void bt_dma_wait(void)
{
}

void bt_barrier(void)
{
}

void bt_count_cycles(void)
{
}

uint32_t bt_now(void)
{
    return 0;
}

/* Read a file of a known size, or the begin of a longer one; 0: all went well. */
static int read_file(const char *path, void *data, size_t size)
{
    FILE *file = fopen(path, "rb");
    size_t got;

    if (file == NULL)
        return 1;
    got = fread(data, 1, size, file);
    fclose(file);
    return got != size;
}

#if BT_USES_EXTERNAL
static uint8_t *ram;
static uint32_t ram_bytes;

void bt_ram_start(uint32_t external, void *data, uint32_t size, int32_t direction, bt_request *request)
{
    *request = 0;
    if (direction == BT_IN)
        memcpy(data, ram + external, size);
    else
        memcpy(ram + external, data, size);
}

void bt_ram_wait(bt_request *request, int32_t direction)
{
    (void)request;
    (void)direction;
}

void bt_platform_read(uint32_t external, void *data, uint32_t size)
{
    memcpy(data, ram + external, size);
}
#endif

int bt_platform_load(const bt_image *images, uint32_t count, uint32_t external_bytes)
{
#if BT_USES_EXTERNAL
    const char *folder = getenv("BT_DATA");
    char path[4096];

    ram_bytes = external_bytes;
    ram = calloc(1, external_bytes);
    if (ram == NULL)
        return 1;
    for (; count > 0; count--, images++) {
        const char *other = strcmp(images->name, "sample.bin") == 0 ? getenv("BT_SAMPLE") : NULL;
        if (other)
            snprintf(path, sizeof path, "%s", other);
        else
            snprintf(path, sizeof path, "%s/%s", folder ? folder : "data", images->name);
        if (read_file(path, ram + images->external, images->size))
            return 1;
    }
    return 0;
#else
    (void)images;
    (void)count;
    return external_bytes != 0;
#endif
}

int bt_platform_sample(void *sample, uint32_t size)
{
    const char *path = getenv("BT_SAMPLE");

    return path != NULL && read_file(path, sample, size);
}

#if BT_TRACE
extern const uint32_t bt_trace_external;

static int write_trace(void)
{
    const char *path = getenv("BT_OUTPUT");
    FILE *file = path ? fopen(path, "wb") : NULL;
    size_t bytes = ram_bytes - bt_trace_external;
    int failed;

    if (file == NULL)
        return path != NULL;
    failed = fwrite(ram + bt_trace_external, 1, bytes, file) != bytes;
    return fclose(file) || failed;
}
#else
static int write_trace(void)
{
    return 0;
}
#endif

int bt_platform_cluster(void (*work)(int32_t core, int32_t cores))
{
    work(0, 1);
    return write_trace();
}

int bt_platform_main(int (*program)(void))
{
    return program();
}
