/* What the network needs of its platform: memories, DMA, barriers, external memory, counters. Two files do it:
 * platform_gap9.c with PMSIS, platform_host.c in plain C with one core.
 */
#ifndef BT_PLATFORM_H
#define BT_PLATFORM_H

#include <stdint.h>

#include "bt_options.h"

#if defined(BT_HOST)
typedef int bt_request;
#define BT_IN_L1 __attribute__((aligned(16)))
#define BT_IN_L2 __attribute__((aligned(16)))
#else
#include "pmsis.h"
#define BT_IN_L1 PI_L1 __attribute__((aligned(16)))
#define BT_IN_L2 PI_L2 __attribute__((aligned(16)))
#if BT_USES_EXTERNAL
#include "bsp/bsp.h"
#include "bsp/ram.h"
typedef pi_cl_ram_req_t bt_request;
#endif
#endif

#if defined(BT_SIM)
#include "bt_sim.h" /* regions for the cluster simulator */
#else
#define BT_REGION_ENTER(number) ((void)(number))
#define BT_REGION_LEAVE(number) ((void)(number))
#define BT_MARK(number) ((void)(number))
#endif

/* One DMA command between L2 (far) and L1 (near): `size` bytes as rows of `length` bytes, `stride` apart in L2,
 * dense in L1.
 */
typedef struct {
    void *far;
    void *near;
    uint32_t size;
    uint32_t length;
    uint32_t stride;
} bt_transfer;

enum { BT_OUT = 0, BT_IN = 1 };

/* ---- in the cluster */

/* Start commands, L2 to L1 (BT_IN) or back (BT_OUT), at most 15 before the next wait; wait for all. */
void bt_dma_start(const bt_transfer *transfers, uint32_t count, int32_t direction);
void bt_dma_wait(void);

/* All cores meet. */
void bt_barrier(void);

/* Cycles of this core since bt_count_cycles(). */
void bt_count_cycles(void);
uint32_t bt_now(void);

#if BT_USES_EXTERNAL
/* Start a transfer between external memory (L3) and L2, wait for one. Addresses in L2 and sizes are multiples of 4. */
void bt_ram_start(uint32_t external, void *data, uint32_t size, int32_t direction, bt_request *request);
void bt_ram_wait(bt_request *request, int32_t direction);
#endif

/* ---- outside of the cluster */

/* A file that is copied from flash into external memory at the start. */
typedef struct {
    const char *name;
    uint32_t external;
    uint32_t size;
} bt_image;

/* Run a program: it begins here, and its result is the exit code. */
int bt_platform_main(int (*program)(void));

/* Fill the external memory with images; 0: all went well. */
int bt_platform_load(const bt_image *images, uint32_t count, uint32_t external_bytes);

/* Put another sample into the place of the project's, which lies in L2; 0: all went well. On the chip: nothing. */
int bt_platform_sample(void *sample, uint32_t size);

/* Call a function on all cores of the cluster, and wait until all have returned; 0: all went well. */
int bt_platform_cluster(void (*work)(int32_t core, int32_t cores));

#if BT_USES_EXTERNAL
/* Copy from external memory to L2, outside of the cluster. */
void bt_platform_read(uint32_t external, void *data, uint32_t size);
#endif

#endif
