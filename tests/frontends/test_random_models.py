"""Random small architectures: whatever they are made of, the graph is the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.core.function_wrapper import RoundToZeroSte
from brevitas.quant.binary import SignedBinaryWeightPerTensorConst
from brevitas.quant.fixed_point import (
    Int8ActPerTensorFixedPoint,
    Int8WeightPerChannelFixedPoint,
    Int8WeightPerTensorFixedPoint,
    Uint8ActPerTensorFixedPoint,
)
from brevitas.quant.scaled_int import (
    Int8ActPerTensorFloat,
    Int8WeightPerChannelFloat,
    Int8WeightPerTensorFloat,
    Uint8ActPerTensorFloat,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from zoo import Floor, HalfUp, trained

from bittrue.engine.oracle import Oracle
from bittrue.frontends.brevitas import freeze, input_integers, reference_trace

WEIGHTS = {(False, False): Int8WeightPerTensorFloat, (False, True): Int8WeightPerChannelFloat,
           (True, False): Int8WeightPerTensorFixedPoint, (True, True): Int8WeightPerChannelFixedPoint}
ACTIVATIONS = {(False, False): Uint8ActPerTensorFloat, (False, True): Int8ActPerTensorFloat,
               (True, False): Uint8ActPerTensorFixedPoint, (True, True): Int8ActPerTensorFixedPoint}
SLOPES = {"relu": nn.ReLU, "leaky": lambda: nn.LeakyReLU(13 / 256), "tenth": lambda: nn.LeakyReLU(0.1),
          "relu6": nn.ReLU6, "hardtanh": lambda: nn.Hardtanh(-0.3, 0.7), "none": nn.Identity}


@dataclass(frozen=True)
class Block:
    """One layer and everything up to its quantizer, as drawn."""

    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    pads: tuple[int, int, int, int]
    groups: int
    bias: bool
    norm: bool
    activation: str
    pool: str
    weight_bits: int
    bits: int
    signed: bool
    per_channel: bool
    join: str


blocks = st.builds(
    Block,
    channels=st.integers(1, 5),
    kernel=st.sampled_from([(1, 1), (3, 3), (5, 1), (2, 3)]),
    stride=st.sampled_from([(1, 1), (2, 1), (2, 2)]),
    padding=st.sampled_from([(0, 0), (1, 0), (2, 1)]),
    pads=st.sampled_from([(0, 0, 0, 0), (1, 0, 0, 2)]),
    groups=st.sampled_from([1, 1, 2]),
    bias=st.booleans(),
    norm=st.booleans(),
    activation=st.sampled_from(sorted(SLOPES)),
    pool=st.sampled_from(["", "max", "max before", "average"]),
    weight_bits=st.integers(1, 8),
    bits=st.integers(2, 8),
    signed=st.booleans(),
    per_channel=st.booleans(),
    join=st.sampled_from(["", "add", "cat"]))


class Net(nn.Module):
    """The drawn blocks one behind the other, with shortcuts around those that `join` them."""

    def __init__(self, drawn: list[Block], power_of_two: bool, rounding: type[nn.Module] | None) -> None:
        super().__init__()
        self.drawn, self.power_of_two = drawn, power_of_two
        self.options: dict[str, Any] = {} if rounding is None else {"float_to_int_impl": rounding}
        self.input = qnn.QuantIdentity(act_quant=ACTIVATIONS[power_of_two, True].let(**self.options))
        channels, layers, quantizers = 2, [], []
        for block in drawn:
            inputs = channels
            channels = block.channels * block.groups if inputs % block.groups == 0 else block.channels
            layers.append(self.layer(block, inputs, channels))
            quantizers.append(self.quantizer(block))
            channels *= 2 if block.join == "cat" else 1
        self.layers, self.quantizers = nn.ModuleList(layers), nn.ModuleList(quantizers)
        self.head = qnn.QuantLinear(channels, 3, bias=False, weight_bit_width=5)
        self.pool, self.pooled = nn.AdaptiveMaxPool2d(1), nn.Flatten()

    def layer(self, block: Block, inputs: int, outputs: int) -> nn.Sequential:
        weight = SignedBinaryWeightPerTensorConst if block.weight_bits == 1 else \
            WEIGHTS[self.power_of_two, block.per_channel].let(bit_width=block.weight_bits)
        groups = block.groups if inputs % block.groups == 0 else 1
        average = [nn.AvgPool2d((2, 3), 1)] if block.pool == "average" else []
        return nn.Sequential(
            nn.ZeroPad2d(block.pads),
            qnn.QuantConv2d(inputs, outputs, block.kernel, block.stride, block.padding, groups=groups, bias=block.bias,
                            weight_quant=weight),
            *average, *([nn.BatchNorm2d(outputs)] if block.norm else []), SLOPES[block.activation](),
            *([nn.MaxPool2d((1, 2), 1)] if block.pool == "max before" else []))

    def quantizer(self, block: Block) -> nn.Module:
        quant = ACTIVATIONS[self.power_of_two, block.signed].let(bit_width=block.bits, **self.options)
        return qnn.QuantIdentity(act_quant=quant) if block.signed else qnn.QuantReLU(act_quant=quant)

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x)
        for block, layer, quantizer in zip(self.drawn, self.layers, self.quantizers, strict=True):
            y = quantizer(layer(x))
            if block.join == "add":
                y = quantizer(y + quantizer(y))
            if block.join == "cat":
                y = torch.cat([y, quantizer(layer(x))], 1)
            x = nn.functional.max_pool2d(y, 2, 1) if block.pool == "max" else y
        return self.head(self.pooled(self.pool(x)))  # type: ignore[no-any-return]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(blocks, min_size=1, max_size=2), st.booleans(), st.sampled_from([None, HalfUp, Floor, RoundToZeroSte]),
       st.integers(0, 2 ** 16))
def test_the_graph_of_a_random_model_is_the_model(drawn: list[Block], power_of_two: bool,
                                                  rounding: type[nn.Module] | None, seed: int) -> None:
    if power_of_two and rounding is None:
        rounding = HalfUp  # ties to even are no affine function where a power-of-two scale meets a division by 6
    shape = (2, 27, 25)
    model = trained(lambda: Net(drawn, power_of_two, rounding), shape, seed)
    frozen = freeze(model, torch.rand(1, *shape))
    assert frozen.certificate.verdict == "proved"
    x = np.random.default_rng(seed).uniform(-1, 2, (20, *shape)).astype(np.float32)
    graph, reference = Oracle(frozen.graph).run(input_integers(frozen, x)), reference_trace(frozen, x)
    found = {name: int((graph[name] != values).sum()) for name, values in reference.items()}
    assert found == dict.fromkeys(reference, 0)
    assert frozen.graph.outputs[0] in reference
