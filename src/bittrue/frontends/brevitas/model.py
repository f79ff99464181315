"""The trained model as data: typed steps with their frozen parameters, between captured calls and the integer graph.

Both readers of a captured model start here: the lowering that builds the integer graph, and the float64 reference that
evaluates the same steps as real arithmetic. Parameters are read once, from the float32 model; float32 values are held
exactly in float64 arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from ...ir import IntArray, IntType, Rounding
from ...numerics.steps import BatchNorm, FloatArray


class Act:
    """What a step computes; every kind is a frozen dataclass."""


@dataclass(frozen=True, eq=False)
class Quantize(Act):
    """clamp(round(x / scale), lo, hi) * scale; `scale` is (1,), or (C,) along `axis` of the sample.

    It was read from the quantizer `proxy`, and is what its call number `call` of a forward pass does.
    """

    scale: FloatArray
    axis: int
    lo: int
    hi: int
    elem: IntType
    rounding: Rounding
    proxy: nn.Module
    call: int


@dataclass(frozen=True, eq=False)
class Weighted(Act):
    """A layer with integer weights: real weight = weight * scale, scale (1,) or (O,) along the output channels."""

    weight: IntArray
    elem: IntType
    scale: FloatArray

    @property
    def outputs(self) -> int:
        """Output channels."""
        return len(self.weight)

    @property
    def terms(self) -> int:
        """Products that one sum has at most."""
        return self.weight.size // self.outputs


@dataclass(frozen=True, eq=False)
class Convolve(Weighted):
    """Convolution with zero padding: weight (O, I/groups, *K); `pads` are begins then ends."""

    stride: tuple[int, ...]
    pads: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int


@dataclass(frozen=True, eq=False)
class ConvolveTransposed(Weighted):
    """Transposed convolution: weight (I, O/groups, *K); `padding` is cut off on both sides of every axis."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    output_padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def outputs(self) -> int:
        return len(self.weight[0]) * self.groups

    def size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Spatial size of the output for an input of spatial size `size`."""
        axes = zip(size, self.weight.shape[2:], self.stride, self.padding, self.output_padding, self.dilation,
                   strict=True)
        return tuple((n - 1) * s - 2 * p + (k - 1) * d + 1 + extra for n, k, s, p, extra, d in axes)


@dataclass(frozen=True, eq=False)
class Dense(Weighted):
    """Fully connected layer on the last axis: weight (O, I)."""


@dataclass(frozen=True, eq=False)
class Bias(Act):
    """x + bias, real, (C,) along `axis` of the batch (1, or -1 behind a fully connected layer).

    `layer` is the layer whose parameter it is.
    """

    bias: FloatArray
    axis: int
    layer: nn.Module


@dataclass(frozen=True, eq=False)
class GridBias(Act):
    """x + bias * grid: an integer bias (C,) in units of the accumulator's scale `grid`, (1,) or (C,)."""

    bias: IntArray
    grid: FloatArray
    axis: int

    @property
    def real(self) -> FloatArray:
        """The bias as real numbers, (C,), rounded to float64."""
        return self.bias * self.grid


@dataclass(frozen=True, eq=False)
class QuantizedBias(Act):
    """A bias that Brevitas quantizes to the accumulator's grid: `integers` gives it for a scale (1,) or (C,).

    The lowering, which knows the input's scale, puts a `GridBias` in its place.
    """

    integers: Callable[[FloatArray], IntArray]
    axis: int


@dataclass(frozen=True, eq=False)
class Normalize(Act):
    """Batch norm with its running statistics, along axis 0 of the sample."""

    norm: BatchNorm


@dataclass(frozen=True)
class Slope(Act):
    """x where x >= 0, else x * slope: ReLU (0), LeakyReLU."""

    slope: float


@dataclass(frozen=True)
class Clamp(Act):
    """min(max(x, lo), hi) in real numbers: ReLU6, Hardtanh, clamp."""

    lo: float
    hi: float


@dataclass(frozen=True)
class PoolMax(Act):
    """Largest value of every window; padding never wins."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pads: tuple[int, ...]
    dilation: tuple[int, ...]


@dataclass(frozen=True)
class PoolMean(Act):
    """Sum of every window, zeros in the padding, divided by `divisor`."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pads: tuple[int, ...]
    divisor: int


@dataclass(frozen=True)
class ZeroPad(Act):
    """Zeros around the sample; `pads` are the begins of all its axes, then the ends."""

    pads: tuple[int, ...]


@dataclass(frozen=True)
class ToShape(Act):
    """The same elements, row-major, as a sample of `shape`."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Permute(Act):
    """The axes of the sample in another order."""

    perm: tuple[int, ...]


@dataclass(frozen=True)
class Sum(Act):
    """a + b."""


@dataclass(frozen=True)
class Subtract(Act):
    """a - b."""


@dataclass(frozen=True)
class Bitwise(Act):
    """`function` (torch.bitwise_or or torch.bitwise_xor) of the integers of two values with the same `scale`."""

    function: Callable[..., Any]
    scale: float


@dataclass(frozen=True)
class Magnitude(Act):
    """|x|."""


@dataclass(frozen=True)
class Join(Act):
    """Concatenation along `axis` of the sample."""

    axis: int


@dataclass(frozen=True)
class Same(Act):
    """x itself: dropout and identity in evaluation mode."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step: `inputs` and `output` number values; 0 is the model's input.

    `name` is the dotted path that a graph's node for it gets; `where` says for people where it stands in the model.
    """

    name: str
    act: Act
    inputs: tuple[int, ...]
    output: int
    where: str


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """The steps in order, the shape of an input sample, and the numbers of the outputs."""

    input_shape: tuple[int, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]

    def with_acts(self, acts: dict[int, Act]) -> TrainedModel:
        """The model with other acts in the steps with these outputs."""
        return replace(self, steps=tuple(replace(s, act=acts.get(s.output, s.act)) for s in self.steps))

    def unquantized(self) -> set[int]:
        """The values from which an output is reached without a quantizer or another layer in between."""
        found = set(self.outputs)
        for step in reversed(self.steps):
            if step.output in found and not isinstance(step.act, (Quantize, Weighted)):
                found |= set(step.inputs)
        return found


def floats(values: Any) -> FloatArray:
    """A tensor, array or number as a flat float64 array that nobody can change."""
    array: FloatArray = np.array(values.detach().cpu().numpy() if hasattr(values, "detach") else values,
                                 np.float64).reshape(-1)
    array.flags.writeable = False
    return array
