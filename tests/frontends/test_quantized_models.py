"""The chain: a plain network, quantized by a preset and calibrated, is frozen without a difference on real images."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from bittrue.engine.oracle import Oracle
from bittrue.frontends.brevitas import float32_report, freeze, input_integers, reference_trace
from bittrue.quantization import DataSet, calibrate, load_data, quantize
from bittrue.quantization.models import digits_cnn, digits_concat, digits_leaky, digits_resnet

CHAINS: list[tuple[Callable[[], nn.Module], str]] = [
    (digits_leaky, "w4a4_leaky"), (digits_cnn, "w8a8_channel"), (digits_resnet, "w4a4_pow2"), (digits_concat, "w1a8")]


@pytest.fixture(scope="module")
def digits() -> DataSet:
    return load_data("digits")


@pytest.mark.parametrize(("build", "preset"), CHAINS)
def test_a_quantized_network_is_frozen_exactly(build: Callable[[], nn.Module], preset: str, digits: DataSet) -> None:
    torch.manual_seed(1)
    model, x = build(), torch.from_numpy(digits.test_x)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    quantized = quantize(model, preset, example_input=x[:2])
    calibrate(quantized, digits, batches=1)
    frozen = freeze(quantized, x[:1])
    assert frozen.certificate.verdict == "proved"
    graph, reference = Oracle(frozen.graph).run(input_integers(frozen, x)), reference_trace(frozen, x)
    assert {name: int((graph[name] != values).sum()) for name, values in reference.items()} == dict.fromkeys(graph, 0)
    assert float32_report(frozen, x[:100]).unexplained == 0
