"""Building the graph during lowering: unique names, and types and ranges of what is there so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ...ir import Constant, Graph, GraphBuilder, Input, IntArray, IntType, Node, Range, Scale, TensorType
from ...ir.op import Op, RuleViolation
from .problems import need, obstacle


@dataclass
class Emitter:
    """A `GraphBuilder` that knows types and value ranges while the graph grows."""

    builder: GraphBuilder
    types: dict[str, TensorType] = field(default_factory=dict)
    ranges: dict[str, Range] = field(default_factory=dict)

    def unique(self, name: str) -> str:
        """The name, or with the first free number behind it."""
        number, candidate = 1, name
        while candidate in self.types:
            number += 1
            candidate = f"{name}_{number}"
        return candidate

    def constant(self, name: str, values: ArrayLike, elem: IntType | None = None) -> str:
        """A constant; without `elem` in the narrowest type that holds it."""
        array = np.asarray(values, np.int64)
        constant = Constant(array, elem or IntType.smallest(int(array.min()), int(array.max())))
        name = self.unique(name)
        self.types[name], self.ranges[name] = constant.type, Range.exactly(array)
        return self.builder.constant(name, array, constant.elem)

    def add(self, name: str, op: Op, *inputs: str, scale: Scale | None = None) -> str:
        """A node; an `Obstacle` when the op refuses its operands (BT2117) or a value leaves its type (BT2119)."""
        name = self.unique(name)
        try:
            tensor = op.infer(*(self.types[i] for i in inputs))
            reach = self._bounds(op, inputs)
        except RuleViolation as problem:
            obstacle("BT2117", problem.why, problem.fix)
        need(reach.within(tensor.elem), "BT2119", f"its values reach {reach.lo.min()}..{reach.hi.max()}, beyond "
             f"{tensor.elem}", "use fewer weight or activation bits, fewer channels, or split the layer")
        self.types[name], self.ranges[name] = tensor, reach
        if isinstance(op, Input):
            position = sum(isinstance(node.op, Input) for node in self.builder.nodes)
            self.builder.nodes.insert(position, Node(name, op, (), scale))
            return name
        return self.builder.add(name, op, *inputs, scale=scale)

    def reach(self, op: Op, *inputs: str) -> IntType:
        """The narrowest type that holds every value of an op on these operands."""
        bounds = self._bounds(op, inputs)
        return IntType.smallest(int(bounds.lo.min()), int(bounds.hi.max()))

    def channel_range(self, node: str, axis: int, channels: int) -> tuple[IntArray, IntArray]:
        """Bounds of a node, (channels,) along `axis`, or (1,) for all together."""
        reach = self.ranges[node]
        axes = tuple(i for i in range(reach.lo.ndim) if i != axis or channels == 1)
        return (np.broadcast_to(reach.lo.min(axis=axes), (channels,)),
                np.broadcast_to(reach.hi.max(axis=axes), (channels,)))

    def _bounds(self, op: Op, inputs: tuple[str, ...]) -> Range:
        ranges = [self.ranges[i] for i in inputs]
        if op.explicit:
            ranges = [r.broadcast(self.types[i].shape) for r, i in zip(ranges, inputs, strict=True)]
        return op.bounds(*ranges)

    def build(self, *outputs: str) -> Graph:
        """The verified graph."""
        return self.builder.build(*outputs)
