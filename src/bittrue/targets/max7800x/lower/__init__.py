"""From a plan to what software does with the chip: register writes and memory images."""

from .register_options import RegisterOptions
from .registers import register_program
from .stop import stop_after

__all__ = ["RegisterOptions", "register_program", "stop_after"]
