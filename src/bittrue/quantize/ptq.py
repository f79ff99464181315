"""Post-training quantization: scales from calibration data, range equalization before, bias correction after."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import BadInput, declare, fail
from .capture import capture
from .data import DataSet
from .quiet import quiet
from .scales import set_activation_scales

with quiet():
    from brevitas.graph import MergeBatchNorm
    from brevitas.graph.calibrate import bias_correction_mode
    from brevitas.graph.equalize import EqualizeGraph

declare({"BT2035": "a calibration setting is out of range"})


def calibrate(model: nn.Module, data: DataSet, *, batches: int = 16, batch_size: int = 64,
              bias_correction: bool = False) -> nn.Module:
    """Set the activation scales of a quantized model from training images, in place, and return it in evaluation mode.

    Takes `batches` batches spread evenly over the training split. With `bias_correction`, the mean error that quantized
    weights and inputs make in each output channel of a layer is then added to its bias (Nagel et al. 2019; a layer
    without bias gets one). Raises `BadInput` (BT2035).
    """
    if batches < 1 or batch_size < 1:
        fail(BadInput, "BT2035", "calibrate", f"{batches} batches of {batch_size} images", "use at least 1 of both")
    model.eval()
    set_activation_scales(model, ((x,) for x in _batches(data, batches, batch_size)))
    if bias_correction:
        with torch.no_grad(), bias_correction_mode(model):
            for x in _batches(data, batches, batch_size):
                model(x)
    return model


def equalize(model: nn.Module, *, example_input: Tensor) -> nn.Module:
    """A plain model that computes the same (up to float rounding), with batch norms merged into the layers and weight
    ranges evened out between neighbouring layers (Nagel et al. 2019), so that per-tensor quantization loses less. Do
    this before `quantize`. Raises as `quantize` does for what cannot be captured."""
    plain = capture(copy.deepcopy(model), (example_input,)).module.eval()
    merged = MergeBatchNorm().apply(plain)
    equalized: nn.Module = EqualizeGraph(merge_bias=True, bias_shrinkage="vaiq").apply(merged)
    return equalized


def _batches(data: DataSet, batches: int, batch_size: int) -> Iterator[Tensor]:
    """Evenly spread over the training split: its images may be sorted by class."""
    images = min(batches * batch_size, len(data.train_y))
    chosen = np.linspace(0, len(data.train_y) - 1, images).astype(np.int64)
    count = -(-images // batch_size)
    for number in range(count):
        yield torch.from_numpy(data.normalization(data.train_pixels[chosen[number::count]]))
