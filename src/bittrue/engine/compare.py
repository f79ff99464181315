"""The comparer: runs two executors over the same inputs and compares every element of every tensor.

There is no tolerance. The first difference is the one in the first node, in topological order, that differs: its
operands are equal in both executors, so it is the culprit and not a follower. `diagnose` guesses what it did wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput, Diagnostics, Difference, declare, fail
from ..ir import Graph, IntArray, IntType, Node
from .base import Executor, Trace, checked_inputs
from .diagnose import Verdict, diagnose

declare({
    "BT4301": "an executor does not return a tensor of the graph, or returns it in another shape",
    "BT4302": "two executors disagree",
    "BT4303": "the batch size of a comparison is not positive",
})

BATCH = 64
EVIDENCE = 8
"""Samples on which the cause of a difference is sought, at most, of those that differ and of those that do not."""
Progress = Callable[[int, int], None]
"""Called with (samples done, samples in all)."""


@dataclass(frozen=True)
class LayerResult:
    """One node's outcome: elements compared and how many of them differ."""

    name: str
    op: str
    compared: int
    differences: int


@dataclass(frozen=True)
class FirstDifference:
    """Where two executors part. `channel`, `row`, `column` are None where the tensor has no such axis; `index` is the
    position within the sample; the bits are two's complement in the tensor's type."""

    layer: str
    op: str
    image: int
    index: tuple[int, ...]
    channel: int | None
    row: int | None
    column: int | None
    expected: int
    got: int
    expected_bits: str
    got_bits: str
    cause: Verdict

    def __str__(self) -> str:
        place = ", ".join(f"{name} {value}" for name, value in (("image", self.image), ("channel", self.channel),
                                                                ("row", self.row), ("column", self.column))
                          if value is not None)
        return (f"{self.layer} ({self.op}), {place}: expected {self.expected} ({self.expected_bits}), "
                f"got {self.got} ({self.got_bits}); cause: {self.cause}")


