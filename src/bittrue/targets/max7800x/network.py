"""A network as the accelerator runs it: a list of hardware layers with their weights, nothing yet about where.

One layer reads its sources, pools, combines operands element by element, convolves, shifts, rounds, saturates,
activates and writes. Data are signed 8-bit integers (Q7), sums have full resolution. The way the values take is
`to_graph`; where they lie is a `placement.Placement`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from ...ir import IntArray

Dim = tuple[int, int]
"""(rows, columns) of an image; 1-D data of length n are (n, 1)."""

INPUT, BUFFER = -1, -2
"""Sources that are no layer: the network's input, and the data buffer that persists between inferences."""

DATA_BITS = BIAS_BITS = 8
FRACTION = 7
"""Binary places of Q7 data: a product of two has 14, so sums are shifted right by 7."""

BIAS_SHIFT = 7
"""A bias is an integer of 8 bits that enters the sum multiplied by 2**7."""


class Operator(str, Enum):
    """A layer's main operation, after pooling and element-wise operations."""

    CONV1D = "Conv1d"
    CONV2D = "Conv2d"
    CONVTRANSPOSE2D = "ConvTranspose2d"
    LINEAR = "Linear"
    PASSTHROUGH = "Passthrough"


class Eltwise(str, Enum):
    """An element-wise operation on 2 to 16 operands."""

    ADD = "Add"
    SUB = "Sub"
    OR = "Or"
    XOR = "Xor"


class Activation(str, Enum):
    """What happens to a saturated output: values below zero become 0 (ReLU) or positive (Abs, |-128| = 127)."""

    NONE = "None"
    RELU = "ReLU"
    ABS = "Abs"


@dataclass(frozen=True)
class Pool:
    """In-flight pooling: (rows, columns) each. A window of 1x1 with a stride only skips."""

    average: bool = False
    window: Dim = (1, 1)
    stride: Dim = (1, 1)
    dilation: Dim = (1, 1)

    @property
    def active(self) -> bool:
        """Whether a window has more than one element."""
        return self.window != (1, 1)

    def output(self, dim: Dim) -> Dim:
        """Size after pooling an image of size `dim`."""
        rows, cols = ((d - (w - 1) * dil - 1) // s + 1
                      for d, w, s, dil in zip(dim, self.window, self.stride, self.dilation, strict=True))
        return rows, cols


