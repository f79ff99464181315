/* Threads that share the units of a list of steps. A step starts when the one before it is complete. */
#ifndef BITTRUE_POOL_H
#define BITTRUE_POOL_H

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "engine.h"

#if defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#else
#define RELAX() ((void)0)
#endif
#define SPINS 2000 /* turns to wait actively for a neighbour before giving up the core */
#define MAX_THREADS 256

/* Units of one step. The step is complete when all are done, whoever did them: a helper that the system does not let
 * run holds up nobody. Each progress has a cache line of its own. */
typedef struct {
    int64_t units, next, done;
    int64_t spare[5];
} bt_progress;

/* It lives until its last user drops it: a late helper finds it complete and touches nothing else. */
typedef struct {
    const bt_step *steps;
    int64_t count, users;
    bt_progress progress[];
} bt_job;

static struct {
    pthread_mutex_t busy, lock;
    pthread_cond_t wake;
    int64_t started, ticket, room; /* helpers; number of the job; helpers that the job still wants */
    bt_job *job;
} bt_pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, NULL};

static int64_t bt_step_units(const bt_step *step);
static void bt_step_unit(const bt_step *step, int64_t unit);

INLINE int64_t bt_read(const int64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }

static void bt_work(bt_job *job)
{
    for (int64_t i = 0; i < job->count; i++) {
        bt_progress *progress = job->progress + i;
        int64_t unit;
        while (bt_read(&progress->next) < progress->units
               && (unit = __atomic_fetch_add(&progress->next, 1, __ATOMIC_RELAXED)) < progress->units) {
            bt_step_unit(job->steps + i, unit);
            __atomic_add_fetch(&progress->done, 1, __ATOMIC_ACQ_REL);
        }
        for (int64_t turn = 0; bt_read(&progress->done) < progress->units; turn++) {
            if (turn < SPINS) RELAX();
            else sched_yield();
        }
    }
}

static void bt_drop(bt_job *job)
{
    if (__atomic_sub_fetch(&job->users, 1, __ATOMIC_ACQ_REL) == 0) free(job);
}

/* The job of the current ticket if it wants one more helper, counted as its user. The lock is held. */
static bt_job *bt_join(void)
{
    if (!bt_pool.job || bt_pool.room <= 0) return NULL;
    bt_pool.room--;
    __atomic_add_fetch(&bt_pool.job->users, 1, __ATOMIC_ACQ_REL);
    return bt_pool.job;
}

/* The life of a helper thread: wait for a ticket, actively for a while, and take part. */
static void *bt_helper(void *argument)
{
    (void)argument;
    for (int64_t seen = 0;;) {
        for (int64_t turn = 0; turn < SPINS && bt_read(&bt_pool.ticket) == seen; turn++) RELAX();
        pthread_mutex_lock(&bt_pool.lock);
        while (bt_pool.ticket == seen) pthread_cond_wait(&bt_pool.wake, &bt_pool.lock);
        seen = bt_pool.ticket;
        bt_job *job = bt_join();
        pthread_mutex_unlock(&bt_pool.lock);
        if (job) {
            bt_work(job);
            bt_drop(job);
        }
    }
    return NULL;
}

/* After a fork the helpers are gone, and another thread of the parent may have held the locks. */
static void bt_after_fork(void)
{
    pthread_mutex_init(&bt_pool.busy, NULL);
    pthread_mutex_init(&bt_pool.lock, NULL);
    pthread_cond_init(&bt_pool.wake, NULL);
    bt_pool.started = bt_pool.ticket = bt_pool.room = 0;
    bt_pool.job = NULL;
}

__attribute__((constructor)) static void bt_watch_forks(void) { pthread_atfork(NULL, NULL, bt_after_fork); }

/* Start helpers until `wanted` exist; fewer are fewer. */
static void bt_grow(int64_t wanted)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (bt_pool.started < wanted) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, bt_helper, NULL)) break;
        bt_pool.started++;
    }
    pthread_attr_destroy(&attributes);
}

static void bt_publish(bt_job *job, int64_t room)
{
    pthread_mutex_lock(&bt_pool.lock);
    bt_pool.job = job;
    bt_pool.room = room;
    if (job) {
        __atomic_add_fetch(&bt_pool.ticket, 1, __ATOMIC_ACQ_REL);
        pthread_cond_broadcast(&bt_pool.wake);
    }
    pthread_mutex_unlock(&bt_pool.lock);
}

/* Run the steps in order on up to `threads` threads. When another caller has the helpers, run alone. */
static int64_t bt_run_steps(const bt_step *steps, int64_t count, int64_t threads)
{
    bt_job *job = aligned_alloc(64, (sizeof *job + (size_t)count * sizeof(bt_progress) + 63) / 64 * 64);
    if (!job) return -1;
    *job = (bt_job){.steps = steps, .count = count, .users = 1};
    for (int64_t i = 0; i < count; i++) job->progress[i] = (bt_progress){.units = bt_step_units(steps + i)};
    int shared = threads > 1 && pthread_mutex_trylock(&bt_pool.busy) == 0;
    if (shared) {
        bt_grow((threads < MAX_THREADS ? threads : MAX_THREADS) - 1);
        bt_publish(job, threads - 1);
    }
    bt_work(job);
    if (shared) {
        bt_publish(NULL, 0);
        pthread_mutex_unlock(&bt_pool.busy);
    }
    bt_drop(job);
    return 0;
}

#endif
