"""From hardware layers to the integer graph: what the accelerator computes, in `ir` ops that every executor runs.

The values are those of the silicon: sums at full resolution, `floor(sum * 2**(shift - 7) + 1/2)`, saturation to 8 bits,
average pooling towards zero (or rounded half away from zero), saturating element-wise sums.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np

from ...errors import Unsupported, declare, fail
from ...ir import Graph, GraphBuilder
from ...ir.graph import Scale
from ...ir.op import Op
from ...ir.ops import (
    Abs,
    Add,
    AvgPool,
    BitOr,
    BitXor,
    Concat,
    Conv,
    ConvTranspose,
    Flatten,
    Linear,
    MaxPool,
    Pad,
    Requant,
    Reshape,
    Slice,
    Sub,
)
from ...ir.rounding import Rounding
from ...ir.types import I32, IntType, Shape
from .network import (
    BIAS_SHIFT,
    BUFFER,
    FRACTION,
    INPUT,
    Activation,
    Eltwise,
    Layer,
    Network,
    Operator,
    RollingBuffer,
)
from .transposed import transposed

declare({
    "BT5200": "the data buffer is used in a way that has no graph",
})

Q7 = IntType(8, True)
DATA_SCALE = Scale((2.0 ** -FRACTION,))
WIDE_SCALE = Scale((2.0 ** (-2 * FRACTION),))
CLAMP = {Activation.NONE: (Q7.min, Q7.max), Activation.RELU: (0, Q7.max), Activation.ABS: (Q7.min, Q7.max)}


@dataclass(frozen=True)
class DeviceGraph:
    """The graph of a network, and the node that holds the output of each of its layers (of a plain copy: its source).
    """

    graph: Graph
    tensors: tuple[str, ...]


def to_graph(network: Network) -> DeviceGraph:
    """The integer graph that computes what the accelerator computes, one node named like each layer.

    A rolling buffer is a second input; what it holds after the inference is the last output. Raises `Unsupported`
    (BT5200) for a buffer that is used in another way, `BadInput` for layers whose sizes do not fit together.
    """
    builder = _Builder(GraphBuilder(network.name), network.round_average, {layer.name for layer in network.layers})
    source = builder.input("input", (network.in_channels, *_sample(network.in_dim, network.one_dimensional)))
    buffer = None if network.buffer is None else builder.input(network.buffer.name, _buffer_shape(network.buffer))
    tensors: list[str] = []
    for layer in network.layers:
        kept = {INPUT: source, BUFFER: buffer}
        names = [kept[s] if s < 0 else tensors[s] for s in layer.sources]
        tensors.append(builder.layer(layer, [name for name in names if name is not None]))
        buffer = builder.rolled(layer, buffer, tensors[-1])
    outputs = [tensors[i] for i in network.outputs] + ([] if buffer is None else [buffer])
    return DeviceGraph(builder.graph.build(*outputs), tuple(tensors))


def _buffer_shape(buffer: RollingBuffer) -> Shape:
    """(channels, rows): every row is what one inference appended."""
    if buffer.dim[1] != 1:
        fail(Unsupported, "BT5200", f"data buffer {buffer.name}", f"its rows are {buffer.dim[1]} wide",
             "use a buffer of single pixels")
    return buffer.channels, buffer.dim[0]


def _sample(dim: tuple[int, int], one_dimensional: bool) -> Shape:
    return dim[:1] if one_dimensional else dim


@dataclass
class _Builder:
    """Adds a layer's nodes. Nodes before the last one are named `<layer>.<step>`."""

    graph: GraphBuilder
    round_average: bool
    taken: set[str]
    shapes: dict[str, Shape] = field(default_factory=dict)
    pending: list[tuple[str, Op, tuple[str, ...], Shape]] = field(default_factory=list)

    def input(self, name: str, shape: Shape) -> str:
        """Add an input of 8-bit data."""
        self.shapes[name] = shape
        return self.graph.input(name, shape, Q7, DATA_SCALE)

    def rolled(self, layer: Layer, buffer: str | None, output: str) -> str | None:
        """The data buffer behind a layer: it ends with zeros for rows that went, or with the row that came."""
        if buffer is None or not layer.buffer_insert:
            return output if layer.buffer_shift else buffer
        channels, rows = self.shapes[buffer]
        if prod(self.shapes[output]) != channels or layer.buffer_insert != 1:
            fail(Unsupported, "BT5200", f"layer {layer.name}", f"it inserts {layer.buffer_insert} rows",
                 "insert one row with the buffer's channels")
        self.pending = []
        kept = self._slice(layer, buffer, [(0, channels), (0, rows - 1)])
        row = self._reshape(layer, output, (channels, 1))
        inserted = self._add(layer, "inserted", Concat(1), (channels, rows), kept, row)
        self._flush(layer, "")
        return inserted

    def _shifted(self, layer: Layer, buffer: str) -> str:
        """The buffer without its first rows, and with zeros behind."""
        channels, rows = self.shapes[buffer]
        kept = self._slice(layer, buffer, [(0, channels), (layer.buffer_shift, rows)])
        return self._add(layer, "shifted", Pad((0, 0, 0, layer.buffer_shift)), (channels, rows), kept)

    def layer(self, layer: Layer, sources: list[str]) -> str:
        """Add a layer; returns the node that holds its output."""
        self.pending = []
        if layer.buffer_shift:
            return self._flush(layer, self._shifted(layer, sources[0]))
        operands = self._operands(layer, sources)
        if layer.eltwise is not None and not layer.pool_first:
            operands = [self._eltwise(layer, operands)]
        operands = [self._pool(layer, self._as_image(layer, operand)) for operand in operands]
        value = self._eltwise(layer, operands) if len(operands) > 1 else operands[0]
        if layer.convolves:
            value = self._output(layer, self._sums(layer, value))
        return self._flush(layer, value)

    def _add(self, layer: Layer, step: str, op: Op, shape: Shape, *inputs: str) -> str:
        """Remember a node; its name is final unless it turns out to be the layer's last."""
        numbers = range(len(self.taken) + 1)
        name = next(n for n in (f"{layer.name}.{step}{i or ''}" for i in numbers) if n not in self.taken)
        self.taken.add(name)
        self.pending.append((name, op, inputs, shape))
        self.shapes[name] = shape
        return name

    def _flush(self, layer: Layer, value: str) -> str:
        """Add the remembered nodes; the last one gets the layer's name. A layer without nodes is its source."""
        if not self.pending:
            return value
        for name, op, inputs, shape in self.pending:
            final = layer.name if name == value else name
            self.graph.add(final, op, *inputs, scale=WIDE_SCALE if layer.output_width != 8 and name == value
                           else DATA_SCALE if _is_data(op) else None)
            self.shapes[final] = shape
        return layer.name

    def _operands(self, layer: Layer, sources: list[str]) -> list[str]:
        """The operands: the sources themselves, or equal parts of the joined channels."""
        if len(sources) == layer.operands and all(self.shapes[s][0] == layer.in_channels for s in sources):
            return sources
        joined = self._join(layer, sources)
        shape, part = self.shapes[joined], layer.in_channels
        if layer.operands == 1 and shape[0] == part:
            return [joined]
        begins = (layer.channel_skip + i * part for i in range(layer.operands))
        return [self._slice(layer, joined, [(begin, begin + part), *((0, s) for s in shape[1:])]) for begin in begins]

    def _join(self, layer: Layer, sources: list[str]) -> str:
        if len(sources) == 1:
            return sources[0]
        if not layer.spatial_join:
            rank = max(len(self.shapes[s]) for s in sources)
            parts = [self._reshape(layer, s, _rank(self.shapes[s], rank)) for s in sources]
            first = self.shapes[parts[0]]
            return self._add(layer, "concat", Concat(0), (sum(self.shapes[p][0] for p in parts), *first[1:]), *parts)
        channels = self.shapes[sources[0]][0]
        flat = [self._reshape(layer, s, (channels, prod(self.shapes[s][1:]))) for s in sources]
        length = sum(self.shapes[f][1] for f in flat)
        return self._add(layer, "concat", Concat(1), (channels, length), *flat)

    def _as_image(self, layer: Layer, name: str) -> str:
        """The data as (channels, rows, columns) of `in_dim`, or (channels, length); cropped, reshaped."""
        shape = self.shapes[name]
        if any(layer.crop):
            rows = shape[1]
            name = self._slice(layer, name, [(0, shape[0]), (layer.crop[0], rows - layer.crop[1]),
                                             *((0, s) for s in shape[2:])])
        channels = layer.in_channels
        shape = self.shapes[name]
        if shape == (channels, *layer.in_dim)[:len(shape)] and (not layer.convolves or _reads_vector(layer, shape)):
            return name
        return self._reshape(layer, name, (channels, *_sample(layer.in_dim, layer.one_dimensional)))

    def _slice(self, layer: Layer, name: str, spans: list[tuple[int, int]]) -> str:
        starts, ends = (tuple(side) for side in zip(*spans, strict=True))
        return self._add(layer, "slice", Slice(starts, ends), tuple(e - s for s, e in spans), name)

    def _reshape(self, layer: Layer, name: str, shape: Shape) -> str:
        return name if self.shapes[name] == shape else self._add(layer, "reshape", Reshape(shape), shape, name)

    def _pool(self, layer: Layer, name: str) -> str:
        pool, shape = layer.pool, self.shapes[name]
        rank = len(shape) - 1
        if not pool.active and pool.stride[:rank] == (1, 1)[:rank]:
            return name
        shape = (shape[0], *layer.pooled_dim[:rank])
        window = pool.window[:rank], pool.stride[:rank], (0, 0) * rank
        if pool.average and pool.active:
            rounding = Rounding.HALF_AWAY if self.round_average and rank == 2 else Rounding.TOWARD_ZERO
            op: Op = AvgPool(Q7, *window, 0, rounding, pool.dilation[:rank])
        else:
            op = MaxPool(*window, pool.dilation[:rank])
        return self._add(layer, "pool", op, shape, name)

    def _eltwise(self, layer: Layer, operands: list[str]) -> str:
        """All operands combined, saturated to 8 bits; the sums themselves where the layer gives 32 bits."""
        shape = self.shapes[operands[0]]
        wide = not layer.convolves and layer.output_width != 8
        total = I32 if wide else IntType(Q7.bits + (layer.operands - 1).bit_length(), True)
        ops: dict[Eltwise, Op] = {Eltwise.ADD: Add(total), Eltwise.SUB: Sub(total),
                                  Eltwise.OR: BitOr(), Eltwise.XOR: BitXor()}
        assert layer.eltwise is not None
        value = operands[0]
        for operand in operands[1:]:
            value = self._add(layer, layer.eltwise.value.lower(), ops[layer.eltwise], shape, value, operand)
        if wide or layer.eltwise in (Eltwise.OR, Eltwise.XOR):
            return value
        return self._requant(layer, "saturated", value, 0, CLAMP[Activation.NONE])

    def _sums(self, layer: Layer, name: str) -> str:
        """The sums of products at full resolution, with bias."""
        if layer.flatten or (layer.operator is Operator.LINEAR and prod(self.shapes[name][1:]) == 1):
            name = self._vector(layer, name)
        constants = self._constants(layer, len(self.shapes[name]))
        op = _product(layer, len(self.shapes[name]) - 1)
        shape = (layer.out_channels, *layer.out_dim[:len(self.shapes[name]) - 1])
        return self._add(layer, "acc", op, shape, name, *constants)

    def _vector(self, layer: Layer, name: str) -> str:
        if len(self.shapes[name]) == 1:
            return name
        return self._add(layer, "flatten", Flatten(), (prod(self.shapes[name]),), name)

    def _constants(self, layer: Layer, rank: int) -> tuple[str, ...]:
        weights = layer.weights
        if weights is None:
            shape = (layer.out_channels, layer.inputs // layer.groups, *layer.kernel)[:rank + 1]
            return (self.graph.constant(f"{layer.name}.weight", np.ones(shape), IntType(2, True)),)
        values = weights.values.reshape(*weights.values.shape[:2], *layer.kernel[:rank - 1])
        if layer.operator is Operator.CONVTRANSPOSE2D:
            values = transposed(values, layer.groups)
        elem = IntType(2 if weights.binary else weights.bits, True)
        names = [self.graph.constant(f"{layer.name}.weight", values, elem)]
        if weights.bias is not None:
            names.append(self.graph.constant(f"{layer.name}.bias", weights.bias << BIAS_SHIFT, IntType(16, True)))
        return tuple(names)

    def _output(self, layer: Layer, sums: str) -> str:
        """Shift, rounding, saturation and activation; the sums themselves where the layer gives 32 bits."""
        if layer.output_width != 8:
            return sums
        value = self._requant(layer, "shifted", sums, FRACTION - layer.shift, CLAMP[layer.activation])
        if layer.activation is not Activation.ABS:
            return value
        positive = self._add(layer, "abs", Abs(), self.shapes[value], value)
        return self._requant(layer, "limited", positive, 0, (0, Q7.max))

    def _requant(self, layer: Layer, step: str, name: str, right: int, clamp: tuple[int, int]) -> str:
        """floor(x / 2**right + 1/2), limited; a negative `right` multiplies."""
        constants = [self.graph.constant(f"{layer.name}.{step}.{part}", [value], IntType.smallest(0, value))
                     for part, value in (("multiplier", 1 << max(-right, 0)), ("offset", 0), ("shift", max(right, 0)))]
        op = Requant(Q7, *clamp, Rounding.HALF_UP)
        return self._add(layer, step, op, self.shapes[name], name, *constants)


def _reads_vector(layer: Layer, shape: Shape) -> bool:
    return layer.operator is Operator.LINEAR and len(shape) == 1


def _is_data(op: Op) -> bool:
    return isinstance(op, (Requant, Pad, MaxPool, AvgPool, BitOr, BitXor, Concat, Slice, Reshape, Flatten))


def _rank(shape: Shape, rank: int) -> Shape:
    return shape + (1,) * (rank - len(shape))


def _product(layer: Layer, rank: int) -> Op:
    """The op of a layer's sums, for data of `rank` spatial axes."""
    if rank == 0:
        return Linear()
    stride, dilation, pad = layer.stride[:rank], layer.dilation[:rank], layer.pad[:rank]
    if layer.operator is Operator.CONVTRANSPOSE2D:
        return ConvTranspose(stride, (*pad, *pad), layer.output_pad, dilation, layer.groups)
    return Conv(stride, (*pad, *pad), dilation, layer.groups)
