"""What the arrays of the compiled part hold in which place: a decoded instruction, a core, a counter.

Constants only; the compiled part sees them as macros, with C_ before their names.
"""

from __future__ import annotations

# A decoded instruction: INSTRUCTION 32-bit integers; there is one for every half word of the program.
INSTRUCTION_BITS = 4
INSTRUCTION = 1 << INSTRUCTION_BITS
(KIND, OPERATION, RD, RS1, RS2, RS3, IMMEDIATE, SECOND, MODE, JUMP, STEP, USES, LATE, TIME, LOOP_END, WIDTH
 ) = range(INSTRUCTION)

# Kinds: what happens beside the arithmetic.
(ALU, LOAD, LOAD_POST, STORE, STORE_POST, BRANCH, JAL, JALR, LOOP, CSR, DIVIDE, SYSTEM, WAIT_LOAD, ILLEGAL) = range(14)

# Modes: where the second operand comes from.
REGISTER, CONSTANT, BYTE_COPIES, HALF_COPIES = range(4)

# Operations of kinds that have no arithmetic.
LOOP_START, LOOP_STOP, LOOP_COUNT, LOOP_COUNT_CONSTANT, LOOP_SETUP, LOOP_SETUP_CONSTANT = range(6)
CSR_WRITE, CSR_SET, CSR_CLEAR = range(3)
FENCE, ECALL, EBREAK, WFI, MRET = range(5)

REGISTERS = 64
"""Places for one core's registers: 32, and SINK, where a result for x0 goes."""
SINK = 32

# A core.
(CLOCK, AT, STATE, RUN_START, RUN_END, RUN_COUNT, OUTER_START, OUTER_END, OUTER_COUNT, LATE_REGISTER, LINE, LAST_RD,
 BOOT, STACK_CHECK, STACK_LOW, STACK_HIGH, SLEEP_SINCE, SLEEP_CAUSE, EVENTS, EVENT_MASK, WAIT_CLEAR, WAIT_RD,
 DMA_STEP, DMA_COMMAND, DMA_LOCAL, DMA_EXTERNAL, DMA_LENGTH, DMA_STRIDE, DMA_ID, MCYCLE) = range(30)
CORE = 48
PCCR, COUNTER_NUMBER = 32, 13
"""The base values of the performance counters, from PCCR on."""

OFF, RUNNING, SLEEPING, STOPPED = range(4)

# Counters of a core.
(INSTRUCTIONS, LOAD_USE, BRANCHES, LATE_RESULT, DIVISION, MISALIGNED, TCDM_CONFLICT, L2, PERIPHERAL, L0_MISS, L1_MISS,
 BARRIER_WAIT, EVENT_WAIT, LOADS, STORES, JUMPS, TAKEN) = range(17)
COUNTERS = 17

CORES, CONTROLLER, FABRIC = 10, 8, 9
"""Eight workers, then the cluster controller, then the fabric controller."""

# Rules of timing, in the order of `timing.RULES`.
(T_TAKEN, T_JUMP, T_JUMP_PRODUCER, T_LATE, T_MISALIGNED, T_L2_CLUSTER, T_L2_FABRIC, T_PERIPHERAL, T_DEMUX, T_L0_MISS,
 T_L1_MISS, T_BARRIER, T_EVENT, T_DMA_START, T_DMA_BYTES, T_L3_START, T_L3_BYTES, T_DIVIDE,
 T_DIVIDE_NEGATIVE) = range(19)
RULES = 19

# How a run stands.
(RESULT, TRAP_CORE, TRAP_CAUSE, TRAP_AT, TRAP_ADDRESS, TRAP_TIME, EXIT_CODE, OUT_COUNT, LOG_COUNT, LOG_LOST, DMA_COUNT,
 NEXT_EVENT, IDENTIFIERS, FABRIC_EVENTS, FABRIC_MASK, L3_LOCAL, L3_ADDRESS, L3_SIZE, L3_DONE, L3_ISSUED, L3_FREE,
 TIMER_START, TIMER_ON, DISPATCH_MASK, NOW, CAPTURE_COUNT, CAPTURE_BYTES, MARKED) = range(28)
STATUS = 32
GOING, EXITED, TRAPPED, OVER_BUDGET, ASLEEP, PAUSED = range(6)

# Causes of traps, in the order of `traps.CAUSES`.
(ILLEGAL_INSTRUCTION, BAD_LOAD, BAD_STORE, BAD_JUMP, STACK_OVERFLOW, DMA_RANGE, L3_ALIGNMENT, DMA_SIZE, CALL, BREAK,
 BAD_LOOP, CODE_WRITE, NO_REGISTER, DISPATCH_FULL, DMA_FULL, L3_RANGE, UNKNOWN_CSR, GUARDED) = range(1, 19)

# Where memories are, and what is wanted of the run, see `State.places`.
(CODE_BASE, CODE_ROWS, L1_BASE, L1_SIZE, L2_BASE, L2_SIZE, L3_BYTES, CODE_END, CAPTURE_ROOM, CAPTURE_ROWS,
 PAUSES) = range(11)
PLACES = 12

# A transfer between L2 and L1, if they are kept: places, bytes, lines, where what it brought to L2 is (or NOT_KEPT).
K_FAR, K_LOCAL, K_BYTES, K_LINE, K_STRIDE, K_PLACE = range(6)
NOT_KEPT = -1
CAPTURE = 6

# A transfer under way.
T_DONE, T_KIND, T_CORE, T_LOCAL, T_FAR, T_BYTES, T_ID, T_LINE, T_STRIDE, T_FLAGS, T_BEGIN = range(11)
TRANSFER = 12
TRANSFERS = 64
FREE, FROM_L2, TO_L2, FROM_L3, TO_L3 = range(5)

# A word's bits of `State.guards`: one for every byte that cores may not write, one if they may not read the word.
GUARD_READ = 4
GUARD_ALL = 31

# Kinds of entries of the log: (kind, core, start, end, number).
LOG_REGION, LOG_WAIT, LOG_DMA, LOG_L3 = range(4)
LOG = 5
LOG_ROOM, OUT_ROOM = 1 << 18, 1 << 20

# The event unit's lines.
DMA_EVENT, DMA_INTERRUPT, BARRIER_EVENT, MUTEX_EVENT, DISPATCH_EVENT, L3_EVENT = 8, 9, 16, 17, 18, 24
# Why a core sleeps.
WAITS_EVENT, WAITS_BARRIER, WAITS_MUTEX, WAITS_DISPATCH, WAITS_INTERRUPT = range(1, 6)
BARRIERS, MUTEXES, QUEUE = 16, 16, 8
BARRIER_MASK, BARRIER_STATUS, BARRIER_TARGET = range(3)
LOCKED, WAITERS = range(2)
NEVER = 1 << 58
REGIONS = 256
"""Marked regions: numbers below this."""
KEY_BITS = 4
"""Bits of a turn's key below the time, see `turns`."""
BANKS = 16
L0_SETS, L1_SETS, L1_BANKS, WAYS = 8, 64, 2, 4
"""Of the instruction caches; the shared one's sets are those of both banks."""
LINE_BITS = INSTRUCTION_BITS + 3
"""Shift from a place in the decoded program to its line of the instruction cache: eight half words."""
