"""Weights in the order in which the kernels read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ir import IntArray
from .native import PANEL


@dataclass(frozen=True, eq=False)
class Packed:
    """Weights (O, I/groups, KH, KW) as panels of output channels; a panel never crosses groups.

    `weights` is int8 (panels, runs, quads, PANEL, 4), or (panels, runs, 4 * quads, PANEL) for the portable kernels.
    A window is `runs` stretches of `quads` * 4 bytes; stretches are whole rows of the kernel if `whole_rows`, else
    single taps. `slots` is the output channel of each of the panels * PANEL slots, -1 for padding.
    """

    weights: NDArray[np.int8]
    runs: int
    quads: int
    whole_rows: bool
    slots: IntArray
    groups: int

    @property
    def panels(self) -> int:
        """Number of panels."""
        return len(self.slots) // PANEL

    @property
    def panel_bytes(self) -> int:
        """Bytes of weights of one panel."""
        return self.runs * self.quads * 4 * PANEL

    def spread(self, values: IntArray) -> IntArray:
        """Values per output channel (..., O), per slot; 0 for padding."""
        return np.where(self.slots < 0, 0, values[..., self.slots])


def pack(weight: IntArray, groups: int, dilated: bool, quads: bool) -> Packed:
    """Pack weights of -128..127. `dilated`: the taps of a kernel row are not neighbours in the input."""
    outputs, inputs, height, width = weight.shape
    whole_rows = groups == 1 and not dilated
    taps = weight.transpose(2, 3, 1, 0).reshape((height, width * inputs, outputs) if whole_rows else
                                                (height * width, inputs, outputs))
    runs, length = taps.shape[:2]
    slots = _slots(outputs, groups)
    padded = np.zeros((runs, -(-length // 4) * 4, len(slots)), np.int8)
    padded[:, :length] = np.where(slots < 0, 0, taps[:, :, slots])
    panels = padded.reshape(runs, -1, 4, len(slots) // PANEL, PANEL)
    order = (3, 0, 1, 4, 2) if quads else (3, 0, 1, 2, 4)
    return Packed(np.ascontiguousarray(panels.transpose(order)), runs, panels.shape[1], whole_rows, slots, groups)


def _slots(outputs: int, groups: int) -> IntArray:
    """Output channel of every slot, each group padded with -1 to whole panels."""
    size = outputs // groups
    slots = np.full((groups, -(-size // PANEL) * PANEL), -1, np.int64)
    slots[:, :size] = np.arange(outputs).reshape(groups, size)
    return slots.ravel()
