"""Folding of batch norms, and what quantization leaves alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

import bittrue.max7800x as ai8x
from bittrue.max7800x.layers import LAYERS

NORMED = [name for name, layer in LAYERS.items() if layer.parts.norm and not layer.parts.activation
          and not layer.parts.pool]


def dyadic(*shape: int) -> torch.Tensor:
    """Random numbers with which float32 computes exactly."""
    return torch.randint(-16, 17, shape) / 32


@pytest.mark.parametrize("affine", ["Affine", "NoAffine"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", NORMED)
def test_a_folded_layer_computes_the_same(name: str, bias: bool, affine: str) -> None:
    """With standard deviations that are powers of two every number is exact, so all are equal, bit for bit."""
    torch.manual_seed(len(name))
    parts = LAYERS[name].parts
    outputs = 4 if parts.depthwise else 6
    layer: Any = LAYERS[name](4, outputs, 3, padding=1, stride=2 if "Transpose" in name else 1, bias=bias,
                              batchnorm=affine, eps=0.0).eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(dyadic(*parameter.shape))
        layer.bn.running_mean.copy_(dyadic(outputs))
        layer.bn.running_var.copy_(torch.tensor([0.25, 1.0, 4.0, 1.0, 0.0625, 16.0])[:outputs])
        x = dyadic(2, 4, *((5, 7) if parts.rank == 2 else (7,)))
        before = copy.deepcopy(layer.state_dict())
        folded: Any = ai8x.fold_batch_norms(layer)
        assert (folded.bn, layer.bn is not None) == (None, True)
        assert all(torch.equal(value, before[key]) for key, value in layer.state_dict().items())
        assert torch.equal(folded(x), layer(x))
        assert folded.state_dict().keys() == {"op.weight", "op.bias"}


def test_groups_of_a_transposed_convolution() -> None:
    """Two groups: outputs 0..2 read inputs 0 and 1, outputs 3..5 inputs 2 and 3."""
    layer: Any = ai8x.FusedConvTranspose2dBNReLU(4, 6, 3, stride=2, padding=1, groups=2, eps=0.0).eval()
    with torch.no_grad():
        layer.op.weight.copy_(dyadic(*layer.op.weight.shape))
        layer.op.bias.copy_(dyadic(6))
        layer.bn.weight.copy_(torch.tensor([1.0, 2.0, -4.0, 0.5, 8.0, -1.0]))
        x = dyadic(2, 4, 3, 5)
        assert torch.equal(ai8x.fold_batch_norms(layer)(x), layer(x))


def test_quantization_keeps_the_names_of_parameters_and_the_model_as_it_is() -> None:
    model = nn.Sequential(ai8x.FusedConv2dBNReLU(1, 3, 3), ai8x.MaxPool2d(2), nn.Flatten(),
                          ai8x.Linear(27, 2, wide=True)).train()
    before = copy.deepcopy(model.state_dict())
    quantized = ai8x.quantize(model, "max7800x-w4")
    assert quantized.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert list(quantized.state_dict()) == ["0.op.weight", "0.op.bias", "3.op.weight"]
    loaded = ai8x.quantize(model, "max7800x-w4")
    loaded.load_state_dict(quantized.state_dict())
    x = torch.randint(-128, 128, (2, 1, 8, 8)) / 128
    assert torch.equal(loaded.eval()(x), quantized.eval()(x))


def test_the_output_shift_follows_the_weights_after_loading() -> None:
    """The scale is no parameter: it comes from the weights at every step."""
    layer: Any = ai8x.quantize(ai8x.Linear(2, 1), "max7800x-w8")
    shifts = []
    for size in (0.3, 3.0, 0.06):
        state = layer.state_dict()
        state["op.weight"] = torch.tensor([[size, -size]])
        layer.load_state_dict(state)
        shifts.append(layer.op.quant_weight().scale.item() * 128)
    assert shifts == [0.5, 4.0, 0.0625]


def test_gradients_reach_weights_and_biases_through_the_rounding() -> None:
    layer: Any = ai8x.quantize(ai8x.FusedConv2dReLU(2, 3, 3, bias=True), "max7800x-w2").train()
    layer(torch.rand(2, 2, 5, 5)).square().sum().backward()
    assert layer.op.weight.grad.abs().sum() > 0
    assert layer.op.bias.grad.abs().sum() > 0


def test_own_bits_of_a_layer() -> None:
    model = nn.Sequential(ai8x.FusedConv2dReLU(1, 3, 1, weight_bits=2, bias_bits=4, bias=True), ai8x.Conv2d(3, 2, 1))
    quantized: Any = ai8x.quantize(model, ai8x.Policy(8))
    bits = {name: module.quant_weight().bit_width.item() for name, module in quantized.named_modules()
            if hasattr(module, "quant_weight")}
    assert bits == {"0.op": 2, "1.op": 8}
    overridden: Any = ai8x.quantize(model, ai8x.Policy(8, overrides={"0": ai8x.LayerPolicy(4)}))
    assert overridden.get_submodule("0").op.quant_weight().bit_width.item() == 4
    with torch.no_grad():
        quantized.get_submodule("0").op.bias.copy_(torch.tensor([127.0, -127.0, 0.0]))
    biases = quantized.get_submodule("0").op
    assert biases.bias_quant(biases.bias, None, biases.quant_weight()).int().tolist() == [7, -8, 0]
