// The DMA engine between L2 and L1, and the external memory's transfers between L3 and L2.
// Both move their bytes at the moment when a transfer is done: who reads too early or writes too soon is caught.
#pragma once
#include "events.h"

enum { TO_LOCAL = 1 << 17, TWO_DIMENSIONS = 1 << 19, EVENT = 1 << 20, INTERRUPT = 1 << 21, BROADCAST = 1 << 22 };
enum { LENGTH = (1 << 17) - 1, ALL_CLUSTER = (1 << C_FABRIC) - 1 };

#define TRANSFER_ROW(place) (s->transfers + (place) * C_TRANSFER)

// A free counter for the commands that a core gives next, or -1.
static i64 allocate(State *s, i64 core) {
    for (i64 number = 0; number < 16; number++) {
        if (!(s->status[C_IDENTIFIERS] >> number & 1)) {
            s->status[C_IDENTIFIERS] |= (i64)1 << number;
            CORE_ROW(core)[C_DMA_ID] = number;
            return number;
        }
    }
    return -1;
}

// A bit for every counter whose transfers are not done.
static i64 pending(const State *s) {
    i64 mask = 0;
    for (i64 place = 0; place < C_TRANSFERS; place++) {
        const i64 *transfer = TRANSFER_ROW(place);
        if (transfer[C_T_KIND] == C_FROM_L2 || transfer[C_T_KIND] == C_TO_L2) mask |= (i64)1 << transfer[C_T_ID];
    }
    return mask;
}

// A place for a transfer; without one the run stops, as the engine's queues are shorter.
static i64 *free_transfer(State *s, i64 core, i64 time) {
    for (i64 place = 0; place < C_TRANSFERS; place++) {
        if (TRANSFER_ROW(place)[C_T_KIND] == C_FREE) return TRANSFER_ROW(place);
    }
    trap(s, core, C_DMA_FULL, CORE_ROW(core)[C_AT], 0, time);
    return 0;
}

// Words of eight bytes that a transfer touches in L2.
static i64 beats(i64 address, i64 size, i64 line, i64 stride) {
    i64 total = 0;
    for (i64 done = 0; done < size; done += line, address += stride) {
        total += ((address & 7) + min(line, size - done) + 7) >> 3;
    }
    return total;
}

// Note which part of L1 a direction works on: its first transfer's begin, place in L1 and end.
static void show_banks(State *s, i64 direction) {
    i64 kind = direction == 0 ? C_FROM_L2 : C_TO_L2, *window = s->dma_free + 4 * direction;
    window[1] = C_NEVER;
    for (i64 place = 0; place < C_TRANSFERS; place++) {
        const i64 *transfer = TRANSFER_ROW(place);
        if (transfer[C_T_KIND] == kind && transfer[C_T_BEGIN] < window[1]) {
            window[1] = transfer[C_T_BEGIN];
            window[2] = transfer[C_T_LOCAL];
            window[3] = transfer[C_T_DONE];
        }
    }
}

static bool inside(i64 address, i64 size, const i64 *place) {
    return address >= place[0] && address + size <= place[0] + place[1];
}

// Enter a transfer that is known to be within its memories.
static void enqueue(State *s, i64 *transfer, i64 core, i64 time, i64 line, i64 stride) {
    i64 *row = CORE_ROW(core), command = row[C_DMA_COMMAND], size = command & LENGTH;
    i64 direction = command & TO_LOCAL ? 0 : 1, *free_at = s->dma_free + 4 * direction;
    i64 width = s->rules[C_T_DMA_BYTES];
    transfer[C_T_KIND] = direction == 0 ? C_FROM_L2 : C_TO_L2;
    transfer[C_T_BEGIN] = max(time + s->rules[C_T_DMA_START], *free_at);
    transfer[C_T_DONE] = transfer[C_T_BEGIN] + (beats(row[C_DMA_EXTERNAL], size, line, stride) * 8 + width - 1) / width;
    transfer[C_T_CORE] = core;
    transfer[C_T_LOCAL] = row[C_DMA_LOCAL] - s->places[C_L1_BASE];
    transfer[C_T_FAR] = row[C_DMA_EXTERNAL] - s->places[C_L2_BASE];
    transfer[C_T_BYTES] = size;
    transfer[C_T_LINE] = line;
    transfer[C_T_STRIDE] = stride;
    transfer[C_T_ID] = row[C_DMA_ID];
    transfer[C_T_FLAGS] = command;
    *free_at = transfer[C_T_DONE];
    s->status[C_DMA_COUNT]++;
    s->status[C_NEXT_EVENT] = min(s->status[C_NEXT_EVENT], transfer[C_T_DONE]);
    show_banks(s, direction);
}

