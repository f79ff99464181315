// One core's turn: instructions until it would be ahead of another one at something that they share.
#pragma once
#include "cache.h"
#include "control.h"
#include "devices.h"
#include "dispatch.h"

// The order of turns: by time, then round the cores, another one first in every cycle.
static inline i64 key(i64 core, i64 time) { return time << C_KEY_BITS | ((core + time) & ((1 << C_KEY_BITS) - 1)); }

static i64 divide_cycles(const State *s, i64 b, bool is_signed) {
    if (is_signed && b < 0) return leading_zeros(u32(-b)) + s->rules[C_T_DIVIDE_NEGATIVE];
    return leading_zeros(u32(b)) + s->rules[C_T_DIVIDE];
}

// A core's registers and place while it has its turn.
typedef struct {
    i64 core, time, at;
    i64 *row, *counts;
    int32_t *x;
} Turn;

// Whether an access through the stack pointer is within the core's stack.
static bool on_stack(State *s, const Turn *t, i64 address) {
    if (!t->row[C_STACK_CHECK] || (address >= t->row[C_STACK_LOW] && address < t->row[C_STACK_HIGH])) return true;
    trap(s, t->core, C_STACK_OVERFLOW, t->at, address, t->time);
    return false;
}

static bool is_l2(const State *s, i64 offset, i64 width) {
    return offset >= 0 && offset <= s->places[C_L2_SIZE] - (magnitude(width) >> 3);
}

// An access to L2 that crosses a word is two.
static i64 l2_cycles(State *s, const Turn *t, i64 offset, i64 width) {
    i64 cycles = s->rules[t->core == C_FABRIC ? C_T_L2_FABRIC : C_T_L2_CLUSTER];
    if ((offset & 3) * 8 + magnitude(width) > 32) cycles *= 2;
    t->counts[C_L2] += cycles - 1;
    return cycles;
}

static i64 register_cycles(State *s, const Turn *t, i64 address) {
    i64 cycles = s->rules[is_demux(address) ? C_T_DEMUX : C_T_PERIPHERAL];
    t->counts[C_PERIPHERAL] += cycles - 1;
    return cycles;
}

// A load from anything but L1; a core that sleeps then has its time from whoever wakes it.
static void slow_load(State *s, Turn *t, i64 address, i64 width, i64 rd) {
    i64 offset = address - s->places[C_L2_BASE], value;
    if (is_l2(s, offset, width)) {
        t->x[rd] = (int32_t)read_bits(s->l2, offset, width);
        t->time += l2_cycles(s, t, offset, width);
        return;
    }
    t->row[C_AT] = t->at;
    t->row[C_CLOCK] = t->time;
    if (load_register(s, t->core, t->time, address, rd, &value)) {
        t->x[rd] = (int32_t)value;
        t->time += register_cycles(s, t, address);
    } else {
        t->time = t->row[C_CLOCK];
    }
}

// A store to anything but L1.
static void slow_store(State *s, Turn *t, i64 address, i64 width, i64 value) {
    i64 offset = address - s->places[C_L2_BASE];
    if (!is_l2(s, offset, width)) {
        t->row[C_AT] = t->at;
        store_register(s, t->core, t->time, address, value);
        t->time += register_cycles(s, t, address);
    } else if (address >= s->places[C_CODE_BASE] && address < s->places[C_CODE_END]) {
        trap(s, t->core, C_CODE_WRITE, t->at, address, t->time);
    } else {
        write_bits(s->l2, offset, width, value);
        t->time += l2_cycles(s, t, offset, width);
    }
}

// The time when an access to L1 is done.
static inline i64 local_access(State *s, Turn *t, i64 offset, i64 width) {
    i64 time = grant(s, t->core, t->time, offset) + 1;
    if ((offset & 3) * 8 + magnitude(width) > 32) {
        t->counts[C_MISALIGNED] += s->rules[C_T_MISALIGNED];
        time = grant(s, t->core, time, offset + 4) + s->rules[C_T_MISALIGNED];
    }
    return time;
}

// A system instruction.
static void system_instruction(State *s, Turn *t, i64 operation) {
    t->row[C_CLOCK] = t->time + 1;
    if (operation == C_WFI) {
        bool pending_now = t->core == C_FABRIC && (s->status[C_FABRIC_EVENTS] & s->status[C_FABRIC_MASK]);
        if (!pending_now) put_to_sleep(s, t->core, t->time, C_WAITS_INTERRUPT, C_SINK, 0);
    } else if (operation != C_FENCE) {
        i64 cause = operation == C_ECALL ? C_CALL : operation == C_EBREAK ? C_BREAK : C_ILLEGAL_INSTRUCTION;
        trap(s, t->core, cause, t->at, 0, t->time);
    }
    t->time++;
}

