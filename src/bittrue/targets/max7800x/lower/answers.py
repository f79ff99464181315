"""What data memory must hold: the known answer of the outputs, and the words of every layer; where outputs lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....ir import IntArray
from ..device import ADDRESSES, Device
from ..memory import Area
from ..memory.data import WORD, output_area
from ..placement import SHARED
from ..plan import Max7800xPlan
from ..program import OutputBlock, OutputTensor
from .words import DataWords, Ring, tensor_words


def known_answer(plan: Max7800xPlan, tensors: Sequence[IntArray]) -> tuple[OutputBlock, ...]:
    """The words of all outputs. `tensors`: the values (C, ...) that every layer of the network gives.

    Sorted by mask and address, neighbours with the same mask together. The mask covers the bytes of channels.
    """
    parts = [tensor_words(layer_area(plan, index), tensors[index], plan.device) for index in plan.network.outputs]
    words, values, masks = (np.concatenate(side) for side in zip(*parts, strict=True))
    order = np.lexsort((words, masks))
    words, values, masks = words[order], values[order], masks[order]
    new = np.flatnonzero((np.diff(words) != 1) | (np.diff(masks) != 0) | (words[1:] % plan.device.data.words == 0)) + 1
    starts = [0, *new.tolist()]
    return tuple(OutputBlock(_address(plan.device, int(words[begin])), int(masks[begin]), values[begin:end])
                 for begin, end in zip(starts, [*starts[1:], len(words)], strict=True))


def _address(device: Device, word: int) -> int:
    instance, inner = divmod(word, device.data.words)
    return ADDRESSES[device.name].data(instance * device.shared, inner * WORD)


def output_tensors(plan: Max7800xPlan) -> tuple[OutputTensor, ...]:
    """Where every output lies, in the network's order of outputs."""
    return tuple(_output_tensor(plan, index) for index in plan.network.outputs)


def _output_tensor(plan: Max7800xPlan, index: int) -> OutputTensor:
    layer, area = plan.network.layers[index], layer_area(plan, index)
    channels = tuple(_channel_address(plan.device, area, channel) for channel in range(area.channels))
    return OutputTensor(layer.name, channels, area.dim, area.pixel_step * WORD, area.wide)


def _channel_address(device: Device, area: Area, channel: int) -> int:
    """Address of a channel's first pixel: of a byte, or of a word of 32 bits."""
    number, processor = area.home(channel)
    word, lane = area.base + number * area.pass_step, processor % SHARED
    return ADDRESSES[device.name].data(processor, word * WORD + lane * (WORD if area.wide else 1))


def layer_area(plan: Max7800xPlan, index: int) -> Area:
    """The words that a layer writes; of one that streams into the next as if its output were kept whole."""
    return output_area(plan.network, index, plan.maps.layers[index], plan.placement.layers[index])


def layer_words(plan: Max7800xPlan, tensors: Sequence[IntArray]) -> tuple[DataWords, ...]:
    """What every layer writes, in the order of writing; `tensors` as `known_answer` takes them.

    The output of a layer that streams into the next one goes through a circular buffer: several of its words are the
    same one, and the last of them remains.
    """
    return tuple(tensor_words(layer_area(plan, index), tensor, plan.device, ring(plan, index))
                 for index, tensor in enumerate(tensors))


def ring(plan: Max7800xPlan, index: int) -> Ring | None:
    """The circular buffer that a layer writes to; None where its output lies whole."""
    if not plan.placement.layers[index].streaming or index + 1 == len(plan.maps.streams):
        return None
    following = plan.maps.streams[index + 1]
    if following is None or following.buffer is None:
        return None
    return Ring(plan.placement.layers[index + 1].in_offset // WORD, following.buffer)
