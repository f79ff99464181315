"""The chip around the accelerator: builds a C project and runs it on emulated cores.

To import it raises `ToolMissing` (BT5464) when the packages of the extra `sim` are not installed.
"""

from .requirements import require_packages  # isort: split

from .build import Firmware, Options, build, built
from .machine import BUDGET, Chip, Outcome, RunResult, Stopped
from .ports import AcceleratorPort
from .traps import Trap, TrapKind

__all__ = ["BUDGET", "AcceleratorPort", "Chip", "Firmware", "Options", "Outcome", "RunResult", "Stopped", "Trap",
           "TrapKind", "build", "built", "require_packages"]