// Whether an access to bytes `first` to `last` of L1 is forbidden. Whole words are read, bytes are written.
static inline bool is_guarded(const State *s, i64 first, i64 last, bool loads) {
    i64 low = s->guards[first >> 2], high = s->guards[last >> 2];
    if (!(low | high)) return false;
    if (loads) return (low | high) >> C_GUARD_READ & 1;
    for (i64 place = first; place <= last; place++) {
        if (s->guards[place >> 2] >> (place & 3) & 1) return true;
    }
    return false;
}

// A load or a store; false if it traps. `shared` says that another core may have to go on before this one does.
static inline bool access(State *s, Turn *t, const int32_t *word, i64 a, bool *shared) {
    i64 kind = word[C_KIND], width = word[C_WIDTH], address = u32(a);
    i64 b = word[C_MODE] == C_REGISTER ? t->x[word[C_RS2]] : word[C_IMMEDIATE];
    bool loads = kind <= C_LOAD_POST, post = kind == C_LOAD_POST || kind == C_STORE_POST;
    if (!post) address = u32(a + b);
    if (word[C_RS1] == 2 && !on_stack(s, t, address)) return false;
    i64 offset = address - s->places[C_L1_BASE];
    bool local = offset >= 0 && offset <= s->places[C_L1_SIZE] - (magnitude(width) >> 3);
    t->counts[loads ? C_LOADS : C_STORES]++;
    if (local) {
        if (is_guarded(s, offset, offset + (magnitude(width) >> 3) - 1, loads)) {
            trap(s, t->core, C_GUARDED, t->at, address, t->time);
            return false;
        }
        t->time = local_access(s, t, offset, width);
        if (!loads) write_bits(s->l1, offset, width, t->x[word[C_RS3]]);
    } else {
        *shared = true;
        if (loads) slow_load(s, t, address, width, word[C_RD]);
        else slow_store(s, t, address, width, t->x[word[C_RS3]]);
    }
    if (post && word[C_RS1]) t->x[word[C_RS1]] = (int32_t)(a + b);
    if (loads && local) t->x[word[C_RD]] = (int32_t)read_bits(s->l1, offset, width);
    return true;
}

// The second operand of an instruction that computes.
static inline i64 second_operand(const int32_t *word, const int32_t *x) {
    if (word[C_MODE] == C_CONSTANT) return word[C_IMMEDIATE];
    i64 b = x[word[C_RS2]];
    if (word[C_MODE] == C_BYTE_COPIES) return s32(u8(b) * 0x01010101);
    return word[C_MODE] == C_HALF_COPIES ? s32(u16(b) * 0x00010001) : b;
}

// Where jal or jalr goes; -1 if it traps.
static i64 jump(State *s, Turn *t, const int32_t *word, i64 a, i64 last) {
    i64 link = s->places[C_CODE_BASE] + ((t->at + word[C_STEP]) >> C_INSTRUCTION_BITS) * 2, base = s->places[C_CODE_BASE];
    t->time += s->rules[C_T_JUMP];
    t->counts[C_BRANCHES] += s->rules[C_T_JUMP] - 1;
    t->counts[C_JUMPS]++;
    t->x[word[C_RD]] = (int32_t)link;
    if (word[C_KIND] == C_JAL) return t->at + word[C_JUMP];
    if (last && last == word[C_RS1]) {
        t->time += s->rules[C_T_JUMP_PRODUCER];
        t->counts[C_LATE_RESULT] += s->rules[C_T_JUMP_PRODUCER];
    }
    i64 target = (u32(a + word[C_IMMEDIATE]) & ~(i64)1) - base;
    if (target < 0 || target >= s->places[C_CODE_END] - base) {
        trap(s, t->core, C_BAD_JUMP, t->at, target + base, t->time);
        return -1;
    }
    return target >> 1 << C_INSTRUCTION_BITS;
}

