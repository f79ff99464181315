"""Handlers of what layers do while they read: inputs, pooling, element-wise operations, joins, other shapes."""

from __future__ import annotations

from dataclasses import replace

from ....ir import Graph, Node, Op
from ....ir.ops import Add, AvgPool, BitOr, BitXor, Concat, MaxPool, Sub
from ....ir.rounding import Rounding
from ..network import INPUT, Eltwise, Pool
from .fuse import fusible
from .value import Value, dim_of
from .walk import Refused, Walk

ELTWISE: dict[type[Op], Eltwise] = {Add: Eltwise.ADD, Sub: Eltwise.SUB, BitOr: Eltwise.OR, BitXor: Eltwise.XOR}
MOST_OPERANDS = 16


def input_(walk: Walk, node: Node) -> None:
    """The network's input."""
    shape = walk.graph.types[node.name].shape
    if len(walk.graph.inputs) > 1 or not 1 <= len(shape) <= 3:
        raise Refused("BT5373", f"the network has {len(walk.graph.inputs)} inputs, this one of the shape {shape}",
                      "give it one input (C,), (C, L) or (C, H, W)")
    walk.values[node.name] = Value(shape, (INPUT,), shape[0], dim_of(shape))


def max_pool(walk: Walk, node: Node) -> None:
    """In-flight maximum; a window of one element only skips."""
    op = node.op
    assert isinstance(op, MaxPool)
    if any(op.pads):
        raise Refused("BT5374", f"it pads by {op.pads}; pooling has no padding",
                      "pool without padding, or pad in the convolution before")
    _pooled(walk, node, Pool(False, _two(op.kernel), _two(op.stride), _two(op.dilation)))


def avg_pool(walk: Walk, node: Node) -> None:
    """In-flight average."""
    op = node.op
    assert isinstance(op, AvgPool)
    size = walk.graph.types[node.inputs[0]].shape[1:]
    window = op.window(size)
    if any(window.pads) or op.divides_by(size) != window.area:
        raise Refused("BT5374", f"it pads by {window.pads} and divides by {op.divides_by(size)}, its window has "
                      f"{window.area} elements", "average without padding, over the window's area")
    if window.area > 1:
        _note_rounding(walk, node, op)
    _pooled(walk, node, Pool(True, _two(window.kernel), _two(window.stride), _two(window.dilation)))


def _note_rounding(walk: Walk, node: Node, op: AvgPool) -> None:
    """Rounding of averages is one switch for the whole network."""
    rounds = {Rounding.TOWARD_ZERO: False, Rounding.HALF_AWAY: True}
    if int(walk.graph.ranges[node.inputs[0]].lo.min()) >= 0:
        rounds |= {Rounding.FLOOR: False, Rounding.HALF_UP: True}
    wanted = rounds.get(op.rounding)
    if len(walk.graph.types[node.name].shape) == 2:  # averages of 1-D data never round, whatever the switch says
        if wanted is not False:
            raise Refused("BT5375", f"it rounds {op.rounding}; averages of 1-D data drop the fraction",
                          "round TOWARD_ZERO")
        return
    if wanted is None:
        raise Refused("BT5375", f"it rounds {op.rounding} values below zero; averages are rounded TOWARD_ZERO, or "
                      "HALF_AWAY", "use one of these, or average behind a ReLU")
    if walk.round_average not in (None, wanted):
        raise Refused("BT5375", f"it rounds {op.rounding}, an average before it does not; the accelerator has one "
                      "switch for all", "use the same rounding in all averages")
    walk.round_average = wanted


def _pooled(walk: Walk, node: Node, pool: Pool) -> None:
    shape = walk.graph.types[node.name].shape
    source = walk.part(node.inputs[0])
    source = source if source.cut is not None else walk.data(node.inputs[0])
    pooled = source.pooled(pool, shape)
    if pooled is None or (pooled.eltwise is not None and not fusible(pooled, walk.device, None)):
        pooled = walk.stored(node.inputs[0]).pooled(pool, shape)
    if pooled is None:
        raise Refused("BT5374", "it pools a flattened vector", "pool before flattening")
    walk.values[node.name] = pooled


def _two(values: tuple[int, ...]) -> tuple[int, int]:
    return values[0], values[1] if len(values) > 1 else 1


