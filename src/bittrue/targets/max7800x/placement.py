"""Where a network's layers run and where their data lie: the decisions of a network description, per layer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from .network import Layer, Network
from .units import units, whole

PROCESSORS = 64
SHARED = 4
"""Processors that share one data memory instance; four channels make one 32-bit word."""
GROUP = 16
"""Processors of a group (quadrant)."""


class Fifo(str, Enum):
    """How the input enters: written to the data memories before the start, or through FIFOs while the network runs."""

    NONE = "none"
    STANDARD = "fifo"
    FAST = "fast-fifo"
    QUAD = "fast-fifo-quad"


@dataclass(frozen=True)
class LayerPlacement:
    """One layer: processor maps (bit p: processor p), byte offsets into the data memory instances, and its modes."""

    processors: int
    output_processors: int
    in_offset: int = 0
    out_offset: int = 0
    write_gap: int = 0
    """Words that are left free between two words that are written."""
    read_gap: int = 0
    """Words that are skipped between two words that are read."""
    streaming: bool = False
    bias_groups: tuple[int, ...] | None = None
    """The groups whose bias memory may be used; None for any group in use."""
    read_ahead: bool = False
    tram_calc: bool | None = None
    calc_x4: bool = False


@dataclass(frozen=True)
class BufferPlacement:
    """Where the rolling buffer lies."""

    processors: int
    offset: int


@dataclass(frozen=True)
class Placement:
    """The placement of a whole network; `layers` are those of the network, in its order."""

    layers: tuple[LayerPlacement, ...]
    chw: bool = False
    """The input lies channel by channel (CHW) instead of four channels to a word (HWC)."""
    fifo: Fifo = Fifo.NONE
    overlap_data: bool = False
    """Whether outputs may overwrite inputs (the author of a description says it is right)."""
    buffer: BufferPlacement | None = None


@dataclass(frozen=True)
class Passes:
    """How channels are spread over processors: `count` passes of `width` processors each.

    More than 64 channels take several passes; the processors of a pass are then a multiple of 4.
    """

    count: int
    width: int

    @classmethod
    def of(cls, channels: int) -> Passes:
        """The passes that a number of channels takes.

        >>> Passes.of(12), Passes.of(192), Passes.of(70)
        (Passes(count=1, width=12), Passes(count=3, width=64), Passes(count=2, width=36))
        """
        count = units(channels, PROCESSORS)
        width = units(channels, count)
        return cls(count, width if count == 1 else min(whole(width, SHARED), PROCESSORS))


def in_passes(layer: Layer) -> Passes:
    """How the channels of one operand are spread over the layer's processors."""
    return Passes.of(layer.in_channels)


def out_passes(layer: Layer) -> Passes:
    """How the output channels are spread over the output processors."""
    return Passes.of(layer.out_channels)


@lru_cache(4096)  # few maps, asked for once per channel
def bits(mask: int) -> tuple[int, ...]:
    """The processors of a map, ascending.

    >>> bits(0b10110)
    (1, 2, 4)
    """
    return tuple(bit for bit in range(mask.bit_length()) if mask >> bit & 1)


def first(mask: int) -> int:
    """The lowest processor of a map that is not empty."""
    return (mask & -mask).bit_length() - 1


def last(mask: int) -> int:
    """The highest processor of a map that is not empty."""
    return mask.bit_length() - 1


def groups(mask: int) -> tuple[int, ...]:
    """The groups of 16 that a map touches."""
    return tuple(sorted({p // GROUP for p in bits(mask)}))


def instances(mask: int) -> tuple[int, ...]:
    """The data memory instances (four processors each) that a map touches."""
    return tuple(sorted({p // SHARED for p in bits(mask)}))


def passes_through(read: int, written: int) -> bool:
    """Whether a layer without convolution can write from one map to another: group by group as many, side by side.

    >>> passes_through(0xFF00, 0x00FF), passes_through(0xFF00, 0xFF_0000), passes_through(0xF0F, 0xFF)
    (True, False, True)
    """
    return all(_closed_up(_in_group(written, group)) == (1 << _in_group(read, group).bit_count()) - 1
               for group in range(PROCESSORS // GROUP))


def _in_group(processors: int, group: int) -> int:
    return processors >> GROUP * group & (1 << GROUP) - 1


def _closed_up(mask: int) -> int:
    return mask >> first(mask) if mask else 0


def dotted(mask: int) -> str:
    """A map as network descriptions write it, in groups of 16.

    >>> dotted(0x111)
    '0x0000.0000.0000.0111'
    """
    digits = f"{mask:016x}"
    return "0x" + ".".join(digits[i:i + 4] for i in range(0, 16, 4))


def groups_used(network: Network, placement: Placement) -> tuple[int, ...]:
    """Groups with a processor of any layer, or of the last layer's output; all of them behind the quad FIFO."""
    if placement.fifo is Fifo.QUAD:
        return tuple(range(PROCESSORS // GROUP))
    mask = placement.layers[network.outputs[-1]].output_processors
    for layer in placement.layers:
        mask |= layer.processors
    return groups(mask)


def default_output_map(channels: int) -> int:
    """The last layer's output processors when nothing is said: packed, from processor 0."""
    return (1 << Passes.of(channels).width) - 1
