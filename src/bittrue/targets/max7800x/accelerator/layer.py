"""One layer as its registers say: what is read, computed and written, and by which processors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Pair = tuple[int, int]
"""(rows, columns)."""

PIXELS = 4
"""Pixels of a word in CHW."""

STRETCH = 2
"""Transposed convolution: the image is stretched by as much with zeros."""


class Mode(str, Enum):
    """How the groups work together."""

    CONVOLUTION = "sums of all processors, written by the first group"
    QUAD = "every group computes a quarter of the output channels from the same input"
    DEPTHWISE = "every processor convolves its own channel"
    BROADCAST = "every processor convolves its own channel and writes where it reads"
    PASSTHROUGH = "no kernels: every group writes what its processors read"

    @property
    def by_processor(self) -> bool:
        """Whether every processor has outputs of its own."""
        return self in (Mode.DEPTHWISE, Mode.BROADCAST, Mode.PASSTHROUGH)


@dataclass(frozen=True)
class Reads:
    """Which words are read. Distances are in pixels but for `pixel_words` and `base`.

    Pixel n of pass q of operand o is the word at base + n * pixel_words + q * (pixel_words / passes) + o of the
    processor's memory; in CHW four pixels share a word.
    """

    base: int
    rows: int
    """Pooling windows, one below the other."""
    columns: int
    row_step: int
    column_step: int
    width: int
    """Pixels of a row of the image."""
    window: Pair
    dilation: Pair
    passes: int
    operands: int
    pixel_words: int
    pass_words: int
    chw: bool


@dataclass(frozen=True)
class Kernels:
    """Where the kernels lie: from bit `start` on, kernels counted as if they had 8 bits a weight, `count` of them."""

    size: Pair
    start: int
    first_byte: int
    count: int
    bits: int
    binary: bool
    bypass: bool
    x4: bool

    @property
    def weights(self) -> int:
        """Weights of one kernel."""
        return self.size[0] * self.size[1]


@dataclass(frozen=True)
class Post:
    """What happens to a sum."""

    shift: int
    wide: bool
    absolute: bool
    relu: bool


@dataclass(frozen=True)
class Writes:
    """Where results go: distances in words."""

    increment: int
    """From one write to the next pixel's."""
    slot: int
    mask: int
    passes: int
    """From one pass of output channels to the next."""
    channels: int
    """Output channels of a pass, with those that are skipped."""


@dataclass(frozen=True)
class Part:
    """What one group does in a layer."""

    group: int
    processors: tuple[int, ...]
    """Processors that work, 0 to 63."""
    masked: tuple[int, ...]
    """Processors that use their kernels."""
    base: int
    """Write pointer."""
    bias: int | None
    """First byte of the bias in the group's bias memory; None without."""


@dataclass(frozen=True)
class Stream:
    """Streaming: words before the start, words between columns and rows, words of the circular buffer (0: none)."""

    start: int
    column_step: int
    row_step: int
    passes: int
    buffer: int
    go: bool
    """Start by the first word in the FIFO."""


@dataclass(frozen=True)
class LayerProgram:
    """A layer, decoded."""

    layer: int
    mode: Mode
    leader: int
    """The group that started the others."""
    parts: tuple[Part, ...]
    sources: tuple[int, ...]
    """Groups whose sums enter the result, with the leader."""
    reads: Reads
    pool: str
    """"none", "average" or "maximum"."""
    rounds: bool
    elementwise: str
    """"" or one of sub, add, or, xor."""
    pool_first: bool
    stretch: bool
    """Transposed convolution."""
    pad: Pair
    kernels: Kernels
    post: Post
    writes: Writes
    slots: int
    tram: Pair
    """First and last word in the TRAM."""
    stream: Stream
    read_ahead: bool
    parallel: bool
    """Four passes are computed at once."""
    flattens: bool
    one_d: bool
    """One-dimensional kernels."""

    @property
    def columns(self) -> int:
        """Words of TRAM that a pass takes: the columns of the output; 1 without convolution."""
        return 1 if self.mode is Mode.PASSTHROUGH else max(self.output[1], 1)

    @property
    def last_pixel(self) -> int:
        """The last pixel that is read."""
        reads = self.reads
        inside = ((reads.window[0] - 1) * reads.dilation[0] * reads.width
                  + (reads.window[1] - 1) * reads.dilation[1])
        last = (reads.rows - 1) * reads.row_step + (reads.columns - 1) * reads.column_step + inside
        return last // PIXELS if reads.chw else last

    @property
    def image(self) -> Pair:
        """Rows and columns of the image that is convolved, with its padding."""
        scale = STRETCH if self.stretch else 1
        return self.reads.rows * scale + 2 * self.pad[0], self.reads.columns * scale + 2 * self.pad[1]

    @property
    def output(self) -> Pair:
        """Rows and columns of a convolution's output."""
        return self.image[0] - self.kernels.size[0] + 1, self.image[1] - self.kernels.size[1] + 1

    @property
    def pixels(self) -> int:
        """Pixels of the output."""
        rows, columns = (self.reads.rows, self.reads.columns) if self.mode is Mode.PASSTHROUGH else self.output
        return rows * columns

    @property
    def processors(self) -> tuple[int, ...]:
        """All processors that work."""
        return tuple(p for part in self.parts for p in part.processors)

    @property
    def outputs(self) -> int:
        """Output channels of a convolution, in all passes, with those that are skipped.

        Where channels are dealt out over four groups or instances, up to three more kernels are counted than there are.
        """
        kernels, channels = self.kernels, self.writes.channels
        if kernels.bypass:
            return kernels.count
        count = -(-kernels.count // self.reads.passes)
        if self.mode is Mode.QUAD or kernels.x4:
            return max(count // channels, 1) * channels
        return count
