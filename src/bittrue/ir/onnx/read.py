"""An ONNX file becomes a graph again, or is refused.

The graph is decoded from initializers, connections and metadata, and written again: a file whose bytes are not those
that this graph has as a file is refused, and where it deviates is named. So what ONNX Runtime executes (nodes,
functions, initializers) is what bittrue executes, whatever the metadata claim.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import numpy as np

from ...errors import BadInput, Diagnostics, fail
from ..attributes import make_op
from ..graph import Constant, Graph, Input, Node, Scale
from ..op import OPS, Op
from ..types import IntType, TensorType
from ..verify import verified
from . import codes, protos
from .annotations import read_json, read_scale, scale_problem
from .compare import deviations, first_difference
from .inspection import REWRITE, inspect
from .lowering import LAYOUTS, NATURAL
from .messages import ModelProto, NodeProto, TensorProto, ValueInfoProto
from .writable import LARGEST_FILE
from .write import to_bytes, to_model

MOST_DEVIATIONS = 20
"""More are counted, not listed."""


def load(path: str | os.PathLike[str]) -> Graph:
    """The graph in an ONNX file that bittrue wrote. Reads this one file, at most 2 GiB, and runs nothing in it.

    Raises `BadInput` (BT1101, BT1102, BT1105..BT1110, and what the verifier finds) or `Unsupported` (BT1103, BT1104,
    BT1111) with every problem found.
    """
    return from_bytes(_read(Path(path)), f"file {path}")


def from_bytes(data: bytes, where: str = "model") -> Graph:
    """The graph in the bytes of an ONNX file; `where` names them in diagnostics. Raises like `load`."""
    model = _parsed(data, where)
    graph = from_model(model, where)
    again = to_bytes(to_model(graph, float_outputs=_has_float_outputs(model)))
    if again != data:
        fail(BadInput, codes.NOT_CANONICAL, where, f"from byte {first_difference(again, data)} on it is not the "
             "serialization that bittrue writes (unknown or repeated fields), though its content is the same",
             "load it with the onnx library, or as it was before it was changed, and save it again with bittrue")
    return graph


def from_model(model: ModelProto, where: str = "model") -> Graph:
    """The graph in an ONNX model in memory; raises like `load`, but for the form of the bytes."""
    inspect(model, where)
    graph = _Reader(model, where).graph()
    verified(graph)
    _check_same(to_model(graph, float_outputs=_has_float_outputs(model)), model, where)
    return graph


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            fail(BadInput, codes.UNREADABLE, f"file {path}", "it is no regular file", "name an ONNX file")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            fail(BadInput, codes.DAMAGED, f"file {path}", f"it has {size} bytes; an ONNX file ends at 2 GiB",
                 "name an ONNX file")
        return path.read_bytes()
    except (OSError, ValueError) as problem:
        fail(BadInput, codes.UNREADABLE, f"file {path}", f"it cannot be read: {problem}",
             "name an ONNX file that exists and that you may read")


def _parsed(data: bytes, where: str) -> ModelProto:
    try:
        model = ModelProto()
        model.ParseFromString(data)
    except (protos.DecodeError, UnicodeDecodeError) as problem:
        fail(BadInput, codes.DAMAGED, where, f"it is no ONNX model, or is cut off or damaged: {problem}",
             "copy the file again, or freeze the model again")
    if not model.HasField("graph"):
        fail(BadInput, codes.DAMAGED, where, f"it holds no graph ({len(data)} bytes)", "name an ONNX file")
    return model


def _has_float_outputs(model: ModelProto) -> bool:
    return "float_outputs" in protos.metadata(model)


def _check_same(expected: ModelProto, found: ModelProto, where: str) -> None:
    if expected == found:
        return
    places = deviations(expected, found)
    diagnostics = Diagnostics()
    for place, what in islice(places, MOST_DEVIATIONS):
        diagnostics.add(codes.MISMATCH, f"{where}, {place}", f"{what}, so the file does not compute what its metadata "
                        "say", "do not edit the file: change the graph and save it again")
    if more := sum(1 for _ in places):
        diagnostics.add(codes.MISMATCH, where, f"{more} more deviations", REWRITE)
    diagnostics.raise_as(BadInput)


class _Reader:
    """Decodes one model; problems are collected."""

    def __init__(self, model: ModelProto, where: str) -> None:
        self.model, self.where, self.found = model, where, Diagnostics()
        self.constants: dict[str, Constant] = {}
        self.constant_of: dict[str, str] = {}
        """Constant by initializer."""
        self.added = {""}
        """Operands that only ONNX has (written again, they are compared); "" is one left out."""

    def graph(self) -> Graph:
        """The unverified graph."""
        for initializer in self.model.graph.initializer:
            self._constant(initializer)
        nodes = [self._input(value) for value in self.model.graph.input]
        nodes += [self._node(node) for node in self.model.graph.node if "rim" not in protos.metadata(node)]
        self.found.raise_as(BadInput)
        names = {node.name for node in nodes if node}
        outputs = tuple(value.name for value in self.model.graph.output if value.name in names)
        return Graph(self.model.graph.name, tuple(node for node in nodes if node), self.constants, outputs)

    def _problem(self, code: str, where: str, why: object) -> None:
        self.found.add(code, f"{self.where}, {where}", str(why), REWRITE)

    def _constant(self, initializer: TensorProto) -> None:
        entries, where = protos.metadata(initializer), f"initializer {initializer.name!r}"
        if "constant" not in entries:
            self.added.add(initializer.name)
            return
        try:
            elem = IntType.parse(entries.get("type", ""))
        except ValueError as problem:
            self._problem(codes.METADATA, where, problem)
            return
        dtype = protos.DTYPES[initializer.data_type].newbyteorder("<")
        values = np.frombuffer(initializer.raw_data, dtype).astype(np.int64).reshape(tuple(initializer.dims))
        values = LAYOUTS.get(entries.get("layout", ""), NATURAL).restored(values, elem)
        values.flags.writeable = False
        self.constants[entries["constant"]] = Constant(values, elem)
        self.constant_of[initializer.name] = entries["constant"]

    def _input(self, value: ValueInfoProto) -> Node | None:
        entries, where = protos.metadata(value), f"input {value.name!r}"
        try:
            tensor = TensorType.parse(entries.get("type", ""))
        except ValueError as problem:
            self._problem(codes.METADATA, where, problem)
            return None
        return Node(value.name, Input(tensor), (), self._scale(entries, tensor, where))

    def _node(self, node: NodeProto) -> Node | None:
        entries, where = protos.metadata(node), f"node {node.name!r} ({node.domain or 'ai.onnx'}.{node.op_type})"
        op = self._op(entries, where)
        try:
            tensor = TensorType.parse(entries.get("type", ""))
        except ValueError as problem:
            self._problem(codes.METADATA, where, problem)
            return None
        inputs = tuple(self.constant_of.get(name, name) for name in node.input if name not in self.added)
        scale = self._scale(entries, tensor, where)
        return Node(node.output[0] if node.output else "", op, inputs, scale) if op else None

    def _op(self, entries: dict[str, str], where: str) -> Op | None:
        kind = entries.get("op", "")
        if kind not in OPS or kind == Input.kind:
            self._problem(codes.UNKNOWN_NODE, where, f"its metadata name the op {kind!r}, which is unknown" if kind else
                          "it has no bittrue metadata: it is no part of an integer graph")
            return None
        if entries.get("version") != str(OPS[kind].version):
            self._problem(codes.VERSION, where, f"it is version {entries.get('version')!r} of {kind}; this bittrue "
                          f"has {OPS[kind].version}")
            return None
        try:
            return make_op(kind, read_json(entries.get("attributes", "")), f"{self.where}, {where}")
        except ValueError as problem:
            self._problem(codes.METADATA, where, f"its attributes are unreadable: {problem}")
        except BadInput as problem:
            self.found.extend(problem)
        return None

    def _scale(self, entries: dict[str, str], tensor: TensorType, where: str) -> Scale | None:
        if "scale" not in entries:
            return None
        try:
            scale = read_scale(entries["scale"])
        except ValueError as problem:
            self._problem(codes.METADATA, where, f"its scale is unreadable: {problem}")
            return None
        if why := scale_problem(scale, tensor):
            self._problem(codes.METADATA, where, why)
        return scale
