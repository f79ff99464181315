// Whose turn it is: cores and transfers in the order of time.
//
// Only what is shared has an order between cores: memory, registers of devices. The core that is earliest by `key` goes
// on, ahead of the others as long as it computes by itself, until it would come to something shared after another core.
// So every access to shared things happens in the order of its cycle, and a run always gives the same result.
#include "core.h"

#if defined(_WIN32)
#define PUBLIC __declspec(dllexport)
#else
#define PUBLIC __attribute__((visibility("default")))
#endif

// Run until the program ends, traps, or the time is up; see `status` for which.
PUBLIC void bt_run(State *s, i64 limit) {
    while (s->status[C_RESULT] == C_GOING) {
        i64 core = -1, first = C_NEVER, second = C_NEVER, event = s->status[C_NEXT_EVENT];
        for (i64 other = 0; other < C_CORES; other++) {
            if (CORE_ROW(other)[C_STATE] != C_RUNNING) continue;
            i64 turn = key(other, CORE_ROW(other)[C_CLOCK]);
            if (turn < first) {
                core = other;
                second = first;
                first = turn;
            } else if (turn < second) {
                second = turn;
            }
        }
        if (core < 0 && event == C_NEVER) {
            s->status[C_RESULT] = C_ASLEEP;
        } else if (core < 0 || event << C_KEY_BITS <= first) {
            finish(s, event);
        } else if (first >> C_KEY_BITS > limit) {
            s->status[C_RESULT] = C_OVER_BUDGET;
        } else {
            s->status[C_NOW] = first >> C_KEY_BITS;
            advance(s, core, min(second, event << C_KEY_BITS), limit);
        }
    }
}

// The result of one operation, for tests.
PUBLIC i64 bt_compute(i64 operation, i64 a, i64 b, i64 d, i64 n) {
    return s32(compute(operation, a, b, d, n));
}
