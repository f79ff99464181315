// Everything that changes while a program runs: arrays that Python owns, in the order of state.State; columns.h (made
// from columns.py) names what is where in them.
#pragma once
#include <stdbool.h>
#include <string.h>
#include "columns.h"
#include "words.h"

typedef struct {
    int32_t *code, *registers;
    i64 *cores, *counts, *rules, *places, *status;
    uint32_t *l1, *l2;
    uint8_t *l3, *guards;
    i64 *banks, *l0_lines, *l0_next, *l1_lines, *l1_ready, *l1_next, *l1_free;
    int32_t *csr;
    uint8_t *csr_known;
    i64 *barriers, *mutexes, *queues, *transfers, *dma_free;
    uint32_t *out;
    i64 *log, *region_begin, *regions;
    uint8_t *captured;
    i64 *captures;
} State;

#define CORE_ROW(core) (s->cores + (core) * C_CORE)
#define COUNTS(core) (s->counts + (core) * C_COUNTERS)
#define REGISTERS_OF(core) (s->registers + (core) * C_REGISTERS)
