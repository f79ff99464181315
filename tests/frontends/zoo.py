"""Small Brevitas models, hand-written as users write them: one for everything that can be frozen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.core.function_wrapper import RoundToZeroSte
from brevitas.inject.enum import ScalingImplType, ScalingPerOutputType
from brevitas.quant import (
    Int8ActPerTensorFixedPoint,
    Int8ActPerTensorFloat,
    Int8BiasPerTensorFloatInternalScaling,
    Int8WeightPerChannelFloat,
    Int8WeightPerTensorFixedPoint,
    Int8WeightPerTensorFloat,
    Int32Bias,
    SignedBinaryWeightPerTensorConst,
    SignedTernaryWeightPerTensorConst,
    Uint8ActPerTensorFixedPoint,
    Uint8ActPerTensorFloat,
)
from torch import Tensor, nn
from torch.nn import functional as F

from bittrue.quantization.rounding import RoundHalfAwaySte
from bittrue.tensors.bitwise import BitwiseOr, BitwiseXor


class HalfUp(nn.Module):
    """Rounds half up."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return torch.floor(x + 0.5)


class Floor(nn.Module):
    """Rounds down."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return torch.floor(x)


def conv(i: int, o: int, kernel: Any = 3, bits: int = 8, bias: bool = False, **options: Any) -> nn.Module:
    """A quantized convolution."""
    return qnn.QuantConv2d(i, o, kernel, bias=bias, weight_bit_width=bits, **options)


def w8a8_per_channel() -> nn.Module:
    """Weights with a scale per channel, batch norm, max pooling, stride 2, a biased last layer."""
    options = {"weight_quant": Int8WeightPerChannelFloat}
    return nn.Sequential(qnn.QuantIdentity(), conv(1, 5, padding=1, **options), nn.BatchNorm2d(5), qnn.QuantReLU(),
                         nn.MaxPool2d(2), conv(5, 7, stride=2, padding=1, **options), nn.BatchNorm2d(7),
                         qnn.QuantReLU(), nn.Flatten(), qnn.QuantLinear(7 * 2 * 2, 10, bias=True))


def w4a4_leaky() -> nn.Module:
    """4 bits, LeakyReLU(13/256) before a signed quantizer, 5x1 kernel, asymmetric zero padding."""
    return nn.Sequential(qnn.QuantIdentity(bit_width=8), nn.ZeroPad2d((1, 2, 0, 3)), conv(1, 6, (5, 1), 4),
                         nn.BatchNorm2d(6), nn.LeakyReLU(13 / 256), qnn.QuantIdentity(bit_width=4),
                         conv(6, 3, 1, 4, bias=True), nn.LeakyReLU(13 / 256), qnn.QuantIdentity(bit_width=4),
                         nn.Flatten(), qnn.QuantLinear(3 * 7 * 9, 4, bias=False, weight_bit_width=4))


def w4a2() -> nn.Module:
    """2-bit activations behind a 4-bit layer with a slope that is no binary fraction."""
    return nn.Sequential(qnn.QuantIdentity(bit_width=4), conv(1, 4, bits=4), nn.BatchNorm2d(4),
                         qnn.QuantReLU(bit_width=2), conv(4, 3, 2, bits=4), nn.LeakyReLU(0.1),
                         qnn.QuantIdentity(bit_width=2))


def binary() -> nn.Module:
    """Binary weights in the first layer, ternary ones in the second."""
    return nn.Sequential(qnn.QuantIdentity(), conv(1, 8, weight_quant=SignedBinaryWeightPerTensorConst),
                         nn.BatchNorm2d(8), qnn.QuantReLU(),
                         conv(8, 4, bits=2, weight_quant=SignedTernaryWeightPerTensorConst), nn.BatchNorm2d(4),
                         qnn.QuantReLU())


def power_of_two() -> nn.Module:
    """Power-of-two scales and rounding half up; ties are frequent here."""
    act = Uint8ActPerTensorFixedPoint.let(float_to_int_impl=HalfUp)
    options = {"weight_quant": Int8WeightPerTensorFixedPoint}
    return nn.Sequential(qnn.QuantIdentity(act_quant=Int8ActPerTensorFixedPoint.let(float_to_int_impl=HalfUp)),
                         conv(1, 5, **options), qnn.QuantReLU(act_quant=act), conv(5, 4, **options),
                         qnn.QuantReLU(act_quant=act, bit_width=4), nn.AvgPool2d(2), qnn.QuantIdentity(
                             act_quant=Int8ActPerTensorFixedPoint))


def rounding_down() -> nn.Module:
    """A quantizer that rounds down."""
    return nn.Sequential(qnn.QuantIdentity(), conv(1, 5), qnn.QuantReLU(act_quant=Uint8ActPerTensorFloat.let(
        float_to_int_impl=Floor)))


def dropping_fractions() -> nn.Module:
    """Signed quantizers that round towards zero."""
    act = Int8ActPerTensorFloat.let(float_to_int_impl=RoundToZeroSte)
    return nn.Sequential(qnn.QuantIdentity(), conv(1, 5), qnn.QuantIdentity(act_quant=act), nn.AvgPool2d((3, 2)),
                         qnn.QuantIdentity(act_quant=act, bit_width=5))


class Residual(nn.Module):
    """Residual blocks whose operands share one quantizer; with or without `QuantTensor`s."""

    def __init__(self, quant_tensors: bool, blocks: int = 2) -> None:
        super().__init__()
        self.shared = qnn.QuantIdentity(bit_width=6, return_quant_tensor=quant_tensors)
        self.convs = nn.ModuleList(conv(4 if i else 1, 4, bits=6, padding=1) for i in range(blocks + 1))
        self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(blocks + 1))
        self.relu = qnn.QuantReLU(return_quant_tensor=quant_tensors)
        self.head = qnn.QuantLinear(4, 3, bias=True)

    def forward(self, x: Tensor) -> Any:
        x = self.shared(F.relu(self.norms[0](self.convs[0](self.shared(x)))))
        for layer, norm in zip(self.convs[1:], self.norms[1:], strict=True):
            x = self.relu(self.shared(norm(layer(x))) + x)
            x = self.shared(x)
        return self.head(self.shared(F.adaptive_avg_pool2d(x, 1)).flatten(1))


class Concatenated(nn.Module):
    """Two branches with one quantizer, joined; two with their own quantizers, joined and quantized again."""

    def __init__(self) -> None:
        super().__init__()
        self.input = qnn.QuantIdentity()
        self.left, self.right = conv(1, 3, padding=1), conv(1, 2, 1)
        self.shared, self.own, self.again = qnn.QuantReLU(), qnn.QuantReLU(), qnn.QuantIdentity()
        self.last = conv(10, 4, 1, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x)
        left, right = self.left(x), self.right(x)
        same = torch.cat([self.shared(left), self.shared(right)], 1)
        other = torch.cat([self.own(left), self.shared(right)], dim=-3)
        return self.last(self.again(torch.cat([same, other], 1)))


class OneDimensional(nn.Module):
    """A 1-D network on the rows of an image: dilation, pooling, and a layer on sequences."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            qnn.QuantIdentity(), qnn.QuantConv1d(8, 6, 3, padding=2, dilation=2, bias=False),
            nn.BatchNorm1d(6, affine=False), qnn.QuantReLU(bit_width=5), nn.MaxPool1d(2),
            qnn.QuantConv1d(6, 4, 3, padding="same"), nn.ReLU6(), qnn.QuantIdentity())
        self.linear = qnn.QuantLinear(4, 5, bias=True, weight_quant=Int8WeightPerTensorFloat.let(
            scaling_per_output_type=ScalingPerOutputType.CHANNEL))
        self.quant = qnn.QuantReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(x)
        return self.quant(self.linear(x.permute(0, 2, 1)))


