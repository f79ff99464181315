"""A cluster that executes a program: the public face of the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
              *range(0x780, 0x7A0), 0xCC0, 0xCC1, 0x7C0, 0x7C1, 0x7C2, 0x7D0, 0x7D1, 0x7D2)
BUDGET = 2_000_000_000


@dataclass(frozen=True)
class Captured:
    """A transfer between L1 (dense at `near`) and L2 (lines of `length` bytes, `stride` apart from `far` on)."""

    inward: bool
    """From L2 to L1."""
    near: int
    far: int
    size: int
    length: int
    stride: int
    data: bytes
    """What it brought to L2."""


class Cluster:
    """Eight workers, the cluster controller, the fabric controller, and their memories, with a program in them.

    The fabric controller (core 9) begins at the program's entry at cycle 0; it starts the others. `rules` changes
    rules of time by their names in `timing.RULES`; with `capture`, the DMA's transfers are kept and as many bytes
    of what they bring to L2, see `captured`. Raises `BadInput` (BT5500) for a file that is no program.
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

    def run(self, budget: int = BUDGET, regions: Mapping[int, str] | None = None,
            on_mark: Callable[[int], None] | None = None) -> ClusterResult:
        """Run until the program exits, traps, or `budget` cycles have passed; `regions` names marked regions.

        `on_mark` is called with the number of every mark (`BT_MARK`) that a core comes to, while all cores stand still.
        """
        status = self.state.status
        self.state.places[c.PAUSES] = on_mark is not None
        if status[c.RESULT] == c.OVER_BUDGET:
            status[c.RESULT] = c.GOING
        run(self.state, budget)
        while status[c.RESULT] == c.PAUSED and on_mark is not None:
            on_mark(int(status[c.MARKED]))
            status[c.RESULT] = c.GOING
            run(self.state, budget)
        return result(self.state, self.program, budget, regions or {})

    def guard(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Let accesses of cores to words of L1 trap: (address, bytes), whole words."""
        for address, size in ranges:
            first = (address - self.memories.l1_base) // 4
            self.state.guards[first:first + size // 4] = c.GUARD_ALL

    def allow(self, begin: int, end: int, readable: Iterable[tuple[int, int]],
              writable: Iterable[tuple[int, int]]) -> None:
        """Let accesses of cores to L1 from address `begin` to `end` trap, but for those to these parts of it.

        Parts are (address, bytes). What is readable is whole words, what is writable bytes, and readable too. `begin`
        and `end` are multiples of 4.
        """
        base, written = self.memories.l1_base, list(writable)
        bits = np.full((end - begin, 2), 1, np.uint8)
        for address, size in written:
            bits[address - begin:address + size - begin, 0] = 0
        for address, size in (*readable, *written):
            bits[(address - begin) // 4 * 4:-(-(address + size - begin) // 4) * 4, 1] = 0
        words = bits.reshape(-1, 4, 2)
        places = 1 << np.arange(4, dtype=np.uint8)
        self.state.guards[(begin - base) // 4:(end - base) // 4] = (
            (words[:, :, 0] * places).sum(axis=1) + (words[:, 0, 1] << c.GUARD_READ))

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
        """The DMA's transfers in the order in which they were done; as many as there was room for."""
        rows = self.state.captures[:int(self.state.status[c.CAPTURE_COUNT])].tolist()
        return tuple(self._captured(row) for row in rows)

    def _captured(self, row: list[int]) -> Captured:
        place, size = row[c.K_PLACE], row[c.K_BYTES]
        inward = place == c.NOT_KEPT
        data = b"" if inward else self.state.captured[place:place + size].tobytes()
        return Captured(inward, self.memories.l1_base + row[c.K_LOCAL], self.memories.l2_base + row[c.K_FAR], size,
                        row[c.K_LINE], row[c.K_STRIDE], data)

    def _place(self, address: int, size: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint8]], int]:
        held = self.memories
        for base, length, words in ((held.l1_base, held.l1, self.state.l1), (held.l2_base, held.l2, self.state.l2)):
            if base <= address and address + size <= base + length:
                return words.view(np.uint8), address - base
        raise IndexError(f"{size} bytes at 0x{address:08x} are neither in L1 nor in L2")
