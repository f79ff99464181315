"""Which processors hold a block of data memory, relative to where it starts: side by side, or as the input's way asks.

Placement counts in data memory instances: four processors share one, and whatever is placed starts at the first of
the four.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from ..placement import GROUP, PROCESSORS, SHARED

INSTANCES = PROCESSORS // SHARED
PER_GROUP = GROUP // SHARED
GROUPS = INSTANCES // PER_GROUP


@dataclass(frozen=True)
class Shape:
    """The processors of a block: bit p of `mask` is processor p when the block starts at instance 0."""

    mask: int
    fixed: bool = False
    """Whether it can only start at instance 0."""

    @classmethod
    def packed(cls, processors: int, first: int = 0) -> Shape:
        """Neighbouring processors (HWC).

        >>> f"{Shape.packed(6).mask:b}"
        '111111'
        """
        return cls((1 << processors) - 1 << first)

    @classmethod
    def spread(cls, channels: int) -> Shape:
        """One processor of each instance (CHW).

        >>> f"{Shape.spread(3).mask:b}"
        '100010001'
        """
        return cls(sum(1 << SHARED * i for i in range(channels)))

    @classmethod
    def fifos(cls, channels: int, chw: bool) -> Shape:
        """The processors that the FIFOs feed: the first four of each group (HWC), or the first one (CHW).

        >>> f"{Shape.fifos(6, False).mask:x}", f"{Shape.fifos(2, True).mask:x}"
        ('3000f', '10001')
        """
        each = 1 if chw else SHARED
        return cls(sum(1 << GROUP * (i // each) + i % each for i in range(channels)), fixed=True)

    def at(self, start: int) -> int:
        """The processors when the block starts at an instance."""
        return self.mask << SHARED * start

    @property
    def instances(self) -> tuple[int, ...]:
        """The instances, relative to the start.

        >>> Shape.packed(6).instances, Shape.fifos(6, False).instances
        ((0, 1), (0, 4))
        """
        return tuple(i for i in range(INSTANCES) if self.mask >> SHARED * i & (1 << SHARED) - 1)

    @property
    def starts(self) -> range:
        """Instances at which the block can start."""
        return range(1 if self.fixed else INSTANCES - self.instances[-1])


def runs(instances: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Neighbouring instances together: (first, how many).

    >>> runs((0, 1, 4))
    ((0, 2), (4, 1))
    """
    together = [[i for _, i in run] for _, run in groupby(enumerate(instances), lambda pair: pair[1] - pair[0])]
    return tuple((run[0], len(run)) for run in together)