def depthwise() -> nn.Module:
    """Depthwise and grouped convolutions, a pool between layer and quantizer with gains of both signs."""
    return nn.Sequential(qnn.QuantIdentity(), conv(1, 6), conv_block_in_between(6), conv(6, 6, groups=6, padding=1),
                         nn.BatchNorm2d(6), nn.MaxPool2d((2, 1)), qnn.QuantReLU(), conv(6, 4, 2, groups=2),
                         nn.Hardtanh(-0.5, 0.25), qnn.QuantIdentity(bit_width=4))


def scales_per_channel() -> nn.Module:
    """Activations with a scale per channel in front of a depthwise convolution and of nothing."""
    def quantizer() -> nn.Module:
        return qnn.QuantReLU(scaling_per_output_channel=True, per_channel_broadcastable_shape=(1, 4, 1, 1),
                             scaling_stats_permute_dims=(1, 0, 2, 3))

    return nn.Sequential(qnn.QuantIdentity(), conv(1, 4), nn.BatchNorm2d(4), quantizer(), nn.AvgPool2d(2, 1),
                         conv(4, 8, 2, groups=4, weight_quant=Int8WeightPerChannelFloat), qnn.QuantIdentity(),
                         conv(8, 4, 1, bias=True), quantizer(), nn.Flatten())


