"""Networks as lists of steps: the one description from which a PyTorch model, an integer graph and counts are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from math import prod

Shape = tuple[int, ...]
Pair = tuple[int, int]
LEAST = 4
"""Channels that scaling leaves."""


class Kind(Enum):
    """What a step does."""

    CONV = "conv"
    LINEAR = "linear"
    MAX_POOL = "max_pool"
    AVG_POOL = "avg_pool"
    ADD = "add"
    CAT = "cat"
    PAD = "pad"
    FLATTEN = "flatten"
    TRANSPOSE = "transpose"


@dataclass(frozen=True)
class Step:
    """One step; `shape` is that of its output, of one sample: (C, H, W), (tokens, features) or (features,).

    Convolutions and linear layers (on the last axis) have `inputs` and `outputs` channels, then a batch norm (`norm`)
    or a bias, then a ReLU (`relu`). Convolutions pad `padding` rows on both sides and columns on both sides. A pooling
    without a kernel covers the whole image. `pads` of a PAD are top, left, bottom, right.
    """

    name: str
    kind: Kind
    sources: tuple[str, ...]
    shape: Shape
    inputs: int = 0
    outputs: int = 0
    kernel: Pair | None = None
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    groups: int = 1
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    norm: bool = False
    relu: bool = False

    @property
    def weights(self) -> int:
        """The number of weights."""
        if self.kind not in (Kind.CONV, Kind.LINEAR):
            return 0
        return self.outputs * (self.inputs // self.groups) * prod(self.kernel or (1,))

    @property
    def parameters(self) -> int:
        """Weights, and a bias or the two vectors of a batch norm."""
        return self.weights + (1 + self.norm) * self.outputs

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one sample."""
        return self.weights * prod(self.shape) // self.outputs if self.outputs else 0


@dataclass
class Topology:
    """A network in the making; every method adds a step and returns its name. Names are the kind and a number.

    Channels are multiplied by `scale` (few ones stay), except those of a layer without ReLU behind it all (`head`).
    """

    input: Shape
    scale: float = 1.0
    steps: list[Step] = field(default_factory=list)

    def shape(self, name: str) -> Shape:
        """Shape of the input "x" or of a step's output."""
        return self.input if name == "x" else next(step.shape for step in self.steps if step.name == name)

    def wide(self, channels: int) -> int:
        """A number of channels, scaled."""
        return max(min(channels, LEAST), round(channels * self.scale))

    def conv(self, x: str, outputs: int, kernel: int | Pair = 3, stride: int | Pair = 1, padding: int | Pair = 0, *,
             norm: bool = True, relu: bool = True) -> str:
        """Convolution to `outputs` channels (before scaling), batch norm, ReLU."""
        return self._window(x, self.wide(outputs), 1, pair(kernel), pair(stride), pair(padding), norm, relu)

    def matching(self, x: str, like: str, kernel: int | Pair = 1, stride: int | Pair = 1,
                 padding: int | Pair = 0) -> str:
        """Convolution to as many channels as `like` has, with batch norm and no ReLU."""
        return self._window(x, self.shape(like)[0], 1, pair(kernel), pair(stride), pair(padding), True, False)

    def depthwise(self, x: str, kernel: int | Pair = 3, stride: int | Pair = 1, padding: int | Pair = 0) -> str:
        """Convolution of every channel by itself, batch norm, ReLU."""
        channels = self.shape(x)[0]
        return self._window(x, channels, channels, pair(kernel), pair(stride), pair(padding), True, True)

    def linear(self, x: str, outputs: int, *, norm: bool = False) -> str:
        """Linear layer on the last axis to `outputs` features (before scaling), ReLU."""
        return self._linear(x, self.wide(outputs), norm, relu=True)

    def head(self, x: str, outputs: int) -> str:
        """Linear layer to exactly `outputs` features, without ReLU."""
        return self._linear(x, outputs, norm=False, relu=False)

    def max_pool(self, x: str, kernel: int = 2) -> str:
        """Largest values of windows side by side."""
        return self._pool(Kind.MAX_POOL, x, kernel)

    def avg_pool(self, x: str, kernel: int = 2) -> str:
        """Averages of windows side by side."""
        return self._pool(Kind.AVG_POOL, x, kernel)

    def global_pool(self, x: str) -> str:
        """The average of every channel, flattened to (C,)."""
        channels, *size = self.shape(x)
        pooled = self._add(Kind.AVG_POOL, (x,), (channels, *(1 for _ in size)))
        return self.flatten(pooled)

    def add(self, a: str, b: str) -> str:
        """The sum of two tensors, ReLU."""
        return self._add(Kind.ADD, (a, b), self.shape(a), relu=True)

    def cat(self, *sources: str) -> str:
        """Several tensors, one behind the other along the channels."""
        channels = sum(self.shape(source)[0] for source in sources)
        return self._add(Kind.CAT, sources, (channels, *self.shape(sources[0])[1:]))

    def pad(self, x: str, top: int, left: int, bottom: int, right: int) -> str:
        """Zeros around an image."""
        channels, height, width = self.shape(x)
        return self._add(Kind.PAD, (x,), (channels, top + height + bottom, left + width + right),
                         pads=(top, left, bottom, right))

    def flatten(self, x: str) -> str:
        """All elements as one axis."""
        return self._add(Kind.FLATTEN, (x,), (prod(self.shape(x)),))

    def transpose(self, x: str) -> str:
        """(tokens, features) as (features, tokens)."""
        return self._add(Kind.TRANSPOSE, (x,), self.shape(x)[::-1])

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one sample, in convolutions and linear layers."""
        return sum(step.macs for step in self.steps)

    @property
    def parameters(self) -> int:
        """Parameters of all layers, batch norms included."""
        return sum(step.parameters for step in self.steps)

    def _window(self, x: str, outputs: int, groups: int, kernel: Pair, stride: Pair, padding: Pair, norm: bool,
                relu: bool) -> str:
        channels, *size = self.shape(x)
        image = ((s + 2 * p - k) // t + 1 for s, p, k, t in zip(size, padding, kernel, stride, strict=True))
        return self._add(Kind.CONV, (x,), (outputs, *image), inputs=channels, outputs=outputs, kernel=kernel,
                         stride=stride, padding=padding, groups=groups, norm=norm, relu=relu)

    def _linear(self, x: str, outputs: int, norm: bool, relu: bool) -> str:
        shape = self.shape(x)
        return self._add(Kind.LINEAR, (x,), (*shape[:-1], outputs), inputs=shape[-1], outputs=outputs, norm=norm,
                         relu=relu)

    def _pool(self, kind: Kind, x: str, kernel: int) -> str:
        channels, height, width = self.shape(x)
        return self._add(kind, (x,), (channels, height // kernel, width // kernel), kernel=pair(kernel),
                         stride=pair(kernel))

    def _add(self, kind: Kind, sources: tuple[str, ...], shape: Shape, **settings: object) -> str:
        name = f"{kind.value}{1 + sum(step.kind is kind for step in self.steps)}"
        self.steps.append(Step(name, kind, sources, shape, **settings))  # type: ignore[arg-type]
        return name


def pair(value: int | Pair) -> Pair:
    """One number for rows and columns alike, or one of each.

    >>> pair(3), pair((10, 4))
    ((3, 3), (10, 4))
    """
    return (value, value) if isinstance(value, int) else value
