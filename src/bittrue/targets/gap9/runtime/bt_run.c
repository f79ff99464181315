/* The steps of a network, see bt_run.h. */
#include "bt_run.h"

#if BT_CHECK || BT_TRACE
#include "bt_check.h"
#endif

static const bt_transfer *transfers_of(const bt_step *step)
{
    return (const bt_transfer *)(const void *)(step + 1);
}

#if BT_EXTERNAL
static void wait_staged(bt_core *me, uint32_t count)
{
    for (; me->done < count; me->done++)
        bt_ram_wait(&me->requests[me->done % BT_REQUESTS], bt_stagings[me->done].direction);
}

static void start_staging(bt_core *me, uint32_t count)
{
    for (; count > 0; count--, me->started++) {
        const bt_staging *staging = &bt_stagings[me->started];
        if (me->started - me->done == BT_REQUESTS)
            wait_staged(me, me->done + 1);
        bt_ram_start(staging->external, staging->far, staging->size, staging->direction,
                     &me->requests[me->started % BT_REQUESTS]);
    }
}
#endif

static void wait_stores(bt_core *me)
{
    bt_dma_wait(me->store, me->stores);
    me->stores = 0;
}

/* What core 0 does before a step: this step's data have to be there, the next step's are sent for. */
static void prepare(bt_core *me, const bt_step *step)
{
    const bt_transfer *transfers = transfers_of(step);

    bt_dma_wait(me->load, me->loads);
#if BT_EXTERNAL
    if (me->done < step->staged)
        wait_staged(me, step->staged);
#endif
    if (step->late) {
        wait_stores(me);
        bt_dma_start(transfers, step->late, BT_IN, me->load);
        bt_dma_wait(me->load, step->late);
    }
#if BT_EXTERNAL
    if (step->staging)
        start_staging(me, step->staging);
#endif
    me->loads = step->early;
    bt_dma_start(transfers + step->late, step->early, BT_IN, me->load);
}

void bt_start(bt_core *me)
{
    const bt_first *first = &bt_first_step;

    me->step = first->step;
    me->loads = first->count;
    me->stores = 0;
    me->started = 0;
    me->done = 0;
    bt_count_cycles();
    if (me->core != 0)
        return;
#if BT_EXTERNAL
    start_staging(me, first->staging);
    wait_staged(me, first->staged);
#endif
    bt_dma_start(first->loads, first->count, BT_IN, me->load);
}

const void *bt_begin(bt_core *me)
{
    if (me->core == 0)
        prepare(me, me->step);
    bt_barrier();
    return me->step;
}

void bt_end(bt_core *me)
{
    const bt_step *step = me->step;

    me->step = step->following; /* before core 0 may load another table into this one's place */
    bt_barrier();
    if (me->core == 0) {
        wait_stores(me);
        me->stores = step->stores;
        bt_dma_start(transfers_of(step) + step->late + step->early, step->stores, BT_OUT, me->store);
    }
}

void bt_finish(bt_core *me)
{
    if (me->core == 0) {
        wait_stores(me);
#if BT_EXTERNAL
        wait_staged(me, me->started);
#endif
    }
}

void bt_run_layer(bt_core *me, int32_t number, void (*layer)(bt_core *me))
{
    uint32_t begin = bt_now();

    BT_REGION_ENTER(number);
    layer(me);
    BT_REGION_LEAVE(number);
    if (me->core == 0)
        bt_layer_cycles[number] = bt_now() - begin;
#if BT_CHECK || BT_TRACE
    if (me->core == 0) {
        wait_stores(me);
        bt_inspect_layer(number);
    }
    bt_barrier();
#endif
}
