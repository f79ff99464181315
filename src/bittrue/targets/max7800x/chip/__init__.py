"""The chip around the accelerator: builds a C project and runs it on emulated cores."""

from .build import Firmware, Options, build, built
from .machine import BUDGET, Chip, Outcome, RunResult, Stopped
from .ports import AcceleratorPort
from .traps import Trap, TrapKind

__all__ = ["BUDGET", "AcceleratorPort", "Chip", "Firmware", "Options", "Outcome", "RunResult", "Stopped", "Trap",
           "TrapKind", "build", "built"]
