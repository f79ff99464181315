"""What the next layer would read: stored data, and what a layer does with them before it convolves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod

from ....ir.types import Shape
from ..network import Dim, Eltwise, Pool


@dataclass(frozen=True)
class Value:
    """A tensor of the graph as in-flight operations on stored data; no layer has been made for it yet.

    `sources` are layers (or the input) whose outputs are joined along the channels and read as `in_dim`, then pooled
    and combined. A value without pooling and element-wise operation is `plain`.
    """

    shape: Shape
    """The tensor's shape in the graph: (C,), (C, L) or (C, H, W); (C*H*W,) when flat."""
    sources: tuple[int, ...]
    in_channels: int
    in_dim: Dim
    pool: Pool = field(default_factory=Pool)
    pool_first: bool = True
    eltwise: Eltwise | None = None
    operands: int = 1
    saturated: bool = True
    """False for an element-wise sum that nothing has limited to 8 bits yet."""
    flat: bool = False
    """A vector of channels, rows and columns, in this order."""
    spatial_join: bool = False
    cut: int | None = None
    """The first channel that is read, where the value is some channels of the input: nothing has copied them yet."""
    name: str = ""
    """The tensor whose value it is."""

    @property
    def plain(self) -> bool:
        """Whether nothing happens to the stored data."""
        return self.pool == Pool() and self.eltwise is None

    @property
    def stored(self) -> bool:
        """Whether it is the output of one layer (or the input) as it lies in memory."""
        return self.plain and len(self.sources) == 1 and self.cut is None

    @property
    def one_dimensional(self) -> bool:
        """Whether it is (channels, length)."""
        return len(self.shape) == 2

    @property
    def pooled_dim(self) -> Dim:
        """Its rows and columns."""
        return self.pool.output(self.in_dim)

    def pooled(self, pool: Pool, shape: Shape) -> Value | None:
        """The value pooled in flight, if a layer can do that in this order."""
        if self.pool != Pool() or self.flat or not self.saturated or self.spatial_join:
            return None
        after = self.eltwise is not None
        if after and not pool.active:
            return None
        return replace(self, shape=shape, pool=pool, pool_first=not after)

    def reshaped(self, shape: Shape) -> Value | None:
        """The same data read in another shape, if that is only another way of counting rows and columns."""
        if shape == self.shape:
            return self
        if self.flat:
            return None
        if len(shape) == 1 and prod(self.shape[1:]) > 1:
            return replace(self, shape=shape, flat=True) if self.pool == Pool() and self.eltwise is None else None
        if shape[0] != self.shape[0] or prod(shape[1:]) != prod(self.shape[1:]):
            return None
        dim = dim_of(shape)
        if self.plain:
            return replace(self, shape=shape, in_dim=dim)
        return replace(self, shape=shape) if dim == self.pooled_dim else None


def dim_of(shape: Shape) -> Dim:
    """(rows, columns) of a tensor of the graph.

    >>> dim_of((8,)), dim_of((8, 5)), dim_of((8, 5, 3))
    ((1, 1), (5, 1), (5, 3))
    """
    rows, cols = (*shape[1:], 1, 1)[:2]
    return rows, cols
