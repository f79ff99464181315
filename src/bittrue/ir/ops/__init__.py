"""The ops. Importing this package declares them all (`bittrue.ir.op.OPS`)."""

from .conv import Conv, Linear
from .requant import Requant

__all__ = ["Conv", "Linear", "Requant"]
