"""Runs a planned program on bytes: transfers when the protocol allows, kernels in plain C in a copy of L1.

A transfer between its start and the wait for it may move its bytes at any moment; `When` says at which one it does.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from bittrue.targets.gap9.kernels import KERNELS
from bittrue.targets.gap9.program import Area, Program, Staging, Step, Transfer
from bittrue.targets.gap9.project import from_bytes, to_bytes
from gap9.kernel_builds import Ints, library, structure

Bytes = NDArray[np.uint8]
TABLE_BYTES = 768


class When(Enum):
    """The moment at which a transfer moves its bytes."""

    EARLIEST = "when it is started"
    LATEST = "when it is waited for"
    RANDOM = "at some point in between"


@dataclass
class Machine:
    """Memories, and transfers that are under way."""

    program: Program
    when: When
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))
    loads: list[tuple[int, Transfer]] = field(default_factory=list)
    stores: list[tuple[int, Transfer]] = field(default_factory=list)
    staging: list[Staging] = field(default_factory=list)
    stored: dict[str, Bytes] = field(default_factory=dict)
    staged: int = 0

    def __post_init__(self) -> None:
        fill = self.random.integers
        self.near: Bytes = fill(0, 256, self.program.near + 64, np.uint8)
        self.arena: Bytes = fill(0, 256, self.program.arena, np.uint8)
        external = np.frombuffer(self.program.external, np.uint8)
        self.external: Bytes = np.concatenate([external, fill(0, 256, self.program.spare, np.uint8)])
        self.constants: Bytes = np.frombuffer(self.program.constants, np.uint8)

    def run(self, inputs: dict[str, Ints]) -> dict[str, Ints]:
        """All tensors (H, W, C) that were stored or given, and outputs as they lie in the arena at the end."""
        for name, values in inputs.items():
            self.put(name, values)
        for index, step in enumerate(self.program.steps):
            self.step(index, step)
        self.start_stores(len(self.program.steps) - 1, self.program.steps[-1].stores)
        self.wait_stores(len(self.program.steps))
        network = self.program.network
        for name in {network.root(name)[0].name for name in network.outputs}:
            size, place = network.tensors[name].bytes, self.program.places[name]
            assert (self.arena[place:place + size] == self.stored[name]).all(), f"{name} was overwritten"
        return {name: from_bytes(network.tensors[name], raw.tobytes()) for name, raw in self.stored.items()}

    def put(self, name: str, values: Ints) -> None:
        tensor, place = self.program.network.tensors[name], self.program.places[name]
        raw = np.frombuffer(to_bytes(tensor, values), np.uint8)
        self.arena[place:place + raw.size] = raw
        self.stored[name] = raw

    def step(self, index: int, step: Step) -> None:
        """The protocol of `bittrue.targets.gap9.program`, in its order."""
        steps = self.program.steps
        if index == 0:
            self.first(step)
        self.wait_loads(index)
        self.wait_stores(index - 2)
        if index:
            self.start_stores(index - 1, steps[index - 1].stores)
        self.wait_staging(step.staged)
        if step.late:
            self.wait_stores(index - 1)
            self.start_loads(index, step.late)
            self.wait_loads(index)
        for transfer in step.staging if index else ():
            self.start_staging(transfer)
        if index + 1 < len(steps):
            self.start_loads(index + 1, steps[index + 1].early)
        self.some()
        if index:
            table = self.near[step.table:step.table + TABLE_BYTES]
            assert (table == index % 251).all(), f"the table of step {index} is gone"
        self.kernel(step)
        self.some()

    def first(self, step: Step) -> None:
        """Before the first step."""
        for transfer in step.staging:
            self.start_staging(transfer)
        self.wait_staging(step.staged)
        self.start_loads(0, step.early)

    def start_loads(self, index: int, transfers: tuple[Transfer, ...]) -> None:
        self.loads += [(index, transfer) for transfer in transfers]
        if self.when is When.EARLIEST:
            self.wait_loads(index)

    def start_stores(self, index: int, transfers: tuple[Transfer, ...]) -> None:
        self.stores += [(index, transfer) for transfer in transfers]
        if self.when is When.EARLIEST:
            self.wait_stores(index)

    def start_staging(self, transfer: Staging) -> None:
        self.staging.append(transfer)
        if self.when is When.EARLIEST:
            self.wait_staging(self.staged + len(self.staging))

    def wait_loads(self, index: int) -> None:
        for number, transfer in self.loads:
            assert number == index
            self.load(transfer)
        self.loads = []

    def wait_stores(self, index: int) -> None:
        for number, transfer in self.stores:
            if number <= index:
                self.store(number, transfer)
        self.stores = [(number, transfer) for number, transfer in self.stores if number > index]

    def wait_staging(self, count: int) -> None:
        assert count <= self.staged + len(self.staging), "waits for a transfer that is not started"
        while self.staged < count:
            self.stage(self.staging.pop(0))
            self.staged += 1

    def some(self) -> None:
        """At random, some of what is under way is done now."""
        if self.when is not When.RANDOM:
            return
        for transfers, do in ((self.loads, lambda number, t: self.load(t)), (self.stores, self.store)):
            for pair in list(transfers):
                if self.random.random() < 0.5:
                    transfers.remove(pair)
                    do(*pair)
        if self.staging and self.random.random() < 0.5:
            self.wait_staging(self.staged + 1)

    def load(self, transfer: Transfer) -> None:
        if transfer.area is Area.STEPS:
            self.near[transfer.near:transfer.near + TABLE_BYTES] = transfer.far % 251
            return
        far = self.arena if transfer.area is Area.ARENA else self.constants
        near = transfer.near
        for begin, length in _rows(transfer):
            self.near[near:near + length] = far[begin:begin + length]
            near += length

    def store(self, index: int, transfer: Transfer) -> None:
        network = self.program.network
        layer = network.layers[self.program.steps[index].layer]
        root = network.root(layer.output)[0]
        kept = self.stored.setdefault(root.name, np.zeros(root.bytes, np.uint8))
        near, place = transfer.near, self.program.places[root.name]
        for begin, length in _rows(transfer):
            self.arena[begin:begin + length] = kept[begin - place:begin - place + length] = (
                self.near[near:near + length])
            near += length

    def stage(self, transfer: Staging) -> None:
        near, far = slice(transfer.far, transfer.far + transfer.size), slice(
            transfer.external, transfer.external + transfer.size)
        assert transfer.size % 4 == transfer.far % 4 == 0
        assert far.stop <= self.external.size
        if transfer.inward:
            self.arena[near] = self.external[far]
        else:
            self.external[far] = self.arena[near]

    def kernel(self, step: Step) -> None:
        layer = self.program.network.layers[step.layer]
        kernel = KERNELS[layer.kernel]
        base = self.near.ctypes.data
        fields: dict[str, object] = {name: base + place for name, place in step.pointers.items()}
        if any(f.name == "requant" for f in kernel.fields):
            tables = {name: None if place is None else base + place
                      for name, place in (("scales", step.scales), ("splits", step.splits))}
            fields["requant"] = structure("bt_requant")(**tables, **layer.requant.fields())
        assert {f.name for f in kernel.fields} == {*fields, *step.values}
        params = structure(kernel.struct)(**fields, **step.values)
        for core in range(8):
            getattr(library(), kernel.function)(ctypes.byref(params), core, 8)


def _rows(transfer: Transfer) -> list[tuple[int, int]]:
    count = -(-transfer.size // transfer.length)
    assert count * transfer.length == transfer.size
    return [(transfer.far + row * transfer.stride, transfer.length) for row in range(count)]
