"""A graph becomes an ONNX model: one ONNX node per node, functions for what no standard op does.

Layout of the file (format 1):

* Activations are (N, *shape) with the symbolic batch N; every tensor has the smallest ONNX integer type that holds it.
* A node is a standard op or a call of a function of the domain `bittrue` whose name is the op's kind. Bodies that
  differ are numbered in the order of their first use: `Requant`, `Requant_2`, `Requant_3` (ONNX's overloads would say
  it better, but ONNX Runtime up to 1.23 confuses them).
* What ONNX cannot say is metadata: `bittrue.op`, `.version`, `.attributes`, `.type` (`i20[8,4,4]`) and `.scale` of a
  node, `.type` and `.scale` of an input, `.constant`, `.type` and `.layout` of an initializer, `.format` of the model.
* Initializers without metadata are operands that only ONNX has (the shape of a Reshape, a zero point, a float scale).

The same graph gives the same bytes: constants stand in the order of their first use, and nothing names the version of
bittrue or of a library.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...errors import BadInput, fail
from ...files import write_whole
from ..attributes import attributes
from ..graph import Graph, Input, Node
from . import protos, rim
from .annotations import scale_text
from .lowering import NATURAL, RESULT, RULES, Body, Layout, Lowered, Site, Standard
from .messages import FunctionProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto
from .writable import check_size, check_writable

DOMAIN = "bittrue"
FORMAT = "1"
IR_VERSION = 10
OPSET = 21


def to_model(graph: Graph, *, float_outputs: bool = False) -> ModelProto:
    """The verified graph as an ONNX model that stock ONNX Runtime executes with the same integers as the oracle.

    `float_outputs` adds, for every output with a scale, an output `<name>_float` (float64, integer * scale).
    Raises `Unsupported` (BT1112) naming everything that a file cannot hold.
    """
    check_writable(graph, float_outputs=float_outputs)
    return _Writer(graph).model(float_outputs)


def to_bytes(model: ModelProto) -> bytes:
    """The canonical serialization. Raises `Unsupported` (BT1111) beyond 2 GiB."""
    check_size(model)
    return bytes(model.SerializeToString(deterministic=True))


def save(graph: Graph, path: str | os.PathLike[str], *, float_outputs: bool = False) -> None:
    """Write `to_model(graph)` to `path`: completely, or not at all.

    Raises `Unsupported` (BT1111, BT1112) and `BadInput` (BT1113).
    """
    data = to_bytes(to_model(graph, float_outputs=float_outputs))
    try:
        write_whole(Path(path), data)
    except (OSError, ValueError) as problem:
        fail(BadInput, "BT1113", f"file {path}", f"it cannot be written: {problem}",
             "name a file in a folder that exists and that you may write to")


def opsets(*, functions: bool) -> list[OperatorSetIdProto]:
    """The operator sets of a model with or without functions (or of a function's body: without)."""
    return [OperatorSetIdProto(domain="", version=OPSET)] + functions * [OperatorSetIdProto(domain=DOMAIN, version=1)]


@dataclass
class _Writer:
    """Writes one graph."""

    graph: Graph
    functions: dict[bytes, FunctionProto] = field(default_factory=dict)
    """By their content before they were numbered."""
    variants: Counter[str] = field(default_factory=Counter)
    """How many functions there are of a kind."""
    stored: dict[tuple[str, Layout], str] = field(default_factory=dict)
    """Initializer by constant and layout."""
    extra: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Initializers that are no constants of the graph."""
    taken: set[str] = field(default_factory=set)
    """Names of the model."""

    def model(self, float_outputs: bool) -> ModelProto:
        graph, model = self.graph, ModelProto(ir_version=IR_VERSION, producer_name="bittrue")
        self.taken = {*graph.constants, *graph.node, *(name + rim.SUFFIX for name in graph.outputs if float_outputs)}
        lowered = {node.name: self._lower(node) for node in graph.nodes if not isinstance(node.op, Input)}
        self._lay_out(lowered)
        model.graph.name = graph.name
        model.graph.node.extend(self._node(graph.node[name], how) for name, how in lowered.items())
        model.graph.input.extend(self._input(node) for node in graph.inputs)
        model.graph.output.extend(map(self._value, graph.outputs))
        model.graph.value_info.extend(self._value(name) for name in lowered if name not in graph.outputs)
        if float_outputs:
            self._add_rim(model)
        model.graph.initializer.extend(self._initializers())
        model.functions.extend(self.functions.values())
        model.opset_import.extend(opsets(functions=bool(self.functions)))
        protos.add_metadata(model, {"format": FORMAT} | ({"float_outputs": "1"} if float_outputs else {}))
        return model

    def _lower(self, node: Node) -> Lowered:
        types = tuple(self.graph.types[name] for name in node.inputs)
        return RULES[node.op.kind](node.op, Site(types, self.graph.types[node.name], _formal_names(node)))

    def _lay_out(self, lowered: Mapping[str, Lowered]) -> None:
        """Choose the initializers: one for every constant, more where it is used in several layouts."""
        uses = dict.fromkeys((name, how.layouts.get(position, NATURAL)) for node, how in lowered.items()
                             for position, name in enumerate(self.graph.node[node].inputs)
                             if name in self.graph.constants)
        unused = sorted(self.graph.constants.keys() - {name for name, _ in uses})
        used = set()
        for name, layout in (*uses, *((name, NATURAL) for name in unused)):
            self.stored[name, layout] = self._fresh(f"{name}.{str(layout) or 'natural'}") if name in used else name
            used.add(name)

    def _fresh(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def _node(self, node: Node, how: Lowered) -> NodeProto:
        inputs = [self.stored.get((name, how.layouts.get(position, NATURAL)), name)
                  for position, name in enumerate(node.inputs)]
        if isinstance(how, Standard):
            proto = protos.node(how.op_type, inputs + self._added(node, how), [node.name], how.attributes,
                                name=node.name)
        else:
            function = self._function(_function(node, how))
            proto = protos.node(function, inputs, [node.name], attributes(node.op), DOMAIN, node.name)
        protos.add_metadata(proto, {"op": node.op.kind, "version": str(node.op.version),
                                    "attributes": json.dumps(attributes(node.op)), **self._annotations(node)})
        return proto

    def _added(self, node: Node, how: Standard) -> list[str]:
        """Names of the operands that only ONNX has; "" for one left out."""
        names = [self._fresh(f"{node.name}.{added[0]}") if added else "" for added in how.added]
        self.extra |= {name: added[1] for name, added in zip(names, how.added, strict=True) if added}
        return names

    def _function(self, function: FunctionProto) -> str:
        """Enter a function, named after its kind, unless it is there; returns its final name."""
        key = function.SerializeToString(deterministic=True)
        if key not in self.functions:
            self.variants[function.name] += 1
            if (number := self.variants[function.name]) > 1:
                function.name += f"_{number}"
            self.functions[key] = function
        return self.functions[key].name

    def _add_rim(self, model: ModelProto) -> None:
        for added in rim.dequantizations(self.graph):
            scale = self._fresh(added.output.name + ".scale")
            self.extra[scale] = added.scale
            added.function.domain = DOMAIN
            added.function.opset_import.extend(opsets(functions=False))
            proto = protos.node(self._function(added.function), [added.source, scale], [added.output.name], {}, DOMAIN,
                                added.output.name)
            protos.add_metadata(proto, {"rim": "1"})
            model.graph.node.append(proto)
            model.graph.output.append(added.output)

    def _initializers(self) -> list[TensorProto]:
        initializers = []
        for (constant_name, layout), name in self.stored.items():
            constant = self.graph.constants[constant_name]
            proto = protos.tensor(name, layout.stored(constant.values, constant.elem))
            entry = {"layout": str(layout)} if str(layout) else {}
            protos.add_metadata(proto, {"constant": constant_name, "type": str(constant.elem), **entry})
            initializers.append(proto)
        return initializers + [protos.tensor(name, values) for name, values in self.extra.items()]

    def _value(self, name: str) -> ValueInfoProto:
        tensor = self.graph.types[name]
        return protos.value_info(name, tensor.shape, tensor.elem.dtype)

    def _input(self, node: Node) -> ValueInfoProto:
        proto = self._value(node.name)
        protos.add_metadata(proto, self._annotations(node))
        return proto

    def _annotations(self, node: Node) -> dict[str, str]:
        scale = {"scale": scale_text(node.scale)} if node.scale else {}
        return {"type": str(self.graph.types[node.name]), **scale}


def _function(node: Node, body: Body) -> FunctionProto:
    return FunctionProto(name=node.op.kind, domain=DOMAIN, input=_formal_names(node), output=[RESULT],
                         attribute=attributes(node.op), node=body.nodes, opset_import=opsets(functions=False))


def _formal_names(node: Node) -> tuple[str, ...]:
    """Names of the node's operands inside a function; those of a variadic operand are numbered."""
    formal = node.op.operands
    fixed = [operand.name for operand in formal if not operand.variadic]
    variadic = [f"{formal[-1].name}{i}" for i in range(len(node.inputs) - len(fixed)) if formal[-1].variadic]
    return (*fixed[:len(node.inputs)], *variadic)
