"""Every layer, quantized: its forward() and its integer graph are hand-written integer arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import bittrue.max7800x as ai8x
from bittrue.engine.oracle import Oracle
from bittrue.frontends.brevitas import freeze, reference_trace
from bittrue.ir import Graph, IntArray
from bittrue.ir.ops import Conv, ConvTranspose, Linear, Requant
from bittrue.max7800x.layers import LAYERS
from bittrue.max7800x.policy import WEIGHT_BITS

from .layers_by_hand import (
    Image,
    Kernels,
    convolution,
    half_away,
    integers,
    output,
    pooled,
    toward_zero,
    transposed,
    windows,
    with_bias,
)

CHANNELS, OUTPUTS, IMAGE = 4, 6, (6, 8)
CONVOLVING = [name for name, layer in LAYERS.items() if layer.parts.op not in ("", "Linear")]


def made(name: str, seed: int, **options: Any) -> nn.Module:
    """A layer of that name with random weights, a bias, and a batch norm that has seen data."""
    torch.manual_seed(seed)
    parts = LAYERS[name].parts
    outputs = CHANNELS if parts.depthwise else OUTPUTS
    options = {"kernel_size": 3, "padding": 1, "bias": True, "pool_size": 2} | options
    if parts.op == "ConvTranspose2d":
        options["stride"] = 2
    layer: Any = LAYERS[name](CHANNELS, outputs, **options).train()
    with torch.no_grad():
        (layer.bn or layer.op).bias.copy_(torch.linspace(-0.5, 1.5, outputs))
    layer(images(name, 4, seed + 1))
    return layer.eval()  # type: ignore[no-any-return]


def images(name: str, count: int, seed: int) -> Tensor:
    size = IMAGE[1:] if LAYERS[name].parts.rank == 1 else IMAGE
    random = torch.Generator().manual_seed(seed)
    return torch.randint(-128, 128, (count, CHANNELS, *size), generator=random) / 128


def frozen_graph(model: nn.Module, x: Tensor) -> tuple[Graph, IntArray]:
    """The graph, proved and equal to the model in every tensor, and its output for x."""
    frozen = freeze(model, x)
    assert frozen.certificate.verdict == "proved"
    trace = Oracle(frozen.graph).run({"input": (x * 128).numpy().astype(np.int64)})
    model_trace = reference_trace(frozen, x)
    assert model_trace.keys() == frozen.graph.node.keys()
    assert all(np.array_equal(trace[tensor], values) for tensor, values in model_trace.items())
    return frozen.graph, trace[frozen.graph.outputs[0]]


def image_of(sample: Tensor) -> Image:
    """A sample (C, *S) of integers / 128 as a list of planes."""
    whole = (sample * 128).to(torch.int64)
    planes: Image = (whole if whole.ndim == 3 else whole.unsqueeze(1)).tolist()
    return planes


def expected(layer: Any, sample: Tensor, bits: int) -> Image:
    """What a quantized layer must compute, from its real weights."""
    parts, op = layer.parts, layer.op
    weight = op.weight if op.weight.ndim == 4 else op.weight.unsqueeze(2)
    given_bias = None if op.bias is None else op.bias.tolist()
    weights = integers(weight.tolist(), given_bias, bits)
    image = image_of(sample)
    if parts.pool:
        window = (1, 2) if parts.rank == 1 else (2, 2)
        image = pooled(image, parts.pool, window, window)
    groups = CHANNELS if parts.depthwise else 1
    if parts.op == "ConvTranspose2d":
        sums = transposed(image, weights.kernels, 1, groups)
    else:
        sums = convolution(image, weights.kernels, (0, 1) if parts.rank == 1 else (1, 1), groups)
    return output(with_bias(sums, weights.bias), weights.right, parts.activation)


@pytest.mark.parametrize("name", CONVOLVING)
def test_a_layer_is_integer_arithmetic(name: str) -> None:
    number = CONVOLVING.index(name)
    bits = WEIGHT_BITS[number % 4]
    layer, x = made(name, number), images(name, 2, 1000 + number)
    quantized = ai8x.quantize(layer, ai8x.Policy(bits))
    with torch.no_grad():
        y = quantized(x)
    wanted = [expected(quantized, sample, bits) for sample in x]
    assert [image_of(sample) for sample in y] == wanted
    graph, out = frozen_graph(quantized, x)
    assert out.reshape(np.shape(wanted)).tolist() == wanted
    assert len(set(np.ravel(wanted).tolist())) > 2
    assert_legal(graph, bits)


def assert_legal(graph: Graph, bits: int) -> None:
    """Layers read i8 data with weights of their bits and biases of 8 bits times 128; what follows is a shift."""
    types, constants = graph.types, {name: c.values for name, c in graph.constants.items()}
    for node in graph.nodes:
        if isinstance(node.op, (Conv, ConvTranspose, Linear)):
            assert str(types[node.inputs[0]].elem) == "i8"
            weight = graph.constants[node.inputs[1]]
            assert weight.elem.bits <= bits or (weight.elem.bits, bits) == (2, 1)
            assert not (constants[node.inputs[2]] % 128).any()
            assert set((constants[node.inputs[2]] // 128).tolist()) <= set(range(-128, 128))
        if isinstance(node.op, Requant):
            multiplier, offset, shift = (constants[n].tolist() for n in node.inputs[1:])
            assert (offset, multiplier[0].bit_count(), len(multiplier)) == ([0], 1, 1)
            assert multiplier == [1] or shift == [0]
            assert (node.op.lo, node.op.hi) in ((-128, 127), (0, 127))
            assert (str(node.op.out), str(node.op.rounding)) == ("i8", "HALF_UP")


@pytest.mark.parametrize("activation", ["", "ReLU", "Abs"])
@pytest.mark.parametrize("bits", WEIGHT_BITS)
def test_a_linear_layer(activation: str, bits: int) -> None:
    torch.manual_seed(bits)
    layer = LAYERS[f"Fused{activation and 'Linear'}{activation}" if activation else "Linear"](10, 5, bias=True)
    x = torch.randint(-128, 128, (3, 10)) / 128
    quantized: Any = ai8x.quantize(layer, ai8x.Policy(bits))
    weights = integers(quantized.op.weight[:, :, None, None].tolist(), quantized.op.bias.tolist(), bits)
    wanted = [output(with_bias(_rows(sample, weights.kernels), weights.bias), weights.right, activation)
              for sample in x]
    with torch.no_grad():
        assert (quantized(x) * 128).tolist() == np.squeeze(wanted, (2, 3)).tolist()
    graph, out = frozen_graph(quantized, x)
    assert out.tolist() == np.squeeze(wanted, (2, 3)).tolist()
    assert_legal(graph, bits)


def _rows(sample: Tensor, matrix: Kernels) -> Image:
    return convolution([[[int(v)]] for v in (sample * 128).tolist()], matrix, (0, 0))


@pytest.mark.parametrize("bits", WEIGHT_BITS)
@pytest.mark.parametrize("name", ["Conv2d", "Linear"])
def test_wide_sums_are_not_shifted(name: str, bits: int) -> None:
    torch.manual_seed(7)
    options = {} if name == "Linear" else {"kernel_size": 1}
    layer = LAYERS[name](CHANNELS, OUTPUTS, bias=True, wide=True, **options)
    x = torch.randint(-128, 128, (2, CHANNELS)) / 128
    x = x if name == "Linear" else x[:, :, None, None]
    quantized: Any = ai8x.quantize(layer, ai8x.Policy(bits))
    weights = integers(quantized.op.weight.reshape(OUTPUTS, CHANNELS, 1, 1).tolist(), quantized.op.bias.tolist(), bits)
    wanted = [with_bias(_rows(sample.flatten(), weights.kernels), weights.bias) for sample in x]
    graph, out = frozen_graph(quantized, x)
    assert out.reshape(np.shape(wanted)).tolist() == wanted
    assert (str(graph.types[graph.outputs[0]].elem), len(graph.nodes)) == ("i32", 2)
    assert (quantized(x).detach() * 2.0 ** (7 + weights.right)).reshape(np.shape(wanted)).tolist() == wanted


@pytest.mark.parametrize(("rank", "kind"), [(1, "Max"), (1, "Avg"), (2, "Max"), (2, "Avg")])
@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 1)])
def test_pooling(rank: int, kind: str, size: int, stride: int | None) -> None:
    x = torch.randint(-128, 128, (3, 2, *IMAGE[2 - rank:]), generator=torch.Generator().manual_seed(size)) / 128
    quantized = ai8x.quantize(LAYERS[f"{kind}Pool{rank}d"](size, stride), ai8x.Policy(8))
    window, step = ((1, n) if rank == 1 else (n, n) for n in (size, stride or size))
    wanted = [pooled(image_of(sample), kind, window, step) for sample in x]
    assert [image_of(sample) for sample in quantized(x)] == wanted
    assert frozen_graph(quantized, x)[1].reshape(np.shape(wanted)).tolist() == wanted


def test_average_pooling_can_round() -> None:
    try:
        ai8x.set_device("MAX78000", round_avg=True)
        layers = [LAYERS[f"AvgPool{rank}d"](3) for rank in (2, 1)]
    finally:
        ai8x.set_device("MAX78000")
    x = torch.randint(-128, 128, (4, 2, 6, 9)) / 128
    for layer, mean, size in ((layers[0], half_away, (3, 3)), (layers[1], toward_zero, (1, 3))):
        data = x if size[0] == 3 else x[:, :, 0]
        quantized = ai8x.quantize(layer, ai8x.Policy(8))
        wanted = [[[[mean(window) for window in row] for row in windows(plane, size, size)]
                   for plane in image_of(sample)] for sample in data]
        assert [image_of(sample) for sample in quantized(data)] == wanted
        assert frozen_graph(quantized, data)[1].reshape(np.shape(wanted)).tolist() == wanted


class Three(nn.Module):
    """Three different tensors of data, made of the input by pooling, combined."""

    def __init__(self, layer: nn.Module, operands: int) -> None:
        super().__init__()
        self.pools = nn.ModuleList([ai8x.MaxPool2d((1, 2), 2), ai8x.AvgPool2d(2), ai8x.MaxPool2d((2, 1), 2)][:operands])
        self.layer = layer

    def forward(self, x: Tensor) -> Any:
        return self.layer(*(pool(x) for pool in self.pools))


COMBINE = {"Add": lambda a, b: a + b, "Sub": lambda a, b: a - b, "Or": lambda a, b: a | b, "Xor": lambda a, b: a ^ b}


@pytest.mark.parametrize("operands", [2, 3])
@pytest.mark.parametrize("name", COMBINE)
def test_element_wise_layers(name: str, operands: int) -> None:
    x = torch.randint(-128, 128, (5, 3, *IMAGE), generator=torch.Generator().manual_seed(3)) / 128
    quantized = ai8x.quantize(Three(getattr(ai8x, name)(), operands), ai8x.Policy(8))
    wanted = []
    for sample in x:
        image = image_of(sample)
        parts = [pooled(image, kind, size, (2, 2)) for kind, size in (("Max", (1, 2)), ("Avg", (2, 2)),
                                                                     ("Max", (2, 1)))][:operands]
        total = np.array(parts[0])
        for part in parts[1:]:
            total = COMBINE[name](total, np.array(part))
        wanted.append([[[max(-128, min(127, int(v))) for v in row] for row in plane] for plane in total])
    assert [image_of(sample) for sample in quantized(x)] == wanted
    assert frozen_graph(quantized, x)[1].tolist() == wanted


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(WEIGHT_BITS), st.lists(st.floats(-300, 300, width=32), min_size=6, max_size=6),
       st.lists(st.floats(-300, 300, width=32), min_size=2, max_size=2),
       st.lists(st.integers(-128, 127), min_size=3, max_size=3), st.integers(-24, 12))
def test_any_weights(bits: int, weights: list[float], bias: list[float], data: list[int], power: int) -> None:
    """Weights of any size, as far as the shift reaches."""
    layer = LAYERS["Linear"](3, 2, bias=True)
    with torch.no_grad():
        layer.op.weight.copy_(torch.tensor(weights).reshape(2, 3) * 2.0 ** power)
        layer.op.bias.copy_(torch.tensor(bias) * 2.0 ** power)
    quantized: Any = ai8x.quantize(layer, ai8x.Policy(bits))
    x = torch.tensor([data]) / 128
    exact = integers(layer.op.weight[:, :, None, None].tolist(), layer.op.bias.tolist(), bits)
    if not -8 <= exact.right <= 22:
        return  # beyond the hardware's shifts
    wanted = output(with_bias(_rows(x[0], exact.kernels), exact.bias), exact.right, "")
    assert (quantized(x) * 128).tolist() == [[plane[0][0] for plane in wanted]]


@pytest.mark.parametrize("bits", WEIGHT_BITS)
@pytest.mark.parametrize(("size", "right"), [(2.0 ** 30, -8), (2.0 ** -40, 22)])
def test_the_shift_stays_in_the_hardware_s_range(bits: int, size: float, right: int) -> None:
    layer = LAYERS["Linear"](3, 2)
    with torch.no_grad():
        layer.op.weight.copy_(torch.tensor([[1.0, -1.0, 0.5], [-0.25, 1.0, -1.0]]) * size)
    x = torch.tensor([[100, -128, 5]]) / 128
    graph, _ = frozen_graph(ai8x.quantize(layer, ai8x.Policy(bits)), x)
    multiplier, _, shift = (graph.constants[n].values.item() for n in graph.nodes[-1].inputs[1:])
    assert (multiplier, shift) == ((1 << -right, 0) if right < 0 else (1, right))
