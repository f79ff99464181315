"""Plans of small placed networks, and what their memories must hold, bit by bit in plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bittrue.targets.max7800x.device import MAX78000, Device
from bittrue.targets.max7800x.lower.kernels import kernel_blocks
from bittrue.targets.max7800x.network import Layer, Network
from bittrue.targets.max7800x.placement import LayerPlacement
from bittrue.targets.max7800x.plan import Max7800xPlan

from .placed import place
from .word_map import spread

Byte = tuple[int, int, int]
"""(processor, column, byte of the column)"""


def planned(network: Network, device: Device = MAX78000, layers: Mapping[int, Mapping[str, Any]] | None = None,
            **changes: Any) -> Max7800xPlan:
    """A network with packed processors."""
    return Max7800xPlan.of(device, network, place(network, layers, **changes))


def kernel_bytes(plan: Max7800xPlan) -> dict[Byte, int]:
    """Every byte that is written to kernel memory; each of them once."""
    found: dict[Byte, int] = {}
    for block in kernel_blocks(plan):
        for column, values in enumerate(block.data.tolist()):
            for index, value in enumerate(values):
                place = block.processor, block.column + column, index
                assert place not in found
                found[place] = value
    return found


def expected_kernels(layer: Layer, place: LayerPlacement, offset: int, group: int | None = None) -> dict[Byte, int]:
    """The bytes of a layer that are not zero: weight after weight, each put where it belongs.

    `group`: of those output channels whose slot modulo 4 it is (quad FIFO).
    """
    found: dict[Byte, int] = {}
    assert layer.weights is not None
    width, kernel = layer.weights.bits, layer.kernel[0] * layer.kernel[1]
    values = layer.weights.values.reshape(layer.out_channels, -1, kernel).tolist()
    rows, cols = layer.pooled_dim
    pixels = rows * cols if layer.flatten else 1
    passes, wide = spread(layer.in_channels)
    out_wide = spread(layer.out_channels)[1]
    inputs = [p for p in range(64) if place.processors >> p & 1]
    outputs = [p for p in range(64) if place.output_processors >> p & 1]
    start, span = outputs[0] // 4 * 4, outputs[-1] - outputs[0] + 1
    for out in range(layer.out_channels):
        for channel in range(layer.in_channels):
            if layer.groups > 1 and out != channel:
                continue
            slot = outputs[out % out_wide] - start + out // out_wide * span
            if layer.groups > 1:
                slot = 0
            if group is not None and slot % 4 != group:
                continue
            slot = slot if group is None else slot // 4
            number, processor = channel // wide, inputs[channel % wide]
            for pixel in range(pixels):
                for tap in range(kernel):
                    index = 0 if layer.groups > 1 else channel * pixels + pixel
                    value = values[out][index][tap]
                    nth = (slot * pixels + pixel) * passes + number
                    byte = nth // (8 // width) * kernel + kernel - 1 - tap
                    at = processor + 16 * (group or 0), offset + byte // 9, 8 - byte % 9
                    bits = int(value < 0) if layer.weights.binary else value & (1 << width) - 1
                    found[at] = found.get(at, 0) | bits << nth % (8 // width) * width
    return {at: value for at, value in found.items() if value}
