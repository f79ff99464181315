// Control registers: what is special about some of them; hardware loops; regions and performance counters.
#pragma once
#include "memory.h"

enum { HART = 0xF14, CYCLES = 0xB00, CYCLES_HIGH = 0xB80, INSTRUCTIONS = 0xB02, PCCR = 0x780, PCCR_ALL = 0x79F };
enum { STACK_CHECK = 0x7D0, STACK_HIGH = 0x7D2 };
// Registers of this simulator's own: a region's number is written when a core enters or leaves it.
// A mark lets the run pause, if that is wanted.
enum { ENTER = 0x7C0, LEAVE = 0x7C1, MARK = 0x7C2 };

// A performance counter since the program's begin, by its number in PCER.
static i64 counter(const State *s, i64 core, i64 time, i64 number) {
    const i64 *counts = COUNTS(core);
    switch (number) {
    case 0: return time;
    case 1: return counts[C_INSTRUCTIONS];
    case 2: return counts[C_LOAD_USE];
    case 3: return counts[C_LATE_RESULT];
    case 4: return counts[C_L0_MISS] + counts[C_L1_MISS];
    case 5: return counts[C_LOADS];
    case 6: return counts[C_STORES];
    case 7: return counts[C_JUMPS];
    case 9: return counts[C_TAKEN];
    case 16: return counts[C_TCDM_CONFLICT];
    }
    return 0;
}

static i64 read_control(const State *s, i64 core, i64 time, i64 number) {
    const i64 *row = CORE_ROW(core);
    if (number == HART) return core == C_FABRIC ? 31 << 5 : core;
    if (number == CYCLES) return time - row[C_MCYCLE];
    if (number == CYCLES_HIGH) return (time - row[C_MCYCLE]) >> 32;
    if (number == INSTRUCTIONS) return COUNTS(core)[C_INSTRUCTIONS];
    if (number >= PCCR && number < PCCR + C_COUNTER_NUMBER) {
        return counter(s, core, time, number - PCCR) - row[C_PCCR + number - PCCR];
    }
    return s->csr[core * 4096 + number];
}

#define REGION_ROW(array, core, region) ((array) + ((core) * C_REGIONS + ((region) & (C_REGIONS - 1))) * (C_COUNTERS + 2))

// Remember the counters where a region begins.
static void enter(State *s, i64 core, i64 time, i64 region) {
    i64 *begin = REGION_ROW(s->region_begin, core, region);
    for (i64 place = 0; place < C_COUNTERS; place++) begin[place] = COUNTS(core)[place];
    begin[C_COUNTERS] = time;
    begin[C_COUNTERS + 1] = 1;
}

// Add what has been counted since a region was entered.
static void leave(State *s, i64 core, i64 time, i64 region) {
    i64 *begin = REGION_ROW(s->region_begin, core, region), *total = REGION_ROW(s->regions, core, region);
    if (!begin[C_COUNTERS + 1]) return;
    for (i64 place = 0; place < C_COUNTERS; place++) total[place] += COUNTS(core)[place] - begin[place];
    total[C_COUNTERS] += time - begin[C_COUNTERS];
    total[C_COUNTERS + 1]++;
    begin[C_COUNTERS + 1] = 0;
    note(s, C_LOG_REGION, core, begin[C_COUNTERS], time, region & (C_REGIONS - 1));
}

// Let whoever runs the cluster look at it.
static void mark(State *s, i64 number) {
    s->status[C_MARKED] = number;
    if (s->places[C_PAUSES] && s->status[C_RESULT] == C_GOING) s->status[C_RESULT] = C_PAUSED;
}

static void write_control(State *s, i64 core, i64 time, i64 number, i64 value) {
    i64 *row = CORE_ROW(core);
    if (number == ENTER) enter(s, core, time, value);
    else if (number == LEAVE) leave(s, core, time, value);
    else if (number == MARK) mark(s, u32(value));
    else if (number == CYCLES) row[C_MCYCLE] = time - u32(value);
    else if (number >= PCCR && number < PCCR + C_COUNTER_NUMBER) {
        row[C_PCCR + number - PCCR] = counter(s, core, time, number - PCCR) - value;
    } else if (number == PCCR_ALL) {
        for (i64 place = 0; place < C_COUNTER_NUMBER; place++) {
            row[C_PCCR + place] = counter(s, core, time, place) - value;
        }
    } else if (number >= STACK_CHECK && number <= STACK_HIGH) {
        row[C_STACK_CHECK + number - STACK_CHECK] = u32(value);
    }
    s->csr[core * 4096 + number] = (int32_t)value;
}

// A CSR instruction; false if there is no such register.
static bool control(State *s, i64 core, i64 at, i64 time, i64 a) {
    const int32_t *word = s->code + at;
    i64 number = word[C_SECOND], operand = word[C_MODE] == C_CONSTANT ? word[C_IMMEDIATE] : a;
    if (!s->csr_known[number]) {
        trap(s, core, C_UNKNOWN_CSR, at, number, time);
        return false;
    }
    i64 before = read_control(s, core, time, number);
    bool changes = word[C_RS1] || operand;
    if (word[C_OPERATION] == C_CSR_WRITE) write_control(s, core, time, number, operand);
    else if (changes && word[C_OPERATION] == C_CSR_SET) write_control(s, core, time, number, before | operand);
    else if (changes) write_control(s, core, time, number, before & ~operand);
    REGISTERS_OF(core)[word[C_RD]] = (int32_t)before;
    return true;
}

// A hardware loop instruction; false if its loop is not within the program.
static bool set_loop(State *s, i64 core, i64 at, i64 a) {
    const int32_t *word = s->code + at;
    i64 *loop = CORE_ROW(core) + (word[C_SECOND] ? C_OUTER_START : C_RUN_START);
    i64 operation = word[C_OPERATION], target = at + word[C_JUMP];
    bool by_register = operation == C_LOOP_COUNT || operation == C_LOOP_SETUP;
    if (operation >= C_LOOP_COUNT) loop[2] = by_register ? u32(a) : word[C_IMMEDIATE];
    if (operation == C_LOOP_START) loop[0] = target;
    if (operation >= C_LOOP_SETUP) loop[0] = at + word[C_STEP];
    if (operation == C_LOOP_STOP || operation >= C_LOOP_SETUP) {
        loop[1] = target;
        if (target >= s->places[C_CODE_ROWS] << C_INSTRUCTION_BITS) return false;
        s->code[target + C_LOOP_END] = 1;
    }
    return true;
}

// Where a core goes after the last instruction of a loop's body.
static i64 after_loop_end(State *s, i64 core, i64 at, i64 following) {
    for (i64 *loop = CORE_ROW(core) + C_RUN_START; loop <= CORE_ROW(core) + C_OUTER_START; loop += 3) {
        if (loop[1] == at && loop[2] > 0 && --loop[2] > 0) return loop[0];
    }
    return following;
}
