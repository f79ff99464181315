"""Parameters that come from L3: a ring of places in the arena, and when each transfer is started.

Transfers are started in the order of use, each as soon as its place in the ring is free. A place is free from the step
on whose loads read it last: that step waits for its loads before it starts transfers with L3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..program import Staging
from .limits import aligned


@dataclass(frozen=True)
class Piece:
    """Parameters in L3: their place there, their bytes, the first and the last step that loads them."""

    label: str
    external: int
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Streamed:
    """A piece's place in the arena, and the step that starts its transfer (0: before the first step)."""

    piece: Piece
    offset: int
    start: int

    @property
    def end(self) -> int:
        """The byte behind it."""
        return self.offset + aligned(self.piece.size)

    def early(self, step: int) -> bool:
        """Whether a load for a step can begin a step earlier: the step before waits for transfers of earlier ones."""
        return self.start == 0 or self.start <= step - 2

    def staging(self) -> Staging:
        """The transfer."""
        return Staging(self.piece.label, self.piece.external, self.offset, aligned(self.piece.size), True)


def ring(pieces: Sequence[Piece], begin: int, size: int) -> tuple[Streamed, ...] | None:
    """Places one behind the other in `size` bytes of the arena, again from its begin where the end is reached.

    None where a piece would have to wait for a place that is needed as long as itself.
    """
    placed: list[Streamed] = []
    at, start = begin, 0
    for piece in pieces:
        length = aligned(piece.size)
        if at + length > begin + size:
            at = begin
        before = [max(1, other.piece.last) for other in placed if other.offset < at + length and at < other.end]
        start = max([start, *before])
        if start >= piece.first > 0 or at + length > begin + size:
            return None
        placed.append(Streamed(piece, at, start))
        at += length
    return tuple(placed)


def staged_counts(needs: Sequence[tuple[int, int]], steps: int) -> list[int]:
    """How many transfers each step waits for: (step, number of the transfer that it needs), never fewer than before."""
    counts = [0] * steps
    for step, number in needs:
        counts[step] = max(counts[step], number + 1)
    for index in range(1, steps):
        counts[index] = max(counts[index], counts[index - 1])
    return counts
