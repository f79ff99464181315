/* The steps of a network, see bt_run.h. */
#include "bt_run.h"

#include <string.h>

#if BT_CHECK || BT_TRACE
#include "bt_check.h"
#endif

static const bt_transfer *transfers_of(const bt_step *step)
{
    return (const bt_transfer *)(const void *)(step + 1);
}

#if BT_EXTERNAL
/* Of the leader; in L2, because its stack is small. */
static bt_request requests[BT_REQUESTS];

static void wait_staged(bt_core *me, uint32_t count)
{
    for (; me->done < count; me->done++)
        bt_ram_wait(&requests[me->done % BT_REQUESTS], bt_stagings[me->done].direction);
}

static void start_staging(bt_core *me, uint32_t count)
{
    for (; count > 0; count--, me->started++) {
        const bt_staging *staging = &bt_stagings[me->started];
        if (me->started - me->done == BT_REQUESTS)
            wait_staged(me, me->done + 1);
        bt_ram_start(staging->external, staging->far, staging->size, staging->direction,
                     &requests[me->started % BT_REQUESTS]);
    }
}
#endif

/* What the leader does when a step begins: send off what the last step computed and send for the next step's data. */
static void lead(bt_core *me, const bt_step *step)
{
    const bt_transfer *transfers = transfers_of(step);

    if (!me->sent)
        bt_dma_start(transfers, step->stores, BT_OUT);
    me->sent = 0;
    transfers += step->stores;
#if BT_EXTERNAL
    if (me->done < step->staged)
        wait_staged(me, step->staged);
#endif
    if (step->late) {
        bt_dma_wait();
        bt_dma_start(transfers, step->late, BT_IN);
        bt_dma_wait();
        transfers += step->late;
    }
#if BT_EXTERNAL
    if (step->staging)
        start_staging(me, step->staging);
#endif
    bt_dma_start(transfers, step->early, BT_IN);
}

const void *bt_begin(bt_core *me)
{
    const bt_step *step = me->step;

#if BT_STRICT
    bt_barrier();
    if (me->leads)
        BT_MARK(me->number++);
    bt_barrier();
#endif
    if (me->leads)
        lead(me, step);
    if (step->late)
        bt_barrier();
    return step;
}

void bt_end(bt_core *me)
{
    me->step = me->step->following;
    if (me->leads)
        bt_dma_wait();
    bt_barrier();
}

void bt_start(bt_core *me, int32_t core, int32_t cores)
{
    const bt_first *first = &bt_first_step;

    memset(me, 0, sizeof *me);
    me->core = core;
    me->cores = cores;
    me->leads = core == cores - 1;
    me->step = first->step;
    bt_count_cycles();
    if (me->leads) {
#if BT_EXTERNAL
        start_staging(me, first->staging);
        wait_staged(me, first->staged);
#endif
        bt_dma_start(first->loads, first->count, BT_IN);
        bt_dma_wait();
    }
    bt_barrier();
}

/* Store what the last step computed, and wait for it: between two layers that are looked at, and at the end. */
static void flush(bt_core *me)
{
    const bt_transfer *transfers = me->step ? transfers_of(me->step) : bt_last_stores;

    if (!me->sent) {
        bt_dma_start(transfers, me->step ? me->step->stores : bt_last_stores_count, BT_OUT);
        bt_dma_wait();
    }
    me->sent = 1;
}

void bt_finish(bt_core *me)
{
    if (!me->leads)
        return;
    flush(me);
#if BT_EXTERNAL
    wait_staged(me, me->started);
#endif
    bt_network_cycles = bt_now();
}

void bt_run_layer(bt_core *me, int32_t number, void (*layer)(bt_core *me))
{
    uint32_t begin = bt_now();

    if (number < BT_REGIONS)
        BT_REGION_ENTER(number);
    layer(me);
    if (number < BT_REGIONS)
        BT_REGION_LEAVE(number);
    if (me->leads)
        bt_layer_cycles[number] = bt_now() - begin;
#if BT_CHECK || BT_TRACE
    if (me->leads) {
        flush(me);
        bt_inspect_layer(number);
    }
    bt_barrier();
#endif
}
