"""What the files of a layer are like, without any value: tiles, positions, and the types that hold every value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ....ir import Graph, IntType
from ..layers import ArrayLayer, Pair, array_layers, layer_constants
from ..needs import signed_type
from .kinds import Kind, Place


@dataclass(frozen=True)
class LayerShape:
    """One layer on an array. `types` are by kind of file (and `multiplier`) the narrowest that hold every value which
    the layer can have, by proof from its ranges; a layer without output stage has no `out`."""

    name: str
    folder: str
    channels: Pair
    """Input and output channels."""
    padded: Pair
    kernel: Pair
    out: Pair
    tiles: tuple[Pair, ...]
    """Output-channel and input-channel tile of every pair that a group connects and that was chosen."""
    types: Mapping[str, IntType]

    def steps(self, kind: Kind, cols: int) -> int:
        """Lines of a block."""
        return {"nij": prod(self.padded), "out": prod(self.out), "col": cols}[kind.step]

    def places(self, kind: Kind, images: tuple[int, ...], per_image: bool) -> tuple[Place, ...]:
        """The blocks of a kind; `per_image` repeats those that are the same for every sample."""
        samples = images if per_image or "image" in kind.dims else (None,)
        tiles = sorted({(oc if "oc" in kind.dims else -1, ic if "ic" in kind.dims else -1) for oc, ic in self.tiles})
        kernel = range(prod(self.kernel)) if "kij" in kind.dims else (None,)
        return tuple(Place(image, None if oc < 0 else oc, None if ic < 0 else ic, kij)
                     for image, (oc, ic), kij in product(samples, tiles, kernel))

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {**vars(self), "types": {name: str(elem) for name, elem in self.types.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LayerShape:
        """The inverse of `to_json`. Raises ValueError, TypeError or KeyError for anything else."""
        pairs = {name: _pair(value[name]) for name in ("channels", "padded", "kernel", "out")}
        types = {name: IntType.parse(text) for name, text in value["types"].items()}
        if not re.fullmatch(r"\w+", value["folder"]):
            raise ValueError(f"{value['folder']!r} is no plain name of a folder")
        return cls(str(value["name"]), str(value["folder"]), **pairs, tiles=tuple(map(_pair, value["tiles"])),
                   types=types)


def _pair(value: Any) -> Pair:
    first, second = value
    if not all(type(number) is int and 0 <= number < 1 << 31 for number in (first, second)):
        raise ValueError(f"{value} are not two whole numbers")
    return first, second


def vector_layers(graph: Graph) -> tuple[ArrayLayer, ...]:
    """The layers that have vectors, those with weights of their own, numbered from 0."""
    found = [layer for layer in array_layers(graph) if not layer.is_diagonal]
    return tuple(replace(layer, index=index) for index, layer in enumerate(found))


def layer_shape(graph: Graph, layer: ArrayLayer, rows: int, cols: int) -> LayerShape:
    """The shape of a layer on an array of `rows` by `cols`, with all its tiles."""
    return LayerShape(layer.name, layer.folder.rpartition("/")[2], (layer.in_shape[0], layer.out_shape[0]),
                      layer.padded, layer.window.kernel, layer.out_shape[1:], _tiles(layer, rows, cols),
                      _types(graph, layer, rows))


def _tiles(layer: ArrayLayer, rows: int, cols: int) -> tuple[Pair, ...]:
    """The pairs of output-channel and input-channel tiles that share a group."""
    inputs, outputs = layer.in_shape[0], layer.out_shape[0]
    found = set()
    for group in range(layer.groups):
        first_out, first_in = group * outputs // layer.groups, group * inputs // layer.groups
        last_out, last_in = ((group + 1) * count // layer.groups - 1 for count in (outputs, inputs))
        outer, inner = range(first_out // cols, last_out // cols + 1), range(first_in // rows, last_in // rows + 1)
        found |= set(product(outer, inner))
    return tuple(sorted(found))


def _types(graph: Graph, layer: ArrayLayer, rows: int) -> dict[str, IntType]:
    constants, reach = layer_constants(graph, layer), graph.ranges[layer.source].including(0)
    ends = constants.weights * int(reach.lo.min()), constants.weights * int(reach.hi.max())
    tiles = np.arange(0, layer.in_shape[0], rows)
    low, high = (np.add.reduceat(pick(*ends), tiles, axis=1) for pick in (np.minimum, np.maximum))
    bias, last = constants.bias, layer.n_nij * layer.n_kij - 1
    types = {
        "activation": layer.act, "weight": IntType(layer.weight.bits + (not layer.weight.signed), True),
        "psum": signed_type(low.min(), high.max()),
        "acc_out": signed_type((bias + low.sum(axis=(1, 2))).min(), (bias + high.sum(axis=(1, 2))).max()),
        "acc": IntType(max(1, last.bit_length()), False),
        "multiplier": signed_type(constants.multiplier.min(), constants.multiplier.max()),
    }
    return types if layer.out is None else types | {"out": layer.out}
