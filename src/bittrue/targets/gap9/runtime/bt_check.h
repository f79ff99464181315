/* Known answers: after each layer its output in L2 is compared with what it has to be, element by element. */
#ifndef BT_CHECK_H
#define BT_CHECK_H

#include "bt_run.h"

/* What was found in one layer: elements that differ, and the first of them. */
typedef struct {
    uint32_t differences;
    uint32_t element;
    int32_t expected;
    int32_t got;
} bt_finding;

extern const bt_layer bt_layers[];
extern bt_finding bt_findings[];

#if BT_CHECK
/* The answers of all layers: in L2, or in external memory from `bt_answers_external` on. */
#if BT_ANSWERS_IN_L2
extern const uint8_t bt_answers[];
#else
extern const uint32_t bt_answers_external;
#endif
#endif

#if BT_TRACE
/* Where in external memory the outputs of all layers are copied to, as the answers lie. */
extern const uint32_t bt_trace_external;
#endif

/* Compare (BT_CHECK) and copy (BT_TRACE) a layer's output. The leader does it between two layers. */
void bt_inspect_layer(int32_t number);

#endif
