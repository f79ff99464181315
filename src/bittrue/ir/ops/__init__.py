"""The ops. Importing this package declares them all (`bittrue.ir.op.OPS`)."""

from .conv import Conv, Linear
from .elementwise import Abs, Add, Clip, LeakyRelu, Relu, Sub
from .lookup import Lookup
from .matmul import MatMul
from .movement import Concat, Flatten, Pad, Reshape, Transpose
from .pool import AvgPool, MaxPool
from .requant import Requant
from .transposed import ConvTranspose

__all__ = ["Abs", "Add", "AvgPool", "Clip", "Concat", "Conv", "ConvTranspose", "Flatten", "LeakyRelu", "Linear",
           "Lookup", "MatMul", "MaxPool", "Pad", "Relu", "Requant", "Reshape", "Sub", "Transpose"]
