"""The value-range rule that monotone ops share."""

from __future__ import annotations

import numpy as np

from ..op import Op
from ..types import Range


def image(op: Op, *ranges: Range) -> Range:
    """Range of an op whose output never falls when an operand rises: it maps lower bounds to lower bounds.

    Tight: both ends are outputs of the op.
    """
    lo, hi = (op.run(*ends) for ends in ([r.lo[np.newaxis] for r in ranges], [r.hi[np.newaxis] for r in ranges]))
    return Range(lo[0], hi[0])
