"""What a layer is made of: the parts that its name states, in the order in which the accelerator runs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

POOLS = ("Max", "Avg")
ACTIVATIONS = ("ReLU", "Abs")
CONVOLUTIONS = ("Conv1d", "Conv2d", "ConvTranspose2d")
LINEAR = "Linear"


@dataclass(frozen=True)
class Parts:
    """Pooling, then an operation, then batch norm, then an activation; "" and False stand for none.

    >>> Parts("Conv2d", "Max", "ReLU", norm=True).name, Parts(pool="Avg", rank=1).name, Parts("Conv1d").name
    ('FusedMaxPoolConv2dBNReLU', 'AvgPool1d', 'Conv1d')
    """

    op: str = ""
    pool: str = ""
    activation: str = ""
    norm: bool = False
    depthwise: bool = False
    rank: int = 2
    """Spatial axes."""

    @property
    def name(self) -> str:
        """The name of the layer: ai8x's."""
        if not self.op:
            return f"{self.pool}Pool{self.rank}d"
        fused = "Fused" if self.pool or self.norm or self.activation else ""
        pool = f"{self.pool}Pool" if self.pool else ""
        return f"{fused}{pool}{'Depthwise' * self.depthwise}{self.op}{'BN' * self.norm}{self.activation}"

    @property
    def description(self) -> str:
        """The parts in words."""
        words = (f"{self.pool} pooling" if self.pool else "", "depthwise " * self.depthwise + self.op,
                 "batch norm" * self.norm, self.activation)
        return ", ".join(filter(None, words)) + "."


def all_parts() -> Iterator[Parts]:
    """Every layer that has a name: with an operation, and pooling alone."""
    for op, pool, depthwise, norm, activation in product(CONVOLUTIONS, ("", *POOLS), (False, True), (False, True),
                                                         ("", *ACTIVATIONS)):
        yield Parts(op, pool, activation, norm, depthwise, rank_of(op))
    for activation in ("", *ACTIVATIONS):
        yield Parts(LINEAR, activation=activation)
    for pool, rank in product(POOLS, (1, 2)):
        yield Parts(pool=pool, rank=rank)


def rank_of(op: str) -> int:
    """Spatial axes of an operation's data."""
    return 1 if op == "Conv1d" else 2