def conv_block_in_between(channels: int) -> nn.Module:
    """Batch norm, ReLU and dropout before a quantizer, as a block of its own."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.Dropout(0.3), qnn.QuantIdentity())


def averages() -> nn.Module:
    """Average pooling of accumulators, of integers with padding, and global."""
    return nn.Sequential(qnn.QuantIdentity(), conv(1, 4, bias=True), nn.AvgPool2d((2, 3), 1), nn.BatchNorm2d(4),
                         qnn.QuantReLU(), nn.AvgPool2d(3, 2, padding=1), qnn.QuantIdentity(bit_width=6), conv(4, 5, 1),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten())


def quantized_biases() -> nn.Module:
    """Biases quantized by Brevitas, on the accumulator's grid or with a scale of their own; inner quantizers."""
    return nn.Sequential(
        conv(1, 4, bias=True, input_quant=Int8ActPerTensorFloat, output_quant=Int8ActPerTensorFloat,
             bias_quant=Int32Bias, return_quant_tensor=True),
        nn.ReLU(), conv(4, 3, bias=True, bias_quant=Int8BiasPerTensorFloatInternalScaling,
                        output_quant=Int8ActPerTensorFloat, return_quant_tensor=True),
        conv(3, 2, bias=True, bias_quant=Int32Bias, padding="same"))


class SumModule(nn.Module):
    """Brevitas' own module for additions, once with one quantizer before and behind."""

    def __init__(self) -> None:
        super().__init__()
        self.input = qnn.QuantIdentity(return_quant_tensor=True)
        self.a, self.b = conv(1, 3, padding=1, bias=True), conv(1, 3, padding=1)
        self.add, self.tied = qnn.QuantEltwiseAdd(), qnn.QuantEltwiseAdd()
        self.tied.output_quant = self.tied.input_quant

    def forward(self, x: Tensor) -> Any:
        x = self.input(x)
        a, b = self.a(x), self.b(x)
        return self.tied(self.add(a, b), F.relu(b))