// Check a command and put it into the queue of its direction.
static void start(State *s, i64 core, i64 time, i64 line, i64 stride) {
    i64 *row = CORE_ROW(core), size = row[C_DMA_COMMAND] & LENGTH, local = row[C_DMA_LOCAL], far = row[C_DMA_EXTERNAL];
    if (size == 0 || line == 0) {
        trap(s, core, C_DMA_SIZE, row[C_AT], size, time);
        return;
    }
    i64 lines = (size + line - 1) / line, span = (lines - 1) * stride + size - (lines - 1) * line;
    bool near_is_bad = !inside(local, size, s->places + C_L1_BASE);
    if (near_is_bad || !inside(far, span, s->places + C_L2_BASE)) {
        trap(s, core, C_DMA_RANGE, row[C_AT], near_is_bad ? local : far, time);
        return;
    }
    i64 *transfer = free_transfer(s, core, time);
    if (transfer) enqueue(s, transfer, core, time, line, stride);
}

// A write to the command register: the command, both addresses, and for two dimensions line length and stride.
static void push(State *s, i64 core, i64 time, i64 value) {
    i64 *row = CORE_ROW(core);
    row[C_DMA_COMMAND + row[C_DMA_STEP]] = value;
    bool two = row[C_DMA_COMMAND] & TWO_DIMENSIONS;
    if (row[C_DMA_STEP]++ < (two ? 4 : 2)) return;
    row[C_DMA_STEP] = 0;
    start(s, core, time, two ? row[C_DMA_LENGTH] : row[C_DMA_COMMAND] & LENGTH, two ? row[C_DMA_STRIDE] : 0);
}

// A transfer between L3 and L2; its address in L2 and its size are whole words.
static void start_l3(State *s, i64 core, i64 time, bool to_l3) {
    i64 local = s->status[C_L3_LOCAL], far = s->status[C_L3_ADDRESS], size = s->status[C_L3_SIZE];
    i64 at = CORE_ROW(core)[C_AT], whole[2] = {0, s->places[C_L3_BYTES]};
    if ((local | size) & 3) {
        trap(s, core, C_L3_ALIGNMENT, at, local, time);
        return;
    }
    bool near_is_bad = !inside(local, size, s->places + C_L2_BASE);
    if (size <= 0 || near_is_bad || !inside(far, size, whole)) {
        trap(s, core, C_L3_RANGE, at, near_is_bad ? local : far, time);
        return;
    }
    i64 *transfer = free_transfer(s, core, time);
    if (!transfer) return;
    transfer[C_T_KIND] = to_l3 ? C_TO_L3 : C_FROM_L3;
    transfer[C_T_BEGIN] = max(time, s->status[C_L3_FREE]);
    transfer[C_T_DONE] = transfer[C_T_BEGIN] + s->rules[C_T_L3_START] + size * s->rules[C_T_L3_BYTES];
    transfer[C_T_CORE] = core;
    transfer[C_T_LOCAL] = local - s->places[C_L2_BASE];
    transfer[C_T_FAR] = far;
    transfer[C_T_BYTES] = size;
    s->status[C_L3_FREE] = transfer[C_T_DONE];
    s->status[C_L3_ISSUED]++;
    s->status[C_NEXT_EVENT] = min(s->status[C_NEXT_EVENT], transfer[C_T_DONE]);
}

