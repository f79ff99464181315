// The instruction caches: every core's own (L0), and the shared one (L1) of two banks. Both have four ways; which one is
// replaced goes round, by one counter for all sets, so that loops slightly larger than their sets do not lose every line.
// A line is there for all when its refill is done; a bank refills one line at a time.
#pragma once
#include "memory.h"

// The place of a line in a set, or -1.
static inline i64 find_line(const i64 *set, i64 line) {
    for (i64 way = 0; way < C_WAYS; way++) {
        if (set[way] == line) return way;
    }
    return -1;
}

// Replace a way of a set; `next` counts replacements.
static inline i64 replace_line(i64 *set, i64 *next, i64 line) {
    i64 way = *next;
    *next = (way + 1) % C_WAYS;
    set[way] = line;
    return way;
}

// When the shared cache has a line that a core asks for at `time`.
static i64 shared_line(State *s, i64 core, i64 line, i64 time) {
    i64 place = line & (C_L1_SETS - 1), bank = line & (C_L1_BANKS - 1); // the low bits of a set's number are its bank's
    i64 *set = s->l1_lines + place * C_WAYS, *ready = s->l1_ready + place * C_WAYS, way = find_line(set, line);
    if (way < 0) {
        way = replace_line(set, s->l1_next + bank, line);
        ready[way] = s->l1_free[bank] = max(time, s->l1_free[bank]) + s->rules[C_T_L1_MISS];
    }
    i64 there = max(time + s->rules[C_T_L0_MISS], ready[way]);
    bool waits = ready[way] > time + s->rules[C_T_L0_MISS];
    COUNTS(core)[waits ? C_L1_MISS : C_L0_MISS] += there - time;
    return there;
}

static inline i64 *own_set(State *s, i64 core, i64 line) {
    return s->l0_lines + (core * C_L0_SETS + (line & (C_L0_SETS - 1))) * C_WAYS;
}

// Whether a core has a line in its own cache. The fabric controller's is not modelled.
static inline bool has_line(State *s, i64 core, i64 line) {
    return core == C_FABRIC || find_line(own_set(s, core, line), line) >= 0;
}

// Bring a line into a core's own cache; when it is there.
static i64 fetch_line(State *s, i64 core, i64 line, i64 time) {
    replace_line(own_set(s, core, line), s->l0_next + core, line);
    return shared_line(s, core, line, time);
}