@dataclass(frozen=True)
class CompareReport:
    """The outcome of a comparison of `right` with `left`, which says what is expected."""

    graph: str
    left: str
    right: str
    samples: int
    layers: tuple[LayerResult, ...]
    culprits: tuple[str, ...]
    """Nodes that differ although all their operands are equal, in topological order."""
    first: FirstDifference | None

    @property
    def compared(self) -> int:
        """Elements compared in all."""
        return sum(layer.compared for layer in self.layers)

    @property
    def differences(self) -> int:
        """Elements that differ in all."""
        return sum(layer.differences for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """The report as plain dictionaries, lists, strings and numbers."""
        return asdict(self) | {"differences": self.differences, "compared": self.compared,
                               "layers": [asdict(layer) for layer in self.layers], "culprits": list(self.culprits)}

    def require_equal(self) -> None:
        """Raise `Difference` (BT4302) unless everything is equal."""
        if self.first is not None:
            fail(Difference, "BT4302", f"graph {self.graph}, {self.first.layer}", f"{self.differences} of "
                 f"{self.compared} elements differ between {self.left} and {self.right}; the first: {self.first}",
                 "look at this node first: its operands are equal")


def compare(graph: Graph, left: Executor, right: Executor, inputs: Mapping[str, IntArray], *, batch: int = BATCH,
            progress: Progress | None = None) -> CompareReport:
    """Run both executors on the inputs, `batch` samples at a time, and compare every tensor of every node.

    `left` is right by definition (the oracle, usually). Raises `BadInput`: BT4001..BT4003 for the inputs, BT4301 when
    an executor leaves out a tensor, BT4303 for a batch below 1.
    """
    if batch < 1:
        fail(BadInput, "BT4303", "batch", f"{batch} samples at a time make no progress", "give 1 or more")
    checked = checked_inputs(graph, inputs)
    total = len(next(iter(checked.values())))
    tally = _Tally(graph)
    for begin in range(0, total, batch):
        part = {name: values[begin:begin + batch] for name, values in checked.items()}
        expected = _complete(graph, left, left.run(part), len(next(iter(part.values()))))
        tally.add(begin, expected, _complete(graph, right, right.run(part), len(next(iter(part.values())))))
        if progress is not None:
            progress(min(begin + batch, total), total)
    return CompareReport(graph.name, left.name, right.name, total, tally.layers(), tuple(tally.culprits()),
                         tally.first())


def _complete(graph: Graph, executor: Executor, trace: Trace, batch: int) -> Trace:
    """The trace, if it holds every tensor of the graph in the right shape."""
    found = Diagnostics()
    for node in graph.nodes:
        shape = (batch, *graph.types[node.name].shape)
        if node.name not in trace or trace[node.name].shape != shape:
            what = f"with shape {trace[node.name].shape}" if node.name in trace else "not at all"
            found.add("BT4301", f"executor {executor.name}, tensor {node.name}", f"it is returned {what}, where "
                      f"{shape} is due", "make the executor keep all tensors")
    found.raise_as(BadInput)
    return trace


@dataclass(frozen=True, eq=False)
class _Evidence:
    """A batch in which a node differs."""

    begin: int
    node: Node
    expected: IntArray
    got: IntArray
    operands: tuple[IntArray, ...]


@dataclass
class _Tally:
    """Counts differences per node over the batches, and keeps the evidence of the first node that differs."""

    graph: Graph
    compared: dict[str, int] = field(default_factory=dict)
    differences: dict[str, int] = field(default_factory=dict)
    evidence: _Evidence | None = None
    guilty: set[str] = field(default_factory=set)

    def add(self, begin: int, expected: Trace, got: Trace) -> None:
        """Enter one batch that begins at sample `begin`."""
        unequal: set[str] = set()
        for node in self.graph.nodes:
            wrong = int(np.count_nonzero(expected[node.name] != got[node.name]))
            self.compared[node.name] = self.compared.get(node.name, 0) + expected[node.name].size
            self.differences[node.name] = self.differences.get(node.name, 0) + wrong
            if wrong:
                unequal.add(node.name)
                if unequal.isdisjoint(node.inputs):
                    self.guilty.add(node.name)
                    self._keep(begin, node, expected, got)

    def _keep(self, begin: int, node: Node, expected: Trace, got: Trace) -> None:
        """Keep what is needed to explain the node's first difference, if no earlier node has any."""
        if self.evidence is not None and self._position(self.evidence.node) <= self._position(node):
            return
        operands = tuple(self.graph.constants[name].values if name in self.graph.constants else expected[name]
                         for name in node.inputs)
        self.evidence = _Evidence(begin, node, expected[node.name], got[node.name], operands)

    def _position(self, node: Node) -> int:
        return self.graph.nodes.index(node)

    def layers(self) -> tuple[LayerResult, ...]:
        """The outcome of every node."""
        return tuple(LayerResult(node.name, node.op.kind, self.compared.get(node.name, 0),
                                 self.differences.get(node.name, 0)) for node in self.graph.nodes)

    def culprits(self) -> Iterator[str]:
        """Nodes that differed in some batch although their operands did not, in topological order."""
        return (node.name for node in self.graph.nodes if node.name in self.guilty)

    def first(self) -> FirstDifference | None:
        """The first difference, explained."""
        if self.evidence is None:
            return None
        e = self.evidence
        image, *index = (int(i) for i in np.argwhere(e.expected != e.got)[0])
        expected, got = (int(array[(image, *index)]) for array in (e.expected, e.got))
        elem = self.graph.types[e.node.name].elem
        return FirstDifference(e.node.name, e.node.op.kind, e.begin + image, tuple(index), *_place(index), expected,
                               got, bits(expected, elem), bits(got, elem), self._cause(e))

    def _cause(self, e: _Evidence) -> Verdict:
        samples = _telling(e.expected, e.got)
        constant = [name in self.graph.constants for name in e.node.inputs]
        operands = tuple(values if fixed else values[samples]
                         for values, fixed in zip(e.operands, constant, strict=True))
        return diagnose(self.graph, e.node, e.expected[samples], e.got[samples], operands)


def _telling(expected: IntArray, got: IntArray) -> NDArray[np.intp]:
    """Samples on which to seek the cause: some that differ, and some that do not."""
    differs = (expected != got).reshape(len(expected), -1).any(axis=1)
    return np.sort(np.concatenate([np.flatnonzero(differs)[:EVIDENCE], np.flatnonzero(~differs)[:EVIDENCE]]))


def _place(index: list[int]) -> tuple[int | None, int | None, int | None]:
    """Channel, row and column of a position in a vector (C), a 1-D image (C, W) or a 2-D image (C, H, W)."""
    channel = index[0] if index else None
    row = index[1] if len(index) > 2 else None
    column = index[-1] if len(index) > 1 else None
    return channel, row, column


def bits(value: int, elem: IntType) -> str:
    """Two's complement in the bits of the type (in more, if the value does not fit).

    >>> bits(-3, IntType.parse("i4")), bits(5, IntType.parse("u4")), bits(300, IntType.parse("u8"))
    ('1101', '0101', '100101100')
    """
    width = elem.bits if elem.min <= value <= elem.max else max(elem.bits, IntType.smallest(min(value, 0), value).bits
                                                                if value >= 0 else value.bit_length() + 1)
    return format(value & ((1 << width) - 1), f"0{width}b")