static void copy_lines(State *s, const i64 *transfer, bool to_l2) {
    uint8_t *near = (uint8_t *)s->l1 + transfer[C_T_LOCAL], *far = (uint8_t *)s->l2 + transfer[C_T_FAR];
    for (i64 left = transfer[C_T_BYTES]; left > 0; left -= transfer[C_T_LINE]) {
        i64 part = min(left, transfer[C_T_LINE]);
        memcpy(to_l2 ? far : near, to_l2 ? near : far, (size_t)part);
        near += part;
        far += transfer[C_T_STRIDE];
    }
}

// Keep a transfer, and what it brings to L2, where that is wanted and as far as there is room.
static void capture(State *s, const i64 *transfer, bool to_l2) {
    i64 number = s->status[C_CAPTURE_COUNT], place = s->status[C_CAPTURE_BYTES], bytes = to_l2 ? transfer[C_T_BYTES] : 0;
    if (!s->places[C_CAPTURE_ROOM]) return;
    if (number == s->places[C_CAPTURE_ROWS] || place + bytes > s->places[C_CAPTURE_ROOM]) return;
    memcpy(s->captured + place, (uint8_t *)s->l1 + transfer[C_T_LOCAL], (size_t)bytes);
    i64 *row = s->captures + number * C_CAPTURE;
    row[C_K_FAR] = transfer[C_T_FAR];
    row[C_K_BYTES] = transfer[C_T_BYTES];
    row[C_K_LINE] = transfer[C_T_LINE];
    row[C_K_STRIDE] = transfer[C_T_STRIDE];
    row[C_K_LOCAL] = transfer[C_T_LOCAL];
    row[C_K_PLACE] = to_l2 ? place : C_NOT_KEPT;
    s->status[C_CAPTURE_COUNT]++;
    s->status[C_CAPTURE_BYTES] += bytes;
}

static void complete_l3(State *s, const i64 *transfer, bool to_l3) {
    i64 time = transfer[C_T_DONE], bytes = transfer[C_T_BYTES];
    uint8_t *near = (uint8_t *)s->l2 + transfer[C_T_LOCAL], *far = s->l3 + transfer[C_T_FAR];
    memcpy(to_l3 ? far : near, to_l3 ? near : far, (size_t)bytes);
    note(s, C_LOG_L3, transfer[C_T_CORE], transfer[C_T_BEGIN], time, bytes * 2 + to_l3);
    s->status[C_L3_DONE]++;
    interrupt_fabric(s, (i64)1 << C_L3_EVENT, time);
    trigger(s, ALL_CLUSTER, C_L3_EVENT, time);
}

static void complete(State *s, i64 *transfer) {
    i64 kind = transfer[C_T_KIND], time = transfer[C_T_DONE], flags = transfer[C_T_FLAGS];
    transfer[C_T_KIND] = C_FREE;
    if (kind == C_FROM_L3 || kind == C_TO_L3) {
        complete_l3(s, transfer, kind == C_TO_L3);
        return;
    }
    capture(s, transfer, kind == C_TO_L2);
    copy_lines(s, transfer, kind == C_TO_L2);
    note(s, C_LOG_DMA, transfer[C_T_CORE], transfer[C_T_BEGIN], time, transfer[C_T_BYTES] * 2 + (kind == C_TO_L2));
    s->status[C_DMA_COUNT]--;
    show_banks(s, kind == C_FROM_L2 ? 0 : 1);
    i64 cores = flags & BROADCAST ? ALL_CLUSTER : (i64)1 << transfer[C_T_CORE];
    if (flags & EVENT) trigger(s, cores, C_DMA_EVENT, time);
    if (flags & INTERRUPT) trigger(s, cores, C_DMA_INTERRUPT, time);
}

// Complete what is done by `time`, the earliest first.
static void finish(State *s, i64 time) {
    for (;;) {
        i64 *first = 0;
        for (i64 place = 0; place < C_TRANSFERS; place++) {
            i64 *transfer = TRANSFER_ROW(place);
            if (transfer[C_T_KIND] != C_FREE && (!first || transfer[C_T_DONE] < first[C_T_DONE])) first = transfer;
        }
        s->status[C_NEXT_EVENT] = first ? first[C_T_DONE] : C_NEVER;
        if (!first || first[C_T_DONE] > time) return;
        complete(s, first);
    }
}
