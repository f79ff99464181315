"""Energy of the phases of a run, where measurements are published that an estimate can rest on.

They are: application note 7664, table 4, MAX78002 at a core voltage of 1.0 V, for the supply of the accelerator alone
and less the idle power; at 1.1 V it is about 20 % more. The note itself saw boards differ by 3.8 %. For the MAX78000
and for the MAX78002 without its pipeline there are too few figures, so there is no estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


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
    """Largest relative error of the loading power over the networks that were measured."""
    inference_error: float
    """Largest relative error of an inference's energy, for a network that is left out of the fit."""

    def loading(self, us: float) -> float:
        """µJ of `us` microseconds of loading."""
        return self.loading_mw * us / 1000

    def inference(self, cycles: int, processor_cycles: int) -> float:
        """µJ of an inference. `processor_cycles`: the sum over layers of cycles times processors."""
        return (self.cycle_nj * cycles + self.processor_pj * processor_cycles / 1000) / 1000


ENERGY: Mapping[str, EnergyModel] = MappingProxyType({
    "max78002": EnergyModel(loading_mw=42.5, cycle_nj=0.68, processor_pj=24.0, loading_error=0.05,
                            inference_error=0.25),
})
"""Name of a chip -> its model."""