def eltwise(walk: Walk, node: Node) -> None:
    """An in-flight sum, difference, or, xor; a chain becomes one operation of up to 16 operands."""
    kind, names = ELTWISE[type(node.op)], _chain(walk.graph, node)
    if _continued(walk.graph, node):
        walk.taken.add(node.name)
        return
    types = [walk.graph.types[name] for name in names]
    if any(name in walk.graph.constants for name in names) or len({t.shape for t in types}) > 1:
        raise Refused("BT5376", f"its operands are {', '.join(map(str, types))}",
                      "give tensors of the same shape, none of them constant")
    operands = _operands(walk, kind, names)
    if any(o.flat for o in operands):
        raise Refused("BT5376", "an operand is a flattened vector", "combine before flattening")
    walk.values[node.name] = replace(
        operands[0], sources=tuple(s for o in operands for s in o.sources), eltwise=kind, operands=len(operands),
        saturated=kind in (Eltwise.OR, Eltwise.XOR))


def _chain(graph: Graph, node: Node) -> tuple[str, ...]:
    """The operands of a node; instead of a left operand that is the same operation, and nobody else's, its operands."""
    left = graph.node.get(node.inputs[0])
    if left is None or type(left.op) is not type(node.op) or left.name in graph.outputs \
            or len(graph.users[left.name]) > 1:
        return node.inputs
    longer = (*_chain(graph, left), node.inputs[1])
    return longer if len(longer) <= MOST_OPERANDS else node.inputs


def _continued(graph: Graph, node: Node) -> bool:
    """Whether a longer chain takes up the operation."""
    user = graph.users[node.name][0] if graph.users[node.name] else None
    return user is not None and type(user.op) is type(node.op) and user.inputs[0] == node.name \
        and len(_chain(graph, user)) > 2


def _operands(walk: Walk, kind: Eltwise, names: tuple[str, ...]) -> list[Value]:
    """The operands, stored; all pooled in flight when they are pooled alike and the device can do that. The parts of
    the input's channels are one source, which is read in turn."""
    values = [walk.part(name) for name in names]
    first = values[0]
    alike = all(
        len(v.sources) == 1 and v.eltwise is None and v.pool == first.pool and v.in_dim == first.in_dim
        and len(walk.graph.users[n]) == 1 for v, n in zip(values, names, strict=True))
    if alike and fusible(replace(first, eltwise=kind, operands=len(values)), walk.device, None):
        if first.pool != Pool() and all(v.cut is None for v in values):
            return values
        if _whole_input(walk, values):
            return [replace(first, cut=None), *(replace(v, sources=(), cut=None) for v in values[1:])]
    return [walk.stored(name) for name in names]


def _whole_input(walk: Walk, values: list[Value]) -> bool:
    """Whether the operands are equal parts of the input, one behind the other, and nobody reads it otherwise."""
    entry = walk.graph.inputs[0].name
    size = values[0].in_channels
    return [v.cut for v in values] == [i * size for i in range(len(values))] \
        and len(values) * size == walk.graph.types[entry].shape[0] == len(values) * values[-1].in_channels \
        and len(walk.graph.users[entry]) == len(values) and entry not in walk.graph.outputs


def concat(walk: Walk, node: Node) -> None:
    """Tensors side by side (channels), or pixels behind one another."""
    op = node.op
    assert isinstance(op, Concat)
    shape = walk.graph.types[node.name].shape
    if op.axis > 1 or (op.axis == 1 and len(shape) == 3):
        raise Refused("BT5377", f"it joins along axis {op.axis}", "join images along the channels")
    parts = [walk.stored(name) for name in node.inputs]
    if any(p.flat for p in parts):
        raise Refused("BT5377", "it joins flattened vectors", "join images along the channels, before flattening")
    sources = tuple(s for p in parts for s in p.sources)
    dim = parts[0].in_dim if op.axis == 0 else dim_of(shape)
    walk.values[node.name] = Value(shape, sources, shape[0], dim, spatial_join=op.axis == 1)


def reshape(walk: Walk, node: Node) -> None:
    """Rows and columns counted in another way, or everything as one vector."""
    shape, name = walk.graph.types[node.name].shape, node.inputs[0]
    value = walk.data(name).reshaped(shape) or walk.stored(name).reshaped(shape)
    if value is None:
        raise Refused("BT5378", f"it turns {walk.graph.types[name]} into {walk.graph.types[node.name]}; only rows and "
                      "columns can be counted in another way, or everything flattened",
                      "keep the channels when reshaping")
    walk.values[node.name] = value
