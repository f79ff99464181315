"""What an op is: one declaration with typed attributes, shape rule, exact semantics, value-range rule and version.

An op is a frozen dataclass; its fields are its attributes. Declaring it registers it, and text form, ONNX file,
documentation and support matrix are derived from the declaration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from .types import IntArray, Range, TensorType

OPS: dict[str, type[Op]] = {}
"""Every declared op by its kind."""


class RuleViolation(Exception):
    """An op's shape rule refuses its operands; the verifier turns it into a diagnostic."""

    def __init__(self, why: str, fix: str) -> None:
        self.why, self.fix = why, fix
        super().__init__(why)


def require(condition: bool, why: str, fix: str) -> None:
    """Raise `RuleViolation` unless `condition`."""
    if not condition:
        raise RuleViolation(why, fix)


class Kind(Enum):
    """What an operand may be."""

    TENSOR = "tensor"
    CONSTANT = "constant"


@dataclass(frozen=True)
class Operand:
    """A formal operand: its name, whether it is an activation tensor or a constant, whether it may be left out
    (only trailing operands), whether it stands for one or more."""

    name: str
    kind: Kind = Kind.TENSOR
    optional: bool = False
    variadic: bool = False


class Op(ABC):
    """Base of all ops. One output per node; activations carry a leading batch axis at run time, types do not."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)
    explicit: ClassVar[bool] = False
    """Whether `bounds` needs explicit bounds for every element of its operands (where axes are merged or windowed)."""

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__
        if OPS.setdefault(cls.kind, cls) is not cls and OPS[cls.kind].__qualname__ != cls.__qualname__:
            raise TypeError(f"op {cls.kind} is declared twice")
        OPS[cls.kind] = cls

    @abstractmethod
    def infer(self, *types: TensorType) -> TensorType:
        """Shape rule: operand types (constants included) to output type. Raises `RuleViolation`."""

    @abstractmethod
    def run(self, *arrays: IntArray) -> IntArray:
        """Exact semantics on int64: activations as (batch, *shape), constants as they are."""

    @abstractmethod
    def bounds(self, *ranges: Range) -> Range:
        """Value-range rule: what the output can hold given what the operands can hold.

        Operand ranges may be short (length 1) along any axis, unless the op is `explicit`; so may the result be.
        """

    def macs(self, *types: TensorType) -> int:
        """Multiply-accumulates for one sample of these operand types."""
        return 0
