"""The ops. Importing this package declares them all (`bittrue.ir.op.OPS`)."""

from .bitwise import BitOr, BitXor
from .conv import Conv, Linear
from .elementwise import Abs, Add, Clip, LeakyRelu, Relu, Sub
from .lookup import Lookup
from .matmul import MatMul
from .movement import Concat, Flatten, Pad, Reshape, Slice, Transpose
from .pool import AvgPool, MaxPool
from .requant import Requant
from .transposed import ConvTranspose

__all__ = ["Abs", "Add", "AvgPool", "BitOr", "BitXor", "Clip", "Concat", "Conv", "ConvTranspose", "Flatten",
           "LeakyRelu", "Linear", "Lookup", "MatMul", "MaxPool", "Pad", "Relu", "Requant", "Reshape", "Slice", "Sub",
           "Transpose"]
