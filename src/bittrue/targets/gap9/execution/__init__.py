"""Projects in the box: compiled, run on the simulated cluster and on this computer, compared layer by layer."""

from ..simulate import write_trace
from .run import run_once, run_samples, simulate
from .verify import check_simulation

__all__ = ["check_simulation", "run_once", "run_samples", "simulate", "write_trace"]
