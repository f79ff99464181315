"""The bytes of bias memory that software writes."""

from __future__ import annotations

import numpy as np

from ..plan import Max7800xPlan
from ..program import BiasBlock, Bytes


def bias_blocks(plan: Max7800xPlan) -> tuple[BiasBlock, ...]:
    """The bias memory of every group that has biases, in two's complement. Places that are passed over are 0."""
    return tuple(BiasBlock(group, _bytes(image)) for group, image in enumerate(plan.maps.biases.images) if image)


def _bytes(image: tuple[int | None, ...]) -> Bytes:
    return np.array([value or 0 for value in image], np.int64).astype(np.uint8)
