"""What stops a program: reports with function, file, line and core."""

from __future__ import annotations

from dataclasses import dataclass

from ....errors import Diagnostic, declare
from . import columns as c
from .state import State
from .program import Program

declare({
    "BT5501": "a core executes something that is no instruction",
    "BT5502": "a core accesses an address where nothing is",
    "BT5503": "a core's stack overflows",
    "BT5504": "a DMA transfer leaves L1 or L2, or is empty",
    "BT5505": "a transfer with the external memory is misaligned or leaves a memory",
    "BT5506": "a core jumps or loops out of the program",
    "BT5507": "a core stops itself (ecall, ebreak)",
    "BT5508": "a program writes over its own instructions",
    "BT5509": "a register of the cluster does not exist, or a queue of it is full",
    "BT5510": "a core accesses guarded words of L1",
    "BT5511": "a program does not end within its budget of cycles",
    "BT5512": "all cores of the cluster sleep",
})


@dataclass(frozen=True)
class Cause:
    """A kind of trap: its code, what happened ({address} and {core} are filled in), what to do."""

    code: str
    why: str
    fix: str


_RANGE = "check the address and the size against the buffer"
CAUSES: dict[int, Cause] = {
    c.ILLEGAL_INSTRUCTION: Cause("BT5501", "there is no such instruction", "compile for RV32IMC with Xpulpv2"),
    c.UNKNOWN_CSR: Cause("BT5501", "there is no control register 0x{address:03x}", "use a register that the core has"),
    c.BAD_LOAD: Cause("BT5502", "it loads from 0x{address:08x}, where nothing is", _RANGE),
    c.BAD_STORE: Cause("BT5502", "it stores to 0x{address:08x}, where nothing is", _RANGE),
    c.BAD_JUMP: Cause("BT5506", "it jumps to 0x{address:08x}, outside of the program", "check the pointer"),
    c.BAD_LOOP: Cause("BT5506", "a hardware loop ends outside of the program", "check the loop's end"),
    c.STACK_OVERFLOW: Cause("BT5503", "an access through its stack pointer to 0x{address:08x} is outside of its stack",
                            "give it a larger stack, or keep arrays elsewhere"),
    c.DMA_RANGE: Cause("BT5504", "a transfer at 0x{address:08x} leaves its memory", _RANGE),
    c.DMA_SIZE: Cause("BT5504", "a transfer has no bytes, or lines of no bytes", "start no empty transfers"),
    c.DMA_FULL: Cause("BT5509", "the DMA has no free counter or no room for another transfer",
                      "wait for transfers and free their counters"),
    c.L3_ALIGNMENT: Cause("BT5505", "address 0x{address:08x} in L2 or the size is not a multiple of 4",
                          "align buffers and pad sizes to words"),
    c.L3_RANGE: Cause("BT5505", "a transfer at 0x{address:x} leaves its memory, or is empty", _RANGE),
    c.CALL: Cause("BT5507", "it executes ecall", "there is no system to call"),
    c.BREAK: Cause("BT5507", "it executes ebreak", "see what the program checked there"),
    c.CODE_WRITE: Cause("BT5508", "it stores to 0x{address:08x}, among the instructions", _RANGE),
    c.NO_REGISTER: Cause("BT5509", "there is no register at 0x{address:08x}", "check the address"),
    c.DISPATCH_FULL: Cause("BT5509", "core {address} has not taken what was dispatched to it before",
                           "let the team come to a barrier between two dispatches"),
    c.GUARDED: Cause("BT5510", "it accesses 0x{address:08x}, which no buffer holds", _RANGE),
}


def core_name(core: int) -> str:
    """What a core is called in reports."""
    return {c.CONTROLLER: "cluster controller", c.FABRIC: "fabric controller"}.get(core, f"core {core}")


def address_of(state: State, at: int) -> int:
    """The address of a place in the decoded program."""
    return int(state.places[c.CODE_BASE]) + (at >> c.INSTRUCTION_BITS) * 2


def problem(state: State, program: Program, budget: int) -> Diagnostic | None:
    """Why a run did not end by itself."""
    result = int(state.status[c.RESULT])
    if result == c.TRAPPED:
        return _trap(state, program)
    if result == c.OVER_BUDGET:
        return Diagnostic("BT5511", _places(state, program), f"the program still runs after {budget} cycles",
                          "give it more cycles, or see where it loops")
    if result == c.ASLEEP:
        return Diagnostic("BT5512", _places(state, program), "every core waits for something that no core will do",
                          "check that all members of a team come to each barrier, and that events are sent")
    return None


def _trap(state: State, program: Program) -> Diagnostic:
    core, at = int(state.status[c.TRAP_CORE]), int(state.status[c.TRAP_AT])
    cause = CAUSES[int(state.status[c.TRAP_CAUSE])]
    pc = address_of(state, at)
    where = f"{core_name(core)} at 0x{pc:08x}, {program.where(pc)}, cycle {int(state.status[c.TRAP_TIME])}"
    return Diagnostic(cause.code, where, cause.why.format(address=int(state.status[c.TRAP_ADDRESS]), core=core), cause.fix)


def _places(state: State, program: Program) -> str:
    """Where every core is that has been started."""
    started = [core for core in range(c.CORES) if state.cores[core, c.STATE] != c.OFF]
    return "; ".join(f"{core_name(core)} {program.where(address_of(state, int(state.cores[core, c.AT])))}"
                     for core in started)
