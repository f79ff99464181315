// Registers outside of memory: what a load or a store to one of them does.
// Cluster peripherals begin at 0x10200000: control, timer, event unit, DMA; the event unit and the DMA are also there
// in a form that each core sees as its own (the demultiplexer). Others: standard output, exit, the fabric controller's
// interrupts, and the external memory's transfers, a simple device of this simulator's own.
#pragma once
#include "dma.h"

enum { CLUSTER = 0x10200000, CLUSTER_SIZE = 0x5000, FETCH_ENABLE = 8, BOOT = 0x40, BOOT_END = BOOT + 4 * 9 };
enum { TIMER = 0x400, TIMER_COUNT = 0x408, TIMER_END = 0x428, EVENT_UNIT = 0x800, CACHE = 0x1400, DMA = 0x1800 };
enum { DEMUX_EVENTS = 0x4000, DEMUX_DMA = 0x4400, DEMUX_END = 0x4800 };
enum { STDOUT = 0x1A10F000, STDOUT_GAP9 = 0x1A120000, STDOUT_SIZE = 0x1000, EXIT = 0x1A1040A0 };
enum { INTERRUPTS = 0x1A109800 };
// Registers: address in L2, address in L3, bytes, command (1: from L3, 2: to L3), then to read: issued, done.
enum { L3_DEVICE = 0x1A160000 };

static bool is_demux(i64 address) { return address >= CLUSTER + DEMUX_EVENTS && address < CLUSTER + DEMUX_END; }
static bool is_stdout(i64 address) {
    return (address >= STDOUT && address < STDOUT + STDOUT_SIZE)
        || (address >= STDOUT_GAP9 && address < STDOUT_GAP9 + STDOUT_SIZE);
}

static bool no_register(State *s, i64 core, i64 time, i64 cause, i64 address) {
    trap(s, core, cause, CORE_ROW(core)[C_AT], address, time);
    return false;
}

// Barriers, mutexes and what else a core reads from its event unit; false: it sleeps, or the run has trapped.
static bool load_events(State *s, i64 core, i64 time, i64 offset, i64 rd, i64 *value) {
    i64 *row = CORE_ROW(core), barrier = (offset - 0x200) >> 5;
    switch (offset) {
    case 0x00: *value = row[C_EVENT_MASK]; return true;
    case 0x1C: *value = row[C_EVENTS]; return true;
    case 0x20: *value = row[C_EVENTS] & row[C_EVENT_MASK]; return true;
    case 0x38: case 0x3C: wait_event(s, core, time, rd, offset == 0x3C); return false;
    case 0x80: return take_dispatched(s, core, time, rd, value);
    }
    if (offset >= 0xC0 && offset < 0x100) return lock(s, core, time, (offset - 0xC0) >> 2, rd);
    if (barrier < 0) return no_register(s, core, time, C_NO_REGISTER, CLUSTER + DEMUX_EVENTS + offset);
    switch (offset & 0x1C) {
    case 0x00: *value = s->barriers[3 * barrier + C_BARRIER_MASK]; return true;
    case 0x04: *value = s->barriers[3 * barrier + C_BARRIER_STATUS]; return true;
    case 0x0C: *value = s->barriers[3 * barrier + C_BARRIER_TARGET]; return true;
    case 0x18: case 0x1C: wait_barrier(s, core, time, barrier, rd, (offset & 0x1C) == 0x1C); return false;
    }
    return no_register(s, core, time, C_NO_REGISTER, CLUSTER + DEMUX_EVENTS + offset);
}

