"""Tensors as PyTorch stores them: a storage of equal elements, and how a tensor lies in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

MOST_DIMENSIONS = 32

_BFLOAT16 = "bfloat16"
ELEMENTS = {
    "torch.FloatStorage": "f4", "torch.DoubleStorage": "f8", "torch.HalfStorage": "f2",
    "torch.BFloat16Storage": _BFLOAT16, "torch.ByteStorage": "u1", "torch.CharStorage": "i1",
    "torch.ShortStorage": "i2", "torch.IntStorage": "i4", "torch.LongStorage": "i8", "torch.BoolStorage": "?",
    "torch.ComplexFloatStorage": "c8", "torch.ComplexDoubleStorage": "c16", "torch.QInt8Storage": "i1",
    "torch.QUInt8Storage": "u1", "torch.QInt32Storage": "i4", "torch.storage.UntypedStorage": "u1",
}
"""Elements of the storages, as NumPy names them."""
_AS_READ: dict[str, type[np.floating[Any]]] = {"f4": np.float32, "f2": np.float32, _BFLOAT16: np.float32}
"""What values are read as, if not as float64."""

ODD = "it is no plain tensor in memory"

@dataclass(eq=False)
class Storage:
    """Elements in a row; `data` may be known later than its size."""

    element: str
    count: int
    data: bytes | memoryview = b""
    order: str = "<"
    """Byte order: `<` or `>`."""

    @property
    def width(self) -> int:
        """Bytes of an element."""
        return 2 if self.element == _BFLOAT16 else np.dtype(self.element).itemsize

    @property
    def size(self) -> int:
        """Bytes of the storage."""
        return self.count * self.width

    def fill(self, data: bytes | memoryview) -> None:
        """Set the data. Raises ValueError when they have another size."""
        if len(data) != self.size:
            raise ValueError(f"a storage of {self.size} bytes has {len(data)} in the file")
        self.data = data

    def read(self) -> NDArray[Any]:
        """The elements; bfloat16 as float32, truth values as 0 and 1."""
        elements: NDArray[Any]
        if self.element == _BFLOAT16:
            elements = (np.frombuffer(self.data, self.order + "u2").astype(np.uint32) << 16).view(np.float32)
        elif self.element == "?":
            elements = (np.frombuffer(self.data, np.uint8) != 0).astype(np.uint8)
        else:
            elements = np.frombuffer(self.data, self.order + self.element)
        return elements


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor: sizes and strides in elements. Raises ValueError for one that does not lie in its storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    odd: str = field(default="", kw_only=True)
    """Why nobody can read the values; empty when one can."""

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.strides)
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("a tensor's offset, size and strides are not numbers from 0 upwards")
        if len(self.shape) != len(self.strides) or len(self.shape) > MOST_DIMENSIONS:
            raise ValueError(f"a tensor has {len(self.shape)} dimensions and {len(self.strides)} strides")
        if self.elements and self._last >= self.storage.count:
            raise ValueError(f"a tensor ends at element {self._last} of a storage of {self.storage.count}")

    @property
    def elements(self) -> int:
        """How many values it claims to have."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def _last(self) -> int:
        """The place of the last element."""
        return self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))

    def read(self) -> tuple[str, FloatArray | None]:
        """Why the values are of no use, or the values: float32 and float64 as they are, narrower floats as float32,
        integers as float64."""
        if problem := self._problem():
            return problem, None
        values = self._values()
        return ("", values) if np.isfinite(values).all() else ("some values are infinite or no numbers", None)

    def _problem(self) -> str:
        if self.odd:
            return self.odd
        if self.storage.element.startswith("c"):
            return "its values are complex"
        if not self.elements:
            return "it has no values"
        if self.elements > self.storage.count:
            return f"it claims {self.elements} values, and the file holds fewer"
        return ""

    def _values(self) -> FloatArray:
        stored = self.storage.read()
        strides = tuple(stride * stored.itemsize for stride in self.strides)
        view = np.lib.stride_tricks.as_strided(stored[self.offset:], self.shape, strides, writeable=False)
        return np.array(view, _AS_READ.get(self.storage.element, np.float64), order="C")


def tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_others: Any) -> StoredTensor:
    """A tensor by the arguments of PyTorch's function of that purpose."""
    if not isinstance(storage, Storage) or not isinstance(shape, Sequence) or not isinstance(strides, Sequence):
        raise ValueError("a tensor has no storage, or no size")
    return StoredTensor(storage, offset, tuple(shape), tuple(strides))


def odd(*_arguments: Any) -> StoredTensor:
    """A tensor of a kind that no network's weights have: sparse, quantized by PyTorch, without data."""
    return StoredTensor(Storage("u1", 0), 0, (0,), (1,), odd=ODD)
