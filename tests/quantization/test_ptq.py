"""Calibration, equalization and bias correction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from quantize_support import check_grid, scramble, stripes
from torch import nn

from bittrue.errors import BadInput
from bittrue.quantization import DataSet, calibrate, equalize, evaluate, fit, load_data, quantize
from bittrue.quantization import models as zoo
from bittrue.quantization.scales import activation_scales


def test_scales_come_from_the_data_not_from_the_example() -> None:
    data = stripes()
    model = quantize(nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), nn.ReLU(), nn.Conv2d(3, 3, 1)), "w8a8",
                     example_input=torch.rand(2, 1, 6, 9) / 100)
    before = activation_scales(model)
    assert calibrate(model, data, batches=1, batch_size=len(data.train_y)) is model
    after = activation_scales(model)
    with torch.no_grad():
        x = torch.from_numpy(data.train_x)
        largest = float(torch.relu(torch.conv2d(x, model.get_parameter("0.weight"))).max())
    assert after["input_1_quant"] == 2**-8
    assert round(largest / after["1"]) == 255
    assert after["1"] > 2 * before["1"]


def test_calibration_is_repeatable_and_independent_of_what_was_before() -> None:
    data, runs = stripes(), []
    for scale in (1.0, 0.01):
        torch.manual_seed(4)
        model = quantize(zoo.odd_cnn((1, 6, 9), 3), "w4a4", example_input=torch.rand(4, 1, 6, 9) * scale)
        calibrate(model, data, batches=3, batch_size=5)
        first = activation_scales(model)
        calibrate(model, data, batches=3, batch_size=5)
        assert activation_scales(model) == first
        runs.append(first)
    assert runs[0] == runs[1]


def test_batches_cover_the_whole_split_even_when_it_is_sorted() -> None:
    bright = np.zeros((90, 1, 5, 7), np.uint8)
    bright[-1] = 200
    data = DataSet("sorted", bright, np.zeros(90, np.int64), bright[:2], np.zeros(2, np.int64), 1)
    model = quantize(nn.Sequential(nn.Conv2d(1, 1, 1)), "w8a8", example_input=torch.rand(2, 1, 5, 7))
    calibrate(model, data, batches=1, batch_size=4)
    assert activation_scales(model)["input_1_quant"] == 1.0  # 0..200 in steps of 1


@pytest.fixture(scope="module")
def digits_net() -> tuple[nn.Module, DataSet]:
    digits = load_data("digits")
    torch.manual_seed(0)
    model = zoo.digits_resnet()
    fit(model, digits, epochs=8)
    return model, digits


def test_post_training_accuracy(digits_net: tuple[nn.Module, DataSet]) -> None:
    model, digits = digits_net
    example = torch.from_numpy(digits.train_x[:64])
    calibrated = calibrate(quantize(model, "w8a8", example_input=example), digits)
    assert evaluate(calibrated, digits) >= evaluate(model, digits) - 0.01


def test_bias_correction_brings_the_mean_logits_closer(digits_net: tuple[nn.Module, DataSet]) -> None:
    model, digits = digits_net
    x = torch.from_numpy(digits.train_x)
    errors = []
    for correction in (False, True):
        quantized = quantize(model, "w4a4", example_input=x[:64])
        calibrate(quantized, digits, bias_correction=correction)
        with torch.no_grad():
            errors.append(float((quantized(x).mean(0) - model(x).mean(0)).abs().sum()))
        check_grid(quantized, x[:8])
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("make", [zoo.digits_cnn, zoo.digits_leaky, zoo.digits_resnet, zoo.digits_concat])
def test_equalization_keeps_the_function_and_evens_ranges(make: object) -> None:
    torch.manual_seed(2)
    model: nn.Module = scramble(make()).eval()  # type: ignore[operator]
    with torch.no_grad():  # one channel far larger than the others
        next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d)).weight[0] = 60.0
    x = torch.rand(3, 1, 8, 8)
    even = equalize(model, example_input=x).eval()
    assert not [m for m in even.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        assert float((even.double()(x.double()) - model.double()(x.double())).abs().max()) < 1e-3
    first = next(m for m in even.modules() if isinstance(m, nn.Conv2d)).weight.detach().abs().amax((1, 2, 3))
    assert float(first[0] / first.median()) < 30
    model.float()
    check_grid(quantize(even.float(), "w8a8", example_input=x), x)


def test_wrong_settings() -> None:
    with pytest.raises(BadInput, match="BT2035"):
        calibrate(nn.Identity(), stripes(), batches=0)
