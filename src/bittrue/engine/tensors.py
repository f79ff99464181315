"""How the kernels hold tensors: channels last, in bytes or 32-bit integers, with a halo for windows that look out.

A narrow tensor stores element + zero as uint8 (zero is 128 for a signed one), a wide tensor stores int32. The halo
around each image holds `zero`, the stored form of 0, and is written once: a convolution reads its padding from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from ..ir import Graph, TensorType
from .native import View, address

SLACK = 64
"""Bytes that kernels may read behind a buffer's last element (they meet zero weights)."""


class Width(Enum):
    """How a tensor is stored."""

    UNSIGNED = 0
    """uint8, as it is"""
    SIGNED = 128
    """uint8, 128 added"""
    WIDE = -1
    """int32"""
    FOREIGN = -2
    """int64 in NumPy: no kernel can hold it"""

    @property
    def narrow(self) -> bool:
        """Whether one byte holds an element."""
        return self in (Width.UNSIGNED, Width.SIGNED)

    @property
    def zero(self) -> int:
        """What is added to an element to store it."""
        return max(self.value, 0)


INT32 = np.iinfo(np.int32)
LIMITS = {Width.UNSIGNED: (0, 255), Width.SIGNED: (-128, 127), Width.WIDE: (int(INT32.min), int(INT32.max))}


def width_of(graph: Graph, name: str) -> Width:
    """The narrowest storage for a tensor, by its proven range."""
    reach = graph.ranges[name]
    low, high = int(reach.lo.min()), int(reach.hi.max())
    if len(graph.types[name].shape) not in (1, 2, 3):
        return Width.FOREIGN
    return next((width for width, (lo, hi) in LIMITS.items() if lo <= low and high <= hi), Width.FOREIGN)


@dataclass(frozen=True)
class Image:
    """A sample as an image: a vector is one pixel, a 1-D image one row."""

    channels: int
    height: int
    width: int

    @classmethod
    def of(cls, tensor: TensorType) -> Image:
        """(C), (C, W) or (C, H, W)."""
        spatial = tensor.shape[1:]
        return cls(tensor.shape[0], spatial[0] if len(spatial) == 2 else 1, spatial[-1] if spatial else 1)


@dataclass(frozen=True)
class Halo:
    """Rows and columns around an image."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def __or__(self, other: Halo) -> Halo:
        return Halo(max(self.top, other.top), max(self.left, other.left), max(self.bottom, other.bottom),
                    max(self.right, other.right))


@dataclass
class Buffer:
    """The memory of one tensor for up to `batch` samples."""

    image: Image
    width: Width
    halo: Halo
    batch: int = 0
    data: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))

    @property
    def element(self) -> int:
        """Bytes of one element."""
        return 1 if self.width.narrow else 4

    @property
    def pixel(self) -> int:
        """Bytes from a pixel to its right neighbour."""
        return self.image.channels * self.element

    @property
    def row(self) -> int:
        """Bytes from a pixel to the one below."""
        return self.pixel * (self.halo.left + self.image.width + self.halo.right)

    @property
    def pitch(self) -> int:
        """Bytes from an image to the next."""
        return self.row * (self.halo.top + self.image.height + self.halo.bottom)

    def grow(self, batch: int) -> None:
        """Make room for `batch` samples; elements are lost, halos are right."""
        if batch > self.batch:
            self.batch = batch
            self.data = np.full(self.pitch * batch + 2 * SLACK, self.width.zero, np.uint8)

    def view(self) -> View:
        """For the kernels. It is valid until the buffer grows."""
        begin = -(-address(self.data) // SLACK) * SLACK  # aligned to a cache line
        return View(begin + self.halo.top * self.row + self.halo.left * self.pixel, self.pitch, self.row, self.pixel,
                    self.width.zero, 0 if self.width.narrow else 1)
