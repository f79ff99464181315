"""How many words software moves over the bus for a placed network: kernels, biases, registers, input, outputs.

Counted for the usual project: kernels packed densely (`mexpress`), biases one byte per word, input four values per
word. Every word is one access by the CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from ..memory.kernels import FREE
from ..network import DATA_BITS, INPUT
from ..placement import SHARED, bits, groups_used
from ..plan import Max7800xPlan
from ..program import RegisterProgram
from ..units import units

KERNEL_WORD, BUS_WORD = 9, 4
"""Bytes of a column of kernel memory, and of an access."""

LAYER_WRITES = {"max78000": 11, "max78002": 14}
GROUP_WRITES = {"max78000": 4, "max78002": 7}
"""Register writes of a layer in one group, and of a group: medians over networks. Registers that stay zero are not
written, so a network may need half as many or twice as many."""


def weight_words(plan: Max7800xPlan) -> int:
    """Words of all kernels. Neighbouring columns of a processor are one block, whose bytes are packed."""
    return sum(units(KERNEL_WORD * length, BUS_WORD) for length in _blocks(plan))


def weight_blocks(plan: Max7800xPlan) -> int:
    """Blocks of kernels: each costs one write more, of the byte that starts it."""
    return sum(1 for _ in _blocks(plan))


def _blocks(plan: Max7800xPlan) -> Iterator[int]:
    """Columns of every block."""
    for line in plan.maps.kernels.occupancy:
        for used, run in groupby(line.tolist(), lambda owner: owner != FREE):
            if used:
                yield sum(1 for _ in run)


def bias_words(plan: Max7800xPlan) -> int:
    """Words of all biases: one per byte, from the start of each group's memory."""
    return sum(len(image) for image in plan.maps.biases.images)


def register_words(plan: Max7800xPlan, registers: RegisterProgram | None) -> int:
    """Register writes before an inference: counted in a program, or estimated without one."""
    if registers is not None:
        layers = sum(len(layer.writes) for layer in registers.configure)
        return len(registers.init) + layers + len(registers.configure_global)
    name, groups = plan.device.name, len(groups_used(plan.network, plan.placement))
    return groups * (len(plan.network.layers) * LAYER_WRITES[name] + GROUP_WRITES[name])


def input_words(plan: Max7800xPlan) -> int:
    """Words of the input: four channels of a pixel (HWC), or four pixels of a channel (CHW)."""
    network = plan.network
    pixels = network.in_dim[0] * network.in_dim[1]
    if plan.placement.chw:
        return network.in_channels * units(pixels, SHARED)
    reader = next(index for index, layer in enumerate(network.layers) if INPUT in layer.sources)
    return pixels * _words_of_a_pixel(plan.placement.layers[reader].processors, network.in_channels)


def output_words(plan: Max7800xPlan) -> int:
    """Words that are read to unload all outputs: one per value of 32 bits, or per four channels of 8 bits."""
    return sum(_unloaded(plan, index) for index in plan.network.outputs)


def _unloaded(plan: Max7800xPlan, index: int) -> int:
    layer = plan.network.layers[index]
    pixels = layer.out_dim[0] * layer.out_dim[1]
    if layer.output_width > DATA_BITS:
        return pixels * layer.out_channels
    return pixels * _words_of_a_pixel(plan.placement.layers[index].output_processors, layer.out_channels)


def _words_of_a_pixel(processors: int, channels: int) -> int:
    """Data memory instances that hold a pixel, in every pass: four processors share one."""
    used = list(bits(processors))
    passes = (used[:channels - start] for start in range(0, channels, len(used)))
    return sum(len({processor // SHARED for processor in taken}) for taken in passes)
