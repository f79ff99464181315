/* The cores of the cluster: workers wait for work that the controller dispatches, the controller for tasks. */
#include "bt_registers.h"
#include "pmsis.h"

void _start(void);
void bt_cluster_core(uint32_t core);

typedef void (*entry_t)(void *);

static struct {
    entry_t entry;
    void *volatile arg;
} task;
static volatile uint32_t cores_started;

static void work(void)
{
    for (;;) {
        entry_t entry = (entry_t)bt_wait_load(BT_DISPATCH);
        void *arg = (void *)bt_wait_load(BT_DISPATCH);
        entry(arg);
        bt_wait_load(BT_BARRIER_WAIT_CLEAR(BT_JOIN));
    }
}

static void control(void)
{
    for (;;) {
        bt_wait_event(BT_TASK_EVENT);
        task.entry(task.arg);
        BT_INTERRUPT_SET = 1u << BT_DONE_INTERRUPT;
    }
}

void bt_cluster_core(uint32_t core)
{
    BT_EVENT_MASK_SET = 1u << BT_BARRIER_EVENT | 1u << BT_MUTEX_EVENT | 1u << BT_DISPATCH_EVENT;
    if (core == CL_CONTROLLER)
        control();
    work();
}

void pi_cl_team_fork(int cores, void (*entry)(void *), void *arg)
{
    uint32_t team = (1u << (cores > 0 ? (uint32_t)cores : CL_WORKERS)) - 1;
    BT_BARRIER_MASK(BT_TEAM) = team;
    BT_BARRIER_TARGET(BT_TEAM) = team;
    BT_BARRIER_MASK(BT_JOIN) = team | 1u << CL_CONTROLLER;
    BT_BARRIER_TARGET(BT_JOIN) = team | 1u << CL_CONTROLLER;
    BT_DISPATCH_TEAM = team;
    BT_REGISTER(BT_DISPATCH) = (uint32_t)entry;
    BT_REGISTER(BT_DISPATCH) = (uint32_t)arg;
    bt_wait_load(BT_BARRIER_WAIT_CLEAR(BT_JOIN));
}

void pi_cl_team_barrier(void) { bt_wait_load(BT_BARRIER_WAIT_CLEAR(BT_TEAM)); }
void pi_cl_team_critical_enter(void) { bt_wait_load(BT_MUTEX); }
void pi_cl_team_critical_exit(void) { BT_REGISTER(BT_MUTEX) = 0; }

void pi_cluster_conf_init(struct pi_cluster_conf *configuration)
{
    configuration->id = 0;
    configuration->cc_stack_size = 0;
}

int pi_cluster_open(pi_device_t *device)
{
    (void)device;
    if (cores_started)
        return 0;
    for (uint32_t core = 0; core <= CL_CONTROLLER; core++)
        BT_BOOT(core) = (uint32_t)_start;
    BT_INTERRUPT_ENABLE = 1u << BT_DONE_INTERRUPT;
    cores_started = (1u << (CL_CONTROLLER + 1)) - 1;
    BT_FETCH_ENABLE = cores_started;
    return 0;
}

int pi_cluster_close(pi_device_t *device)
{
    (void)device;
    return 0;
}

struct pi_cluster_task *pi_cluster_task(struct pi_cluster_task *made, void (*entry)(void *), void *arg)
{
    memset(made, 0, sizeof *made);
    made->entry = entry;
    made->arg = arg;
    return made;
}

int pi_cluster_send_task_to_cl(pi_device_t *device, struct pi_cluster_task *sent)
{
    (void)device;
    task.entry = sent->entry;
    task.arg = sent->arg;
    __asm__ volatile("" : : : "memory");
    BT_SEND_EVENT(BT_TASK_EVENT) = 1u << CL_CONTROLLER;
    while (!(BT_INTERRUPT & 1u << BT_DONE_INTERRUPT))
        __asm__ volatile("wfi" : : : "memory");
    BT_INTERRUPT_CLEAR = 1u << BT_DONE_INTERRUPT;
    return 0;
}
