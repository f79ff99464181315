"""A plan on disk: the layers of a network (without weights, which are the model's) and where they run, as JSON.

The text is derived from the dataclasses themselves, field by field, and read back by their types.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from ...errors import BadInput, declare, fail
from ...ir import Graph, IntArray
from ...ir.ops import ConvTranspose
from .device import Device
from .network import BIAS_SHIFT, Layer, Network, Weights
from .placement import PROCESSORS, Placement
from .to_graph import to_graph
from .transposed import transposed

declare({
    "BT5398": "a plan is for another model",
    "BT5399": "a plan file is damaged",
})

VERSION = 1
LARGEST, SMALLEST = 1 << 31, -(1 << 15)
POSITIVE = ("window", "stride", "dilation", "kernel", "operands", "groups", "in_channels", "in_dim", "channels", "dim")
MAPS = ("processors", "output_processors")
NOTHING: IntArray = np.zeros(0, np.int64)
"""In place of weights, before the graph's are put in."""


def plan_json(network: Network, placement: Placement, device: Device) -> dict[str, Any]:
    """The plan as a plain dictionary; weights appear by their bits only."""
    return {"version": VERSION, "target": device.name, "network": _encoded(network), "placement": _encoded(placement)}


def read_plan(path: str, graph: Graph, device: Device) -> tuple[Network, Placement]:
    """The network and placement of a plan file, with the weights of the graph that it is for.

    Raises `BadInput`: BT5399 for a file that is no plan, BT5398 for one that is for another model or target.
    """
    content = _content(path)
    try:
        if content["version"] != VERSION or content["target"] != device.name:
            fail(BadInput, "BT5398", path, f"it is a plan (version {content['version']}) for {content['target']}",
                 f"give one for {device.name} that this bittrue wrote")
        bare = _decoded(Network, content["network"])
        placement = _decoded(Placement, content["placement"])
    except (KeyError, TypeError, ValueError) as error:
        fail(BadInput, "BT5399", path, f"{type(error).__name__}: {error}", "write it again: bittrue max7800x place")
    network = _imported(bare, graph) or _legalized(content["network"], graph, device)
    if network is None or len(placement.layers) != len(network.layers):
        fail(BadInput, "BT5398", path, f"its {len(bare.layers)} layers do not compute {graph.name}",
             "give the plan that was written for this model")
    return network, placement


def _content(path: str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        fail(BadInput, "BT5399", path, str(error), "give the plan.json of `bittrue max7800x place` or an import")
    if not isinstance(content, dict):
        fail(BadInput, "BT5399", path, "it is no JSON object", "give the plan.json of `bittrue max7800x place`")
    return content


def _legalized(described: Any, graph: Graph, device: Device) -> Network | None:
    """The network that legalization gives, if it is the described one."""
    from .legalize import legalize  # an import's plan needs it not

    network = legalize(graph, device).network
    return network if json.loads(json.dumps(_encoded(network))) == described else None


def _imported(bare: Network, graph: Graph) -> Network | None:
    """The network with the constants that `to_graph` named after its layers, if it gives this very graph."""
    layers = []
    for layer in bare.layers:
        if layer.weights is not None:
            values = graph.constants.get(f"{layer.name}.weight")
            if values is None:
                return None
            bias = graph.constants.get(f"{layer.name}.bias")
            weights = replace(layer.weights, values=_layout(graph, layer, values.values),
                              bias=None if bias is None else bias.values >> BIAS_SHIFT)
            layer = replace(layer, weights=weights)
        layers.append(layer)
    network = replace(bare, layers=tuple(layers))
    try:
        made = to_graph(network).graph
    except (BadInput, ValueError, IndexError):
        return None
    return network if made.nodes == graph.nodes and dict(made.constants) == dict(graph.constants) else None


def _layout(graph: Graph, layer: Layer, values: IntArray) -> IntArray:
    """Weights of the graph as those of the layer."""
    user = graph.users[f"{layer.name}.weight"][0].op
    return transposed(values, user.groups) if isinstance(user, ConvTranspose) else values


def _encoded(value: Any) -> Any:
    if isinstance(value, Weights):
        return {"bits": value.bits, "binary": value.binary, "bias": value.bias is not None}
    if is_dataclass(value):
        return {f.name: _encoded(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_encoded(entry) for entry in value]
    return value.value if isinstance(value, Enum) else value


def _decoded(kind: Any, value: Any) -> Any:
    """Inverse of `_encoded`. Raises KeyError, TypeError or ValueError for what has another form."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Weights:
        return Weights(NOTHING, _decoded(int, value["bits"]), _decoded(bool, value["binary"]))
    if origin in (Union, types.UnionType):
        return None if value is None else _decoded(next(a for a in arguments if a is not type(None)), value)
    if origin is tuple:
        parts = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if not isinstance(value, list) or len(parts) != len(value):
            raise ValueError(f"{value!r} is no list of {len(parts)}")
        return tuple(_decoded(part, entry) for part, entry in zip(parts, value, strict=True))
    return _plain(kind, value)


def _within(name: str, value: Any) -> Any:
    """A field's value, if its numbers have a size that makes sense there. Raises ValueError."""
    least, limit = (0, 1 << PROCESSORS) if name in MAPS else (1 if name in POSITIVE else SMALLEST, LARGEST)
    for number in value if isinstance(value, tuple) else (value,):
        if type(number) is int and not least <= number < limit:
            raise ValueError(f"{name} is {number}")
    return value


def _plain(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        hints: Mapping[str, Any] = get_type_hints(kind)
        if not isinstance(value, dict) or set(value) != {f.name for f in fields(kind)}:
            raise ValueError(f"{kind.__name__} has other fields")
        return kind(**{name: _within(name, _decoded(hints[name], entry)) for name, entry in value.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if type(value) is not kind:
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value
