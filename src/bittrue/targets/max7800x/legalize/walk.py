"""The walk over a graph: nodes in topological order become values, and values become layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ....errors import Diagnostics
from ....ir import Graph, Node, Op
from ....ir.types import IntType
from ..device import Device
from ..network import Layer, Operator, Weights
from .fuse import fusible
from .kernel import identity
from .names import free_name
from .value import Value

Q7 = IntType(8, True)
PRESET = "train with a max7800x preset, whose activations are signed 8-bit integers"


class Refused(Exception):
    """A node that no layer can compute; the walk notes why and goes on."""

    def __init__(self, code: str, why: str, fix: str) -> None:
        self.code, self.why, self.fix = code, why, fix
        super().__init__(why)


@dataclass
class Walk:
    """Layers so far, and the value of every tensor that a later node may read."""

    graph: Graph
    device: Device
    layers: list[Layer] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """Nodes that are part of the layer of another node; nobody else reads them."""
    lost: set[str] = field(default_factory=set)
    """Nodes without a value, because they or what they read was refused."""
    found: Diagnostics = field(default_factory=Diagnostics)
    round_average: bool | None = None

    def run(self, handlers: Mapping[type[Op], Callable[[Walk, Node], None]]) -> None:
        """Walk over all nodes; problems are collected in `found`."""
        for node in self.graph:
            if node.name in self.taken or node.name in self.values:
                continue
            if any(name in self.lost for name in node.inputs):
                self.lost.add(node.name)
                continue
            try:
                self._handler(handlers, node)(self, node)
            except Refused as refused:
                self.found.add(refused.code, f"node {node.name} ({node.op.kind})", refused.why, refused.fix)
                self.lost.add(node.name)

    def _handler(self, handlers: Mapping[type[Op], Callable[[Walk, Node], None]], node: Node) \
            -> Callable[[Walk, Node], None]:
        if type(node.op) not in handlers:
            raise Refused("BT5370", f"the accelerator has no {node.op.kind}",
                          f"use {', '.join(sorted(op.kind for op in handlers))}, or compute it on the host")
        return handlers[type(node.op)]

    def data(self, name: str) -> Value:
        """A tensor as 8-bit data that a layer can read. Raises `Refused` (BT5371).

        An element-wise operation that several nodes read is computed once, in a layer of its own.
        """
        value = self.part(name)
        shared = value.eltwise is not None and len(self.graph.users[name]) > 1
        return self.stored(name) if shared or value.cut is not None else value

    def part(self, name: str) -> Value:
        """As `data`; but parts of the input's channels, which only some layers can read, stay what they are."""
        reach = self.graph.ranges[name]
        if not reach.within(Q7):
            raise Refused("BT5371", f"it reads {name}, {self.graph.types[name]}, with values {int(reach.lo.min())}.."
                          f"{int(reach.hi.max())}; data are signed 8-bit integers", PRESET)
        return replace(self.values[name], saturated=True, name=name)

    def stored(self, name: str) -> Value:
        """A tensor as the output of one layer, made now if there is none; all its readers share that layer."""
        value = self.part(name)
        if not value.stored:
            self.values[name] = value = self.copy(value)
        return value

    def append(self, layer: Layer, shape: tuple[int, ...]) -> Value:
        """Add a layer; returns its output as a value."""
        self.layers.append(replace(layer, name=free_name(layer.name, {x.name for x in self.layers})))
        return Value(shape, (len(self.layers) - 1,), layer.out_channels, layer.out_dim)

    def copy(self, value: Value) -> Value:
        """A layer that only does what the value says: a passthrough, or an identity convolution where that cannot."""
        layer = reading(value, value.name, Operator.PASSTHROUGH)
        if value.cut is not None or not fusible(value, self.device, None):
            channels = value.in_channels if value.cut is None else self.graph.types[self.graph.inputs[0].name].shape[0]
            first = value.cut or 0
            weights = identity(channels)[first:first + value.in_channels]
            layer = replace(layer, operator=Operator.CONV1D if value.one_dimensional else Operator.CONV2D, shift=7,
                            in_channels=channels,
                            weights=Weights(weights[..., 0] if value.one_dimensional else weights, 2))
        return replace(self.append(layer, value.shape), flat=value.flat)


def reading(value: Value, name: str, operator: Operator) -> Layer:
    """A layer that reads a value, without weights."""
    return Layer(name, operator, value.sources, value.in_channels, value.in_dim, value.spatial_join, pool=value.pool,
                 pool_first=value.pool_first, eltwise=value.eltwise, operands=value.operands)
