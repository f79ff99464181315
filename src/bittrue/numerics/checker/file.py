"""Reads an ONNX file of the integer graph: nodes with their kinds and attributes, constants, types. Own few lines."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import FunctionProto, ModelProto, NodeProto, numpy_helper

Array = NDArray[np.int64]

OPERANDS = {"Linear": 3, "Conv": 3, "ConvTranspose": 3, "Requant": 4, "Lookup": 2, "Add": 2, "Sub": 2, "BitOr": 2,
            "BitXor": 2, "MatMul": 2}
"""Largest number of operands by kind; all other kinds have one (`Concat`: any). Further inputs serve ONNX only."""


FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError,
            DecodeError)
"""What a broken or hostile file can raise in protobuf, onnx or numpy."""


PRODUCTS = ("ConvInteger", "MatMulInteger")
"""Standard ops whose fourth operand is the zero point of the second."""


class Unreadable(Exception):
    """The file is no integer graph that this checker knows; says why."""


@dataclass(frozen=True)
class Type:
    """Integer type and shape of one sample."""

    text: str
    bits: int
    signed: bool
    shape: tuple[int, ...]

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest value."""
        return (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)

    @classmethod
    def parse(cls, text: str) -> Type:
        """From `i20[8,4,4]`."""
        match = re.fullmatch(r"([iu])(\d{1,2})\[([\d,]*)\]", text)
        if match is None:
            raise Unreadable(f"{text!r} is no tensor type")
        shape = tuple(int(d) for d in match[3].split(",") if d)
        return cls(match[1] + match[2], int(match[2]), match[1] == "i", shape)


@dataclass(frozen=True)
class Node:
    """One node: `inputs` are names of nodes, inputs or constants."""

    name: str
    kind: str
    attributes: dict[str, Any]
    inputs: tuple[str, ...]
    type: Type
    proto: NodeProto


@dataclass(frozen=True)
class File:
    """The graph in a file."""

    name: str
    inputs: dict[str, Type]
    constants: dict[str, Array]
    nodes: tuple[Node, ...]
    functions: dict[tuple[str, str], FunctionProto]


def parse(data: bytes) -> File:
    """Read the bytes of an ONNX file. Raises `Unreadable`."""
    model = ModelProto()
    try:
        model.ParseFromString(data)
        graph = model.graph
        return File(graph.name,
                    {value.name: Type.parse(_metadata(value)["type"]) for value in graph.input},
                    _constants(graph),
                    tuple(_node(proto) for proto in graph.node if "rim" not in _metadata(proto)),
                    {(f.name, f.overload): f for f in model.functions})
    except FAILURES as problem:
        raise Unreadable(f"{type(problem).__name__}: {problem}") from None


def _metadata(message: Any) -> dict[str, str]:
    return {p.key.removeprefix("bittrue."): p.value for p in message.metadata_props if p.key.startswith("bittrue.")}


def _constants(graph: Any) -> dict[str, Array]:
    """The graph's constants; a weight with a zero point is what the product makes of it: stored minus zero point."""
    stored = {tensor.name: numpy_helper.to_array(tensor).astype(np.int64) for tensor in graph.initializer}
    zero = {node.input[1]: stored[node.input[3]] for node in graph.node if node.op_type in PRODUCTS and node.input[3:]}
    layouts = {tensor.name: meta.get("layout", "") for tensor in graph.initializer if (meta := _metadata(tensor))}
    return {name: (stored[name] - zero.get(name, 0)).T if "transposed" in layout else stored[name] - zero.get(name, 0)
            for name, layout in layouts.items()}


def _node(proto: NodeProto) -> Node:
    meta = _metadata(proto)
    count = len(proto.input) if meta["op"] == "Concat" else OPERANDS.get(meta["op"], 1)
    return Node(proto.output[0], meta["op"], json.loads(meta["attributes"]), tuple(proto.input)[:count],
                Type.parse(meta["type"]), proto)
