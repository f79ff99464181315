"""What cannot be frozen is named completely, with code, place and fix."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import brevitas.nn as qnn
import pytest
import torch
from brevitas.quant import (
    Int8ActPerTensorFloat,
    ShiftedUint8ActPerTensorFloat,
    ShiftedUint8WeightPerTensorFloat,
    SignedBinaryActPerTensorConst,
    Uint8ActPerTensorFloat,
)
from torch import Tensor, nn
from torch.nn import functional as F
from zoo import HalfUp, conv, trained

from bittrue.errors import BadInput, BittrueError, Difference, Unsupported, catalogue
from bittrue.frontends.brevitas import freeze, reference_trace
from bittrue.tensors.bitwise import BitwiseOr

SHAPE = (1, 8, 6)


class Ceil(HalfUp):
    """Rounds up: not one of the four modes."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.ceil(x)


class Net(nn.Module):
    """Some layers, and a forward function of its own."""

    def __init__(self, forward: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.function = forward
        self.input, self.quant, self.other = qnn.QuantIdentity(), qnn.QuantReLU(), qnn.QuantIdentity()
        self.conv, self.wide = conv(1, 2), conv(2, 2, 1, bias=True)
        self.up, self.bits = qnn.QuantConvTranspose2d(1, 2, 3, stride=2, bias=False), BitwiseOr()
        self.norm, self.batch = nn.BatchNorm2d(2), nn.BatchNorm2d(2, track_running_stats=False)
        self.register_buffer("constant", torch.ones(1))

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def per_channel(channels: int) -> nn.Module:
    """A quantizer with a scale per channel."""
    return qnn.QuantReLU(scaling_per_output_channel=True, per_channel_broadcastable_shape=(1, channels, 1, 1),
                         scaling_stats_permute_dims=(1, 0, 2, 3))


def sequence(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(qnn.QuantIdentity(), *layers)


def net(forward: Callable[[Any, Tensor], Any]) -> Callable[[], nn.Module]:
    return lambda: Net(forward)


def branching(m: Net, x: Tensor) -> Tensor:
    y: Tensor = m.quant(m.conv(m.input(x)))
    return y if y.sum() > -1 else y.flatten(1)


def in_place(m: Net, x: Tensor) -> Tensor:
    y = m.other(m.conv(m.input(x)))
    view = y.view(-1)
    view.neg_()
    return m.quant(y)  # type: ignore[no-any-return]


def accumulate(m: Net, x: Tensor) -> Tensor:
    y = m.conv(m.input(x))
    return m.other(y + m.other(y))  # type: ignore[no-any-return]


def two_scales(m: Net, x: Tensor) -> Tensor:
    y = m.conv(m.input(x))
    return m.other(m.quant(y)) + m.quant(y)  # type: ignore[no-any-return]


def two_types(m: Net, x: Tensor) -> Tensor:
    y = m.conv(m.input(x))
    return torch.cat([m.other(y), m.quant(y)], 1)


CASES: dict[str, tuple[str, Callable[[], nn.Module], str]] = {
    "module": ("BT2101", sequence(conv(1, 2), nn.GELU(), qnn.QuantIdentity()), "GELU is not quantized"),
    "plain convolution": ("BT2101", sequence(nn.Conv2d(1, 2, 3), qnn.QuantIdentity()), "Conv2d is not quantized"),
    "softmax": ("BT2101", sequence(conv(1, 2), nn.Softmax(1)), "belong behind the model"),
    "curved quantizer": ("BT2101", sequence(conv(1, 2), qnn.QuantSigmoid()), "no piecewise linear"),
    "prelu": ("BT2101", sequence(conv(1, 2), nn.PReLU(2), qnn.QuantIdentity()), "num_parameters=1"),
    "function": ("BT2102", net(lambda m, x: m.other(torch.exp(m.conv(m.input(x))))), "exp() on 1 tensor"),
    "product": ("BT2102", net(lambda m, x: m.other(m.conv(m.input(x)) * 2)), "mul()"),
    "constant": ("BT2102", net(lambda m, x: m.other(m.conv(m.input(x)) + m.constant)), "adds something"),
    "slice": ("BT2102", net(lambda m, x: m.other(m.conv(m.input(x))[:, :1])), "getitem()"),
    "several results": ("BT2102", net(lambda m, x: torch.chunk(m.quant(m.conv(m.input(x))), 2, 1)[0]), "2 tensors"),
    "mean of channels": ("BT2102", net(lambda m, x: m.quant(m.conv(m.input(x))).mean(1)), "all spatial axes"),
    "tensor bounds": ("BT2102", net(lambda m, x: m.other(m.conv(m.input(x)).clamp(m.constant))), "clamp to numbers"),
    "odd arguments": ("BT2102", net(lambda m, x: F.relu(m.conv(m.input(x)), inplace=False).mean(
        (2, 3), dtype=torch.float32)), "arguments"),
    "branch": ("BT2103", net(branching), "bool__() in the model (test_diagnostics.py:"),
    "raw input": ("BT2104", lambda: nn.Sequential(conv(1, 2), qnn.QuantReLU()), "behind the input"),
    "real input of a layer": ("BT2104", sequence(conv(1, 2), nn.BatchNorm2d(2), nn.ReLU(), conv(2, 1)), "1, 2, 3"),
    "accumulator as input": ("BT2104", sequence(conv(1, 2), conv(2, 2)), "32-bit accumulator 1"),
    "normalized input": ("BT2104", lambda: nn.Sequential(nn.BatchNorm2d(1), qnn.QuantIdentity()), "behind the input"),
    "real weights": ("BT2105", sequence(conv(1, 2, weight_quant=None), qnn.QuantReLU()), "weight_quant of 1 to 8"),
    "wide weights": ("BT2105", sequence(conv(1, 2, bits=12), qnn.QuantReLU()), "12.0 bits"),
    "zero point": ("BT2106", sequence(conv(1, 2), qnn.QuantIdentity(act_quant=ShiftedUint8ActPerTensorFloat)),
                   "zero point is not 0"),
    "weights' zero point": ("BT2106", sequence(conv(1, 2, weight_quant=ShiftedUint8WeightPerTensorFloat),
                                               qnn.QuantReLU()), "symmetric weight_quant"),
    "binary activations": ("BT2107", sequence(conv(1, 2), qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst)),
                           "BinaryQuant"),
    "delayed quantizer": ("BT2107", sequence(conv(1, 2), qnn.QuantIdentity(quant_delay_steps=10 ** 6)), "delayed"),
    "rounding": ("BT2108", sequence(conv(1, 2), qnn.QuantReLU(act_quant=Uint8ActPerTensorFloat.let(
        float_to_int_impl=Ceil))), "Ceil rounds"),
    "scales per channel": ("BT2110", sequence(conv(1, 3), per_channel(3), conv(3, 2)), "3 different scales"),
    "two scales": ("BT2111", net(two_scales), "one shared QuantIdentity"),
    "two types": ("BT2111", net(two_types), "types i8, u8"),
    "bits of other scales": ("BT2111", net(lambda m, x: m.other(m.bits(m.quant(m.conv(m.input(x))), m.quant(
        m.conv(m.input(x)))))), "with the scale 0.0078125"),
    "bits of one tensor": ("BT2101", net(lambda m, x: m.other(m.bits(m.quant(m.conv(m.input(x))), m.constant))),
                           "two tensors of the graph"),
    "reversed difference": ("BT2102", net(lambda m, x: m.other(1 - m.quant(m.conv(m.input(x))))), "rsub"),
    "output size": ("BT2117", net(lambda m, x: m.other(m.up(m.input(x), output_size=(18, 14)))), "output_padding"),
    "real operand": ("BT2112", net(lambda m, x: m.other(m.norm(m.conv(m.input(x))) + m.quant(m.conv(m.input(x))))),
                     "conv, norm"),
    "accumulator and integer": ("BT2111", net(accumulate), "scale"),
    "real output": ("BT2113", sequence(conv(1, 2), nn.BatchNorm2d(2)), "output 0"),
    "batch statistics": ("BT2115", net(lambda m, x: m.other(m.batch(m.conv(m.input(x))))), "track_running_stats"),
    "dropout": ("BT2115", net(lambda m, x: m.other(F.dropout(m.conv(m.input(x))))), "training=self.training"),
    "two norms": ("BT2116", sequence(conv(1, 2), nn.BatchNorm2d(2), nn.BatchNorm2d(2), qnn.QuantReLU()),
                  "in this order"),
    "norm behind an activation": ("BT2116", sequence(conv(1, 2), nn.ReLU(), nn.BatchNorm2d(2), qnn.QuantReLU()),
                                  "QuantIdentity"),
    "average behind an activation": ("BT2116", sequence(conv(1, 2), nn.ReLU(), nn.AvgPool2d(2), qnn.QuantIdentity()),
                                     "before the average pooling"),
    "norm behind max pooling": ("BT2116", sequence(conv(1, 9), nn.BatchNorm2d(9), nn.MaxPool2d(2), nn.AvgPool2d(2),
                                                   qnn.QuantReLU()), "negative gain"),
    "averaged padding": ("BT2116", sequence(conv(1, 2, bias=True), nn.AvgPool2d(2, padding=1), qnn.QuantReLU()),
                         "no padding"),
    "padding mode": ("BT2117", sequence(conv(1, 2, padding=1, padding_mode="reflect"), qnn.QuantReLU()), "reflect"),
    "constant padding": ("BT2117", sequence(nn.ConstantPad2d(1, 0.5), conv(1, 2), qnn.QuantReLU()), "pad with zeros"),
    "ceil mode": ("BT2117", sequence(nn.MaxPool2d((3, 4), ceil_mode=True), conv(1, 2, 1), qnn.QuantReLU()),
                  "ceil_mode=False"),
    "border": ("BT2117", sequence(nn.AvgPool2d(3, padding=1, count_include_pad=False), qnn.QuantIdentity()), "border"),
    "adaptive": ("BT2117", sequence(nn.AdaptiveAvgPool2d((3, 3)), qnn.QuantIdentity()), "one that divides"),
    "indices": ("BT2102", sequence(nn.MaxPool2d(2, return_indices=True)), "2 tensors"),
    "joined batch": ("BT2118", net(lambda m, x: torch.cat([m.input(x)] * 2).view(len(x), -1)), "batch axis"),
    "moved batch": ("BT2118", net(lambda m, x: m.input(x).transpose(0, 1).transpose(0, 1)), "first axis"),
    "view over the batch": ("BT2118", net(lambda m, x: m.input(x).view(-1, 6).view(len(x), -1)), "first axis"),
    "wide accumulator": ("BT2119", lambda: nn.Sequential(nn.Flatten(), qnn.QuantIdentity(bit_width=16), Heavy()),
                         "beyond i32"),
    "in place": ("BT2120", net(in_place), "in-place"),
    "no tensor": ("BT2122", net(lambda m, x: [m.input(x), 3]), "tuple, list or dictionary"),
    "constant output": ("BT2122", net(lambda m, x: m.constant), "depend"),
}


class Heavy(nn.Module):
    """A layer whose sums exceed 32 bits."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.quant = qnn.QuantLinear(2016, 2, bias=False), qnn.QuantReLU()
        with torch.no_grad():
            self.layer.weight.fill_(1.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.quant(self.layer(torch.cat([x] * 42, 1)))  # type: ignore[no-any-return]


def refused(build: Callable[[], nn.Module], **options: Any) -> BittrueError:
    model = build()
    try:
        model = trained(lambda: model, SHAPE)
    except (RuntimeError, TypeError, AttributeError):
        model.eval()  # it cannot run at all
    with pytest.raises(BittrueError) as caught:
        freeze(model, torch.rand(2, *SHAPE), **options)
    return caught.value


@pytest.mark.parametrize("case", CASES)
def test_every_obstacle_has_its_code(case: str) -> None:
    code, build, text = CASES[case]
    error = refused(build)
    assert isinstance(error, Unsupported)
    assert code in {d.code for d in error.diagnostics}, str(error)
    assert text in str(error)
    assert all(d.where and d.why and d.fix and d.code in catalogue() for d in error.diagnostics)


def test_everything_is_listed_at_once() -> None:
    error = refused(sequence(nn.ZeroPad2d(1), conv(1, 2, weight_quant=None), nn.GELU(), qnn.QuantSigmoid(),
                             conv(2, 2, padding=1, padding_mode="circular"), nn.Softmax(1)))
    assert [(d.code, d.where) for d in error.diagnostics] == [
        ("BT2105", "2"), ("BT2101", "3"), ("BT2101", "4"), ("BT2117", "5"), ("BT2101", "6")]


def test_lowering_lists_everything_at_once() -> None:
    error = refused(net(lambda m, x: (accumulate(m, x), two_scales(m, x), m.norm(m.conv(m.input(x))))))
    assert [d.code for d in error.diagnostics] == ["BT2111", "BT2111", "BT2113"]
    assert error.diagnostics[0].where.startswith("add() in the model (test_diagnostics.py:")


def test_an_unquantized_bias_needs_snapping() -> None:
    error = refused(sequence(conv(1, 2, bias=True)), snap=False)
    assert [d.code for d in error.diagnostics] == ["BT2114"]
    assert "snap_output_bias" in str(error)


def test_a_layer_with_two_input_scales_cannot_be_snapped() -> None:
    def forward(m: Net, x: Tensor) -> Any:
        y = m.conv(m.input(x))
        return m.wide(m.quant(y)), m.wide(m.other(y))

    error = refused(net(forward))
    assert [d.code for d in error.diagnostics] == ["BT2114"]
    assert "layer of its own" in str(error)


@pytest.mark.parametrize(("name", "code"), [
    ("1.weight", "BT2109"), ("3.act_quant.fused_activation_quant_proxy.tensor_quant.scaling_impl.buffer", "BT2109"),
    ("2.bias", "BT3001")])
def test_parameters_that_are_no_numbers(name: str, code: str) -> None:
    model = trained(sequence(conv(1, 2), nn.BatchNorm2d(2), qnn.QuantReLU()), SHAPE)
    with torch.no_grad():
        dict((*model.named_parameters(), *model.named_buffers()))[name].fill_(float("nan"))
    with pytest.raises(BittrueError) as caught:
        freeze(model, torch.rand(1, *SHAPE))
    assert {d.code for d in caught.value.diagnostics} == {code}


def test_a_graph_that_does_not_mean_the_model_is_noticed() -> None:
    frozen = freeze(trained(sequence(conv(1, 2), qnn.QuantReLU()), SHAPE), torch.rand(1, *SHAPE))
    nodes = {n: replace(v, factors=(v.factors[0] * 1.3, *v.factors[1:])) for n, v in frozen.lowered.nodes.items()}
    wrong = replace(frozen, lowered=replace(frozen.lowered, nodes=nodes))
    with pytest.raises(Difference, match="BT2123"):
        reference_trace(wrong, torch.rand(5, *SHAPE))


def test_without_the_train_extra_the_package_says_what_to_install() -> None:
    code = "import sys, bittrue.frontends; sys.modules['brevitas'] = None; import bittrue.frontends.brevitas"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ToolMissing: BT2100 bittrue.frontends.brevitas: brevitas is not installed" in run.stderr


@pytest.mark.parametrize("example", [torch.rand(2, 1, 2, 2), torch.rand(2, 3, 8, 6), torch.rand(6), "no tensor",
                                     torch.zeros(2, 1, 8, 6, dtype=torch.int64)])
def test_an_example_that_the_model_does_not_accept(example: Any) -> None:
    model = trained(sequence(conv(1, 2), qnn.QuantReLU()), SHAPE)
    with pytest.raises(BadInput, match="BT2121"):
        freeze(model, example)


def test_a_model_that_cannot_be_copied() -> None:
    model = trained(sequence(conv(1, 2), qnn.QuantReLU()), SHAPE)
    model.kept = torch.rand(2, requires_grad=True) * 2  # type: ignore[assignment]
    with pytest.raises(BadInput, match="BT2121"):
        freeze(model, torch.rand(2, *SHAPE))


def test_no_multiplier_is_a_diagnostic() -> None:
    error = refused(sequence(conv(1, 2), nn.BatchNorm2d(2), qnn.QuantReLU()), max_multiplier_bits=3)
    assert [d.code for d in error.diagnostics] == ["BT3010"]


def test_a_disabled_quantizer_is_noticed() -> None:
    model = trained(sequence(conv(1, 2), qnn.QuantReLU(), conv(2, 2), qnn.QuantReLU()), SHAPE)
    model.get_submodule("2.act_quant").disable_quant = True  # type: ignore[assignment]
    with pytest.raises(Unsupported, match="BT2104"):
        freeze(model, torch.rand(2, *SHAPE))


def test_signed_and_plain_quantizers_of_one_layer() -> None:
    """A layer's own output quantizer is as good as one behind it."""
    model = trained(sequence(conv(1, 2, output_quant=Int8ActPerTensorFloat)), SHAPE)
    graph = freeze(model, torch.rand(2, *SHAPE)).graph
    assert [node.name for node in graph] == ["input", "1", "1.output_quant"]
