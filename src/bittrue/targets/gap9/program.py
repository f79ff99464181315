"""A planned network: tiles, the static place of every buffer, the DMA commands of every step.

The cluster runs `Program.steps` one after the other; a step is one call of a kernel on one tile, by all cores. What
happens, in this order (the generated C holds to it, the planner relies on it):

1. wait for the loads of this step that were started early, and for the stores of the step before the last one;
   barrier: all cores have done the last step;
2. start the stores of the last step;
3. wait for the transfers with L3 that `staged` asks for, which is before any load that needs them is started;
4. with `late` loads: wait for the stores of the last step, start the late loads, and wait for them;
5. start this step's transfers with L3;
6. start the `early` loads of the next step;
7. the kernel on all cores (with `late` loads after another barrier).

The leader, the last core, does 2 to 6; the other cores begin with the kernel meanwhile, unless there are late loads.

Before the first step: its transfers with L3 are started, `staged` of them are waited for, and its table and its early
loads are started. So its transfers may bring what it and the second step need.

So a step's early loads run while the step before computes, and its stores while the next one does. An early load of
step s must not read what a step after s - 3 stores. A buffer of L1 that is loaded early lives from s - 1 on, late from
s on; what a step stores lives until s + 1 (until s, if s + 1 loads late); parts that several steps use (weights) until
the last one. A step may find its input in L1, as the output or an input of a step before: then it has no load for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .network import Layer, Network

MAX_TRANSFERS = 7
"""Early loads of a step, late loads, and stores, each at most: the DMA engine has 16 counters, which early loads of one
step and stores of another hold at the same time."""


class Area(Enum):
    """Where in L2 a transfer's far end lies."""

    ARENA = "arena"
    """Activations and staged parameters; placed by the planner, written while the program runs."""
    CONSTANTS = "constants"
    """Parameters that stay in L2, part of the program."""
    STEPS = "steps"
    """The step tables themselves: `far` is the number of the step whose table is loaded."""


@dataclass(frozen=True)
class Transfer:
    """One DMA command between L2 and L1: `size` bytes as rows of `length` bytes, `stride` apart in L2, dense in L1."""

    label: str
    """What is moved, for people: `input`, `weights`, `table`, `output` ..."""
    area: Area
    far: int
    """Bytes from the area's begin (of STEPS, a step's number, and `size` is 0: the emitter knows the size)."""
    near: int
    """Bytes from the begin of the buffers in L1."""
    size: int
    length: int
    stride: int
    inward: bool
    """From L2 to L1."""


@dataclass(frozen=True)
class Staging:
    """One transfer between L3 and the arena in L2. They are done in the order in which they are started."""

    label: str
    external: int
    """Bytes from the begin of the image in L3 (`Program.external`), or beyond it: tensors that wait there."""
    far: int
    """Bytes from the begin of the arena."""
    size: int
    inward: bool
    """From L3 to L2."""


@dataclass(frozen=True)
class Region:
    """The part of the layer's output that a step computes: rows, columns, channels, each `start:end`."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    channels: tuple[int, int]

    def __str__(self) -> str:
        return ", ".join(f"{name} {a}:{b}" for name, (a, b) in
                         (("rows", self.rows), ("columns", self.columns), ("channels", self.channels)))


@dataclass(frozen=True)
class Step:
    """One call of a kernel on one tile."""

    layer: int
    """Which layer of the network."""
    region: Region
    values: Mapping[str, int]
    """The integer fields of the kernel's parameters, by name, without those of its requantization."""
    pointers: Mapping[str, int]
    """The pointers of the kernel's parameters, by name: bytes from the begin of the buffers in L1."""
    scales: int | None
    """The requantization's scales of this tile's channels: bytes from the begin of the buffers in L1."""
    splits: int | None
    late: tuple[Transfer, ...]
    """Loads for this step that cannot begin before the last step's stores are done, or have no room earlier."""
    early: tuple[Transfer, ...]
    """Loads for this step that begin one step earlier. The table of every step but the first is one of them."""
    stores: tuple[Transfer, ...]
    table: int
    """Where this step's table lies in L1: bytes from the begin of the buffers."""
    staged: int
    """Transfers with L3, counted from the first one, that are done before this step's `early` loads for the next step
    (and its own late loads) start."""
    staging: tuple[Staging, ...]
    """Transfers with L3 that this step starts."""
    compute: int
    """Cycles that the kernel takes, by the planner's model."""


@dataclass(frozen=True)
class Buffer:
    """A piece of memory and its life, for pictures and checks: steps `first` to `last`, both included."""

    memory: str
    """`L1`, `L2 arena`, `L2 constants`, `L3`."""
    label: str
    layer: int | None
    offset: int
    size: int
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Program:
    """Everything that the C project does, and where."""

    network: Network
    steps: tuple[Step, ...]
    constants: bytes
    """The parameters that stay in L2."""
    external: bytes
    """The image in L3 that the program is started with: parameters that are staged."""
    places: Mapping[str, int]
    """Where every tensor that is no slice lies in the arena when it is written: bytes from its begin."""
    buffers: tuple[Buffer, ...]
    near: int
    """Bytes of the buffers in L1."""
    arena: int
    """Bytes of the arena in L2."""
    spare: int
    """Bytes of L3 beyond the image that tensors wait in."""
    cycles: tuple[int, ...] = field(default=())
    """Cycles of every layer, by the planner's model."""

    def steps_of(self, layer: Layer) -> tuple[Step, ...]:
        """The steps of a layer."""
        return tuple(step for step in self.steps if self.network.layers[step.layer] is layer)
