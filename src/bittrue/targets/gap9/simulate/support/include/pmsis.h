/* The part of PMSIS that programs for the cluster simulator use. */
#ifndef BT_PMSIS_H
#define BT_PMSIS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bt_registers.h"

#define PI_L1 __attribute__((section(".l1")))
#define PI_L2 __attribute__((section(".l2")))
#define PI_FC_L1 PI_L2
#define PI_INLINE_CL_TEAM_0 static inline

#define CL_CONTROLLER 8u
#define CL_WORKERS 8u

static inline uint32_t bt_hart(void)
{
    uint32_t hart;
    __asm__ volatile("csrr %0, mhartid" : "=r"(hart));
    return hart;
}

static inline uint32_t pi_core_id(void) { return bt_hart() & 31; }
static inline uint32_t pi_cluster_id(void) { return bt_hart() >> 5 & 31; }
static inline uint32_t pi_is_fc(void) { return pi_cluster_id() == 31; }
static inline uint32_t pi_cl_cluster_nb_cores(void) { return CL_WORKERS; }
static inline uint32_t pi_cl_cluster_nb_pe_cores(void) { return CL_WORKERS; }

/* Errors and devices. */
typedef struct pi_device {
    void *config;
} pi_device_t;
static inline void pi_open_from_conf(pi_device_t *device, void *configuration) { device->config = configuration; }

/* The cluster, from the fabric controller. */
struct pi_cluster_conf {
    int id;
    uint32_t cc_stack_size;
};
struct pi_cluster_task {
    void (*entry)(void *);
    void *arg;
    void *stacks;
    uint32_t stack_size;
    uint32_t slave_stack_size;
    int nb_cores;
};
void pi_cluster_conf_init(struct pi_cluster_conf *configuration);
int pi_cluster_open(pi_device_t *device);
int pi_cluster_close(pi_device_t *device);
struct pi_cluster_task *pi_cluster_task(struct pi_cluster_task *task, void (*entry)(void *), void *arg);
int pi_cluster_send_task_to_cl(pi_device_t *device, struct pi_cluster_task *task);
#define pi_cluster_send_task pi_cluster_send_task_to_cl

/* Teams, from the cluster controller; a barrier is for the members of the team. */
void pi_cl_team_fork(int cores, void (*entry)(void *), void *arg);
void pi_cl_team_barrier(void);
static inline int pi_cl_team_nb_cores(void) { return CL_WORKERS; }
void pi_cl_team_critical_enter(void);
void pi_cl_team_critical_exit(void);

/* The DMA between L2 (ext) and L1 (loc). */
typedef enum { PI_CL_DMA_DIR_LOC2EXT = 0, PI_CL_DMA_DIR_EXT2LOC = 1 } pi_cl_dma_dir_e;
typedef struct pi_cl_dma_cmd {
    int id;
} pi_cl_dma_cmd_t;

enum { BT_DMA_INCREMENT = 1 << 18, BT_DMA_TWO_DIMENSIONS = 1 << 19, BT_DMA_EVENT_FLAG = 1 << 20 };

static inline uint32_t bt_dma_word(uint32_t size, pi_cl_dma_dir_e direction)
{
    return size | (uint32_t)direction << 17 | BT_DMA_INCREMENT | BT_DMA_EVENT_FLAG;
}

static inline void pi_cl_dma_cmd(uint32_t ext, uint32_t loc, uint32_t size, pi_cl_dma_dir_e direction,
                                 pi_cl_dma_cmd_t *command)
{
    command->id = (int)BT_DMA_COMMAND;
    BT_DMA_COMMAND = bt_dma_word(size, direction);
    BT_DMA_COMMAND = loc;
    BT_DMA_COMMAND = ext;
}

static inline void pi_cl_dma_cmd_2d(uint32_t ext, uint32_t loc, uint32_t size, uint32_t stride, uint32_t length,
                                    pi_cl_dma_dir_e direction, pi_cl_dma_cmd_t *command)
{
    command->id = (int)BT_DMA_COMMAND;
    BT_DMA_COMMAND = bt_dma_word(size, direction) | BT_DMA_TWO_DIMENSIONS;
    BT_DMA_COMMAND = loc;
    BT_DMA_COMMAND = ext;
    BT_DMA_COMMAND = length;
    BT_DMA_COMMAND = stride;
}

static inline void pi_cl_dma_cmd_wait(pi_cl_dma_cmd_t *command)
{
    uint32_t mask = 1u << command->id;
    while (BT_DMA_STATUS & mask)
        bt_wait_event(BT_DMA_EVENT);
    BT_DMA_STATUS = mask;
}

/* Wait for all commands, and free all counters. */
static inline void pi_cl_dma_flush(void)
{
    while (BT_DMA_STATUS)
        bt_wait_event(BT_DMA_EVENT);
    BT_DMA_STATUS = ~0u;
}

/* Memory of L1 that no variable has. */
void *pi_l1_malloc(pi_device_t *device, uint32_t size);
void pi_l1_free(pi_device_t *device, void *chunk, uint32_t size);
#define pi_cl_l1_malloc pi_l1_malloc
#define pi_cl_l1_free pi_l1_free

/* Cycles of this core. */
#define PI_PERF_CYCLES 17
#define PI_PERF_ACTIVE_CYCLES 0
static inline uint32_t bt_cycles(void)
{
    uint32_t cycles;
    __asm__ volatile("csrr %0, mcycle" : "=r"(cycles));
    return cycles;
}
static inline void pi_perf_conf(uint32_t events) { (void)events; }
static inline void pi_perf_reset(void) { __asm__ volatile("csrw mcycle, zero"); }
static inline void pi_perf_start(void) {}
static inline void pi_perf_stop(void) {}
static inline uint32_t pi_perf_read(int event) { (void)event; return bt_cycles(); }

static inline int pmsis_kickoff(void *entry)
{
    ((void (*)(void))entry)();
    return 0;
}
static inline void pmsis_exit(int code) { exit(code); }

#endif
