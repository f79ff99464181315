"""From a plain `nn.Module` to a canonical graph: modules for everything that has one, `torch.add`, `torch.cat`,
`torch.reshape` and `torch.permute` for the rest.

`torch.fx` traces the forward function; one run of an example input gives every tensor's shape. Functional calls become
modules (`F.relu(x)` an `nn.ReLU`), every way to write a flatten becomes one, dropout disappears. What no integer graph
can hold is listed, all of it, with module path and source line.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import brevitas
import torch
from torch import Tensor, fx, nn

from ..errors import BadInput, Diagnostics, Unsupported, declare, fail
from .functional import ADDS, CATS, FACTORIES, PERMUTATIONS, SHAPE_CALLS, SUPPORTED
from .modules import DROPPED, KINDS, Kind, problem_of

declare({
    "BT2010": "the model's forward function cannot be traced",
    "BT2011": "the model does not run on the example input",
    "BT2012": "a module of the model cannot be quantized",
    "BT2013": "a function called by the model cannot be quantized",
    "BT2014": "a module is used with settings that no integer graph has",
    "BT2015": "operands of an addition or concatenation do not fit",
    "BT2016": "the model is quantized already",
})

LIBRARIES = tuple(str(Path(module.__path__[0])) for module in (torch, brevitas))
"""Folders whose source lines are not the user's."""

TRACE_ERRORS = (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError, LookupError)
"""What a forward function may raise when it meets a symbolic tensor (NotImplementedError is a RuntimeError)."""


