"""From nodes to layers: a table of rules, one per op. A node without a rule, or whose rule declines, runs by its op."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Graph, IntArray, IntType, Node, Op, Rounding
from ..ir.ops import (
    Abs,
    Add,
    AvgPool,
    BitOr,
    BitXor,
    Clip,
    Concat,
    Conv,
    Flatten,
    LeakyRelu,
    Linear,
    Lookup,
    MaxPool,
    Relu,
    Requant,
    Reshape,
    Slice,
    Sub,
)
from ..ir.ops.spatial import Window
from .forms import MODES, Parameters, choose
from .layers import ConvLayer, Layer, PartLayer, PlainLayer, wrapped
from .native import PANEL, Form, Kernels, Kind
from .packing import pack
from .tensors import Image, Width, width_of


@dataclass(frozen=True)
class Context:
    """What a rule may look at: the graph, the kernels, and the requantization fused behind the node, if any."""

    graph: Graph
    kernels: Kernels
    then: Node | None = None

    def width(self, name: str) -> Width:
        """How a tensor is stored."""
        return width_of(self.graph, name)

    def image(self, name: str) -> Image:
        """A tensor's geometry."""
        return Image.of(self.graph.types[name])

    def target(self, node: Node) -> str:
        """The tensor that the layer of `node` writes."""
        return node.name if self.then is None else self.then.name


BITWISE: dict[type[Op], int] = {BitOr: 0, BitXor: 1}
"""The bitwise ops as the kernels know them."""

Rule = Callable[[Context, Node], list[Layer] | None]


def lower(context: Context, node: Node) -> list[Layer] | None:
    """The layers that compute `node` (and `context.then`), or None when the kernels cannot."""
    rule = RULES.get(type(node.op))
    if rule is None or Width.FOREIGN in map(context.width, (*_tensors(context.graph, node), context.target(node))):
        return None
    return rule(context, node)


def fuses(graph: Graph, node: Node) -> Node | None:
    """The requantization that can run in the same step as `node`: the only reader of a tensor that nobody else sees."""
    users = graph.users[node.name]
    if type(node.op) not in (Conv, Linear, Add, Sub) or node.name in graph.outputs or len(users) != 1:
        return None
    op = users[0].op
    channels_first = isinstance(op, Requant) and (op.axis == 0 or graph.types[users[0].inputs[1]].shape == (1,))
    return users[0] if channels_first and width_of(graph, users[0].name).narrow else None


def _tensors(graph: Graph, node: Node) -> tuple[str, ...]:
    return tuple(name for name in node.inputs if name not in graph.constants)


def _conv(context: Context, node: Node) -> list[Layer] | None:
    op, weight = node.op, _weight(context, node)
    assert isinstance(op, Conv)
    window = Window.of(weight.shape[2:] if len(context.graph.types[node.inputs[1]].shape) == 4 else weight.shape[3:],
                       op.stride, op.pads, op.dilation)
    return _gemm(context, node, weight, window, op.groups)


def _linear(context: Context, node: Node) -> list[Layer] | None:
    if len(context.graph.types[node.name].shape) != 1:
        return None
    return _gemm(context, node, _weight(context, node), Window(), 1)


def _weight(context: Context, node: Node) -> IntArray:
    """The weight as (O, I/groups, KH, KW)."""
    weight = context.graph.constants[node.inputs[1]].values
    return weight.reshape(*weight.shape[:2], *(1,) * (4 - weight.ndim), *weight.shape[2:])


def _gemm(context: Context, node: Node, weight: IntArray, window: Window, groups: int) -> list[Layer] | None:
    source = node.inputs[0]
    if not context.width(source).narrow or not IntType(8, True).holds(weight):
        return None
    packed = pack(weight, groups, window.dilation[1] > 1, context.kernels.backend.quads)
    bias = context.graph.constant(node, 2)
    init = packed.spread(np.zeros(len(weight), np.int64) if bias is None else bias)
    forms, requant = [Form.ACC] * packed.panels, None
    if context.then is not None:
        forms, requant = _requant(context, node.name, context.then, packed.slots)
    elif context.width(node.name).narrow:
        forms, requant = _identity(context, node.name, packed.slots)
    return [ConvLayer(source, context.target(node), window, packed, weight.sum(axis=1),
                      init + (0 if requant is None else requant.extra), tuple(forms), requant)]


