"""The integer graph: typed nodes in topological order, constants, outputs.

Immutable; built and verified by `GraphBuilder`.

One node has one output, and the node's name is the name of that tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .op import Op
from .rounding import Rounding
from .types import IntArray, IntType, Range, TensorType


@dataclass(frozen=True)
class Input(Op):
    """An input of the graph: `tensor` is its type, of one sample. It has no operands."""

    tensor: TensorType

    operands = ()

    def infer(self, *types: TensorType) -> TensorType:
        return self.tensor

    def run(self, *arrays: IntArray) -> IntArray:
        raise TypeError("an input has no semantics of its own; the executor supplies its value")

    def bounds(self, *ranges: Range) -> Range:
        return Range.of_type(self.tensor)


@dataclass(frozen=True)
class Scale:
    """An annotation for people and for the rim: real value = integer * values[c] (c along `axis`, or one value).

    Where reals become integers, at the inputs, a quotient is rounded by `rounding` and limited to `clamp` (None: to the
    tensor's type). Execution never reads any of it.
    """

    values: tuple[float, ...]
    axis: int = 0
    rounding: Rounding = Rounding.HALF_EVEN
    clamp: tuple[int, int] | None = None


@dataclass(frozen=True)
class Node:
    """An op applied to tensors and constants, by name. `name` is also the name of its output."""

    name: str
    op: Op
    inputs: tuple[str, ...] = ()
    scale: Scale | None = None


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant operand (weights, biases, multipliers, tables): values and their integer type."""

    values: IntArray
    elem: IntType

    @property
    def type(self) -> TensorType:
        """Its shape and integer type."""
        return TensorType(self.values.shape, self.elem)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.elem == other.elem and np.array_equal(self.values, other.values)


@dataclass(frozen=True)
class Graph:
    """An integer-only network. `nodes` are in topological order, `outputs` are names of nodes.

    Construct it with `GraphBuilder` (or `bittrue.ir.verify.verified`), which refuses a graph that breaks a rule.
    """

    name: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, Constant]
    outputs: tuple[str, ...]

    @cached_property
    def types(self) -> dict[str, TensorType]:
        """Type of every constant and of every node's output, by name. Raises `RuleViolation` on a broken graph."""
        types = {name: constant.type for name, constant in self.constants.items()}
        for node in self.nodes:
            types[node.name] = node.op.infer(*(types[i] for i in node.inputs))
        return types

    @cached_property
    def ranges(self) -> dict[str, Range]:
        """Proven value range of every constant and of every node's output, by name (interval analysis)."""
        ranges = {name: Range.exactly(constant.values) for name, constant in self.constants.items()}
        for node in self.nodes:
            operands = [ranges[i] for i in node.inputs]
            if node.op.explicit:
                operands = [r.broadcast(self.types[i].shape) for r, i in zip(operands, node.inputs, strict=True)]
            reach = node.op.bounds(*operands)
            ranges[node.name] = reach.compact() if node.op.explicit else reach
        return ranges

    @cached_property
    def node(self) -> dict[str, Node]:
        """Nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def users(self) -> dict[str, tuple[Node, ...]]:
        """For every name the nodes that read it."""
        users: dict[str, list[Node]] = {name: [] for name in (*self.constants, *self.node)}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                users[name].append(node)
        return {name: tuple(nodes) for name, nodes in users.items()}

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The input nodes, in order."""
        return tuple(node for node in self.nodes if isinstance(node.op, Input))

    def constant(self, node: Node, operand: int) -> IntArray | None:
        """Values of a node's operand if it is given and constant, else None."""
        if operand >= len(node.inputs) or node.inputs[operand] not in self.constants:
            return None
        return self.constants[node.inputs[operand]].values

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)


@dataclass
class GraphBuilder:
    """Builds a graph node by node; `build` verifies it.

    >>> from bittrue.ir.ops import Linear
    >>> b = GraphBuilder("tiny")
    >>> x = b.input("x", (3,), "u4")
    >>> y = b.add("y", Linear(), x, b.constant("w", [[1, -2, 3]], "i4"))
    >>> str(b.build(y).types[y])
    'i32[1]'
    """

    name: str
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)

    def input(self, name: str, shape: Sequence[int], elem: IntType | str, scale: Scale | None = None) -> str:
        """Declare an input of the given shape (without batch) and integer type."""
        tensor = TensorType(tuple(shape), _int_type(elem))
        return self.add(name, Input(tensor), scale=scale)

    def constant(self, name: str, values: ArrayLike, elem: IntType | str) -> str:
        """Declare a constant; the values are copied and frozen."""
        array = np.array(values, dtype=np.int64)
        array.flags.writeable = False
        self.constants[name] = Constant(array, _int_type(elem))
        return name

    def add(self, name: str, op: Op, *inputs: str, scale: Scale | None = None) -> str:
        """Append a node; returns its name."""
        self.nodes.append(Node(name, op, inputs, scale))
        return name

    def build(self, *outputs: str) -> Graph:
        """The verified graph. Raises `BadInput` with every rule it breaks."""
        from .verify import verified

        return verified(Graph(self.name, tuple(self.nodes), dict(self.constants), outputs))


def _int_type(elem: IntType | str) -> IntType:
    return IntType.parse(elem) if isinstance(elem, str) else elem