@dataclass(frozen=True)
class Change:
    """Something that quantization changed in the function that the model computes, or in its structure."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class Captured:
    """A canonical graph. `kinds` names each node's op, `shapes` its output shape (batch included)."""

    module: fx.GraphModule
    kinds: dict[fx.Node, Kind] = field(default_factory=dict)
    shapes: dict[fx.Node, tuple[int, ...]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def path(self, node: fx.Node) -> str:
        """The module path of a node, for people and for `overrides`."""
        return str(node.target) if node.op == "call_module" else node.name


class _Tracer(fx.Tracer):
    """torch.fx' tracer, which stops at Brevitas' layers as it does at PyTorch's own and remembers source lines."""

    record_stack_traces = True

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return m.__module__.startswith("brevitas.") or super().is_leaf_module(m, module_qualified_name)


class _Shapes(fx.Interpreter):
    """Runs the graph once and remembers the shape of every tensor."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.shapes: dict[fx.Node, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.shapes[n] = tuple(value.shape)
        return value


def capture(model: nn.Module, example: tuple[Tensor, ...]) -> Captured:
    """The canonical graph of a deep copy of `model`, which must run on `example`.

    Raises `Unsupported` (BT2010, BT2012..BT2016) with everything that cannot be quantized, `BadInput` (BT2011).
    """
    model = copy.deepcopy(model)
    module = _trace((nn.Sequential(model) if _Tracer().is_leaf_module(model, "") else model).eval())
    _follow_writes(module)
    captured = Captured(module, shapes=_run(module, example))
    found = Diagnostics()
    for node in list(module.graph.nodes):
        _Canonical(captured, found).visit(node)
    found.raise_as(Unsupported)
    module.graph.eliminate_dead_code()
    captured.kinds = {node: captured.kinds[node] for node in module.graph.nodes if node in captured.kinds}
    _activations_before_pools(captured)
    module.recompile()
    return captured


def _trace(model: nn.Module) -> fx.GraphModule:
    tracer = _Tracer()
    try:
        return fx.GraphModule(model, tracer.trace(model))
    except TRACE_ERRORS as error:
        fail(Unsupported, "BT2010", type(model).__name__, f"torch.fx says: {str(error).splitlines()[0]}",
             "write forward without branches, loops or indexing that depend on tensor values")


def _run(module: fx.GraphModule, example: tuple[Tensor, ...]) -> dict[fx.Node, tuple[int, ...]]:
    shapes = _Shapes(module)
    try:
        with torch.no_grad():
            shapes.run(*example)
    except (RuntimeError, ValueError, TypeError, IndexError, StopIteration) as error:
        given = ", ".join(str(tuple(x.shape)) for x in example)
        fail(BadInput, "BT2011", f"example input of shape {given}", str(error).strip().splitlines()[0],
             "give a float32 batch of real samples, (batch, channels, *size)")
    return shapes.shapes


def _follow_writes(module: fx.GraphModule) -> None:
    """Where a call works in place, let everything that reads its operand afterwards read its result instead."""
    order = {node: number for number, node in enumerate(module.graph.nodes)}
    for node in module.graph.nodes:
        if _in_place(module, node) and isinstance(node.args[0], fx.Node):
            for user in list(node.args[0].users):
                if order[user] > order[node]:
                    user.replace_input_with(node.args[0], node)


def _in_place(module: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return bool(getattr(module.get_submodule(str(node.target)), "inplace", False))
    name = called(node).removeprefix("Tensor.")
    calls = node.op in ("call_method", "call_function")
    return calls and bool(node.args) and (node.kwargs.get("inplace") is True or name == "iadd"
                                          or (name.endswith("_") and not name.endswith("__")))


def _activations_before_pools(captured: Captured) -> None:
    """activation(max_pool(x)) as max_pool(activation(x)): the same values, as both are monotone, and the pooling then
    works on the narrow integers behind the activation."""
    for pool in [n for n, kind in captured.kinds.items() if kind is Kind.MAX_POOL]:
        users = list(pool.users)
        if len(users) == 1 and captured.kinds.get(users[0]) in (Kind.RELU, Kind.LEAKY):
            activation, source = users[0], pool.args[0]
            activation.replace_all_uses_with(pool)
            pool.args, activation.args = (activation,), (source,)
            pool.prepend(activation)
            captured.shapes[activation] = captured.shapes[source]  # type: ignore[index]
            captured.changes.append(Change(captured.path(activation), f"it moves in front of {captured.path(pool)} "
                                           "(the same values)"))


@dataclass
class _Canonical:
    """Rewrites one node after the other into its canonical form."""

    captured: Captured
    found: Diagnostics

    @property
    def graph(self) -> fx.Graph:
        return self.captured.module.graph

    def visit(self, node: fx.Node) -> None:
        handler: Callable[[fx.Node], None] | None = {
            "call_module": self.visit_module, "call_function": self.visit_call, "call_method": self.visit_call,
            "get_attr": self.visit_constant}.get(node.op)
        if handler is not None and node.users:  # the rest is dead code
            handler(node)

    def visit_module(self, node: fx.Node) -> None:
        module = self.captured.module.get_submodule(str(node.target))
        self.place(node, module)

    def visit_constant(self, node: fx.Node) -> None:
        self.found.add("BT2013", where(node), f"the tensor {node.target} enters the computation directly",
                       "use it inside a layer (nn.Linear, nn.Conv2d, nn.BatchNorm2d, ...)")

    def visit_call(self, node: fx.Node) -> None:
        target = node.target
        if node not in self.captured.shapes:
            return  # x.size(0), x.shape: only shape calls use them, which need them no more
        if target in ADDS:
            self.visit_add(node)
        elif target in CATS:
            self.visit_cat(node)
        elif target in SHAPE_CALLS:
            self.reshape(node)
        elif target in PERMUTATIONS:
            self.permute(node)
        elif target in FACTORIES:
            self.factory(node)
        else:
            self.found.add("BT2013", where(node), f"{called(node)} has no integer form here",
                           f"use one of {SUPPORTED}")

    def factory(self, node: fx.Node) -> None:
        """Replace a functional call by modules."""
        try:
            modules = FACTORIES[node.target](*node.args[1:], **{k: v for k, v in node.kwargs.items() if k != "input"})
        except (TypeError, ValueError) as error:
            self.found.add("BT2014", where(node), f"{called(node)}: {error}", "use the module of the same name")
            return
        for number, module in enumerate(modules):
            last = number == len(modules) - 1
            node = self.as_module(node, module, keep=not last)

    def as_module(self, node: fx.Node, module: nn.Module, *, keep: bool) -> fx.Node:
        """Put `module` where the call `node` is. With `keep` the call stays behind it, for the next module."""
        name = free_name(self.captured.module, node.name)
        self.captured.module.add_submodule(name, module)
        source = node.args[0] if node.args else node.kwargs["input"]
        with self.graph.inserting_before(node):
            new = self.graph.call_module(name, (source,))
        new.stack_trace = node.stack_trace
        if keep:
            node.args, node.kwargs = (new,), {}
            with torch.no_grad():
                shape = tuple(module(torch.empty(self.captured.shapes[source])).shape)  # type: ignore[index]
            self.captured.shapes[new] = shape
            self.place(new, module)
            return node
        self.captured.shapes[new] = self.captured.shapes[node]
        node.replace_all_uses_with(new)
        self.graph.erase_node(node)
        self.place(new, module)
        return new

    def place(self, node: fx.Node, module: nn.Module) -> None:
        """Note the kind of a module's call, or why it has none."""
        kind = KINDS.get(type(module))
        if type(module) in DROPPED:
            if not isinstance(module, nn.Identity):
                self.captured.changes.append(Change(str(node.target), "dropout is left out"))
            self.drop(node)
        elif isinstance(module, nn.Flatten | nn.Unflatten):
            self.reshape(node)
        elif kind is None:
            self.unknown(node, module)
        elif (problem := problem_of(module, self.captured.shapes[node.args[0]])) is not None:  # type: ignore[index]
            self.found.add("BT2014", where(node), *problem)
        elif kind is Kind.NORM and self.is_linear_on_rows(node.args[0]):
            self.found.add("BT2014", where(node), "it normalizes the rows of a linear layer, not its features",
                           "leave it out, or use a Conv1d with a kernel of 1")
        else:
            self.captured.kinds[node] = kind

    def is_linear_on_rows(self, node: Any) -> bool:
        """Whether a node is a linear layer on (batch, rows, features)."""
        return (node.op == "call_module" and len(self.captured.shapes[node]) == 3
                and isinstance(self.captured.module.get_submodule(str(node.target)), nn.Linear))

    def unknown(self, node: fx.Node, module: nn.Module) -> None:
        if type(module).__module__.startswith("brevitas."):
            self.found.add("BT2016", where(node), f"{type(module).__name__} is a Brevitas layer",
                           "give quantize() the plain float model, or freeze this one directly")
        else:
            self.found.add("BT2012", where(node), f"{type(module).__name__} has no quantized form here",
                           f"use one of {SUPPORTED}")

    def drop(self, node: fx.Node) -> None:
        node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
        self.graph.erase_node(node)

    def reshape(self, node: fx.Node) -> None:
        """A flatten behind the batch axis as `nn.Flatten`, any other reshape as `torch.reshape` with constant sizes."""
        source = node.args[0]
        before, after = self.captured.shapes[source], self.captured.shapes[node]  # type: ignore[index]
        if before[0] != after[0]:
            self.found.add("BT2014", where(node), f"it changes the batch axis, {before} to {after}",
                           "keep the first axis, as in torch.flatten(x, 1)")
            return
        if before == after:
            self.drop(node)
            return
        flat = len(after) == 2
        if flat and node.op == "call_module":
            self.captured.kinds[node] = Kind.SHAPE
            return
        name = free_name(self.captured.module, node.name)
        if flat:
            self.captured.module.add_submodule(name, nn.Flatten(1))
        with self.graph.inserting_before(node):
            new = (self.graph.call_module(name, (source,)) if flat else
                   self.graph.call_function(torch.reshape, (source, (-1, *after[1:]))))
        self.captured.shapes[new], self.captured.kinds[new] = after, Kind.SHAPE
        node.replace_all_uses_with(new)
        self.graph.erase_node(node)

    def permute(self, node: fx.Node) -> None:
        """Any order of axes as `torch.permute`."""
        source, *rest = node.args
        arguments = {name: value for name, value in node.kwargs.items() if name != "input"}
        order = PERMUTATIONS[node.target](len(self.captured.shapes[node]), *rest, **arguments)
        if order[0] != 0:
            self.found.add("BT2014", where(node), "it moves the batch axis", "keep the first axis")
            return
        node.op, node.target, node.args, node.kwargs = "call_function", torch.permute, (source, order), {}
        self.captured.kinds[node] = Kind.SHAPE

    def visit_add(self, node: fx.Node) -> None:
        operands = list(node.args[:2]) + ([node.kwargs["other"]] if "other" in node.kwargs else [])
        shapes = {self.captured.shapes.get(o) if isinstance(o, fx.Node) else None for o in operands}
        if len(shapes) != 1 or None in shapes or node.kwargs.get("alpha", 1) != 1:
            self.found.add("BT2015", where(node), f"it adds {' and '.join(map(self.shown, operands))}",
                           "add two tensors of the same shape, without alpha")
            return
        node.op, node.target, node.args, node.kwargs = "call_function", torch.add, tuple(operands), {}
        self.captured.kinds[node] = Kind.ADD

    def visit_cat(self, node: fx.Node) -> None:
        tensors = node.args[0] if node.args else node.kwargs["tensors"]
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", node.kwargs.get("axis", 0))
        rank = len(self.captured.shapes[node])
        axis = axis + rank if isinstance(axis, int) and axis < 0 else axis
        if axis == 0 or not isinstance(tensors, list | tuple):
            self.found.add("BT2015", where(node), "it concatenates along the batch", "concatenate with dim=1")
            return
        node.target, node.args, node.kwargs = torch.cat, (tuple(tensors), axis), {}
        self.captured.kinds[node] = Kind.CAT

    def shown(self, operand: Any) -> str:
        """An operand for a message: its shape, or its value."""
        if isinstance(operand, fx.Node) and operand in self.captured.shapes:
            return f"a tensor {self.captured.shapes[operand]}"
        return str(operand)


def free_name(module: nn.Module, wanted: str) -> str:
    """`wanted`, or the first of wanted_1, wanted_2, ... that names no attribute of the module yet."""
    name, number = wanted, 0
    while hasattr(module, name):
        number += 1
        name = f"{wanted}_{number}"
    return name


def called(node: fx.Node) -> str:
    """The function or method of a call, as a person would write it."""
    if isinstance(node.target, str):
        return f"Tensor.{node.target}"
    return str(getattr(node.target, "__name__", node.target))


def where(node: fx.Node) -> str:
    """Module path (or function) of a node and the line of the user's forward that calls it."""
    frames = [(file, line) for file, line in re.findall(r'File "([^"]+)", line (\d+)', node.stack_trace or "")
              if not file.startswith(LIBRARIES)]
    line = f" ({Path(frames[-1][0]).name}:{frames[-1][1]})" if frames else ""
    return (str(node.target) if node.op in ("call_module", "get_attr") else called(node)) + line
