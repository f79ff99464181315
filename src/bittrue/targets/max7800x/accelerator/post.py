"""What happens to a sum: bias, shift, rounding, saturation, absolute value, ReLU."""

from __future__ import annotations

import numpy as np

from .layer import Post
from .memories import Ints

FRACTION = 7
"""Bits that a sum has more than an output; a bias enters the sum shifted left by as many."""

LOW, HIGH = -128, 127


def finished(sums: Ints, post: Post) -> Ints:
    """Outputs of sums: floor(sum * 2**(shift - 7) + 1/2) in 8 bits, or the sums themselves.

    >>> finished(np.array([-192, -193, 64, 63, 99999]), Post(0, False, False, False))
    array([ -1,  -2,   1,   0, 127])
    >>> finished(np.array([-3, -999]), Post(8, False, True, False))
    array([  6, 127])
    """
    if post.wide:
        return sums
    down = FRACTION - post.shift
    scaled = (sums + (1 << down - 1)) >> down if down > 0 else sums << -down
    outputs = np.clip(scaled, LOW, HIGH)
    if post.absolute:
        outputs = np.minimum(np.abs(outputs), HIGH)
    return np.asarray(np.maximum(outputs, 0) if post.relu else outputs, np.int64)
