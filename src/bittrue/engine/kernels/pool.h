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

/* A thread's share of a step's units. Each share has a cache line of its own. */
typedef struct {
    int64_t next, end;
    int64_t spare[6];
} bt_share;

/* It lives until its last user drops it: a late helper finds it complete and touches nothing else. */
typedef struct {
    const bt_step *steps;
    int64_t count, threads, users, members;
    int64_t *done;    /* units done per step; a step is complete when all are, whoever did them */
    int64_t *units;   /* per step */
    bt_share share[]; /* per step and thread */
} bt_job;

static struct {
    pthread_mutex_t busy, lock;
    pthread_cond_t wake;
    int64_t started, ticket; /* helpers; number of the job */
    bt_job *job;
} bt_pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, NULL};

static int64_t bt_step_units(const bt_step *step);
static void bt_step_unit(const bt_step *step, int64_t unit);

INLINE int64_t bt_read(const int64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }

INLINE void bt_wait_turn(int64_t turn)
{
    if (turn < SPINS) RELAX();
    else sched_yield();
}

static void bt_work_share(bt_job *job, int64_t step, bt_share *share)
{
    int64_t unit;
    while (bt_read(&share->next) < share->end
           && (unit = __atomic_fetch_add(&share->next, 1, __ATOMIC_RELAXED)) < share->end) {
        bt_step_unit(job->steps + step, unit);
        __atomic_add_fetch(job->done + step, 1, __ATOMIC_ACQ_REL);
    }
}

/* Every step: first the own share, which is about the same part of the images in every step, so that its data are in
 * this core's cache; then what others have left. A helper that the system does not let run holds up nobody. */
static void bt_work(bt_job *job, int64_t me)
{
    for (int64_t i = 0; i < job->count; i++) {
        for (int64_t k = 0; k < job->threads; k++)
            bt_work_share(job, i, job->share + i * job->threads + (me + k) % job->threads);
        for (int64_t turn = 0; bt_read(job->done + i) < job->units[i]; turn++) bt_wait_turn(turn);
    }
}

static void bt_drop(bt_job *job)
{
    if (__atomic_sub_fetch(&job->users, 1, __ATOMIC_ACQ_REL) == 0) free(job);
}

/* The current job, if it wants one more helper, counted as its user. The lock is held. */
static bt_job *bt_join(int64_t *me)
{
    bt_job *job = bt_pool.job;
    if (!job || job->members == job->threads) return NULL;
    *me = job->members++;
    __atomic_add_fetch(&job->users, 1, __ATOMIC_ACQ_REL);
    return job;
}

/* The life of a helper thread: wait for a ticket, actively for a while, and take part. */
static void *bt_helper(void *argument)
{
    (void)argument;
    for (int64_t seen = 0, me = 0;;) {
        for (int64_t turn = 0; turn < SPINS && bt_read(&bt_pool.ticket) == seen; turn++) RELAX();
        pthread_mutex_lock(&bt_pool.lock);
        while (bt_pool.ticket == seen) pthread_cond_wait(&bt_pool.wake, &bt_pool.lock);
        seen = bt_pool.ticket;
        bt_job *job = bt_join(&me);
        pthread_mutex_unlock(&bt_pool.lock);
        if (job) {
            bt_work(job, me);
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
    bt_pool.started = bt_pool.ticket = 0;
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

static void bt_publish(bt_job *job)
{
    pthread_mutex_lock(&bt_pool.lock);
    bt_pool.job = job;
    if (job) {
        __atomic_add_fetch(&bt_pool.ticket, 1, __ATOMIC_ACQ_REL);
        pthread_cond_broadcast(&bt_pool.wake);
    }
    pthread_mutex_unlock(&bt_pool.lock);
}

/* A job with every step's units shared among the threads; NULL without memory. */
static bt_job *bt_new_job(const bt_step *steps, int64_t count, int64_t threads)
{
    size_t shares = (size_t)(count * threads) * sizeof(bt_share);
    size_t size = sizeof(bt_job) + shares + 2 * (size_t)count * sizeof(int64_t);
    bt_job *job = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!job) return NULL;
    *job = (bt_job){.steps = steps, .count = count, .threads = threads, .users = 1, .members = 1};
    job->done = (int64_t *)((uint8_t *)(job + 1) + shares);
    job->units = job->done + count;
    for (int64_t i = 0; i < count; i++) {
        int64_t units = job->units[i] = bt_step_units(steps + i);
        job->done[i] = 0;
        for (int64_t t = 0; t < threads; t++)
            job->share[i * threads + t] = (bt_share){.next = units * t / threads, .end = units * (t + 1) / threads};
    }
    return job;
}

/* Run the steps in order on up to `threads` threads. When another caller has the helpers, run alone. */
static int64_t bt_run_steps(const bt_step *steps, int64_t count, int64_t threads)
{
    threads = threads < MAX_THREADS ? threads : MAX_THREADS;
    bt_job *job = bt_new_job(steps, count, threads);
    if (!job) return -1;
    int shared = threads > 1 && pthread_mutex_trylock(&bt_pool.busy) == 0;
    if (shared) {
        bt_grow(threads - 1);
        bt_publish(job);
    }
    bt_work(job, 0);
    if (shared) {
        bt_publish(NULL);
        pthread_mutex_unlock(&bt_pool.busy);
    }
    bt_drop(job);
    return 0;
}

#endif
