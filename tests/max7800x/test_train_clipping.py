"""Post-training quantization: the clipping methods, with numbers by hand."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import bittrue.max7800x as ai8x
from bittrue.errors import BadInput
from bittrue.max7800x.clipping import MAGNITUDES, Clip, post_training_quantize
from bittrue.max7800x.layers import LAYERS
from bittrue.targets.max7800x.ai8x import Clip as ImportClip
from bittrue.targets.max7800x.ai8x import Clipping
from bittrue.targets.max7800x.ai8x.checkpoint import Tensors
from bittrue.targets.max7800x.ai8x.quantize import quantize_layer

WEIGHTS = [[0.5, -0.25, 0.125], [-1.5, 0.75, 0.25]]
"""Two output channels."""


def layer(bias: list[float] | None = None) -> Any:
    made = LAYERS["Linear"](3, 2, bias=bias is not None)
    with torch.no_grad():
        made.op.weight.copy_(torch.tensor(WEIGHTS))
        if bias is not None:
            made.op.bias.copy_(torch.tensor(bias))
    return made


@pytest.mark.parametrize(("method", "magnitude"), [
    ("SHIFT", 1.5),
    ("SHIFT-AVG", 1.0),  # (0.5 + 1.5) / 2
    ("SHIFT-AVGMAX", 0.875),  # the smallest weights are -0.25 and -1.5, the largest 0.5 and 0.75
])
def test_magnitudes(method: str, magnitude: float) -> None:
    assert MAGNITUDES[method](torch.tensor(WEIGHTS), 0.0).item() == magnitude


def test_standard_deviations() -> None:
    """Mean 2, and a standard deviation of 2 with five degrees of freedom; the ends are cut to the weights there are."""
    weight = torch.tensor([[0.0, 0.0, 2.0, 2.0, 4.0, 4.0]]) + torch.tensor([[-1.0, 1.0, 0.0, 0.0, 1.0, -1.0]])
    assert (weight.mean().item(), weight.var().item()) == (2.0, 4.0)
    assert [MAGNITUDES["SHIFT-STDDEV"](weight, n).item() for n in (0.5, 1.0, 1.25, 9.0)] == [3.0, 4.0, 4.5, 5.0]


@pytest.mark.parametrize(("method", "largest"), [("SHIFT", 2.0), ("SHIFT-AVG", 1.0), ("SHIFT-AVGMAX", 1.0)])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_output_shift_covers_the_magnitude(method: str, largest: float, bits: int) -> None:
    quantized: Any = post_training_quantize(layer(), ai8x.Policy(bits), Clip(method))
    weight = quantized.op.quant_weight()
    step = largest / 2 ** (bits - 1)
    assert weight.scale.item() == step
    wanted = [[max(-(1 << bits - 1), min((1 << bits - 1) - 1, floor(Fraction(w) / Fraction(step) + Fraction(1, 2))))
               for w in row] for row in WEIGHTS]
    assert weight.int().tolist() == wanted
    assert not quantized.training


@pytest.mark.parametrize(("bits", "bias", "largest"), [(8, 3.0, 4.0), (8, 0.9, 1.0), (4, 3.0, 1.0), (4, 30.0, 2.0)])
def test_a_bias_is_not_clipped(bits: int, bias: float, largest: float) -> None:
    """It has 8 bits: with weights of 4 bits it reaches 16 times as far as they do."""
    quantized: Any = post_training_quantize(layer([bias, 0.0]), ai8x.Policy(bits), Clip("SHIFT-AVG"))
    step = largest / 2 ** (bits - 1)
    assert quantized.op.quant_weight().scale.item() == step
    whole = quantized.op.bias_quant(quantized.op.bias, None, quantized.op.quant_weight()).int().tolist()
    assert whole == [floor(bias / step + 0.5), 0]


@given(st.sampled_from([2, 4, 8]), st.floats(0.125, 4.0, width=32))
def test_scale_is_a_factor_without_a_shift(bits: int, scale: float) -> None:
    quantized: Any = post_training_quantize(layer([0.25, -0.375]), ai8x.Policy(bits), Clip("SCALE", scale=scale))
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    products = torch.tensor(WEIGHTS) * scale  # float32, as the network's own numbers are
    wanted = [[max(low, min(high, floor(Fraction(p) * 2 ** (bits - 1) + Fraction(1, 2)))) for p in row]
              for row in products.tolist()]
    weight = quantized.op.quant_weight()
    assert (weight.int().tolist(), weight.scale.item()) == (wanted, 2.0 ** (1 - bits))
    biases = (torch.tensor([0.25, -0.375]) * scale).tolist()
    assert quantized.op.bias_quant(quantized.op.bias, None, weight).int().tolist() == [
        max(-128, min(127, floor(Fraction(b) * 2 ** (bits - 1) + Fraction(1, 2)))) for b in biases]


@given(st.lists(st.integers(-3072, 3072), min_size=6, max_size=6), st.lists(st.integers(-8192, 8192), min_size=2,
                                                                            max_size=2), st.sampled_from([2, 4, 8]))
def test_names_that_an_import_shares_give_the_same_integers(weight: list[int], bias: list[int], bits: int) -> None:
    """Numbers are multiples of 1 / 1024, so that nothing is rounded on the way."""
    values = np.array(weight, np.float32).reshape(2, 3) / 1024, np.array(bias, np.float32) / 1024
    model = layer([0.0, 0.0])
    with torch.no_grad():
        for parameter, value in zip((model.op.weight, model.op.bias), values, strict=True):
            parameter.copy_(torch.from_numpy(value))
    shared = {method.value for method in ImportClip} & {*MAGNITUDES, "SCALE"}
    assert shared == {"SCALE"}
    quantized: Any = post_training_quantize(model, ai8x.Policy(bits), Clip("SCALE", scale=0.75))
    made = quantize_layer(Tensors("fc.op.weight", "fc", *values), bits, Clipping(ImportClip.SCALE, scale=0.75))
    integers = quantized.op.quant_weight()
    assert integers.int().tolist() == made.weight.tolist()
    assert made.bias is not None
    assert quantized.op.bias_quant(quantized.op.bias, None, integers).int().tolist() == made.bias.tolist()
    assert made.output_shift == 0


def test_batch_norms_are_folded_first() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(ai8x.FusedConv2dBNReLU(1, 3, 3, bias=False), nn.Flatten(), ai8x.Linear(27, 2, wide=True))
    model(torch.rand(8, 1, 5, 5))
    folded = ai8x.fold_batch_norms(model.eval())
    x = torch.randint(-128, 128, (4, 1, 5, 5)) / 128
    for clip in (None, Clip("SCALE"), Clip("SHIFT-STDDEV", stddev=3.0)):
        assert torch.equal(post_training_quantize(model, "max7800x-w8", clip)(x),
                           post_training_quantize(folded, "max7800x-w8", clip)(x))
    assert model[0].bn is not None


@pytest.mark.parametrize("options", [{"method": "HALF"}, {"method": "AVG"}, {"scale": 0.0},
                                     {"scale": float("nan")}, {"stddev": -1.0}, {"method": "", "stddev": float("inf")}])
def test_wrong_settings(options: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        Clip(**options)
    assert [d.code for d in caught.value.diagnostics] == ["BT5355"] * len(options)


@pytest.mark.parametrize("bits", [1, 2])
def test_bias_correction_brings_the_means_back(bits: int) -> None:
    """Up to half a step of the bias, layer by layer; layers with more bits stay as they are."""
    torch.manual_seed(1)
    model = nn.Sequential(ai8x.FusedConv2dReLU(1, 5, 3, bias=True, weight_bits=8), ai8x.FusedMaxPoolConv2dReLU(5, 6, 3),
                          nn.Flatten(), ai8x.Linear(6 * 2 * 3, 4, bias=True, wide=True)).eval()
    with torch.no_grad():
        for name in ("1", "3"):
            model.get_parameter(f"{name}.op.weight").add_(0.125)
    x = torch.randint(-128, 128, (50, 1, 10, 12)) / 128
    quantized = ai8x.quantize(model, ai8x.Policy(bits)).train()
    apart = [difference.abs().amax().item() for difference, _ in _differences(quantized, model, x)]
    before = quantized.get_parameter("0.op.bias").clone()
    assert ai8x.correct_biases(quantized, model, x) is quantized
    assert torch.equal(quantized.get_parameter("0.op.bias"), before)
    for (difference, step), earlier in list(zip(_differences(quantized, model, x), apart, strict=True))[1:]:
        assert difference.abs().amax().item() <= step * 0.5 + 2.0 ** -16  # the means are of float32
        assert earlier > step * 0.5 + 2.0 ** -16
    assert quantized.training
    assert not any(module._forward_hooks for module in quantized.modules())


def _differences(quantized: Any, model: Any, x: torch.Tensor) -> list[tuple[torch.Tensor, float]]:
    """Of the means of every layer's sums, and the step of its bias."""
    sums: dict[str, list[torch.Tensor]] = {}
    with torch.no_grad():
        for net in (model, quantized):
            hooks = [net.get_submodule(f"{name}.op").register_forward_hook(
                lambda module, args, y, name=name: sums.setdefault(name, []).append(y)) for name in ("0", "1", "3")]
            net(x)
            for hook in hooks:
                hook.remove()
    steps = [quantized.get_submodule(f"{name}.op").quant_weight().scale.item() for name in sums]
    return [(b.transpose(0, 1).flatten(1).mean(1) - a.transpose(0, 1).flatten(1).mean(1), step)
            for (a, b), step in zip(sums.values(), steps, strict=True)]