def _requant(context: Context, acc: str, node: Node, slots: IntArray) -> tuple[list[Form], Parameters]:
    """Form per panel and parameters of the requantization `node` of the tensor `acc`."""
    assert isinstance(node.op, Requant)
    return _forms(context, acc, node.op, _operands(context, node), node.name, slots)


def _identity(context: Context, name: str, slots: IntArray) -> tuple[list[Form], Parameters]:
    """The requantization that leaves a tensor as it is."""
    low, high = _limits(context, name)
    one, nothing = np.ones(1, np.int64), np.zeros(1, np.int64)
    op = Requant(IntType.smallest(low, high), low, high, Rounding.FLOOR)
    return _forms(context, name, op, (one, nothing, nothing), name, slots)


def _limits(context: Context, name: str) -> tuple[int, int]:
    reach = context.graph.ranges[name]
    return int(reach.lo.min()), int(reach.hi.max())


def _forms(context: Context, acc: str, op: Requant, operands: tuple[IntArray, ...], target: str, slots: IntArray,
           ) -> tuple[list[Form], Parameters]:
    """Form per panel and parameters of requantizing the tensor `acc` into `target`."""
    width = context.width(target)
    parameters = Parameters.of(op, operands, np.maximum(slots, 0), width.zero)
    if not width.narrow:
        return [Form.WIDE] * (len(slots) // PANEL), parameters
    reach = context.graph.ranges[acc]
    low, high = (_per_channel(bound, slots, uniform(operands)) for bound in (reach.lo, reach.hi))
    return choose(context.kernels, parameters, low.min(axis=0), high.max(axis=0)), parameters


def uniform(operands: tuple[IntArray, ...]) -> bool:
    """Whether a requantization is the same for all channels."""
    return all(len(values) == 1 for values in operands)


def _per_channel(bound: IntArray, slots: IntArray, same: bool) -> IntArray:
    """Bounds (elements of a channel, slots); if the channels are the `same`, the bounds of all of them."""
    channels = bound.reshape(1 if same else bound.shape[0], -1).T
    columns = np.maximum(slots, 0) if channels.shape[1] > 1 else np.zeros_like(slots)
    return np.ascontiguousarray(channels[:, columns])


def _row_slots(context: Context, node: Node) -> IntArray:
    """The channel of each element of a row, for whole panels up to the period; zeros if `node` treats all alike."""
    if not isinstance(node.op, Requant) or uniform(_operands(context, node)):
        return np.zeros(PANEL, np.int64)
    channels = context.image(node.name).channels
    return np.arange(lcm(channels, PANEL)) % channels


def _operands(context: Context, node: Node) -> tuple[IntArray, ...]:
    return tuple(context.graph.constants[name].values for name in node.inputs[1:])


def _map(context: Context, node: Node, sign: int, forms: list[Form], requant: Parameters) -> list[Layer]:
    """A step that works element by element on one or two tensors."""
    panels = np.array([(0, PANEL * i, PANEL, form) for i, form in enumerate(forms)], np.int64)
    fields: dict[str, int | NDArray[Any]] = {"sign": sign, "panel": panels, "panels": len(panels),
                                             "init": wrapped(requant.extra)}
    return [PlainLayer(Kind.MAP, _tensors(context.graph, node), context.target(node), requant=requant, fields=fields)]


def _requantize(context: Context, node: Node) -> list[Layer] | None:
    if isinstance(node.op, Requant) and node.op.axis and context.graph.types[node.inputs[1]].shape != (1,):
        return None
    return _map(context, node, 0, *_requant(context, node.inputs[0], node, _row_slots(context, node)))


def _sum(context: Context, node: Node) -> list[Layer] | None:
    types = context.graph.types
    if len({types[name].shape for name in node.inputs}) > 1:
        return None  # broadcasting
    slots = _row_slots(context, context.then or node)
    forms, requant = (_requant(context, node.name, context.then, slots) if context.then is not None
                      else _identity(context, node.name, slots))
    return _map(context, node, 1 if isinstance(node.op, Add) else -1, forms, requant)


def _pointwise(context: Context, node: Node) -> list[Layer] | None:
    """Relu, LeakyRelu, Clip, Abs, Lookup of a narrow tensor: a table of all its values."""
    width = context.width(node.inputs[0])
    if not width.narrow:
        return _clamp(context, node)
    low, high = _limits(context, node.inputs[0])
    values = (np.arange(256) - width.zero).clip(low, high)
    constants = [context.graph.constants[name].values for name in node.inputs[1:]]
    table = np.ascontiguousarray(node.op.run(values[np.newaxis], *constants)[0].astype(np.int32))
    return [PlainLayer(Kind.TABLE, node.inputs[:1], node.name, fields={"table": table})]


def _clamp(context: Context, node: Node) -> list[Layer] | None:
    """Relu, LeakyRelu and Clip of a wide tensor are requantizations."""
    if (op := _as_requant(node.op, context.graph.types[node.name].elem)) is None:
        return None
    one, nothing = np.ones(1, np.int64), np.zeros(1, np.int64)
    slots = _row_slots(context, node)
    return _map(context, node, 0, *_forms(context, node.inputs[0], op, (one, nothing, nothing), node.name, slots))


def _as_requant(op: Op, elem: IntType) -> Requant | None:
    if isinstance(op, LeakyRelu):
        return Requant(elem, elem.min, elem.max, op.rounding, op.slope_multiplier, op.slope_shift)
    if isinstance(op, Relu):
        return Requant(elem, 0, elem.max)
    return Requant(elem, op.lo, op.hi) if isinstance(op, Clip) else None


def _max_pool(context: Context, node: Node) -> list[Layer] | None:
    op, source = node.op, node.inputs[0]
    assert isinstance(op, MaxPool)
    if not context.width(source).narrow or context.width(source) != context.width(node.name):
        return None
    window = Window.of(op.kernel, op.stride, op.pads, op.dilation)
    return [PlainLayer(Kind.MAXPOOL, (source,), node.name, window)]


def _avg_pool(context: Context, node: Node) -> list[Layer] | None:
    op, size = node.op, context.graph.types[node.inputs[0]].shape[1:]
    assert isinstance(op, AvgPool)
    window = op.window(size)
    fields = {"divisor": op.divides_by(size), "mode": MODES[op.rounding]}
    return [PlainLayer(Kind.AVGPOOL, node.inputs, node.name,
                       Window.of(window.kernel, window.stride, window.pads, window.dilation), fields=fields)]


def _bitwise(context: Context, node: Node) -> list[Layer] | None:
    if len({context.graph.types[name].shape for name in node.inputs}) > 1:
        return None  # broadcasting
    return [PlainLayer(Kind.BITWISE, node.inputs, node.name, fields={"mode": BITWISE[type(node.op)]})]


def _part(context: Context, node: Node) -> list[Layer] | None:
    assert isinstance(node.op, Slice)
    channel, *spatial = node.op.starts
    row, column = (0, 0, *spatial)[-2:]
    return [PartLayer(node.inputs[0], node.name, (channel, row, column))]


def _flatten(context: Context, node: Node) -> list[Layer] | None:
    if len(context.graph.types[node.name].shape) != 1:
        return None
    return [PlainLayer(Kind.FLATTEN, node.inputs, node.name)]


def _concat(context: Context, node: Node) -> list[Layer] | None:
    assert isinstance(node.op, Concat)
    if node.op.axis:
        return None
    first, layers = 0, list[Layer]()
    for name in node.inputs:
        layers.append(PlainLayer(Kind.COPY, (name,), node.name, first_channel=first))
        first += context.image(name).channels
    return layers


RULES: dict[type[Op], Rule] = {
    Abs: _pointwise,
    Add: _sum,
    AvgPool: _avg_pool,
    BitOr: _bitwise,
    BitXor: _bitwise,
    Clip: _pointwise,
    Concat: _concat,
    Conv: _conv,
    Flatten: _flatten,
    LeakyRelu: _pointwise,
    Linear: _linear,
    Lookup: _pointwise,
    MaxPool: _max_pool,
    Relu: _pointwise,
    Requant: _requantize,
    Reshape: _flatten,
    Slice: _part,
    Sub: _sum,
}
"""How the kernels compute an op."""
