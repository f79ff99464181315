"""Writes a network's weights as a quantized ai8x checkpoint."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ....errors import BadInput, ToolMissing, declare, fail
from ....files import write_whole
from ....ir import IntArray
from ..network import Layer, Network, Operator, Weights
from ..transposed import transposed
from .weights import LayerWeights
from .write import unique_names, weight_sources

declare({
    "BT5220": "PyTorch is missing, which writing checkpoints needs",
    "BT5241": "an ai8x checkpoint cannot be written",
})


def save_checkpoint(network: Network, path: str | Path, arch: str, epoch: int = 0) -> None:
    """Write the weights in the order and under the names of `write_description`.

    Raises `ToolMissing` (BT5220) without PyTorch, `BadInput` (BT5241) when the file cannot be written.
    """
    try:
        import torch
    except ModuleNotFoundError:
        fail(ToolMissing, "BT5220", str(path), "PyTorch is not installed", "pip install torch (its CPU build)")
    state = {name: torch.from_numpy(values.astype(np.float32)) for name, values in state_dict(network).items()}
    content = io.BytesIO()
    torch.save({"epoch": epoch, "arch": arch, "state_dict": state, "extras": {"clipping_method": "bittrue"}}, content)
    try:
        write_whole(Path(path), content.getvalue())
    except (OSError, ValueError) as problem:
        fail(BadInput, "BT5241", str(path), str(problem), "give a path that can be written")


def state_dict(network: Network) -> dict[str, IntArray]:
    """The tensors of the checkpoint by name; layers that share weights are there once."""
    state: dict[str, IntArray] = {}
    for layer, name, source in zip(network.layers, unique_names(network), weight_sources(network), strict=True):
        if layer.weights is not None and source is None:
            state |= {f"{name}.{key}": value for key, value in _tensors(layer, layer.weights).items()}
    return state


def layer_weights(network: Network) -> dict[int, LayerWeights]:
    """The weights by the numbers that `write_description` gives, as `build_network` takes them."""
    names, sources = unique_names(network), weight_sources(network)
    return {i: LayerWeights(layer.weights.values, layer.weights.bits, layer.weights.bias, layer.output_shift, names[i])
            for i, layer in enumerate(network.layers) if layer.weights is not None and sources[i] is None}


def _tensors(layer: Layer, weights: Weights) -> dict[str, IntArray]:
    single = {"output_shift": layer.output_shift, "weight_bits": weights.bits, "bias_bits": weights.bits,
              "quantize_activation": 1, "adjust_output_shift": 0, "shift_quantile": 1}
    tensors = {key: np.array([value], dtype=np.int64) for key, value in single.items()}
    tensors["op.weight"] = checkpoint_layout(layer, weights.values)
    if weights.bias is not None:
        tensors["op.bias"] = weights.bias << (weights.bits - 1)
    return tensors


def checkpoint_layout(layer: Layer, values: IntArray) -> IntArray:
    """Weights as PyTorch has them: those of a transposed convolution with input channels first, not flipped."""
    if layer.operator is not Operator.CONVTRANSPOSE2D:
        return values
    return transposed(values, layer.groups)
