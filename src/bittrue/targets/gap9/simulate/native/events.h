// The event unit: events, barriers, mutexes, the dispatcher; who sleeps and who wakes up when.
// A sleeping core goes on some cycles (the rules `barrier` and `event`) after what it waits for, also if it is there; for
// a mutex or the dispatcher it needs their events in its mask.
#pragma once
#include "memory.h"

// Let a core wait; `clear` are the events that are taken when it goes on.
static void put_to_sleep(State *s, i64 core, i64 time, i64 cause, i64 rd, i64 clear) {
    i64 *row = CORE_ROW(core);
    row[C_STATE] = C_SLEEPING;
    row[C_SLEEP_SINCE] = time;
    row[C_SLEEP_CAUSE] = cause;
    row[C_WAIT_RD] = rd;
    row[C_WAIT_CLEAR] = clear;
}

// A sleeping core goes on with a value in its register.
static void wake(State *s, i64 core, i64 time, i64 value) {
    i64 *row = CORE_ROW(core);
    bool barrier = row[C_SLEEP_CAUSE] == C_WAITS_BARRIER;
    i64 until = time + s->rules[barrier ? C_T_BARRIER : C_T_EVENT];
    REGISTERS_OF(core)[row[C_WAIT_RD]] = (int32_t)value;
    row[C_STATE] = C_RUNNING;
    row[C_CLOCK] = until;
    row[C_LATE_REGISTER] = 0;
    COUNTS(core)[barrier ? C_BARRIER_WAIT : C_EVENT_WAIT] += until - row[C_SLEEP_SINCE] - 1;
    note(s, C_LOG_WAIT, core, row[C_SLEEP_SINCE], until, row[C_SLEEP_CAUSE]);
}

static void check_waiting(State *s, i64 core, i64 time) {
    i64 *row = CORE_ROW(core);
    if (row[C_STATE] != C_SLEEPING || row[C_SLEEP_CAUSE] > C_WAITS_BARRIER) return;
    i64 found = row[C_EVENTS] & row[C_EVENT_MASK];
    if (found) {
        row[C_EVENTS] &= ~row[C_WAIT_CLEAR];
        wake(s, core, time, found);
    }
}

// Give an event to the cores of a mask.
static void trigger(State *s, i64 cores, i64 event, i64 time) {
    for (i64 core = 0; core < C_CORES; core++) {
        if (cores >> core & 1) {
            CORE_ROW(core)[C_EVENTS] |= (i64)1 << event;
            check_waiting(s, core, time);
        }
    }
}

// Cores come to a barrier; the last one opens it.
static void arrive(State *s, i64 barrier, i64 cores, i64 time) {
    i64 *row = s->barriers + 3 * barrier;
    row[C_BARRIER_STATUS] |= cores;
    if (row[C_BARRIER_MASK] && (row[C_BARRIER_STATUS] & row[C_BARRIER_MASK]) == row[C_BARRIER_MASK]) {
        row[C_BARRIER_STATUS] = 0;
        trigger(s, row[C_BARRIER_TARGET], C_BARRIER_EVENT, time);
    }
}

static void wait_barrier(State *s, i64 core, i64 time, i64 barrier, i64 rd, bool clears) {
    put_to_sleep(s, core, time, C_WAITS_BARRIER, rd, clears ? (i64)1 << C_BARRIER_EVENT : 0);
    arrive(s, barrier, (i64)1 << core, time);
    check_waiting(s, core, time);
}

static void wait_event(State *s, i64 core, i64 time, i64 rd, bool clears) {
    put_to_sleep(s, core, time, C_WAITS_EVENT, rd, clears ? CORE_ROW(core)[C_EVENT_MASK] : 0);
    check_waiting(s, core, time);
}

// Whether an event wakes a core up.
static bool listens(const State *s, i64 core, i64 event) { return CORE_ROW(core)[C_EVENT_MASK] >> event & 1; }

// Take a mutex, or wait for it; whether it was free.
static bool lock(State *s, i64 core, i64 time, i64 mutex, i64 rd) {
    i64 *row = s->mutexes + 2 * mutex;
    if (row[C_LOCKED]) {
        row[C_WAITERS] |= (i64)1 << core;
        put_to_sleep(s, core, time, C_WAITS_MUTEX, rd, 0);
        return false;
    }
    row[C_LOCKED] = 1;
    return true;
}

// Give a mutex back, or to the first core that waits for it.
static void unlock(State *s, i64 time, i64 mutex, i64 value) {
    i64 *row = s->mutexes + 2 * mutex;
    for (i64 core = 0; core < C_CORES; core++) {
        if (row[C_WAITERS] >> core & 1 && listens(s, core, C_MUTEX_EVENT)) {
            row[C_WAITERS] &= ~((i64)1 << core);
            wake(s, core, time, value);
            return;
        }
    }
    row[C_LOCKED] = 0;
}

// Give a value to every core of the team.
static void dispatch(State *s, i64 core, i64 time, i64 value) {
    for (i64 member = 0; member < C_CORES; member++) {
        if (!(s->status[C_DISPATCH_MASK] >> member & 1)) continue;
        i64 *queue = s->queues + member * (2 + C_QUEUE), *row = CORE_ROW(member);
        bool waits = row[C_STATE] == C_SLEEPING && row[C_SLEEP_CAUSE] == C_WAITS_DISPATCH;
        if (waits && listens(s, member, C_DISPATCH_EVENT)) {
            wake(s, member, time, value);
        } else if (queue[1] == C_QUEUE) {
            trap(s, core, C_DISPATCH_FULL, CORE_ROW(core)[C_AT], member, time);
        } else {
            queue[2 + (queue[0] + queue[1]++) % C_QUEUE] = value;
        }
    }
}

// The next value for a core, or it waits for one; whether there was one.
static bool take_dispatched(State *s, i64 core, i64 time, i64 rd, i64 *value) {
    i64 *queue = s->queues + core * (2 + C_QUEUE);
    if (queue[1] == 0) {
        put_to_sleep(s, core, time, C_WAITS_DISPATCH, rd, 0);
        return false;
    }
    *value = queue[2 + queue[0]];
    queue[0] = (queue[0] + 1) % C_QUEUE;
    queue[1]--;
    return true;
}

// Set pending interrupts of the fabric controller; `wfi` ends when one of its mask is there.
static void interrupt_fabric(State *s, i64 set, i64 time) {
    s->status[C_FABRIC_EVENTS] |= set;
    bool sleeps = CORE_ROW(C_FABRIC)[C_STATE] == C_SLEEPING;
    if (sleeps && s->status[C_FABRIC_EVENTS] & s->status[C_FABRIC_MASK]) wake(s, C_FABRIC, time, 0);
}