// Have the lines of an instruction, which ends in line `end`; `line` is the last one's. False if another core comes first.
static bool fetch(State *s, Turn *t, i64 line, i64 end, i64 horizon) {
    for (i64 wanted = t->at >> C_LINE_BITS; wanted <= end; wanted++) {
        if (wanted == line || has_line(s, t->core, wanted)) continue;
        if (key(t->core, t->time) >= horizon) return false;
        t->time = fetch_line(s, t->core, wanted, t->time);
    }
    return true;
}

// Execute until something shared would come at or after the key `horizon`, or until the time `limit`.
static void advance(State *s, i64 core, i64 horizon, i64 limit) {
    i64 *row = CORE_ROW(core);
    Turn t = {core, row[C_CLOCK], row[C_AT], row, COUNTS(core), REGISTERS_OF(core)};
    i64 late = row[C_LATE_REGISTER], line = row[C_LINE], last = row[C_LAST_RD];
    const i64 late_cycles = s->rules[C_T_LATE], taken = s->rules[C_T_TAKEN];
    bool shared = false;
    while (t.time <= limit && !shared) {
        const int32_t *word = s->code + t.at;
        i64 end = (t.at + word[C_STEP] - C_INSTRUCTION) >> C_LINE_BITS;
        if (end != line && !fetch(s, &t, line, end, horizon)) goto stop;
        line = end;
        if ((uint32_t)word[C_USES] >> late & 1) {
            t.time += late_cycles;
            t.counts[C_LOAD_USE] += late_cycles;
        }
        late = 0;
        i64 following = t.at + word[C_STEP], a = t.x[word[C_RS1]], value;
        switch (word[C_KIND]) {
        case C_ALU:
            value = compute(word[C_OPERATION], a, second_operand(word, t.x), t.x[word[C_RS3]], word[C_SECOND]);
            t.x[word[C_RD]] = (int32_t)value;
            late = word[C_LATE];
            t.time += word[C_TIME];
            break;
        case C_BRANCH:
            t.time++;
            if (compute_branch(word[C_OPERATION], a, second_operand(word, t.x))) {
                following = t.at + word[C_JUMP];
                t.time += taken - 1;
                t.counts[C_BRANCHES] += taken - 1;
                t.counts[C_TAKEN]++;
            }
            break;
        case C_LOAD: case C_LOAD_POST: case C_STORE: case C_STORE_POST:
            if (key(core, t.time) >= horizon) goto stop;
            if (!access(s, &t, word, a, &shared)) goto stop;
            late = row[C_STATE] == C_RUNNING ? word[C_LATE] : 0;
            break;
        case C_JAL: case C_JALR:
            following = jump(s, &t, word, a, last);
            if (following < 0) goto stop;
            break;
        case C_LOOP:
            if (!set_loop(s, core, t.at, a)) {
                trap(s, core, C_BAD_LOOP, t.at, 0, t.time);
                goto stop;
            }
            t.time++;
            break;
        case C_DIVIDE:
            value = second_operand(word, t.x);
            t.x[word[C_RD]] = (int32_t)compute_division(word[C_OPERATION], a, value);
            value = divide_cycles(s, value, word[C_SECOND] == 0);
            t.counts[C_DIVISION] += value - 1;
            t.time += value;
            break;
        case C_CSR:
            t.counts[C_INSTRUCTIONS]++;
            if (!control(s, core, t.at, t.time, a)) goto stop;
            t.counts[C_INSTRUCTIONS]--;
            t.time++;
            shared = s->status[C_RESULT] == C_PAUSED;
            break;
        case C_WAIT_LOAD:
            if (key(core, t.time) >= horizon) goto stop;
            slow_load(s, &t, u32(a + word[C_IMMEDIATE]), 32, word[C_RD]);
            shared = true;
            break;
        case C_SYSTEM:
            if (key(core, t.time) >= horizon) goto stop;
            system_instruction(s, &t, word[C_OPERATION]);
            shared = true;
            break;
        default:
            trap(s, core, C_ILLEGAL_INSTRUCTION, t.at, 0, t.time);
        }
        if (s->status[C_RESULT] == C_TRAPPED) break;
        t.counts[C_INSTRUCTIONS]++;
        last = word[C_RD];
        if (word[C_LOOP_END]) following = after_loop_end(s, core, t.at, following);
        t.at = following;
    }
stop:
    row[C_AT] = t.at;
    row[C_LATE_REGISTER] = late;
    row[C_LINE] = line;
    row[C_LAST_RD] = last == C_SINK ? 0 : last;
    row[C_CLOCK] = t.time;
}
