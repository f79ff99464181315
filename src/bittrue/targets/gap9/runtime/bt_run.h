/* How a network runs: steps, one after the other. A step is one call of a kernel on one tile, by all cores. While they
 * compute, the DMA stores what the step before computed and loads what the next one needs; one core, the leader, starts
 * it. The leader is the last core, which has the smallest share of a kernel's work where that cannot be even.
 *
 * Everything about a step is in a table: this head, the DMA commands, the kernel's parameters. Tables are constants in
 * L2; each is loaded into L1 by the step before it, like other data.
 */
#ifndef BT_RUN_H
#define BT_RUN_H

#include <stddef.h>

#include "bt_kernels.h"
#include "bt_platform.h"

enum { BT_REGIONS = 256 }; /* layers that the simulator counts apart */
enum { BT_REQUESTS = 32 }; /* transfers with external memory on their way at a time */

typedef struct bt_step {
    const struct bt_step *following; /* the next step's table */
    uint16_t stores;                 /* commands that store what the step before computed */
    uint16_t late;                   /* commands of this step that begin when these stores are done */
    uint16_t early;                  /* commands of the next step that begin now, its table among them */
    uint16_t staging;                /* transfers with external memory that begin now */
    uint32_t staged;                 /* transfers with external memory, from the first one, that have to be done */
} bt_step;                           /* behind it in memory: stores, late, early as bt_transfer */

/* One transfer between external memory and L2. */
typedef struct {
    void *far;
    uint32_t external;
    uint32_t size;
    int32_t direction;
} bt_staging;

/* A tensor in L2: pixels row by row, the channels of a pixel together; a slice of channels has a larger pitch. */
typedef struct {
    const char *name;
    uint8_t *data;
    int32_t height;
    int32_t width;
    int32_t channels;
    int32_t type;    /* BT_I8 ... BT_I32 */
    int32_t pitch;   /* bytes from one pixel to the next */
    uint32_t offset; /* where it lies, dense, in the sample or in the answers */
} bt_tensor;

/* A layer for reports and checks. */
typedef struct {
    const char *name;
    uint32_t macs;
    bt_tensor output;
} bt_layer;

/* One core's view of the run. */
typedef struct {
    int32_t core;
    int32_t cores;
    const bt_step *step;
    int32_t leads; /* whether this core is the leader: all that follows is for it */
    int32_t sent;  /* whether the stores of the step before have been started already */
#if BT_EXTERNAL
    uint32_t started; /* transfers with external memory that were started, and that are done */
    uint32_t done;
#endif
#if BT_STRICT
    uint32_t number; /* steps that have begun */
#endif
} bt_core;

/* Places in the memories, for tables. */
extern uint8_t bt_l1[], bt_arena[];
extern uint8_t bt_constants[];
#define BT_L1(offset) ((void *)(bt_l1 + (offset)))
#define BT_ARENA(offset) ((void *)(bt_arena + (offset)))
#define BT_CONSTANTS(offset) ((void *)(bt_constants + (offset)))

/* The place in L1 where a step's table is read (or the inputs of a concatenation within it), and the command that loads
 * it. A host's pointers are longer, so that
 * tables do not fit into their places: there they are read where they are. */
#if defined(BT_HOST)
#define BT_TABLE(table, place) ((const bt_step *)&(table))
#define BT_PARTS(type, table, place) ((table).parts)
#define BT_LOAD_TABLE(table, place) {(void *)&(table), BT_L1(place), 0, 0, 0}
#else
#define BT_TABLE(table, place) ((const bt_step *)BT_L1(place))
#define BT_PARTS(type, table, place) BT_L1((place) + offsetof(type, parts))
#define BT_LOAD_TABLE(table, place) {(void *)&(table), BT_L1(place), sizeof(table), sizeof(table), 0}
#endif

/* The stagings of all steps in their order. */
extern const bt_staging bt_stagings[];

/* What the last step computed is stored at the end. */
extern const bt_transfer bt_last_stores[];
extern const uint32_t bt_last_stores_count;

/* What comes before the first step: its transfers with external memory are started, `staged` of them are waited for,
 * then its table and its early data are loaded.
 */
typedef struct {
    const bt_step *step;
    const bt_transfer *loads;
    uint32_t count;
    uint32_t staging;
    uint32_t staged;
} bt_first;
extern const bt_first bt_first_step;

/* Begin at the first step. */
void bt_start(bt_core *me, int32_t core, int32_t cores);

/* Begin a step: its table; its data are in L1, the last step's results and the next step's data are on their way. */
const void *bt_begin(bt_core *me);

/* End a step: when this returns all cores have done their shares, and what was on its way has arrived. */
void bt_end(bt_core *me);

/* Wait until everything that was started has arrived. */
void bt_finish(bt_core *me);

/* Run one layer and count its cycles. */
void bt_run_layer(bt_core *me, int32_t number, void (*layer)(bt_core *me));

/* Cycles as the leader counts them: of every layer, and from bt_start() to the end of bt_finish(). With checks the
 * latter has their cycles too.
 */
extern uint32_t bt_layer_cycles[];
extern uint32_t bt_network_cycles;

#endif
