"""Images as ai8x-training's data loaders make them of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..quantization.data import FloatImages, Normalization


@dataclass(frozen=True)
class Ai8xNormalization(Normalization):
    """x = clamp(round((pixel / 255 - 1/2) * 256), -128, 127) / 128, for pixels 0..255.

    No pixel lies on a tie of the rounding. (Firmware usually subtracts 128 instead, as `Normalization(128, 128)`: from
    128 on the results differ by one.)

    >>> (Ai8xNormalization()(np.array([0, 127, 128, 254, 255], np.uint8)) * 128).tolist()
    [-128.0, -1.0, 1.0, 127.0, 127.0]
    """

    offset: int = 128
    divisor: int = 128

    def __call__(self, pixels: NDArray[Any]) -> FloatImages:
        whole = np.rint(np.asarray(pixels, np.float64) * 256 / 255 - 128)
        return (np.clip(whole, -128, 127) / 128).astype(np.float32)

    def __str__(self) -> str:
        return "round((pixel / 255 - 1/2) * 256) / 128"
