"""How a tensor of the graph lies in memory: which of its axes are rows, columns and channels."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ....ir import IntArray, Range
from ....ir.types import Shape
from ..network import Tensor


@dataclass(frozen=True)
class Layout:
    """Height, width and channels, and the image that samples are reshaped to (see `Tensor`)."""

    height: int
    width: int
    channels: int
    image: tuple[int, int, int] | None = None

    @classmethod
    def of(cls, tensor: Tensor) -> Layout:
        """The layout of a tensor of the network."""
        return cls(tensor.height, tensor.width, tensor.channels, tensor.image)

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return self.height, self.width, self.channels

    def tensor(self, name: str, elem: str, within: tuple[str, int] | None = None) -> Tensor:
        """A tensor that lies so."""
        return Tensor(name, *self.size, elem, self.image, within)

    def pixels(self, sample: IntArray) -> IntArray:
        """One sample in the order of the memory: (pixels, channels)."""
        return self.tensor("", "i32").to_memory(sample[np.newaxis]).reshape(-1, self.channels)

    def places(self) -> IntArray:
        """For every place in memory, the flat index in the graph of the element that lies there.

        >>> image_layout((2, 1, 3)).places().tolist()
        [0, 3, 1, 4, 2, 5]
        """
        return self.pixels(np.arange(prod(self.size), dtype=np.int64)).ravel()

    def same_memory(self, other: Layout) -> bool:
        """Whether every element of a sample lies at the same place in both."""
        return self.image == other.image or np.array_equal(self.places(), other.places())

    def along(self, shape: Shape, axis: int) -> IntArray | None:
        """The index along an axis of the graph that belongs to each channel; None if pixels differ in it.

        >>> image_layout((2, 1, 3)).along((2, 1, 3), 0).tolist(), image_layout((2, 1, 3)).along((2, 1, 3), 2)
        ([0, 1], None)
        """
        index = np.arange(shape[axis]).reshape(-1, *(1,) * (len(shape) - 1 - axis))
        pixels = self.pixels(np.broadcast_to(index, shape))
        return pixels[0] if bool((pixels == pixels[0]).all()) else None

    def reach(self, values: Range, shape: Shape) -> tuple[IntArray, IntArray]:
        """The smallest and the largest value of every channel: (C,), or (1,) where all have the same range."""
        if values.lo.size == values.hi.size == 1:
            return values.lo.ravel(), values.hi.ravel()
        whole = values.broadcast(shape)
        return self.pixels(whole.lo).min(axis=0), self.pixels(whole.hi).max(axis=0)


def image_layout(shape: Shape) -> Layout | None:
    """A vector (C,) or an image (C, W) or (C, H, W), pixel by pixel; None for other ranks."""
    if len(shape) not in (2, 3):
        return Layout(1, 1, shape[0]) if len(shape) == 1 else None
    height, width = (1, shape[1]) if len(shape) == 2 else shape[1:]
    return Layout(height, width, shape[0], (shape[0], height, width))


def rows_layout(shape: Shape) -> Layout:
    """The order of the graph: rows of the last axis."""
    return Layout(1, prod(shape[:-1]), shape[-1] if shape else 1)
