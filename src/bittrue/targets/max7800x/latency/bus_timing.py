"""What an access to the accelerator costs, in which clock; measured figures behind it are in `published`.

A word that software copies to the accelerator takes a part in the CPU's clock (the copying loop, the read from flash,
the bridge to the peripheral bus) and a part in the accelerator's clock (the interface to its memories). Both parts
come from the times that application note 7664 gives for loading the kernels and the input of two networks at clocks
from 12.5 to 200 MHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from ..device import Device

CPU_PART = Fraction(35, 2)
"""CPU cycles of an access that do not depend on the accelerator's clock."""

ACCELERATOR_PART = Fraction(27, 4)
"""Cycles of the accelerator's clock in an access."""

FIFO_ACCESSES = 2
"""Accesses for one word into a FIFO: the status is read before every write."""

START = 665
"""CPU cycles from the start to the end of the interrupt handler, less the network's own: the mean over four networks
of the time that the SDK prints, less the cycles of the layers."""


@dataclass(frozen=True)
class Clocks:
    """Clocks, in MHz."""

    cpu: int
    loading: int
    """Of the accelerator while software accesses its memories."""
    inference: int
    """Of the accelerator while it computes."""

    @classmethod
    def of(cls, device: Device, pipeline: bool = True) -> Clocks:
        """The clocks of a generated project.

        The peripheral bus runs at half the CPU's clock. With a PLL the accelerator is slowed down for loading, to what
        it can do without the pipeline; without the pipeline it stays there.
        """
        if not device.pll:
            return cls(2 * device.peripheral_mhz, device.clock_mhz, device.clock_mhz)
        slow = device.unpipelined_mhz
        return cls(2 * device.peripheral_mhz, slow, device.clock_mhz if pipeline else slow)

    def accesses(self, count: int, accelerator: int) -> int:
        """CPU cycles of `count` accesses while the accelerator has a clock of `accelerator` MHz.

        >>> Clocks(100, 50, 50).accesses(4, 50), Clocks(120, 50, 200).accesses(4, 50)
        (124, 135)
        """
        return ceil(count * (CPU_PART + ACCELERATOR_PART * self.cpu / accelerator))
