"""What a network demands of the memories, in numbers only: the problem that the solver gets.

Data memory is counted in 32-bit words of an instance, kernel memory in units of four columns, because offsets and
starts are multiples of these.
"""

from __future__ import annotations

from dataclasses import dataclass

from .shapes import Shape

UNIT = 4
"""Columns of kernel memory between two possible starts of a layer's kernels."""


@dataclass(frozen=True)
class Area:
    """Data memory that is taken and given back at once: some instances of a block, `size` words from its word `begin`.

    It is in use from step `born` (when its first word is written) until step `dies` (when the last one is read), both
    included. A step is a layer; the input is born at step -1.
    """

    block: int
    instances: tuple[int, ...]
    begin: int
    size: int
    born: int
    dies: int
    layers: tuple[int, ...]
    """Who writes it; -1 for the input."""


@dataclass(frozen=True)
class Trail:
    """Two areas of which a layer reads one and writes the other, and which may overlap if the output stays behind.

    The area `output` must begin at least `lag` words below the area `input`; a negative lag lets it begin above.
    """

    input: int
    output: int
    lag: int


@dataclass(frozen=True)
class Kernel:
    """The kernels of a layer: `units` of kernel memory in all processors of some instances of the block that it reads.

    Every column that they start behind the first costs `column_cost` cycles.
    """

    layer: int
    block: int
    instances: tuple[int, ...]
    units: int
    column_cost: int = 0


@dataclass(frozen=True)
class Move:
    """A layer whose output's start depends on its input's: the pairs (start in, start out, cost) that it allows."""

    layer: int
    source: int
    target: int
    table: tuple[tuple[int, int, int], ...]
    cycles: bool = True
    """Whether a cost is cycles; otherwise it is a preference."""


@dataclass(frozen=True)
class Bias:
    """Bias values of a layer: `size` bytes in any one group, or (depthwise) `spread` bytes by the start of its block.

    `spread[start]` are the bytes in each of the four groups when the block that the layer reads has that start.
    """

    layer: int
    size: int
    block: int = 0
    spread: tuple[tuple[int, ...], ...] = ()

    @property
    def least(self) -> int:
        """Bytes in all groups, at least."""
        return min((sum(bytes_) for bytes_ in self.spread), default=self.size)

    @property
    def most(self) -> int:
        """Bytes in all groups, at most."""
        return max((sum(bytes_) for bytes_ in self.spread), default=self.size)


@dataclass(frozen=True)
class Tie:
    """Two blocks of which the first starts `distance` instances above the second: their readers share kernels."""

    block: int
    other: int
    distance: int


@dataclass(frozen=True)
class Capacity:
    """What the device has: words of a data memory instance, units of kernel memory, bytes of bias memory of a group."""

    words: int
    units: int
    bias: int


@dataclass(frozen=True)
class Demand:
    """Blocks (their shapes), and what must fit where. `kernels` are in the order in which a loader places them."""

    capacity: Capacity
    shapes: tuple[Shape, ...]
    areas: tuple[Area, ...]
    kernels: tuple[Kernel, ...] = ()
    moves: tuple[Move, ...] = ()
    biases: tuple[Bias, ...] = ()
    trails: tuple[Trail, ...] = ()
    used: tuple[tuple[int, tuple[int, ...]], ...] = ()
    """Blocks and their instances that make a group used: those that layers read, and the last output."""
    ties: tuple[Tie, ...] = ()


@dataclass(frozen=True)
class Solution:
    """Starts of the blocks (instances), their offsets (words), and a group for each bias that needs one."""

    starts: tuple[int, ...]
    offsets: tuple[int, ...]
    bias_groups: tuple[int | None, ...] = ()


def height(demand: Demand, block: int) -> int:
    """Words that a block takes of an instance."""
    return max(area.begin + area.size for area in demand.areas if area.block == block)


def overlapping(demand: Demand) -> list[tuple[int, ...]]:
    """Areas (indices) that are in use together: the largest sets, one for every step that none other contains."""
    born = sorted({area.born for area in demand.areas})
    sets = [frozenset(i for i, a in enumerate(demand.areas) if a.born <= step <= a.dies) for step in born]
    return [tuple(sorted(s)) for s in dict.fromkeys(sets) if not any(s < other for other in sets)]
