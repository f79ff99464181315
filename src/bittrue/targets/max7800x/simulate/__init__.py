"""What needs the emulated chip, together: `simulate`, `verify` and `run` of the target."""

from .run import run_samples, simulate
from .verify import check_simulation

__all__ = ["check_simulation", "run_samples", "simulate"]
