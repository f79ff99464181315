"""From stated keys to layers: defaults of the operations, references by number or name, the order of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....errors import Diagnostics, declare
from ..network import BUFFER, INPUT, Dim, Eltwise, Operator, Pool
from .consistency import eltwise, operator
from .description import Description, LayerKeys
from .keys import MAX78002
from .values import STOP

declare({
    "BT5208": "a network description refers to a layer that is not there",
    "BT5209": "the layers of a network description run in a circle",
    "BT5210": "a network description asks for what the device does not have",
})


@dataclass(frozen=True)
class _Default:
    """Kernel, padding, stride and output padding of an operation."""

    kernel: Dim
    pad: int = 0
    stride: int = 1
    output_pad: int = 0


DEFAULTS = {
    Operator.CONV1D: _Default((9, 1), pad=1),
    Operator.CONV2D: _Default((3, 3), pad=1),
    Operator.CONVTRANSPOSE2D: _Default((3, 3), pad=1, stride=2, output_pad=1),
    Operator.LINEAR: _Default((1, 1)),
    Operator.PASSTHROUGH: _Default((1, 1)),
}
"""What an operation has when nothing is stated."""


@dataclass(frozen=True)
class Form:
    """A layer with all defaults that follow from its own keys, and its references to others as positions in
    `Description.layers`."""

    keys: LayerKeys
    operator: Operator
    eltwise: Eltwise | None
    operands: int
    pool: Pool
    kernel: Dim
    stride: Dim
    pad: Dim
    output_pad: Dim
    dilation: Dim
    sources: tuple[int, ...] | None
    """None for the layer that ran before, or when `in_sequences` makes no sense."""
    successor: int | None
    """None for the end."""
    simulated: int | None
    weight_source: int | None

    @property
    def weighted(self) -> bool:
        """Whether the layer takes the next weights of the checkpoint."""
        return self.operator is not Operator.PASSTHROUGH and not self.keys.bypass and self.keys.weight_source is None


def forms(description: Description, device: str, found: Diagnostics) -> tuple[Form, ...]:
    """All layers in the order of their numbers; adds unknown references (BT5208) and what the device lacks (BT5210)."""
    names = _Names(description, found)
    for place, keys in enumerate(description.layers):
        _check_device(keys, device, place, names, found)
    if description.snoop is not None and device.upper() != MAX78002:
        found.add("BT5210", description.where("snoop"), f"{device} has no snoop registers", "remove snoop")
    return tuple(_form(keys, place, names) for place, keys in enumerate(description.layers))


def walk(layers: Sequence[Form], start: int, simulated: bool, found: Diagnostics) -> tuple[int, ...]:
    """Positions of the layers in the order in which they run; with `simulated`, on the path of the expected result.

    Adds a diagnostic (BT5209) when the order has no end.
    """
    order: list[int] = []
    place: int | None = start
    while place is not None:
        if place in order:
            keys = layers[order[-1]].keys
            found.add("BT5209", keys.where("next_sequence", "simulated_sequence"), f"the next layer is "
                      f"{layers[place].keys.number}, which ran already", "let the last layer state next_sequence: stop")
            break
        order.append(place)
        place = layers[place].simulated if simulated else layers[place].successor
    return tuple(order)


def _form(keys: LayerKeys, place: int, names: _Names) -> Form:
    kind = operator(keys)
    default = DEFAULTS[kind]
    flat = kind is Operator.CONV1D
    successor = names.next(keys, "next_sequence", place + 1 if place + 1 < len(names.layers) else None)
    weights = names.layer(keys, "weight_source") if kind is not Operator.PASSTHROUGH else None
    return Form(
        keys=keys, operator=kind, eltwise=eltwise(keys), operands=(keys.operands or 2) if eltwise(keys) else 1,
        pool=_pool(keys, flat), kernel=_kernel(keys, default.kernel), stride=_flat(keys.stride, default.stride, flat),
        pad=_flat(keys.pad, default.pad, flat, 0), output_pad=_flat(keys.output_pad, default.output_pad, flat, 0),
        dilation=_flat(keys.dilation, 1, flat), sources=names.sources(keys), successor=successor,
        simulated=names.next(keys, "simulated_sequence", successor), weight_source=weights)


def _pool(keys: LayerKeys, flat: bool) -> Pool:
    return Pool(average=keys.max_pool is None and keys.avg_pool is not None,
                window=_flat(keys.max_pool or keys.avg_pool, 1, flat), stride=_flat(keys.pool_stride, 1, flat),
                dilation=_flat(keys.pool_dilation, 1, flat))


def _kernel(keys: LayerKeys, default: Dim) -> Dim:
    size = keys.kernel_size
    if size is None or operator(keys) in (Operator.LINEAR, Operator.PASSTHROUGH):
        return default
    return size[0], size[1] if len(size) > 1 else 1


def _flat(value: Dim | int | None, default: int, flat: bool, neutral: int = 1) -> Dim:
    """Both dimensions of a value or its default; 1-D data have a neutral second one."""
    rows, cols = value if isinstance(value, tuple) else (default if value is None else value,) * 2
    return rows, neutral if flat else cols


class _Names:
    """Finds layers by number or name."""

    def __init__(self, description: Description, found: Diagnostics) -> None:
        self.layers, self.found = description.layers, found
        self.places: dict[int | str, int] = {}
        for place, keys in enumerate(description.layers):
            self.places.setdefault(keys.number, place)
            if keys.name:
                self.places.setdefault(keys.name.lower(), place)
        buffer = description.buffer
        if buffer is not None and buffer.name is not None:
            self.places[buffer.name.lower()] = BUFFER

    def sources(self, keys: LayerKeys) -> tuple[int, ...] | None:
        """Positions of `in_sequences`."""
        if keys.in_sequences is None:
            return None
        places = [INPUT if item == STOP else self._find(keys, "in_sequences", item) for item in keys.in_sequences]
        return tuple(place for place in places if place is not None) if None not in places else None

    def next(self, keys: LayerKeys, key: str, default: int | None) -> int | None:
        """Position of the layer that runs next; None for the end."""
        target = getattr(keys, key)
        if target == STOP:
            return None
        place = self.layer(keys, key)
        return default if place is None else place

    def layer(self, keys: LayerKeys, key: str) -> int | None:
        """Position of the layer that a key names."""
        target = getattr(keys, key)
        place = None if target is None else self._find(keys, key, target)
        if place == BUFFER:
            self._unknown(keys, key, f"{target} is a data buffer, not a layer")
        return None if place == BUFFER else place

    def _find(self, keys: LayerKeys, key: str, target: int | str) -> int | None:
        place = self.places.get(target)
        if place is None:
            self._unknown(keys, key, f"{key} names {target}, and there is no such layer")
        return place

    def _unknown(self, keys: LayerKeys, key: str, why: str) -> None:
        names = ", ".join(layer.name for layer in self.layers if layer.name) or "none has a name"
        self.found.add("BT5208", keys.where(key), why, f"use a number from {self.layers[0].number} to "
                       f"{self.layers[-1].number}, or a name: {names}")


def _check_device(keys: LayerKeys, device: str, place: int, names: _Names, found: Diagnostics) -> None:
    """What decides the order of layers is looked at here, since a network and its placement no longer show it."""
    if device.upper() == MAX78002:
        return
    for key in ("snoop_sequence", "simulated_sequence"):
        if keys.states(key):
            found.add("BT5210", keys.where(key), f"{device} has no {key}", f"remove {key}")
    following = names.places.get(keys.next_sequence) if isinstance(keys.next_sequence, (int, str)) else place + 1
    last = place + 1 == len(names.layers)
    if keys.next_sequence is not None and following not in (place + 1, None) and not last:
        found.add("BT5210", keys.where("next_sequence"), f"{device} runs layers in the order of their numbers",
                  "remove next_sequence, or use MAX78002")
