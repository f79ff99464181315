"""The integers that the trained model itself computes, by the names of the graph's nodes."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import BadInput, fail
from ...ir import IntArray
from .float32 import float32_trace
from .freeze import Frozen
from .reference import real_trace

_TRACES = {torch.float64: real_trace, torch.float32: float32_trace}


def reference_trace(frozen: Frozen, x: NDArray[Any] | Tensor,
                    dtype: torch.dtype = torch.float64) -> dict[str, IntArray]:
    """The integers, int64 (batch, *shape), that the trained model computes for a float batch x, by the graph's names.

    With float64, the reference: every tensor that the model has as integers times a scale, be it quantized or a sum of
    products, is there; tensors that exist in the graph alone (requantized before they are pooled) are not. With float32
    the model's own modules compute, and the tensors are those behind its quantizers.

    Raises `BadInput` (BT4002) for another shape than the example's, (BT2121) for another dtype, and `Difference`
    (BT2123) where a value is no integer times its scale.
    """
    if dtype not in _TRACES:
        fail(BadInput, "BT2121", "reference_trace", f"it cannot evaluate in {dtype}", "use float64 or float32")
    return _TRACES[dtype](frozen, x)
