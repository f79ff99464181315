"""Energy of the phases of a run, where measurements are published that an estimate can rest on.

They are: application note 7664, table 4, MAX78002 at a core voltage of 1.0 V, for the supply of the accelerator alone
and less the idle power; at 1.1 V it is 20 to 32 % more. The note itself saw boards differ by 3.8 %. For the MAX78000
and for the MAX78002 without its pipeline there are too few figures, so there is no estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Energy:
    """An energy in µJ, and its largest relative error against what was measured."""

    uj: float
    error: float


@dataclass(frozen=True)
class EnergyModel:
    """Powers and energies of one chip."""

    loading_mw: float
    """Power while software writes kernels or an input, mW."""
    cycle_nj: float
    """Energy of a cycle of an inference, whatever it does, nJ."""
    processor_pj: float
    """Energy of a cycle of one processor that is in use, pJ."""
    loading_error: float
    """Relative error of energies of loading; the largest over the networks that were measured."""
    inference_error: float
    """Relative error of energies of an inference; the largest for a network that is left out of the fit."""

    def loading(self, us: float) -> Energy:
        """The energy of `us` microseconds of loading."""
        return Energy(self.loading_mw * us / 1000, self.loading_error)

    def inference(self, cycles: int, processor_cycles: int) -> Energy:
        """The energy of an inference. `processor_cycles`: the sum over layers of cycles times processors."""
        nanojoules = self.cycle_nj * cycles + self.processor_pj * processor_cycles / 1000
        return Energy(nanojoules / 1000, self.inference_error)


ENERGY: Mapping[str, EnergyModel] = MappingProxyType({
    "max78002": EnergyModel(loading_mw=42.5, cycle_nj=0.65, processor_pj=22.0, loading_error=0.05,
                            inference_error=0.3),
})
"""Name of a chip -> its model."""
