"""The planner of the GAP9 target: `plan` cuts a network into tiles and gives everything a place and a time."""

from .checker import check_program
from .limits import Limits
from .planner import plan

__all__ = ["Limits", "check_program", "plan"]
