"""One kernel on the simulated cluster: parameters and buffers are written into L1 from outside, all else is guarded.

So one program serves any number of calls, and every access beyond a buffer traps.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from copy import copy, deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from bittrue.targets.gap9.kernels import KERNELS, NO_REQUANT, Kernel, RequantTable, structs
from bittrue.targets.gap9.simulate import Cluster, ClusterResult
from gap9.cluster_programs import c_program
from gap9.kernel_builds import Call, kernel_folder

CALLS = """
#include "bt_kernels.h"
#define NEAR __attribute__((section(".l1"), aligned(16)))
NEAR uint8_t arena[{room}];
NEAR int32_t params[64];
NEAR volatile int32_t which;
typedef void kernel(const void *params, int32_t core, int32_t cores);
static kernel *const kernels[] = {{{functions}}};
NEAR volatile int32_t count;
#define CALL(turn)                              \\
    pi_cl_team_barrier();                       \\
    if (core < cores) {{                        \\
        BT_REGION_ENTER(turn);                  \\
        kernels[which](params, core, cores);    \\
        BT_REGION_LEAVE(turn);                  \\
    }}
static void work(void *none)
{{
    int32_t core = (int32_t)pi_core_id(), cores = count;
    (void)none;
    CALL(0);
    CALL(1);
}}
static void cluster(void *arg) {{ pi_cl_team_fork(8, work, arg); }}
"""
ROOM = 107 * 1024
GAP = 32
"""Guarded bytes between two buffers."""
FILLER = 0xA5


@dataclass(frozen=True, eq=False)
class Loaded:
    """A program and the kernels in it."""

    cluster: Cluster
    """Before it runs; every run is one of a copy, which is faster than to decode the program again."""
    kernels: tuple[str, ...]

    def copy(self) -> Cluster:
        """A cluster with memories of its own. The program is the same one: where its lines are is found out once."""
        cluster = copy(self.cluster)
        cluster.state = deepcopy(self.cluster.state)
        return cluster


@cache
def program(kernels: tuple[str, ...] = tuple(KERNELS), compiler: str = "zig", flags: tuple[str, ...] = (),
            source: Path | None = None) -> Loaded:
    """Kernels with their files in the order of the table, one of which is called twice (regions 0 and 1)."""
    source = source or kernel_folder()
    functions = ", ".join(f"(kernel *)(void (*)(void)){KERNELS[name].function}" for name in kernels)
    files = dict.fromkeys(source / file for name in kernels for file in KERNELS[name].files)
    made = c_program(CALLS.format(functions=functions, room=ROOM), compiler, (f"-I{source}", *flags),
                     tuple(files))
    return Loaded(made, kernels)


@dataclass(frozen=True)
class Case:
    """One call: kernel, integer fields, memory by field, bytes of the output, requantization."""

    kernel: str
    values: Mapping[str, int]
    memory: Mapping[str, bytes]
    output: int
    table: RequantTable = field(default=NO_REQUANT)

    @property
    def row(self) -> Kernel:
        """The kernel's row of the table."""
        return KERNELS[self.kernel]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one call."""
        return self.row.macs(self.values)

    def has(self, name: str) -> bool:
        """Whether the kernel's parameters have a field."""
        return any(f.name == name for f in self.row.fields)

    def host(self, cores: int = 8) -> bytes:
        """What the plain C build gives."""
        call = Call(self.kernel)
        pointers = {name: call.address(data) for name, data in self.memory.items()}
        extra = {"requant": call.requant(self.table)} if self.has("requant") else {}
        return call.run(self.output, cores, **pointers, **extra, **self.values).tobytes()

    def buffers(self, cores: int) -> dict[str, bytes]:
        """All buffers with what they begin with."""
        scales = {"scales": self.table.scale_words().astype(np.int32).tobytes(),
                  "splits": np.array(self.table.splits, np.int32).tobytes()} if self.has("requant") else {}
        scratch = {"scratch": bytes([FILLER]) * self.row.scratch(self.values, cores)} if self.has("scratch") else {}
        return {**scratch, **self.memory, **scales, "output": bytes([FILLER]) * self.output}


@dataclass(frozen=True)
class Placed:
    """Buffers in the arena: name -> (offset, bytes)."""

    spans: Mapping[str, tuple[int, int]]

    @property
    def guards(self) -> list[tuple[int, int]]:
        """What lies between them, in whole words."""
        spans = sorted((at // 4 * 4, -(-(at + size) // 4) * 4) for at, size in self.spans.values())
        edges = [0, *(edge for span in spans for edge in span), ROOM]
        return [(a, b - a) for a, b in zip(edges[::2], edges[1::2], strict=True)]


BYTEWISE = ("input", "output", "a", "b")
"""Fields that need no alignment."""


def place(buffers: Mapping[str, bytes], tight: bool) -> Placed:
    """Buffers one after the other; `tight`: bytes end at the last byte of a word, so that one more is guarded."""
    spans, at = {}, GAP
    for name, data in buffers.items():
        begin = at + (-len(data) % 4 if tight and name in BYTEWISE else 0)
        spans[name] = begin, len(data)
        at = -(-(begin + len(data)) // 4) * 4 + GAP
    if at > ROOM:
        raise MemoryError(f"{at} bytes")
    return Placed(spans)


UNCHANGED: Mapping[str, int] = {}


def words_of(case: Case, struct_name: str, addresses: Mapping[str, int], changed: Mapping[str, int]) -> list[int]:
    """A parameter struct as words."""
    found = []
    values = {**case.values, **case.table.fields(), **changed}
    for f in structs()[struct_name]:
        if f.type in structs():
            found += words_of(case, f.type, addresses, changed)
        else:
            found.append(addresses.get(f.name, 0) + changed.get(f.name, 0) if f.is_pointer else values[f.name])
    return found


@dataclass(frozen=True)
class Ran:
    """The output's bytes and the result of one run."""

    output: bytes
    result: ClusterResult

    def cycles(self, turn: int = 1) -> int:
        """Cycles of the first or the second call."""
        return self.result.region(turn).cycles


def run(case: Case, loaded: Loaded, cores: int = 8, tight: bool = False, changed: Mapping[str, int] = UNCHANGED,
        cut: Mapping[str, int] = UNCHANGED, budget: int = 100_000_000) -> Ran:
    """The case on the cluster; traps are in the result.

    `changed` are fields whose values are wrong on purpose, `cut` bytes that buffers are too short.
    """
    cluster = loaded.copy()
    arena, buffers = cluster.symbols["arena"], case.buffers(cores)
    buffers = {name: data[:len(data) - cut.get(name, 0)] for name, data in buffers.items()}
    placed = place(buffers, tight)
    addresses = {name: arena + at for name, (at, _) in placed.spans.items() if buffers[name]}
    for name, address in addresses.items():
        cluster.write_memory(address, buffers[name])
    words = [word & 0xFFFFFFFF for word in words_of(case, case.row.struct, addresses, changed)]
    cluster.write_memory(cluster.symbols["params"], struct.pack(f"<{len(words)}I", *words))
    cluster.write_memory(cluster.symbols["count"], cores.to_bytes(4, "little"))
    which = loaded.kernels.index(case.kernel)
    cluster.write_memory(cluster.symbols["which"], which.to_bytes(4, "little"))
    cluster.guard((arena + at, size) for at, size in placed.guards)
    result = cluster.run(budget)
    return Ran(cluster.read_memory(addresses["output"], len(buffers["output"])), result)