@dataclass(frozen=True, eq=False)
class Weights:
    """The weights of a layer: (O, I/groups, rows, columns), (O, I/groups, length) for Conv1d, (O, I) for Linear.

    ConvTranspose2d has the layout of its equivalent convolution on the stretched image, as Conv2d: flipped, output
    channels first. `bits` is the width in the kernel memory; `binary` weights are -1 and +1 in one bit.
    """

    values: IntArray
    bits: int
    binary: bool = False
    bias: IntArray | None = None
    """(O,) integers of 8 bits; the sum gets bias * 2**7."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One hardware layer.

    `sources` are indices into `Network.layers` (always smaller than the layer's own), `INPUT` or `BUFFER`. Several
    sources are joined along the channels; when their sizes differ (`spatial_join`), pixel by pixel into `in_dim`.
    The joined channels are split into `operands` equal parts of `in_channels` each.
    """

    name: str
    operator: Operator
    sources: tuple[int, ...]
    in_channels: int
    """Channels of one operand, before flattening."""
    in_dim: Dim
    """Size of the data that is pooled: of the source, or what it is reshaped to."""
    spatial_join: bool = False
    crop: Dim = (0, 0)
    """Rows that are dropped before and after `in_dim` of the source."""
    channel_skip: int = 0
    """Channels of the joined sources that are dropped before the first one that is read; those beyond the last operand
    are dropped too."""
    pool: Pool = field(default_factory=Pool)
    pool_first: bool = True
    """Whether pooling comes before the element-wise operation."""
    eltwise: Eltwise | None = None
    operands: int = 1
    flatten: bool = False
    """Linear layers: channels, rows, columns of the source become the inputs."""
    weights: Weights | None = None
    bypass: bool = False
    """MAX78002: the convolution engine passes a sum of all inputs, as if every weight were 1."""
    bypass_channels: int = 0
    """Output channels of a layer that bypasses its kernels; 0 for as many as it has inputs."""
    kernel: Dim = (1, 1)
    stride: Dim = (1, 1)
    pad: Dim = (0, 0)
    dilation: Dim = (1, 1)
    output_pad: Dim = (0, 0)
    groups: int = 1
    shift: int = 0
    """The output is floor(sum * 2**(shift - 7) + 1/2): the programmed output shift plus 8 - weight bits."""
    activation: Activation = Activation.NONE
    output_width: int = DATA_BITS
    """8, or 32 for the sums themselves (Q17.14)."""
    buffer_shift: int = 0
    buffer_insert: int = 0
    sequence: int | None = None
    """The number that a network description gives to the layer."""

    @property
    def convolves(self) -> bool:
        """Whether the layer has kernels (or bypasses them)."""
        return self.operator is not Operator.PASSTHROUGH

    @property
    def one_dimensional(self) -> bool:
        """Whether the layer's data are (channels, length)."""
        return self.operator is Operator.CONV1D

    @property
    def weight_bits(self) -> int:
        """Bits of one weight; 0 without weights."""
        return 0 if self.weights is None else self.weights.bits

    @property
    def output_shift(self) -> int:
        """The shift as a network description states it, without the part that the weight bits imply."""
        return self.shift - (DATA_BITS - self.weight_bits if self.weights is not None else 0)

    @property
    def pooled_dim(self) -> Dim:
        """Size after pooling."""
        return self.pool.output(self.in_dim)

    @property
    def inputs(self) -> int:
        """Input channels of the convolution; of a flattening layer channels * rows * columns."""
        rows, cols = self.pooled_dim
        return self.in_channels * (rows * cols if self.flatten else 1)

    @property
    def out_channels(self) -> int:
        """Channels of the output."""
        if self.weights is None:
            return self.bypass_channels or self.in_channels
        return int(self.weights.values.shape[0])

    @property
    def out_dim(self) -> Dim:
        """Size of the output."""
        if self.flatten:
            return 1, 1
        if not self.convolves:
            return self.pooled_dim
        rows, cols = (self._out(axis) for axis in (0, 1))
        return rows, cols

    def _out(self, axis: int) -> int:
        size, kernel = self.pooled_dim[axis], (self.kernel[axis] - 1) * self.dilation[axis] + 1
        if self.operator is Operator.CONVTRANSPOSE2D:
            return (size - 1) * self.stride[axis] - 2 * self.pad[axis] + kernel + self.output_pad[axis]
        return (size - kernel + 2 * self.pad[axis]) // self.stride[axis] + 1


@dataclass(frozen=True)
class RollingBuffer:
    """Data that persist between inferences: layers shift them, append to them, and read them as `BUFFER`."""

    name: str
    channels: int
    dim: Dim


@dataclass(frozen=True, eq=False)
class Network:
    """Hardware layers in the order in which they run."""

    name: str
    in_channels: int
    in_dim: Dim
    layers: tuple[Layer, ...]
    outputs: tuple[int, ...]
    """Layers whose results leave the accelerator; the last one is the terminating layer."""
    round_average: bool = False
    """Average pooling rounds (half away from zero) instead of dropping the fraction (towards zero)."""
    one_dimensional: bool = False
    """Whether the input is (channels, length)."""
    simple_1b: bool = False
    """One-bit weights by the simple XOR circuit; the results are the same."""
    buffer: RollingBuffer | None = None

    @cached_property
    def users(self) -> tuple[tuple[int, ...], ...]:
        """For every layer the layers that read its output."""
        return tuple(tuple(i for i, user in enumerate(self.layers) if layer in user.sources)
                     for layer in range(len(self.layers)))

    @property
    def output(self) -> Layer:
        """The terminating layer."""
        return self.layers[self.outputs[-1]]