static bool load_cluster(State *s, i64 core, i64 time, i64 offset, i64 rd, i64 *value) {
    if (offset >= DEMUX_EVENTS && offset < DEMUX_DMA) return load_events(s, core, time, offset - DEMUX_EVENTS, rd, value);
    switch (offset) {
    case DEMUX_DMA: case DMA:
        *value = allocate(s, core);
        return *value >= 0 || no_register(s, core, time, C_DMA_FULL, 0);
    case DEMUX_DMA + 4: case DMA + 4: *value = pending(s); return true;
    case TIMER_COUNT: *value = s->status[C_TIMER_ON] ? time - s->status[C_TIMER_START] : s->status[C_TIMER_START];
        return true;
    }
    if (offset >= BOOT && offset < BOOT_END) {
        *value = CORE_ROW((offset - BOOT) >> 2)[C_BOOT];
        return true;
    }
    return offset < TIMER || (offset >= CACHE && offset < DMA)
        || no_register(s, core, time, C_NO_REGISTER, CLUSTER + offset);
}

// A load from a register; false: the core sleeps and gets its value when it wakes up, or the run has trapped.
static bool load_register(State *s, i64 core, i64 time, i64 address, i64 rd, i64 *value) {
    *value = 0;
    i64 offset = address - CLUSTER;
    if (offset >= 0 && offset < CLUSTER_SIZE) return load_cluster(s, core, time, offset, rd, value);
    switch (address) {
    case INTERRUPTS: *value = s->status[C_FABRIC_MASK]; return true;
    case INTERRUPTS + 12: *value = s->status[C_FABRIC_EVENTS]; return true;
    case L3_DEVICE + 16: *value = s->status[C_L3_ISSUED]; return true;
    case L3_DEVICE + 20: *value = s->status[C_L3_DONE]; return true;
    }
    return no_register(s, core, time, C_BAD_LOAD, address);
}

static void print(State *s, i64 core, i64 value) {
    i64 place = s->status[C_OUT_COUNT];
    if (place >= C_OUT_ROOM) return;
    s->out[place] = (uint32_t)(core << 8 | (value & 0xFF));
    s->status[C_OUT_COUNT] = place + 1;
}

static void store_interrupts(State *s, i64 time, i64 offset, i64 value) {
    switch (offset) {
    case 0: s->status[C_FABRIC_MASK] = value; break;
    case 4: s->status[C_FABRIC_MASK] |= value; break;
    case 8: s->status[C_FABRIC_MASK] &= ~value; break;
    case 16: interrupt_fabric(s, value, time); break;
    case 20: s->status[C_FABRIC_EVENTS] &= ~value; break;
    }
}

static void store_l3(State *s, i64 core, i64 time, i64 offset, i64 value) {
    switch (offset) {
    case 0: s->status[C_L3_LOCAL] = value; break;
    case 4: s->status[C_L3_ADDRESS] = value; break;
    case 8: s->status[C_L3_SIZE] = value; break;
    default: start_l3(s, core, time, value == 2);
    }
}

// The low timer counts cycles while bit 0 of its configuration is set; bit 1, or a reset, clears it.
static void store_timer(State *s, i64 time, i64 offset, i64 value) {
    bool on = s->status[C_TIMER_ON];
    i64 count = on ? time - s->status[C_TIMER_START] : s->status[C_TIMER_START];
    if (offset == 0x20 || (offset == 0 && value & 2)) count = 0;
    if (offset == 8) count = value;
    if (offset == 0) on = value & 1;
    if (offset == 0x18) on = true;
    s->status[C_TIMER_ON] = on;
    s->status[C_TIMER_START] = on ? time - count : count;
}

// Start the cores of a mask at their boot addresses, unless they run.
static void enable(State *s, i64 core, i64 time, i64 mask) {
    for (i64 other = 0; other <= C_CONTROLLER; other++) {
        i64 *row = CORE_ROW(other), place = (row[C_BOOT] - s->places[C_CODE_BASE]) >> 1;
        if (!(mask >> other & 1) || row[C_STATE] != C_OFF) continue;
        if (place < 0 || place >= s->places[C_CODE_ROWS]) {
            trap(s, core, C_BAD_JUMP, CORE_ROW(core)[C_AT], row[C_BOOT], time);
            return;
        }
        row[C_AT] = place << C_INSTRUCTION_BITS;
        row[C_STATE] = C_RUNNING;
        row[C_LINE] = -1;
        row[C_CLOCK] = time + 1;
    }
}

