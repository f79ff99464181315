"""Every preset produces the integers that its name says."""

from __future__ import annotations

import math

import brevitas.nn as qnn
import numpy as np
import pytest
import torch

from bittrue.errors import BadInput
from bittrue.frontends.brevitas.parameters import rounding_of
from bittrue.ir import Rounding
from bittrue.quantization.presets import (
    PRESETS,
    Preset,
    activation_quantizer,
    input_quantizer,
    preset_named,
    weight_quantizer,
)
from bittrue.quantization.scales import set_activation_scales

WEIGHTS = {8: (-127, 127), 4: (-7, 7), 2: (-1, 1), 1: (-1, 1)}
UNSIGNED = {8: 255, 4: 15, 2: 3}


def named_bits(name: str) -> tuple[int, int]:
    """w4a2_x -> 4, 2."""
    weight, activation = name.split("_")[0][1:].split("a")
    return int(weight), int(activation)


def layer(preset: Preset, seed: int = 0) -> qnn.QuantConv2d:
    torch.manual_seed(seed)
    conv = qnn.QuantConv2d(5, 11, (3, 2), weight_quant=weight_quantizer(preset))
    conv.quant_weight()
    with torch.no_grad():
        conv.weight.mul_(1.7)  # larger than the learned scales have seen: the clamp must hold
    return conv


@pytest.mark.parametrize("name", PRESETS)
def test_weights_are_the_integers_of_the_name(name: str) -> None:
    preset = PRESETS[name]
    weight = layer(preset).quant_weight()
    integers = weight.int()
    lo, hi = WEIGHTS[named_bits(name)[0]]
    assert lo <= int(integers.min())
    assert int(integers.max()) <= hi
    assert torch.equal(integers * weight.scale, weight.value)
    assert int(weight.zero_point.abs().max()) == 0
    assert weight.scale.numel() == (11 if preset.per_channel else 1)
    if named_bits(name)[0] < 8:
        assert set(integers.unique().tolist()) == set(range(lo, hi + 1)) - ({0} if name.startswith("w1") else set())
    else:
        assert max(-int(integers.min()), int(integers.max())) > 64


@pytest.mark.parametrize("name", PRESETS)
def test_activations_are_the_integers_of_the_name(name: str) -> None:
    preset = PRESETS[name]
    relu = qnn.QuantReLU(act_quant=activation_quantizer(preset, signed=False))
    x = torch.linspace(-3, 3, 4001).reshape(1, -1)
    set_activation_scales(relu, [(x / 1.5,)])
    relu.eval()
    scale = relu.act_quant.scale()
    integers = (relu(x) / scale).round()
    hi = UNSIGNED[named_bits(name)[1]]
    hi = hi // 2 if preset.signed_activations else hi
    assert integers.unique().tolist() == list(range(hi + 1))
    assert torch.equal(integers * scale, relu(x))
    assert float(relu.act_quant.zero_point()) == 0


@pytest.mark.parametrize("name", PRESETS)
def test_signed_activations_use_the_whole_signed_range(name: str) -> None:
    bits = named_bits(name)[1]
    identity = qnn.QuantIdentity(act_quant=activation_quantizer(PRESETS[name], signed=True))
    set_activation_scales(identity, [(torch.tensor([-1.0, 1.0]),)])
    identity.eval()
    integers = (identity(torch.linspace(-2, 2, 4001)) / identity.act_quant.scale()).round()
    assert integers.unique().tolist() == list(range(-(2 ** (bits - 1)), 2 ** (bits - 1)))


@pytest.mark.parametrize("name", [n for n in PRESETS if PRESETS[n].power_of_two])
def test_power_of_two_scales_are_powers_of_two(name: str) -> None:
    preset = PRESETS[name]
    relu = qnn.QuantReLU(act_quant=activation_quantizer(preset, signed=False))
    set_activation_scales(relu, [(torch.rand(50) * 3,)])
    for scale in (relu.eval().act_quant.scale().detach(), layer(preset).quant_weight().scale.detach()):
        assert math.frexp(float(scale))[0] == 0.5


@pytest.mark.parametrize("rounding", Rounding)
def test_the_rounding_mode_reaches_the_quantizer(rounding: Rounding) -> None:
    preset = Preset("p", 4, 4, rounding=rounding)
    proxy = qnn.QuantIdentity(act_quant=activation_quantizer(preset, signed=True)).act_quant
    assert rounding_of(proxy.fused_activation_quant_proxy.tensor_quant.int_quant.float_to_int_impl) is rounding


def test_learned_scales_are_parameters_and_receive_gradients() -> None:
    conv = layer(PRESETS["w2a2"])
    conv(torch.rand(2, 5, 4, 7)).sum().backward()
    scale = dict(conv.named_parameters())["weight_quant.tensor_quant.scaling_impl.value"]
    assert scale.grad is not None
    assert float(scale.grad.abs()) > 0
    assert not [n for n, _ in layer(PRESETS["w8a8"]).named_parameters() if "scaling" in n]


@pytest.mark.parametrize(("pixels", "divisor", "signed"), [(range(17), 16, False), (range(256), 256, False),
                                                           (range(-128, 128), 128, True), (range(-3, 6), 4, True)])
def test_the_input_quantizer_gives_pixels_back_exactly(pixels: range, divisor: int, signed: bool) -> None:
    identity = qnn.QuantIdentity(act_quant=input_quantizer(PRESETS["w4a4"], signed=signed))
    x = torch.tensor(list(pixels)).float() / divisor
    set_activation_scales(identity, [(x,)])
    identity.eval()
    scale = float(identity.act_quant.scale().detach())
    assert math.frexp(scale)[0] == 0.5
    assert torch.equal(identity(x), x)
    assert (1 / divisor / scale).is_integer()


def test_a_clip_starts_the_threshold_there() -> None:
    relu = qnn.QuantReLU(act_quant=activation_quantizer(PRESETS["w4a4"], signed=False, clip=6.0)).eval()
    scale = float(relu.act_quant.scale().detach())
    assert relu(torch.tensor([100.0])).item() == float(np.float32(15) * np.float32(scale))
    assert round(6.0 / scale) == 15


def test_unknown_presets_and_fields_are_named() -> None:
    with pytest.raises(BadInput, match=r"BT2001.*w3a3"):
        preset_named("w3a3")
    with pytest.raises(BadInput) as caught:
        Preset("p", 9, 1, input_bits=True)
    assert [d.code for d in caught.value.diagnostics] == ["BT2002"] * 3
    with pytest.raises(BadInput, match=r"conv1.*no field 'bits'"):
        PRESETS["w4a4"].changed("conv1", bits=3)
    assert preset_named(PRESETS["w2a2"]) is PRESETS["w2a2"]