class Shapes(nn.Module):
    """Elements move between a layer with parameters per channel and its quantizer, and before the first quantizer."""

    def __init__(self) -> None:
        super().__init__()
        self.input, self.quant = qnn.QuantIdentity(), qnn.QuantReLU()
        self.conv = conv(1, 3, weight_quant=Int8WeightPerChannelFloat, bias=True)
        self.norm = nn.BatchNorm2d(3)
        self.last = qnn.QuantLinear(3 * 6 * 4, 6, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.input(F.pad(x, (0, 0, 2, 0)).transpose(2, 3).contiguous())
        y = torch.relu(self.norm(self.conv(x)))
        y = self.quant(y.permute(0, 1, 3, 2).reshape(x.size(0), -1))
        return y, self.last(y.view(len(y), 3, -1).unsqueeze(1).flatten(1))


class Twins(nn.Module):
    """Two quantizers on one input, two outputs, one of them a ReLU of integers, one the sum of three."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = qnn.QuantIdentity(bit_width=8), qnn.QuantIdentity(bit_width=3)
        self.a, self.b = conv(1, 2), conv(1, 2)
        self.shared = qnn.QuantIdentity()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        a, b = self.shared(self.a(self.fine(x))), self.shared(self.b(self.coarse(x)))
        return {"relu": F.max_pool2d(torch.relu(a), 2), "sum": sum([a, b, a])}  # type: ignore[dict-item]


def transposed() -> nn.Module:
    """Transposed convolutions: strides, groups, dilation and output padding that differ between the axes."""
    return nn.Sequential(
        qnn.QuantIdentity(), qnn.QuantConvTranspose2d(1, 4, (3, 2), stride=2, padding=(1, 0), output_padding=(1, 0)),
        nn.BatchNorm2d(4), qnn.QuantReLU(),
        qnn.QuantConvTranspose2d(4, 6, (2, 3), stride=(1, 2), padding=(0, 1), dilation=(2, 1), groups=2, bias=False),
        qnn.QuantIdentity(), nn.Flatten(2), qnn.QuantConvTranspose1d(6, 2, 3, stride=2, bias=True))


class Differences(nn.Module):
    """Differences, magnitudes and bits of tensors with one scale; an average that is rounded half away from zero."""

    def __init__(self) -> None:
        super().__init__()
        act = {"act_quant": Int8ActPerTensorFixedPoint.let(scaling_impl_type=ScalingImplType.CONST, scaling_init=1.0)}
        self.input, self.shared = qnn.QuantIdentity(**act), qnn.QuantIdentity(**act)
        self.a, self.b = conv(1, 3, padding=1, bias=True), conv(1, 3, padding=1)
        self.both, self.either = BitwiseOr(), BitwiseXor()
        self.average = qnn.QuantIdentity(act_quant=act["act_quant"].let(float_to_int_impl=RoundHalfAwaySte))

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x)
        a, b = self.shared(self.a(x)), self.shared(self.b(x))
        y = self.either(self.both(a, b), self.shared(a - b))
        return self.average(F.avg_pool2d(self.shared((y - a - b).abs()), (3, 2)))  # type: ignore[no-any-return]


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "w8a8 per channel": (w8a8_per_channel, (1, 8, 6)),
    "w4a4 leaky": (w4a4_leaky, (1, 8, 6)),
    "w4a2": (w4a2, (1, 8, 6)),
    "binary and ternary": (binary, (1, 8, 6)),
    "power of two": (power_of_two, (1, 8, 6)),
    "rounding down": (rounding_down, (1, 8, 6)),
    "dropping fractions": (dropping_fractions, (1, 8, 6)),
    "residual": (lambda: Residual(False), (1, 8, 6)),
    "residual with quant tensors": (lambda: Residual(True), (1, 8, 6)),
    "concatenated": (Concatenated, (1, 8, 6)),
    "one-dimensional": (OneDimensional, (8, 6)),
    "depthwise": (depthwise, (1, 8, 6)),
    "scales per channel": (scales_per_channel, (1, 8, 6)),
    "averages": (averages, (1, 8, 6)),
    "quantized biases": (quantized_biases, (1, 8, 6)),
    "sum module": (SumModule, (1, 8, 6)),
    "shapes": (Shapes, (1, 6, 6)),
    "twins": (Twins, (1, 8, 6)),
    "transposed": (transposed, (1, 4, 3)),
    "differences": (Differences, (1, 8, 6)),
}
"""Model and shape of an input sample by name."""


def trained(build: Callable[[], nn.Module], shape: tuple[int, ...], seed: int = 0) -> nn.Module:
    """A model with calibrated quantizers and random batch norm (gains of both signs), in evaluation mode."""
    torch.manual_seed(seed)
    model = build()
    model.train()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and module.affine:
                module.weight.uniform_(-1.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
        for _ in range(4):
            model(torch.rand(16, *shape) * 2 - 0.5)
    return model.eval()
