"""One agreement between registers of a layer, and the layer as it sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..device import Device
from .layer import LayerProgram, Mode
from .registers import Fields

SHARED = 4
"""Processors, and channels, of a data memory instance."""


@dataclass(frozen=True)
class View:
    """A layer as the rows see it."""

    device: Device
    lead: Fields
    program: LayerProgram

    @property
    def copies(self) -> bool:
        """Whether the layer has no kernels and does not go round them."""
        return self.program.mode is Mode.PASSTHROUGH

    @property
    def sums(self) -> bool:
        """Whether the layer adds up products of all processors."""
        return not self.program.mode.by_processor

    @property
    def counts_sizes(self) -> bool:
        """Whether the registers count rows and columns of the padded image, as on the MAX78000."""
        return self.device.pad_in_count


@dataclass(frozen=True)
class Row:
    """One agreement: `holds` says whether it holds, `applies` for which layers it is asked."""

    text: str
    holds: Callable[[View], bool]
    applies: Callable[[View], bool] = lambda view: True
