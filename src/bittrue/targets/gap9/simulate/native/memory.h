// Words of memories, traps, the log, and the banks of L1.
#pragma once
#include "state.h"

// `width` bits (negative: signed) at a byte offset, at any alignment.
static inline i64 read_bits(const uint32_t *memory, i64 offset, i64 width) {
    i64 place = (offset & 3) * 8, size = magnitude(width);
    uint64_t value = (uint64_t)memory[offset >> 2] >> place;
    if (place + size > 32) value |= (uint64_t)memory[(offset >> 2) + 1] << (32 - place);
    value <<= 64 - size;
    return width < 0 ? (i64)value >> (64 - size) : (i64)(value >> (64 - size));
}

static inline void write_bits(uint32_t *memory, i64 offset, i64 width, i64 value) {
    i64 place = (offset & 3) * 8;
    uint64_t mask = (((uint64_t)1 << width) - 1) << place, set = ((uint64_t)value << place) & mask;
    memory[offset >> 2] = (uint32_t)((memory[offset >> 2] & ~mask) | set);
    if (place + width > 32) {
        memory[(offset >> 2) + 1] = (uint32_t)((memory[(offset >> 2) + 1] & ~(mask >> 32)) | set >> 32);
    }
}

// Stop the run; the first trap counts.
static void trap(State *s, i64 core, i64 cause, i64 at, i64 address, i64 time) {
    if (s->status[C_RESULT] == C_GOING) {
        s->status[C_RESULT] = C_TRAPPED;
        s->status[C_TRAP_CORE] = core;
        s->status[C_TRAP_CAUSE] = cause;
        s->status[C_TRAP_AT] = at;
        s->status[C_TRAP_ADDRESS] = address;
        s->status[C_TRAP_TIME] = time;
    }
    CORE_ROW(core)[C_STATE] = C_STOPPED;
}

// Whether the DMA engine uses a bank in a cycle: it takes two neighbours, the next two in the next cycle.
static bool dma_has_bank(const State *s, i64 bank, i64 time) {
    for (i64 direction = 0; direction < 2; direction++) {
        const i64 *window = s->dma_free + 4 * direction;
        i64 since = time - window[1];
        if (since >= 0 && time < window[3]) {
            i64 first = (window[2] + 8 * since) >> 2;
            if (((bank - first) & (C_BANKS - 1)) < 2) return true;
        }
    }
    return false;
}

// When an access to L1 that is asked for at `time` has its bank: banks serve one access a cycle, in the order of asking.
static inline i64 grant(State *s, i64 core, i64 time, i64 offset) {
    i64 bank = (offset >> 2) & (C_BANKS - 1), begin = max(time, s->banks[bank]);
    if (s->status[C_DMA_COUNT] > 0) {
        while (dma_has_bank(s, bank, begin)) begin++;
    }
    s->banks[bank] = begin + 1;
    COUNTS(core)[C_TCDM_CONFLICT] += begin - time;
    return begin;
}

// Enter something into the log; what does not fit is counted.
static void note(State *s, i64 kind, i64 core, i64 begin, i64 end, i64 number) {
    i64 place = s->status[C_LOG_COUNT];
    if (place >= C_LOG_ROOM) {
        s->status[C_LOG_LOST]++;
        return;
    }
    i64 *entry = s->log + place * C_LOG;
    entry[0] = kind;
    entry[1] = core;
    entry[2] = begin;
    entry[3] = end;
    entry[4] = number;
    s->status[C_LOG_COUNT] = place + 1;
}
