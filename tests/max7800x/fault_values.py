"""Which bit of kernel memory, bias memory and input belongs to which weight, bias and pixel; networks with one changed.

Found by lowering networks whose values count: with all bits of all values numbered, each network has one digit of the
numbers. A bit that is never set belongs to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from bittrue.ir import IntArray
from bittrue.targets.max7800x.device import KERNEL_BYTES
from bittrue.targets.max7800x.lower import input_blocks, kernel_blocks
from bittrue.targets.max7800x.network import Network, Weights
from bittrue.targets.max7800x.plan import Max7800xPlan
from bittrue.targets.max7800x.project import QuickExecutor, layer_values

Place = tuple[int, int, int]
"""(processor, column, byte in the order of counting), (group, byte, 0), or (block, word, byte)."""
Image = dict[Place, int]


@dataclass(frozen=True)
class Change:
    """One bit of a weight ("weights"), a bias ("biases") or the input ("input")."""

    kind: str
    layer: int
    number: int
    bit: int


@dataclass(frozen=True, eq=False)
class Values:
    """The values of a plan and a sample."""

    plan: Max7800xPlan
    sample: IntArray

    @cached_property
    def kernels(self) -> Mapping[tuple[Place, int], Change]:
        """Bit of kernel memory -> bit of a weight."""
        arrays = [None if layer.weights is None else (layer.weights.values.shape, layer.weights.bits)
                  for layer in self.plan.network.layers]
        return _found("weights", arrays, lambda values: _kernel_image(self._with("values", values)))

    @cached_property
    def biases(self) -> Mapping[tuple[Place, int], Change]:
        """Bit of bias memory -> bit of a bias. Equal biases share a place, so every value gets one of its own."""
        owners = [(index, number) for index, layer in enumerate(self.plan.network.layers)
                  if layer.weights is not None and layer.weights.bias is not None
                  for number in range(layer.weights.bias.size)]
        values = [np.array([owners.index(owner) + 1 for owner in owners if owner[0] == index], np.int64)
                  for index in range(len(self.plan.network.layers))]
        images = self._with("bias", values).maps.biases.images
        return {((group, place, 0), bit): Change("biases", *owners[owner - 1], bit)
                for group, image in enumerate(images) for place, owner in enumerate(image) if owner
                for bit in range(8)}

    @cached_property
    def inputs(self) -> Mapping[tuple[Place, int], Change]:
        """Bit of the input's words -> bit of a pixel."""
        return _found("input", [(self.sample.shape, 8)], lambda values: _input_image(self.plan, values[0]))

    def _with(self, name: str, values: list[IntArray]) -> Max7800xPlan:
        """The plan with other values in all layers."""
        layers = []
        for layer, array in zip(self.plan.network.layers, values, strict=True):
            if array.size and layer.weights is not None:
                changes: dict[str, Any] = {name: array}
                layer = replace(layer, weights=replace(layer.weights, **changes))
            layers.append(layer)
        network = replace(self.plan.network, layers=tuple(layers))
        return Max7800xPlan.of(self.plan.device, network, self.plan.placement, self.plan.options)

    def changed(self, changes: Iterable[Change]) -> tuple[Network, IntArray]:
        """The network and the sample with these bits wrong."""
        network, sample = self.plan.network, self.sample
        for change in changes:
            if change.kind == "input":
                sample = _flipped(sample, change, 8)
            else:
                network = _with_change(network, change)
        return network, sample

    def computed(self, changes: Iterable[Change], edits: Iterable[Callable[[Network], Network]] = ()) -> list[IntArray]:
        """What the oracle computes in all layers with these bits wrong and these edits made."""
        network, sample = self.changed(changes)
        for edit in edits:
            network = edit(network)
        plan = replace(self.plan, network=network)
        return [values[0] for values in layer_values(plan, [sample[None]], QuickExecutor).layers]


def _flipped(values: IntArray, change: Change, width: int) -> IntArray:
    flat = values.reshape(-1).copy()
    raw = (int(flat[change.number]) ^ 1 << change.bit) & (1 << width) - 1
    flat[change.number] = raw - (1 << width) if raw >> width - 1 else raw
    return flat.reshape(values.shape)


def _with_change(network: Network, change: Change) -> Network:
    layers = list(network.layers)
    weights = layers[change.layer].weights
    assert weights is not None
    changed: Weights
    if change.kind == "weights":
        changed = replace(weights, values=_flipped(weights.values, change, weights.bits))
    else:
        assert weights.bias is not None
        changed = replace(weights, bias=_flipped(weights.bias, change, 8))
    layers[change.layer] = replace(layers[change.layer], weights=changed)
    return replace(network, layers=tuple(layers))


Array = tuple[tuple[int, ...], int] | None
"""Shape and bits of a value."""


def _found(kind: str, arrays: list[Array], image: Callable[[list[IntArray]], Image]) -> dict[tuple[Place, int], Change]:
    """By probing with zeros, with ones in all bits, and with the digits of every bit's number."""
    total = sum(prod(array[0]) * array[1] for array in arrays if array is not None)
    ones, *digits = (image(_probe(arrays, digit)) for digit in (None, *range(total.bit_length())))
    found = {}
    for place, byte in ones.items():
        for bit in (bit for bit in range(8) if byte >> bit & 1):
            number = sum((image_.get(place, 0) >> bit & 1) << digit for digit, image_ in enumerate(digits))
            found[place, bit] = _change(kind, arrays, number)
    return found


def _change(kind: str, arrays: list[Array], number: int) -> Change:
    """The bit with a number among all bits."""
    for layer, array in enumerate(arrays):
        size = 0 if array is None else prod(array[0]) * array[1]
        if array is not None and number < size:
            return Change(kind, layer, *divmod(number, array[1]))
        number -= size
    raise AssertionError(f"{kind}: there is no bit {number}")


def _probe(arrays: list[Array], digit: int | None) -> list[IntArray]:
    """Values whose bits say whether their number among all bits has a digit; without a digit all are set."""
    found, first = [], 0
    for array in arrays:
        shape, width = array or ((0,), 1)
        numbers = first + np.arange(prod(shape) * width).reshape(-1, width)
        bits = np.ones_like(numbers) if digit is None else numbers >> digit & 1
        weights = np.array([-(1 << bit) if bit == width - 1 else 1 << bit for bit in range(width)])
        found.append(np.asarray((bits * weights).sum(axis=1).reshape(shape), np.int64))
        first += numbers.size
    return found


def _kernel_image(plan: Max7800xPlan) -> Image:
    return {(block.processor, block.column + column, KERNEL_BYTES - 1 - index): byte
            for block in kernel_blocks(plan) for column, row in enumerate(block.data.tolist())
            for index, byte in enumerate(row)}


def _input_image(plan: Max7800xPlan, sample: IntArray) -> Image:
    return {(number, index, lane): int(word) >> 8 * lane & 0xFF
            for number, block in enumerate(input_blocks(plan, sample))
            for index, word in enumerate(block.words.tolist()) for lane in range(4)}
