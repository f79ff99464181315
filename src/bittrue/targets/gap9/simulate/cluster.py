"""A cluster that executes a program: the public face of the simulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from . import columns as c
from .isa.decoder import decode
from .memories import GAP9, Memories
from .native import run
from .program import Program
from .results import ClusterResult, result
from .state import State, new_state
from .timing import latency_values, rule_values

NONE: Mapping[str, int] = MappingProxyType({})
KNOWN_CSRS = (0x300, 0x301, 0x304, 0x305, *range(0x340, 0x345), *range(0xF11, 0xF15), 0xB00, 0xB02, 0xB80, 0xB82,
              *range(0x780, 0x7A0), 0xCC0, 0xCC1, 0x7C0, 0x7C1, 0x7D0, 0x7D1, 0x7D2)
BUDGET = 2_000_000_000


@dataclass(frozen=True)
class Captured:
    """A transfer from L1 to L2: lines of `length` bytes, `stride` apart from `address` on; cycles `begin` to `end`."""

    address: int
    length: int
    stride: int
    data: bytes
    begin: int
    end: int


class Cluster:
    """Eight workers, the cluster controller, the fabric controller, and their memories, with a program in them.

    The fabric controller (core 9) begins at the program's entry at cycle 0; it starts the others. `rules` changes
    rules of time by their names in `timing.RULES`; `capture` bytes of what the DMA brings to L2 are kept, see
    `captured`. Raises `BadInput` (BT5500) for a file that is no program.
    """

    def __init__(self, program: Path | Program, memories: Memories = GAP9, rules: Mapping[str, int] = NONE,
                 capture: int = 0) -> None:
        self.program = Program.load(program) if isinstance(program, Path) else program
        self.memories = memories
        code = self.program.code
        table = decode(code.data, code.address, latency_values())
        self.state: State = new_state(table, code.address, (memories.l1_base, memories.l1),
                                      (memories.l2_base, memories.l2), memories.l3, rule_values(rules), capture)
        self.state.csr_known[list(KNOWN_CSRS)] = 1
        for segment in (code, *self.program.data):
            self.write_memory(segment.address, segment.data)
        self.start(c.FABRIC, self.program.entry)

    @property
    def symbols(self) -> Mapping[str, int]:
        """Addresses by name."""
        return self.program.symbols

    def start(self, core: int, address: int) -> None:
        """Let a core begin at an address when the cluster runs next."""
        row = self.state.cores[core]
        row[c.AT] = (address - self.program.code.address) // 2 << c.INSTRUCTION_BITS
        row[c.STATE] = c.RUNNING
        row[c.LINE] = -1

    def run(self, budget: int = BUDGET, regions: Mapping[int, str] | None = None) -> ClusterResult:
        """Run until the program exits, traps, or `budget` cycles have passed; `regions` names marked regions."""
        if self.state.status[c.RESULT] == c.OVER_BUDGET:
            self.state.status[c.RESULT] = c.GOING
        run(self.state, budget)
        return result(self.state, self.program, budget, regions or {})

    def guard(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Let accesses of cores to words of L1 trap: (address, bytes), whole words."""
        for address, size in ranges:
            first = (address - self.memories.l1_base) // 4
            self.state.guards[first:first + size // 4] = 1

    def read_memory(self, address: int, size: int) -> bytes:
        """Bytes of L1 or L2. Raises IndexError for what is in neither."""
        memory, offset = self._place(address, size)
        return memory[offset:offset + size].tobytes()

    def write_memory(self, address: int, data: bytes) -> None:
        """Write bytes of L1 or L2. Raises IndexError for what is in neither."""
        memory, offset = self._place(address, len(data))
        memory[offset:offset + len(data)] = np.frombuffer(data, np.uint8)

    def read_l3(self, offset: int, size: int) -> bytes:
        """Bytes of the external memory."""
        return self.state.l3[offset:offset + size].tobytes()

    def write_l3(self, offset: int, data: bytes) -> None:
        """Write bytes of the external memory. Raises IndexError if they do not fit."""
        if offset < 0 or offset + len(data) > self.memories.l3:
            raise IndexError(f"{len(data)} bytes at 0x{offset:x} are not in L3")
        self.state.l3[offset:offset + len(data)] = np.frombuffer(data, np.uint8)

    def captured(self) -> tuple[Captured, ...]:
        """What the DMA brought from L1 to L2, in the order in which it was done; as much as there was room for."""
        rows = self.state.captures[:int(self.state.status[c.CAPTURE_COUNT])].tolist()
        return tuple(Captured(self.memories.l2_base + row[c.K_FAR], row[c.K_LINE], row[c.K_STRIDE],
                              self.state.captured[row[c.K_PLACE]:row[c.K_PLACE] + row[c.K_BYTES]].tobytes(),
                              row[c.K_BEGIN], row[c.K_DONE]) for row in rows)

    def _place(self, address: int, size: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint8]], int]:
        held = self.memories
        for base, length, words in ((held.l1_base, held.l1, self.state.l1), (held.l2_base, held.l2, self.state.l2)):
            if base <= address and address + size <= base + length:
                return words.view(np.uint8), address - base
        raise IndexError(f"{size} bytes at 0x{address:08x} are neither in L1 nor in L2")
