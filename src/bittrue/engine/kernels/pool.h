/* Threads that share the units of a list of steps. A step starts when the one before it is complete. */
#ifndef BITTRUE_POOL_H
#define BITTRUE_POOL_H

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine.h"

#if defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#else
#define RELAX() ((void)0)
#endif
#define SPINS 4000   /* turns to wait actively for a neighbour before giving up the core */
#define MAX_THREADS 256

typedef struct {
    const bt_step *steps;
    int64_t count, threads;
    int64_t *next;                /* next unit per step */
    int64_t waiting, generation;  /* of the barrier */
} bt_job;

static struct {
    pthread_mutex_t busy, lock;
    pthread_cond_t wake;
    pid_t owner;                  /* threads do not survive a fork */
    int64_t started, ticket, left;
    bt_job *job;
} bt_pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0, NULL};

static int64_t bt_step_units(const bt_step *step);
static void bt_step_unit(const bt_step *step, int64_t unit);

INLINE int64_t bt_read(const int64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }

INLINE void bt_spin_while(const int64_t *p, int64_t value)
{
    for (int64_t turn = 0; bt_read(p) == value; turn++) {
        if (turn < SPINS) RELAX();
        else sched_yield();
    }
}

static void bt_barrier(bt_job *job)
{
    int64_t generation = bt_read(&job->generation);
    if (__atomic_add_fetch(&job->waiting, 1, __ATOMIC_ACQ_REL) == job->threads) {
        __atomic_store_n(&job->waiting, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&job->generation, generation + 1, __ATOMIC_RELEASE);
    } else bt_spin_while(&job->generation, generation);
}

static void bt_work(bt_job *job)
{
    for (int64_t i = 0; i < job->count; i++) {
        int64_t units = bt_step_units(job->steps + i), unit;
        while ((unit = __atomic_fetch_add(job->next + i, 1, __ATOMIC_RELAXED)) < units)
            bt_step_unit(job->steps + i, unit);
        if (job->threads > 1) bt_barrier(job);
    }
}

/* The life of a helper thread: wait for a ticket, take part if the job has room for it, sign off. */
static void *bt_helper(void *argument)
{
    int64_t index = (int64_t)(intptr_t)argument, seen = 0;
    for (;;) {
        for (int64_t turn = 0; turn < SPINS && bt_read(&bt_pool.ticket) == seen; turn++) RELAX();
        pthread_mutex_lock(&bt_pool.lock);
        while (bt_pool.ticket == seen) pthread_cond_wait(&bt_pool.wake, &bt_pool.lock);
        seen = bt_pool.ticket;
        bt_job *job = bt_pool.job;
        pthread_mutex_unlock(&bt_pool.lock);
        if (job && index < job->threads) {
            bt_work(job);
            __atomic_sub_fetch(&bt_pool.left, 1, __ATOMIC_ACQ_REL);
        }
    }
    return NULL;
}

/* Start helpers until `wanted` exist; returns how many there are. */
static int64_t bt_grow(int64_t wanted)
{
    if (bt_pool.owner != getpid()) bt_pool.owner = getpid(), bt_pool.started = 0, bt_pool.ticket = 0;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (bt_pool.started < wanted) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, bt_helper, (void *)(intptr_t)(bt_pool.started + 1))) break;
        bt_pool.started++;
    }
    pthread_attr_destroy(&attributes);
    return bt_pool.started;
}

static void bt_run_shared(bt_job *job)
{
    int64_t helpers = bt_grow(job->threads - 1);
    if (helpers < job->threads - 1) job->threads = helpers + 1;
    pthread_mutex_lock(&bt_pool.lock);
    bt_pool.job = job;
    bt_pool.left = job->threads - 1;
    __atomic_add_fetch(&bt_pool.ticket, 1, __ATOMIC_ACQ_REL);
    pthread_cond_broadcast(&bt_pool.wake);
    pthread_mutex_unlock(&bt_pool.lock);
    bt_work(job);
    for (int64_t turn = 0; bt_read(&bt_pool.left) > 0; turn++) {
        if (turn < SPINS) RELAX();
        else sched_yield();
    }
    pthread_mutex_lock(&bt_pool.lock);
    bt_pool.job = NULL;
    pthread_mutex_unlock(&bt_pool.lock);
}

/* Run the steps in order on up to `threads` threads. When another caller holds the helpers, run alone. */
static int64_t bt_run_steps(const bt_step *steps, int64_t count, int64_t threads)
{
    int64_t *next = calloc((size_t)count, sizeof *next);
    if (!next) return -1;
    bt_job job = {steps, count, threads < MAX_THREADS ? threads : MAX_THREADS, next, 0, 0};
    if (threads > 1 && pthread_mutex_trylock(&bt_pool.busy) == 0) {
        bt_run_shared(&job);
        pthread_mutex_unlock(&bt_pool.busy);
    } else {
        job.threads = 1;
        bt_work(&job);
    }
    free(next);
    return 0;
}

#endif
