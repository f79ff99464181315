"""What the search for places in L2 is asked, and what it answers; see `placement`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WEIGHT = 100
"""What a byte costs that is streamed beside a kernel that takes longer."""


@dataclass(frozen=True)
class Demand:
    """The parameters of one layer: how many pieces, the bytes of each, and how much a streamed byte of them costs."""

    pieces: int
    size: int
    weight: int


@dataclass(frozen=True)
class Placed:
    """Where tensors lie (a second place after a stay in L3), and how many pieces of each layer's parameters stay."""

    places: Mapping[str, int]
    later: Mapping[str, int]
    resident: tuple[int, ...]
