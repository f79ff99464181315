"""Handlers of what is done element by element: functions of bytes are tables, everything else is a requantization.

A table costs the least of all kernels that change bytes (four loads for a word, no multiplication, no clamp), whatever
the function: also a LeakyRelu, so nothing is left for a kernel of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ....ir import Graph, IntArray, Node
from ....ir.ops import Abs, Clip, Flatten, LeakyRelu, Lookup, Relu, Requant, Reshape
from ..kernels import pack_lookup
from ..network import Layer
from .layout import Layout
from .stage import absorbed, numbers_of
from .walk import BYTES, Refused, Walk, storage


def element(walk: Walk, node: Node) -> None:
    """An activation, a requantization or a table."""
    source = walk.tensor(node.inputs[0])
    if source.elem in BYTES and _is_function(walk.graph, node):
        _table(walk, node)
    else:
        _requantized(walk, node)


def _is_function(graph: Graph, node: Node) -> bool:
    """Whether it does the same to every element."""
    if isinstance(node.op, Requant):
        return numbers_of(graph, node)[0].size == 1
    return isinstance(node.op, Relu | Clip | Abs | LeakyRelu | Lookup)


def _table(walk: Walk, node: Node) -> None:
    """A chain of functions of bytes as one table, or as nothing where it changes nothing."""
    name = node.inputs[0]
    source, reach = walk.tensor(name), walk.graph.ranges[name]
    x = np.arange(int(reach.lo.min()), int(reach.hi.max()) + 1)
    steps = [(last, y) for last, y in _steps(walk, node, x) if storage(walk.graph, last) in BYTES]
    if not steps:
        raise Refused("BT5545", f"it makes {walk.graph.types[node.name]} of bytes; a table holds bytes",
                      "requantize its values to 8 bits right behind it")
    last, y = steps[-1]
    nodes = walk.after(name, last)
    if np.array_equal(x, y):
        walk.take(nodes, source.name)
        walk.values |= {last: source.name for last, y in steps if np.array_equal(x, y)}
        return
    walk.finish(Layer("", "lookup", nodes, (source.name,), "", table=pack_lookup(y, int(x[0]))), Layout.of(source),
                storage(walk.graph, last))


def _steps(walk: Walk, node: Node | None, x: IntArray) -> Iterator[tuple[str, IntArray]]:
    """What the functions from `node` on make of x, as long as nobody else reads what is in between."""
    while node is not None:
        if _is_function(walk.graph, node):
            x = _apply(walk.graph, node, x)
            yield node.name, x
        elif not isinstance(node.op, Flatten | Reshape):
            return
        node = walk.only_user(node.name)


def _apply(graph: Graph, node: Node, x: IntArray) -> IntArray:
    """A function of single elements on a vector of them."""
    if isinstance(node.op, Requant):
        return replace(node.op, axis=0).run(x[:, np.newaxis], *numbers_of(graph, node))[:, 0]
    return node.op.run(x, *(graph.constants[name].values for name in node.inputs[1:]))


def _requantized(walk: Walk, node: Node) -> None:
    """A requantization of stored sums, or per channel."""
    graph, source = walk.graph, walk.tensor(node.inputs[0])
    stage = absorbed(walk, node.inputs[0], node)
    if stage is None:
        raise _refusal(walk, node)
    layout = Layout.of(source)
    walk.finish(Layer("", "requantize", walk.after(node.inputs[0], stage.last), (source.name,), "",
                      requant=stage.part(walk, layout)), layout, storage(graph, stage.last))


def _refusal(walk: Walk, node: Node) -> Refused:
    reads = walk.graph.types[node.inputs[0]]
    if isinstance(node.op, Relu | Clip | LeakyRelu):
        return Refused("BT5543", f"it reads {reads}, sums that it cannot limit to bytes, and what stands behind it is "
                       "no requantization that it can be a part of", "put the activation behind the requantization")
    return Refused("BT5545", f"it reads {reads}; tables are for bytes", "requantize what it reads to 8 bits")
