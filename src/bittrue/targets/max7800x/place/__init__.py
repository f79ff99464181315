"""Automatic placement: processors, offsets, the way of the input and bias groups, by constraint solving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import PlaceOptions

if TYPE_CHECKING:
    from ..device import Device
    from ..legalize.layout import Arrangement
    from ..placement import Placement

__all__ = ["PlaceOptions", "place"]


def place(arrangement: Arrangement, device: Device, options: PlaceOptions | None = None) -> Placement:
    """Where a network's layers run and their data lie: the fewest cycles first, then the least memory.

    The same arrangement gives the same placement. Raises `Unsupported` (BT5387..BT5397) when there is none, or none is
    found, with the smallest sets of layers that conflict.
    """
    from .placer import Placer  # the solver takes a second to load, and most commands do not need it

    return Placer(arrangement, device, options or PlaceOptions()).run()
