"""Names and arguments of the layers: those of ai8x, so that a model file needs another import and nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

import bittrue.max7800x as ai8x
from bittrue.errors import BadInput, Unsupported
from bittrue.max7800x.layers import LAYERS, QuantizationAwareModule

TABLE = """
Conv2d FusedConv2dReLU FusedConv2dAbs MaxPool2d FusedMaxPoolConv2d FusedMaxPoolConv2dReLU FusedMaxPoolConv2dAbs
AvgPool2d FusedAvgPoolConv2d FusedAvgPoolConv2dReLU FusedAvgPoolConv2dAbs ConvTranspose2d FusedConvTranspose2dReLU
FusedConvTranspose2dAbs FusedMaxPoolConvTranspose2d FusedMaxPoolConvTranspose2dReLU FusedMaxPoolConvTranspose2dAbs
FusedAvgPoolConvTranspose2d FusedAvgPoolConvTranspose2dReLU FusedAvgPoolConvTranspose2dAbs Linear FusedLinearReLU
FusedLinearAbs Conv1d FusedConv1dReLU FusedConv1dAbs MaxPool1d FusedMaxPoolConv1d FusedMaxPoolConv1dReLU
FusedMaxPoolConv1dAbs AvgPool1d FusedAvgPoolConv1d FusedAvgPoolConv1dReLU FusedAvgPoolConv1dAbs
"""
"""The list of predefined modules."""

LATER = """
FusedConv2dBN FusedConv2dBNReLU FusedMaxPoolConv2dBN FusedMaxPoolConv2dBNReLU FusedMaxPoolConv2dBNAbs
FusedAvgPoolConv2dBNReLU FusedAvgPoolConv2dBNAbs DepthwiseConv2d FusedDepthwiseConv2dReLU FusedDepthwiseConv2dBNReLU
FusedAvgPoolDepthwiseConv2d FusedAvgPoolDepthwiseConv2dReLU FusedAvgPoolDepthwiseConv2dBNReLU
FusedMaxPoolDepthwiseConv2d FusedMaxPoolDepthwiseConv2dReLU FusedMaxPoolDepthwiseConv2dBNReLU
FusedConvTranspose2dBNReLU FusedMaxPoolConvTranspose2dBNReLU FusedAvgPoolConvTranspose2dBNReLU DepthwiseConvTranspose2d
FusedDepthwiseConvTranspose2dReLU FusedDepthwiseConvTranspose2dBNReLU FusedAvgPoolDepthwiseConvTranspose2d
FusedAvgPoolDepthwiseConvTranspose2dReLU FusedAvgPoolDepthwiseConvTranspose2dBNReLU
FusedMaxPoolDepthwiseConvTranspose2d FusedMaxPoolDepthwiseConvTranspose2dReLU
FusedMaxPoolDepthwiseConvTranspose2dBNReLU FusedMaxPoolConv1dBN FusedMaxPoolConv1dBNReLU FusedMaxPoolConv1dBNAbs
FusedAvgPoolConv1dBNReLU FusedAvgPoolConv1dBNAbs FusedConv1dBNReLU FusedConv1dBNAbs
"""
"""What present versions have beside them."""


def text_of(error: BadInput | Unsupported) -> list[str]:
    return [d.code for d in error.diagnostics]


@pytest.mark.parametrize("name", [*TABLE.split(), *LATER.split()])
def test_every_name_is_a_layer(name: str) -> None:
    kind = getattr(ai8x, name)
    assert issubclass(kind, QuantizationAwareModule)
    assert (kind.__name__, kind.__module__) == (name, "bittrue.max7800x.layers")
    layer: Any = kind(3) if "Pool" in name and "Conv" not in name else kind(4, 4) if "Linear" in name else \
        kind(4, 4, 3, stride=2 if "Transpose" in name else 1)
    assert (layer.pool is not None, layer.bn is not None) == ("Pool" in name, "BN" in name)
    assert isinstance(layer.pool, nn.MaxPool1d | nn.MaxPool2d) == ("MaxPool" in name)
    if layer.op is not None:
        plain = next(n for n in ("ConvTranspose2d", "Conv2d", "Conv1d", "Linear") if n in name)
        assert type(layer.op) is getattr(nn, plain)
        assert getattr(layer.op, "groups", 1) == (4 if "Depthwise" in name else 1)


@pytest.mark.parametrize("name", ["Add", "Sub", "Or", "Xor", "BitwiseOr", "BitwiseXor", "Empty"])
def test_other_names(name: str) -> None:
    assert issubclass(getattr(ai8x, name), nn.Module)


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="SoftwareLinear"):
        _ = ai8x.SoftwareLinear


MODEL_FILE = '''
import torch

import bittrue.max7800x as ai8x


class Column(torch.nn.Module):
    """Three convolutions, two of which halve the image, then one score per class."""

    def __init__(self, classes, channels, side, width, **layer):
        super().__init__()
        halved = {"pool_size": 2, "pool_stride": 2, "padding": 1}
        self.conv1 = ai8x.FusedConv2dReLU(channels, width, 3, padding=1, **layer)
        self.conv2 = ai8x.FusedMaxPoolConv2dBNReLU(width, width, 3, batchnorm="NoAffine", **halved, **layer)
        self.conv3 = ai8x.FusedAvgPoolConv2dReLU(width, 8, 3, **halved, **layer)
        self.pool = ai8x.MaxPool2d(2, 1, **layer)
        self.fc = ai8x.Linear(8 * (side // 4 - 1) ** 2, classes, **{**layer, "bias": True, "wide": True})

    def forward(self, image):
        for step in (self.conv1, self.conv2, self.conv3, self.pool):
            image = step(image)
        return self.fc(image.flatten(1))


def net(num_classes=10, num_channels=3, dimensions=(28, 28), width=12, **layer):
    return Column(num_classes, num_channels, dimensions[0], width, **layer)
'''


def test_a_model_file_needs_another_import_only() -> None:
    names: dict[str, Any] = {}
    exec(compile(MODEL_FILE, "net.py", "exec"), names)  # noqa: S102
    model = names["net"](num_classes=7, num_channels=1, dimensions=(8, 8), weight_bits=None, bias_bits=None,
                         quantize_activation=False)
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 7)
    assert {"conv1.op.weight", "conv2.op.weight", "conv2.bn.running_mean", "fc.op.weight", "fc.op.bias"} <= set(
        model.state_dict())
    assert (model.conv2.bn.momentum, model.conv2.bn.eps, model.conv2.bn.affine) == (0.05, 1e-5, False)


@pytest.mark.parametrize(("name", "low"), [("Conv2d", -1.0), ("FusedConv2dReLU", 0.0), ("FusedConv2dAbs", 0.0)])
def test_float_data_stay_in_the_range_of_data(name: str, low: float) -> None:
    torch.manual_seed(3)
    layer, x = LAYERS[name](4, 3, 1), torch.rand(2, 4, 5, 7) * 2 - 1
    with torch.no_grad():
        layer.op.weight.mul_(4)
        y, real = layer(x), torch.nn.functional.conv2d(x, layer.op.weight, layer.op.bias)
    assert (real.min().item() < -1, real.max().item() > 1, y.max().item()) == (True, True, 127 / 128)
    assert low <= y.min().item() < low + 0.1
    real = {"Conv2d": real, "FusedConv2dReLU": real.relu(), "FusedConv2dAbs": real.clamp(-1).abs()}[name]
    assert torch.equal(y, real.clamp(-1, 127 / 128))


def test_a_batch_norm_gives_a_quarter() -> None:
    layer = ai8x.FusedConv2dBN(1, 1, 1, bias=False, eps=0.0).eval()
    with torch.no_grad():
        layer.op.weight.fill_(1.0)
        layer.bn.running_var.fill_(0.25)
        layer.bn.bias.fill_(0.5)
    x = torch.tensor([-0.25, 0.0, 0.125]).reshape(1, 1, 3, 1)
    assert layer(x).flatten().tolist() == [0.0, 0.125, 0.1875]  # (2 * x + 0.5) / 4


def test_arguments_may_complete_a_name() -> None:
    layer = ai8x.Conv2d(4, 4, 3, pooling="Max", activation="ReLU", batchnorm="Affine", pool_stride=None, pool_size=3)
    assert isinstance(layer.pool, nn.MaxPool2d)
    assert (layer.pool.kernel_size, layer.pool.stride, type(layer.bn)) == (3, 3, nn.BatchNorm2d)
    assert type(layer.activate).__name__ == "SaturatedReLU"
    up = ai8x.Conv2d(4, 4, 3, op="ConvTranspose2d", stride=2, padding=1)
    assert up(torch.zeros(1, 4, 3, 5)).shape == (1, 4, 6, 10)


@pytest.mark.parametrize(("name", "options", "count"), [
    ("FusedConv2dReLU", {"wide": True}, 1),
    ("Conv2d", {"wide": True, "activation": "Abs", "batchnorm": "Half", "weight_bits": 3, "bias_bits": 16}, 4),
    ("FusedConv2dReLU", {"activation": "Abs", "pooling": "Min"}, 2),
    ("Conv2d", {"op": "Conv1d"}, 1),
    ("FusedAvgPoolConv2d", {"pool_dilation": (1, 2)}, 1),
    ("Linear", {"activation": "Tanh"}, 1),
    ("Linear", {"pooling": "Max", "batchnorm": "Affine"}, 1),
    ("Linear", {"widee": True, "kernel_size": 3}, 2),
    ("FusedMaxPoolConv1dReLU", {"pool_siz": 3, "strid": 1, "wide": True}, 3),
    ("FusedConv2dReLU", {"pool_size": 3}, 1),
    ("Conv2d", {"pool_stride": None}, 1),
    ("MaxPool2d", {"strid": 2, "padding": 1, "weight_bits": 3}, 3),
    ("AvgPool1d", {"dilation": 2}, 1),
    ("AvgPool2d", {"dilation": (1, 2), "ceil_mode": True}, 2),
])
def test_contradictions_are_named_together(name: str, options: dict[str, Any], count: int) -> None:
    sizes = (4, 4) if name == "Linear" else (4, 4, 3) if "Conv" in name else (2,)
    with pytest.raises(BadInput) as caught:
        getattr(ai8x, name)(*sizes, **options)
    assert text_of(caught.value) == ["BT5350"] * count


@pytest.mark.parametrize(("name", "sizes", "known"), [
    ("AvgPool2d", (2,), "kernel_size, stride, dilation, weight_bits, bias_bits, quantize_activation"),
    ("Linear", (3, 4), "in_features, out_features, pooling, bias, activation, wide, batchnorm, weight_bits, bias_bits, "
                       "quantize_activation"),
])
def test_an_unknown_argument_is_named_with_those_that_exist(name: str, sizes: tuple[int, ...], known: str) -> None:
    with pytest.raises(BadInput) as caught:
        getattr(ai8x, name)(*sizes, strid=2)
    found, = caught.value.diagnostics
    assert found.where == f"{name}({', '.join(map(str, sizes))})"
    assert (found.why, found.fix) == ("there is no argument 'strid'", f"use one of {known}")


def test_devices() -> None:
    try:
        assert ai8x.set_device(device=87, simulate=False, round_avg=True, verbose=False) is ai8x.dev
        assert (ai8x.dev.device, ai8x.dev.WEIGHT_DEPTH, ai8x.dev.round_avg) == (87, 5120, True)
    finally:
        ai8x.set_device("MAX78000")
    assert (ai8x.dev.WEIGHT_INPUTS, ai8x.dev.WEIGHT_DEPTH, ai8x.dev.round_avg) == (256, 768, False)
    with pytest.raises(BadInput, match="BT5340"):
        ai8x.set_device(84)


def test_layers_of_pytorch_are_refused_all_at_once() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), ai8x.FusedConv2dReLU(2, 2, 3), nn.BatchNorm2d(2), nn.Dropout(),
                          nn.Flatten(), nn.Linear(8, 2))
    with pytest.raises(Unsupported) as caught:
        ai8x.quantize(model, "max7800x-w8")
    assert [(d.code, d.where) for d in caught.value.diagnostics] == [("BT5346", "0"), ("BT5346", "2"), ("BT5346", "5")]


def test_the_package_needs_no_pytorch_for_policies() -> None:
    code = ("import sys; sys.modules['torch'] = None; import bittrue.max7800x as ai8x\n"
            "print(ai8x.parse_policy('{start_epoch: 1, weight_bits: 4}').weight_bits, ai8x.dev.name)\n"
            "try:\n    ai8x.Conv2d\nexcept Exception as error:\n    print(error)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("4 MAX78000\nBT2000 bittrue.max7800x.Conv2d: torch is not installed")
