"""Random programs on Unicorn and on the cluster simulator: where they end."""

from __future__ import annotations

import numpy as np
from gap9.cluster_programs import L2
from gap9.random_programs import DATA, SIZE, RandomProgram
from unicorn import UC_ARCH_RISCV, UC_MODE_RISCV32, Uc
from unicorn.riscv_const import UC_RISCV_REG_X0

from bittrue.targets.gap9.simulate import Cluster, Program, Segment
from bittrue.targets.gap9.simulate import columns as c

EBREAK = b"\x73\x00\x10\x00"
End = tuple[tuple[int, ...], bytes]
"""Registers and data."""


def on_unicorn(program: RandomProgram) -> End:
    """What Unicorn makes of a program."""
    engine = Uc(UC_ARCH_RISCV, UC_MODE_RISCV32)
    engine.mem_map(L2, 0x10000)
    engine.mem_write(L2, program.code)
    engine.mem_write(DATA, program.data)
    for register, value in enumerate(program.registers[1:], 1):
        engine.reg_write(UC_RISCV_REG_X0 + register, value)
    engine.emu_start(L2, L2 + len(program.code))
    registers = tuple(engine.reg_read(UC_RISCV_REG_X0 + register) % 2**32 for register in range(32))
    return registers, bytes(engine.mem_read(DATA, SIZE))


def on_cluster(program: RandomProgram) -> End:
    """What the cluster's fabric controller makes of it, up to an ebreak after its end."""
    cluster = Cluster(Program(Segment(L2, program.code + EBREAK), (Segment(DATA, program.data),), L2))
    cluster.state.registers[c.FABRIC, :32] = np.array(program.registers, np.uint32).view(np.int32)
    traps = cluster.run(10**5).traps
    assert [trap.code for trap in traps] == ["BT5507"], traps
    registers = cluster.state.registers[c.FABRIC, :32].view(np.uint32)
    return tuple(registers.tolist()), cluster.read_memory(DATA, SIZE)


def differences(program: RandomProgram) -> list[str]:
    """Registers and bytes of memory in which both end differently."""
    (x, memory), (y, other) = on_unicorn(program), on_cluster(program)
    found = [f"x{register}: {a:08x} {b:08x}" for register, (a, b) in enumerate(zip(x, y, strict=True)) if a != b]
    return found + [f"byte {place}" for place in range(SIZE) if memory[place] != other[place]]