static void store_barrier(State *s, i64 core, i64 time, i64 offset, i64 value) {
    i64 barrier = offset >> 5;
    switch (offset & 0x1C) {
    case 0x00: s->barriers[3 * barrier + C_BARRIER_MASK] = value; break;
    case 0x0C: s->barriers[3 * barrier + C_BARRIER_TARGET] = value; break;
    case 0x10: arrive(s, barrier, value, time); break;
    case 0x14: arrive(s, barrier, (i64)1 << core, time); break;
    default: no_register(s, core, time, C_NO_REGISTER, CLUSTER + DEMUX_EVENTS + 0x200 + offset);
    }
}

static void store_events(State *s, i64 core, i64 time, i64 offset, i64 value) {
    i64 *row = CORE_ROW(core), all = value ? value : ALL_CLUSTER;
    switch (offset) {
    case 0x00: row[C_EVENT_MASK] = value; return;
    case 0x04: row[C_EVENT_MASK] &= ~value; return;
    case 0x08: row[C_EVENT_MASK] |= value; return;
    case 0x0C: case 0x10: case 0x14: return;
    case 0x28: row[C_EVENTS] &= ~value; return;
    case 0x80: dispatch(s, core, time, value); return;
    case 0x84: s->status[C_DISPATCH_MASK] = value; return;
    }
    if (offset >= 0xC0 && offset < 0x100) unlock(s, time, (offset - 0xC0) >> 2, value);
    else if (offset >= 0x100 && offset < 0x140) trigger(s, all, (offset - 0x100) >> 2, time);
    else if (offset >= 0x200) store_barrier(s, core, time, offset - 0x200, value);
    else no_register(s, core, time, C_NO_REGISTER, CLUSTER + DEMUX_EVENTS + offset);
}

static void store_cluster(State *s, i64 core, i64 time, i64 offset, i64 value) {
    i64 soft_event = offset - EVENT_UNIT - 0x600;
    if (offset >= DEMUX_EVENTS && offset < DEMUX_DMA) store_events(s, core, time, offset - DEMUX_EVENTS, value);
    else if (offset == DEMUX_DMA || offset == DMA) push(s, core, time, value);
    else if (offset == DEMUX_DMA + 4 || offset == DMA + 4) s->status[C_IDENTIFIERS] &= ~value;
    else if (soft_event >= 0 && soft_event < 0x40) trigger(s, value ? value : ALL_CLUSTER, soft_event >> 2, time);
    else if (offset == FETCH_ENABLE) enable(s, core, time, value);
    else if (offset >= BOOT && offset < BOOT_END) CORE_ROW((offset - BOOT) >> 2)[C_BOOT] = value;
    else if (offset >= TIMER && offset < TIMER_END) store_timer(s, time, offset - TIMER, value);
    else if (offset >= TIMER && !(offset >= CACHE && offset < DMA))
        no_register(s, core, time, C_NO_REGISTER, CLUSTER + offset);
}

// A store to a register.
static void store_register(State *s, i64 core, i64 time, i64 address, i64 value) {
    i64 offset = address - CLUSTER;
    if (offset >= 0 && offset < CLUSTER_SIZE) {
        store_cluster(s, core, time, offset, u32(value));
    } else if (is_stdout(address)) {
        print(s, core, value);
    } else if (address == EXIT) {
        s->status[C_EXIT_CODE] = value & 0x7FFFFFFF;
        s->status[C_RESULT] = C_EXITED;
        s->status[C_TRAP_TIME] = time;
    } else if (address >= INTERRUPTS && address < INTERRUPTS + 24) {
        store_interrupts(s, time, address - INTERRUPTS, u32(value));
    } else if (address >= L3_DEVICE && address <= L3_DEVICE + 12) {
        store_l3(s, core, time, address - L3_DEVICE, u32(value));
    } else {
        no_register(s, core, time, C_BAD_STORE, address);
    }
}
