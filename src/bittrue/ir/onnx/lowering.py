"""How ops become ONNX: what a rule sees (`Site`), what it answers (`Standard` or `Body`), and the table of rules.

A rule answers with a standard ONNX op where one has the same semantics and ONNX Runtime a kernel for the types;
otherwise with the body of an ONNX function, made of standard integer ops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..op import Op
from ..types import IntArray, IntType, TensorType
from . import protos
from .messages import NodeProto
from .protos import ELEMENT_TYPES, Ref, Value

O_contra = TypeVar("O_contra", bound=Op, contravariant=True)
INT64 = np.dtype(np.int64)

RESULT = "y"
"""The output of every function."""


@dataclass(frozen=True)
class Site:
    """A node to be written: types of its operands and of its output, names of the operands inside a function."""

    operands: tuple[TensorType, ...]
    out: TensorType
    names: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """How the file stores a constant: with its axes reversed, or moved to unsigned by the type's smallest value (an i4
    is stored as 0..15 with zero point 8)."""

    transposed: bool = False
    unsigned: bool = False

    def __str__(self) -> str:
        return " ".join(name for name, chosen in vars(self).items() if chosen)

    def stored(self, values: IntArray, elem: IntType) -> NDArray[Any]:
        """The array in the file for a constant of type `elem`."""
        moved = (values - elem.min).astype(f"u{elem.dtype.name}") if self.unsigned else values.astype(elem.dtype)
        return moved.T if self.transposed else moved

    def restored(self, values: IntArray, elem: IntType) -> IntArray:
        """The constant's values, of an array in the file."""
        moved = values + elem.min if self.unsigned else values
        return np.array(moved.T if self.transposed else moved, np.int64, order="C")


NATURAL = Layout()
LAYOUTS = {str(layout): layout for layout in (NATURAL, Layout(True), Layout(False, True), Layout(True, True))}
"""Every layout by its text."""


@dataclass(frozen=True)
class Standard:
    """A plain ONNX op. `layouts` are those of its constants, by operand, where they are not natural."""

    op_type: str
    attributes: Mapping[str, Value] = field(default_factory=dict)
    layouts: Mapping[int, Layout] = field(default_factory=dict)
    added: tuple[tuple[str, NDArray[Any]] | None, ...] = ()
    """Further operands, which the file holds beside the graph's constants (shapes, pads, zero points): role and values;
    None leaves an optional one out."""


@dataclass
class Body:
    """The body of an ONNX function under construction; every method returns the name of what it adds."""

    layouts: Mapping[int, Layout] = field(default_factory=dict)
    nodes: list[NodeProto] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    def op(self, op_type: str, *inputs: str, **attributes: Value) -> str:
        """A standard op."""
        self._counts[op_type] += 1
        name = f"{op_type}_{self._counts[op_type]}"
        self.nodes.append(protos.node(op_type, inputs, [name], attributes))
        return name

    def constant(self, value: int | tuple[int, ...], dtype: np.dtype[Any] = INT64) -> str:
        """A constant: a scalar or a vector."""
        return self.op("Constant", value=np.array(value, dtype))

    def attribute(self, name: str) -> str:
        """The integer attribute `name` of the calling node, as an int64 scalar."""
        return self.op("Constant", value_int=Ref(name, many=False))

    def cast(self, x: str, dtype: np.dtype[Any] = INT64) -> str:
        """`x` as `dtype`; a value beyond it wraps around."""
        return self.op("Cast", x, to=ELEMENT_TYPES[dtype.name])

    def larger(self, a: str, b: str) -> str:
        """Element-wise maximum of int64 tensors.

        Not `Max`, nor `Min`, `Clip` and `Sign`: on x86 ONNX Runtime's int64 kernels of these get values beyond 32 bits
        wrong (seen in 1.31.1; a fault of the Eigen library's SSE2 code). Comparisons are right.
        """
        return self.op("Where", self.op("Less", a, b), b, a)

    def smaller(self, a: str, b: str) -> str:
        """Element-wise minimum of int64 tensors; see `larger`."""
        return self.op("Where", self.op("Less", a, b), a, b)

    def clamp(self, x: str, lo: str, hi: str) -> str:
        """int64 `x` limited to lo..hi; see `larger`."""
        return self.smaller(self.larger(x, lo), hi)

    def finish(self, result: str, dtype: np.dtype[Any]) -> Body:
        """Declare the function's output `y`: `result` cast to `dtype`."""
        self.nodes.append(protos.node("Cast", [result], [RESULT], {"to": ELEMENT_TYPES[dtype.name]}))
        return self


Lowered = Standard | Body
Rule = Callable[[Any, Site], Lowered]

RULES: dict[str, Rule] = {}
"""The rule of every op, by kind."""


def rule(op_class: type[O_contra]) -> Callable[[Callable[[O_contra, Site], Lowered]],
                                               Callable[[O_contra, Site], Lowered]]:
    """Enter the decorated function into `RULES` as the rule of `op_class`."""
    def enter(function: Callable[[O_contra, Site], Lowered]) -> Callable[[O_contra, Site], Lowered]:
        RULES[op_class.kind] = function
        return function
    return enter
