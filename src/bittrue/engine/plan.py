"""A plan: the order of native steps and NumPy ops that computes wanted tensors of a graph."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Graph, Input, IntArray, Node
from .layers import Bound, Layer, PlainLayer
from .lower import Context, fuses, lower
from .native import EXTERNAL_TYPES, Kernels, Kind, Step, address
from .numpy_ops import run_node
from .tensors import Buffer, Halo, Image, width_of


@dataclass(eq=False)
class Stretch:
    """Layers that run in one call of the kernels."""

    layers: list[Layer] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Ready:
    """A stretch for one batch size: its steps, those that load and store arrays (with the tensor's name), and what the
    steps point to."""

    steps: ctypes.Array[Step]
    loads: list[tuple[Step, str]]
    stores: list[tuple[Step, str]]
    keep: list[Bound]


@dataclass(eq=False)
class Plan:
    """Computes the tensors `wanted` of a graph. `fused`: steps may swallow tensors that are not wanted.

    Not for concurrent use: the buffers belong to the plan.
    """

    graph: Graph
    kernels: Kernels
    wanted: tuple[str, ...]
    fused: bool
    threads: int
    actions: list[Stretch | Node] = field(default_factory=list)
    buffers: dict[str, Buffer] = field(default_factory=dict)
    bound: dict[int, list[Ready]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _Planner(self).plan()
        halos: dict[str, Halo] = {}
        layers = [layer for action in self.actions if isinstance(action, Stretch) for layer in action.layers]
        for layer in layers:
            for name in layer.reads:
                halos[name] = halos.get(name, Halo()) | layer.halo
        for name in dict.fromkeys(name for layer in layers for name in (*layer.reads, layer.writes)):
            self.buffers[name] = Buffer(Image.of(self.graph.types[name]), width_of(self.graph, name),
                                        halos.get(name, Halo()))

    def run(self, inputs: Mapping[str, NDArray[Any]], batch: int) -> dict[str, IntArray]:
        """The wanted tensors for a batch of checked inputs of any of `EXTERNAL_TYPES`: int64 (batch, *shape)."""
        arrays = dict(inputs)
        stretches = iter(self._bind(batch))
        for action in self.actions:
            if isinstance(action, Node):
                arrays[action.name] = run_node(self.graph, action, arrays)
            else:
                ready = next(stretches)
                self._connect(ready, arrays, batch)
                self.kernels.run(ready.steps, self.threads)
        return {name: arrays[name].astype(np.int64, copy=False) for name in self.wanted}

    def _connect(self, ready: Ready, arrays: dict[str, NDArray[Any]], batch: int) -> None:
        """Point the steps that load and store to this run's arrays."""
        for step, name in ready.loads:
            array = arrays[name] = np.ascontiguousarray(arrays[name])
            step.external, step.external_type = address(array), EXTERNAL_TYPES[array.dtype]
        for step, name in ready.stores:
            array = arrays[name] = np.empty((batch, *self.graph.types[name].shape), np.int64)
            step.external = address(array)

    def _bind(self, batch: int) -> list[Ready]:
        """The steps of every stretch for a batch size."""
        if batch not in self.bound:
            if any(batch > buffer.batch for buffer in self.buffers.values()):
                self.bound.clear()
                for buffer in self.buffers.values():
                    buffer.grow(batch)
            self.bound[batch] = [self._ready(action, batch) for action in self.actions if isinstance(action, Stretch)]
        return self.bound[batch]

    def _ready(self, stretch: Stretch, batch: int) -> Ready:
        bound = [layer.bind(self.buffers, batch, self.threads) for layer in stretch.layers]
        steps = (Step * len(bound))(*(b.step for b in bound))
        loads, stores = ([(step, layer.writes) for step, layer in zip(steps, stretch.layers, strict=True)
                          if step.kind == kind] for kind in (Kind.LOAD, Kind.STORE))
        return Ready(steps, loads, stores, bound)


@dataclass(eq=False)
class _Planner:
    """Fills in a plan's actions. A tensor lives in a buffer of the kernels, in an array of NumPy, or in both."""

    into: Plan
    in_buffer: set[str] = field(default_factory=set)
    in_array: set[str] = field(default_factory=set)

    def plan(self) -> None:
        graph, skipped = self.into.graph, set[str]()
        for node in graph.nodes:
            if isinstance(node.op, Input):
                self.in_array.add(node.name)
            elif node.name not in skipped:
                then = fuses(graph, node) if self.into.fused else None
                if then is not None and self._native(node, then):
                    skipped.add(then.name)
                elif not self._native(node, None):
                    self._foreign(node)
        self._fetch(self.into.wanted)

    def _native(self, node: Node, then: Node | None) -> bool:
        layers = lower(Context(self.into.graph, self.into.kernels, then), node)
        for layer in layers or ():
            for name in layer.reads:
                if name not in self.in_buffer:
                    self._append(PlainLayer(Kind.LOAD, (), name))
            self._append(layer)
        return layers is not None

    def _foreign(self, node: Node) -> None:
        self._fetch(name for name in node.inputs if name not in self.into.graph.constants)
        self.into.actions.append(node)
        self.in_array.add(node.name)

    def _fetch(self, names: Iterable[str]) -> None:
        for name in dict.fromkeys(names):
            if name not in self.in_array:
                self._append(PlainLayer(Kind.STORE, (name,), name))
                self.in_array.add(name)

    def _append(self, layer: Layer) -> None:
        actions = self.into.actions
        if not actions or isinstance(actions[-1], Node):
            actions.append(Stretch())
        stretch = actions[-1]
        assert isinstance(stretch, Stretch)
        stretch.layers.append(layer)
        self.in_buffer.add(layer.writes)
