"""Legalization: the layers compute what the graph computes, in the number that the device needs, and what it cannot
do is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bittrue.engine.oracle import Oracle
from bittrue.errors import Unsupported
from bittrue.ir import Graph, GraphBuilder
from bittrue.ir.ops import Abs, Add, AvgPool, BitXor, Clip, Concat, LeakyRelu, MaxPool, Relu, Requant, Reshape, Slice
from bittrue.ir.rounding import Rounding
from bittrue.ir.types import IntType
from bittrue.targets.max7800x.device import DEVICES
from bittrue.targets.max7800x.legalize import Arrangement, legalize
from bittrue.targets.max7800x.network import Activation, Eltwise, Operator, Pool
from bittrue.targets.max7800x.to_graph import to_graph

from .graphs import I8, Net

OLD, NEW = DEVICES["max78000"], DEVICES["max78002"]
PAD = {"pads": (1, 1, 1, 1)}


def legal(graph: Graph, device: Any = OLD, seed: int = 0) -> Arrangement:
    """The layers of a graph, checked against it on random data with the extreme values."""
    made = legalize(graph, device)
    lowered = to_graph(made.network)
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (3, *graph.types["x"].shape))
    x[rng.random(x.shape) < 0.1] = -128
    expected, got = Oracle(graph).run({"x": x}), Oracle(lowered.graph).run({"input": x})
    for name, layer in zip(graph.outputs, made.network.outputs, strict=True):
        assert expected[name].reshape(-1).tolist() == got[lowered.tensors[layer]].reshape(-1).tolist()
    return made


def net(seed: int = 0) -> Net:
    return Net(np.random.default_rng(seed))


def test_pooling_becomes_part_of_the_layer_behind_it() -> None:
    n = net()
    x = n.input(3, 8, 10)
    a = n.requant(n.conv(x, 3, 8, **PAD))
    b = n.requant(n.conv(n.max_pool(a), 8, 5, bits=4, **PAD), 7, -128)
    y = n.linear(n.flatten(n.avg_pool(b)), 5 * 2 * 2, 4)
    layers = legal(n.build(y)).network.layers
    assert [layer.operator for layer in layers] == [Operator.CONV2D, Operator.CONV2D, Operator.PASSTHROUGH,
                                                    Operator.LINEAR]
    assert layers[1].pool == Pool(False, (2, 2), (2, 2))
    assert layers[1].weight_bits == 4
    assert layers[2].pool.average
    assert layers[3].flatten
    assert layers[3].output_width == 32


@pytest.mark.parametrize("device", [OLD, NEW])
def test_a_residual_is_interleaved(device: Any) -> None:
    n = net()
    x = n.input(3, 6, 7)
    a = n.requant(n.conv(x, 3, 8, **PAD))
    b = n.requant(n.conv(a, 8, 8, **PAD), 9, -128)
    c = n.requant(n.conv(n.saturated_sum(a, b), 8, 4, (1, 1), bias=False))
    made = legal(n.build(c), device)
    sums = next(layer for layer in made.network.layers if layer.eltwise is Eltwise.ADD)
    copies = [layer for layer in made.network.layers if layer.operator is Operator.PASSTHROUGH]
    assert sums.operator is Operator.CONV2D, "the sum is in flight of the convolution behind it"
    assert len(copies) == (1 if device is OLD else 0), "only the MAX78002 reads every second word"
    block = next(b for b in made.blocks if len(b.parts) == 2)
    assert (block.gap, block.words, [p.slot for p in block.parts]) == (1, 2, [0, 1])


def test_a_sum_with_bias_behind_it_is_a_layer_of_its_own_on_the_max78002() -> None:
    n = net()
    x = n.input(3, 6, 7)
    a, b = (n.requant(n.conv(x, 3, 8, **PAD)) for _ in range(2))
    graph = n.build(n.requant(n.conv(n.saturated_sum(a, b), 8, 4, (1, 1))))
    assert len(legal(graph, OLD).network.layers) == 3
    assert len(legal(graph, NEW).network.layers) == 4


def test_a_chain_of_sums_is_one_layer_and_alike_pooled_operands_are_pooled_in_flight() -> None:
    n = net()
    x = n.input(2, 8, 8)
    parts = [n.max_pool(n.requant(n.conv(x, 2, 4, **PAD), 8, -128)) for _ in range(5)]
    made = legal(n.build(n.saturated_sum(*parts)))
    last = made.network.layers[-1]
    assert len(made.network.layers) == 6
    assert last.operands == 5
    assert last.pool_first
    assert last.pool.active


def test_the_residual_of_many_channels_is_no_part_of_a_convolution_on_the_max78000() -> None:
    n = net()
    x = n.input(4, 3, 3)
    a, b, c = (n.requant(n.conv(x, 4, 130, (1, 1))) for _ in range(3))
    graph = n.build(n.requant(n.conv(n.saturated_sum(a, b, c), 130, 4, (1, 1), bias=False)))
    assert [layer.operator for layer in legal(graph, OLD).network.layers[3:]] == [Operator.PASSTHROUGH, Operator.CONV2D]
    assert [layer.operator for layer in legal(graph, NEW).network.layers[3:]] == [Operator.CONV2D]


def test_concatenated_channels_lie_side_by_side_and_beyond_64_pass_after_pass() -> None:
    n = net()
    x = n.input(2, 3, 4)
    a, b = n.requant(n.conv(x, 2, 12, **PAD)), n.requant(n.conv(x, 2, 5, (1, 1)))
    made = legal(n.build(n.requant(n.conv(n.concat(a, b), 17, 3, (1, 1)))))
    block = next(b for b in made.blocks if len(b.parts) == 2)
    assert ([p.first for p in block.parts], block.width, block.gap) == ([0, 12], 17, 0)
    n = net()
    x = n.input(2, 3, 4)
    parts = [n.requant(n.conv(x, 2, c, (1, 1))) for c in (32, 32, 64)]
    made = legal(n.build(n.requant(n.conv(n.concat(*parts), 128, 3, (1, 1)))))
    block = next(b for b in made.blocks if len(b.parts) == 3)
    assert [(p.first, p.slot) for p in block.parts] == [(0, 0), (32, 0), (0, 1)]
    assert (block.width, block.words, block.gap) == (64, 2, 1)


@pytest.mark.parametrize("sizes", [(6, 4), (64, 32), (40, 40, 20), (32, 30, 61), (5, 3, 64)])
def test_concatenated_channels_are_padded_to_words_and_passes(sizes: tuple[int, ...]) -> None:
    n = net()
    x = n.input(2, 3, 4)
    parts = [n.requant(n.conv(x, 2, c, (1, 1)), 8, -128) for c in sizes]
    kept = n.requant(n.conv(parts[0], sizes[0], 3, (1, 1)))
    made = legal(n.build(n.requant(n.conv(n.concat(*parts, x), sum(sizes) + 2, 3, **PAD)), kept))
    block = next(b for b in made.blocks if len(b.parts) == len(sizes) + 1)
    ends = [(p.slot, p.first + made.network.layers[p.layer].out_channels) for p in block.parts]
    assert all(end % 4 == 0 and end <= 64 for _, end in ends[:-1])


def test_a_flattened_tensor_fills_its_passes() -> None:
    n = net()
    x = n.input(3, 4, 6)
    a = n.max_pool(n.requant(n.conv(x, 3, 70, **PAD), 8, -128))
    made = legal(n.build(n.linear(n.flatten(a), 70 * 2 * 3, 4)))
    assert made.network.layers[-1].in_channels == 72


def test_a_tensor_of_two_concatenations_is_copied() -> None:
    n = net()
    x = n.input(2, 3, 4)
    a, b, c = (n.requant(n.conv(x, 2, 4, (1, 1))) for _ in range(3))
    one, two = (n.requant(n.conv(n.concat(*pair), 8, 4, (1, 1))) for pair in ((a, b), (a, c)))
    made = legal(n.build(one, two))
    assert sum(layer.operator is Operator.PASSTHROUGH for layer in made.network.layers) == 1


def test_strides_skip_and_small_kernels_are_embedded() -> None:
    n = net()
    x = n.input(3, 9, 8)
    a = n.requant(n.conv(x, 3, 4, stride=(2, 2), **PAD))
    b = n.requant(n.conv(a, 4, 4, (1, 1), stride=(2, 2)))
    c = n.requant(n.conv(b, 4, 4, (2, 3), pads=(1, 1, 0, 1)))
    made = legal(n.build(n.requant(n.conv(c, 4, 4, (1, 2), pads=(0, 1, 0, 0)))))
    layers = made.network.layers
    assert [layer.pool.stride for layer in layers] == [(1, 1), (2, 2), (2, 2), (1, 1), (1, 1)]
    assert all(layer.kernel in ((1, 1), (3, 3)) and layer.stride == (1, 1) for layer in layers)


def test_depthwise_is_written_out_where_the_device_has_none() -> None:
    n = net()
    x = n.input(6, 5, 4)
    graph = n.build(n.requant(n.conv(n.requant(n.conv(x, 6, 6, groups=6, **PAD)), 6, 4, (1, 1), groups=2)))
    old, new = legal(graph, OLD).network.layers, legal(graph, NEW).network.layers
    assert [layer.groups for layer in old] == [1, 1]
    assert [layer.groups for layer in new] == [6, 1]


def test_pooling_before_a_transposed_convolution_is_a_layer_of_its_own() -> None:
    n = net()
    made = legal(n.build(n.requant(n.transpose(n.max_pool(n.input(3, 8, 6)), 3, 4), 9, -128)))
    assert [layer.operator for layer in made.network.layers] == [Operator.PASSTHROUGH, Operator.CONVTRANSPOSE2D]


def test_one_dimensional_networks_and_transposed_convolutions() -> None:
    n = net()
    x = n.input(3, 30)
    a = n.requant(n.conv(x, 3, 5, (4,), stride=(1,), pads=(1, 1), dilation=(2,)))
    b = n.add(MaxPool((3,), (2,), (0, 0), (1,)), a)
    c = n.requant(n.conv(b, 5, 4, (9,), stride=(1,), pads=(2, 2), dilation=(1,)))
    layers = legal(n.build(n.add(Relu(), n.requant(n.conv(c, 4, 2, (1,), stride=(1,), pads=(0, 0), dilation=(1,)), 7,
                                                   -128)))).network.layers
    assert [layer.operator for layer in layers] == [Operator.CONV1D] * 4
    assert layers[-1].activation is Activation.RELU
    n = net()
    y = n.requant(n.transpose(n.input(3, 4, 5), 3, 4), 9, -128)
    assert [layer.operator for layer in legal(n.build(y)).network.layers] == [Operator.CONVTRANSPOSE2D]


def test_magnitudes_slices_and_shifts_of_data() -> None:
    n = net()
    x = n.input(4, 3, 5)
    a = n.requant(n.add(Abs(), n.requant(n.conv(x, 4, 4, **PAD), 9, -128)), 0, 0, 127)
    made = legal(n.build(a))
    assert [layer.activation for layer in made.network.layers] == [Activation.ABS]
    n = net()
    x = n.input(6, 3, 5)
    cut = n.add(Slice((1, 0, 0), (4, 3, 5)), x)
    y = n.requant(cut, 2, -128)
    z = n.requant(n.add(Abs(), y), 0, 0, 127)
    assert len(legal(n.build(n.add(Clip(0, 127), z))).network.layers) == 3


def test_multipliers_move_into_the_weights() -> None:
    n = net()
    x = n.input(2, 3, 4)
    acc = n.conv(x, 2, 3, (1, 1), bits=4, bias=False)
    y = n.requant(acc, [9, 8, 7], multiplier=[3, 2, 1], offset=[128 * 4, 0, -128 * 2])
    layer, = legal(n.build(y)).network.layers
    assert layer.weight_bits == 8
    n = net()
    x = n.input(2, 3, 4)
    y = n.requant(n.conv(x, 2, 3, (1, 1), bits=4), 9, -128, rounding=Rounding.FLOOR)
    assert len(legal(n.build(y)).network.layers) == 1


def test_a_bias_below_the_unit_makes_the_weights_larger() -> None:
    n = net()
    x = n.input(2, 3, 4)
    acc = n.conv(x, 2, 3, (1, 1), bits=4, bias=False)
    layer, = legal(n.build(n.requant(acc, 6, -128, offset=[16, -48, 80]))).network.layers
    assert layer.weights is not None
    assert layer.weights.bias is not None
    assert (layer.weight_bits, layer.weights.bias.tolist(), layer.shift) == (8, [1, -3, 5], 7 - 6 - 3)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("device", [OLD, NEW])
def test_random_graphs(seed: int, device: Any) -> None:
    rng = np.random.default_rng(seed)
    n = Net(rng)
    size = 8
    tensors: dict[str, tuple[int, int]] = {n.input(3, size, size): (3, size)}
    for _ in range(9):
        x = str(rng.choice(list(tensors)))
        channels, size = tensors[x]
        kind = rng.integers(6)
        alike = [t for t, s in tensors.items() if s == tensors[x] and t != x]
        outputs = 4 * int(rng.integers(1, 4))
        if kind == 0 and size > 2 and n.count:
            made = n.max_pool(x) if rng.integers(2) else n.avg_pool(x)
            tensors[made] = (channels, size // 2)
        elif kind == 1 and alike:
            tensors[n.saturated_sum(x, *alike[:3])] = tensors[x]
        elif kind == 2 and alike and channels % 4 == 0 and channels <= 32:
            tensors[n.concat(x, alike[0])] = (2 * channels, size)
        elif kind == 3:
            tensors[n.requant(n.conv(x, channels, outputs, (1, 1), bits=2), 7, -128)] = (outputs, size)
        else:
            tensors[n.requant(n.conv(x, channels, outputs, **PAD), 10, int(rng.choice([0, -128])))] = (outputs, size)
    last = list(tensors)[-1]
    channels, size = tensors[last]
    graph = n.build(last, n.linear(n.flatten(last), channels * size * size, 5))
    legal(graph, device, seed)


def bad(build: Callable[[Net, str], str], *shape: int) -> Graph:
    n = net()
    return n.build(build(n, n.input(*(shape or (4, 6, 6)))))


REFUSED: dict[str, tuple[str, Callable[[], Graph]]] = {
    "leaky": ("BT5370", lambda: bad(lambda n, x: n.add(LeakyRelu(1, 3), n.requant(n.conv(x, 4, 4), 9, -128)))),
    "unsigned data": ("BT5371", lambda: _unsigned()),
    "two inputs": ("BT5373", lambda: _two_inputs()),
    "padded pooling": ("BT5374", lambda: bad(lambda n, x: n.add(MaxPool((2, 2), (2, 2), (1, 1, 1, 1)), x))),
    "average that rounds to even": ("BT5375", lambda: bad(lambda n, x: n.avg_pool(x, 2, Rounding.HALF_EVEN))),
    "two ways to average": ("BT5375", lambda: bad(lambda n, x: n.avg_pool(
        n.avg_pool(x), 2, Rounding.HALF_AWAY), 4, 8, 8)),
    "average by another divisor": ("BT5374", lambda: bad(lambda n, x: n.add(AvgPool(I8, (2, 2), (2, 2), divisor=5),
                                                                            x))),
    "broadcast sum": ("BT5376", lambda: bad(lambda n, x: n.requant(n.add(
        Add(IntType(9, True)), x, n.max_pool(x, 6, 1)), 0, -128))),
    "shifted sum": ("BT5376", lambda: bad(lambda n, x: n.requant(n.add(Add(IntType(9, True)), x, x), 1, -128))),
    "flattened operands": ("BT5376", lambda: bad(lambda n, x: n.add(BitXor(), n.flatten(x), n.flatten(x)))),
    "joined rows": ("BT5377", lambda: bad(lambda n, x: n.add(Concat(1), x, x))),
    "channels into pixels": ("BT5378", lambda: bad(lambda n, x: n.add(Reshape((2, 12, 6)), x))),
    "cropped": ("BT5379", lambda: bad(lambda n, x: n.add(Slice((0, 1, 0), (4, 6, 6)), x))),
    "multiplier 5/2**3 on 8-bit weights": ("BT5380", lambda: bad(lambda n, x: n.requant(
        n.conv(x, 4, 4), 12, multiplier=5))),
    "parameters along the rows": ("BT5380", lambda: bad(lambda n, x: n.requant(
        n.conv(x, 4, 4, (3, 3), pads=(1, 1, 1, 1)), [9, 8, 7, 6, 5, 4], axis=1))),
    "channels 2**58 apart": ("BT5380", lambda: bad(lambda n, x: n.requant(
        n.conv(x, 4, 2, (1, 1), bias=False), [58, 0], -128, multiplier=[1 << 14, 64]))),
    "1-D average that rounds": ("BT5375", lambda: bad(lambda n, x: n.add(
        AvgPool(I8, (2,), (2,), rounding=Rounding.HALF_AWAY), x), 4, 30)),
    "channels of a vector": ("BT5383", lambda: bad(lambda n, x: n.add(Slice((1,), (5,)), n.flatten(x)))),
    "half to even": ("BT5380", lambda: bad(lambda n, x: n.requant(n.conv(x, 4, 4), rounding=Rounding.HALF_EVEN))),
    "clamp at 15": ("BT5380", lambda: bad(lambda n, x: n.requant(n.conv(x, 4, 4), 9, 0, 15))),
    "odd bias": ("BT5380", lambda: bad(lambda n, x: n.requant(n.conv(x, 4, 4), offset=5))),
    "huge bias": ("BT5380", lambda: bad(lambda n, x: n.requant(n.conv(x, 4, 4, bias=False), 12, offset=128 * 128))),
    "sums of two readers": ("BT5381", lambda: _sums_twice()),
    "5x5": ("BT5382", lambda: bad(lambda n, x: n.requant(n.conv(x, 4, 4, (5, 5))))),
    "dilated 2-D": ("BT5382", lambda: bad(lambda n, x: n.requant(n.conv(x, 4, 4, dilation=(2, 2))))),
    "unequal pads": ("BT5382", lambda: bad(lambda n, x: n.requant(n.conv(x, 4, 4, pads=(1, 0, 1, 0))))),
    "transposed by 3": ("BT5382", lambda: bad(lambda n, x: n.requant(n.transpose(
        x, 4, 4, stride=(3, 3), output_padding=(0, 0))))),
    "strided 1-D": ("BT5382", lambda: bad(lambda n, x: n.requant(n.conv(
        x, 4, 4, (3,), stride=(2,), pads=(0, 0), dilation=(1,))), 4, 30)),
    "clip at 20": ("BT5383", lambda: bad(lambda n, x: n.add(Clip(0, 20), x))),
    "magnitude of 128": ("BT5383", lambda: bad(lambda n, x: n.add(Abs(), x))),
    "pooled 6 and 4": ("BT5384", lambda: bad(lambda n, x: n.max_pool(n.concat(
        n.requant(n.conv(x, 4, 6)), n.requant(n.conv(x, 4, 4)))))),
    "concatenated 128 and 32": ("BT5385", lambda: bad(lambda n, x: n.requant(n.conv(n.concat(
        n.requant(n.conv(x, 4, 128)), n.requant(n.conv(x, 4, 32))), 160, 3)))),
}


def _unsigned() -> Graph:
    b = GraphBuilder("net")
    b.input("x", (2, 3, 3), "u8")
    return b.build(b.add("y", MaxPool((2, 2)), "x"))


def _two_inputs() -> Graph:
    b = GraphBuilder("net")
    return b.build(b.add("y", BitXor(), b.input("x", (2, 3, 3), "i8"), b.input("z", (2, 3, 3), "i8")))


def _sums_twice() -> Graph:
    n = net()
    acc = n.conv(n.input(4, 6, 6), 4, 4)
    return n.build(n.requant(acc), n.requant(acc, 10))


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_accelerator_cannot_do_is_named(name: str) -> None:
    code, build = REFUSED[name]
    with pytest.raises(Unsupported) as caught:
        legalize(build(), OLD)
    assert {d.code for d in caught.value.diagnostics} == {code}
    assert all(d.why and d.fix for d in caught.value.diagnostics)


def test_all_problems_are_named_at_once() -> None:
    n = net()
    x = n.input(4, 6, 6)
    a = n.requant(n.conv(x, 4, 4, (5, 5)))
    b = n.requant(n.conv(x, 4, 4), 9, 0, 15)
    with pytest.raises(Unsupported) as caught:
        legalize(n.build(n.requant(n.conv(a, 4, 4, (1, 1))), b), OLD)
    assert [d.code for d in caught.value.diagnostics] == ["BT5382", "BT5380"]


def test_requant_operands_are_what_the_builder_says() -> None:
    """The builder of these graphs makes a Requant as it claims to."""
    n = net()
    y = n.requant(n.conv(n.input(2, 3, 3), 2, 3, (1, 1)), [1, 2, 3])
    op = n.build(y).node[y].op
    assert isinstance(op, Requant)
    assert n.builder.constants[n.builder.nodes[-1].inputs[3]].values.tolist() == [1, 2, 3]


def test_parts_of_the_input_are_operands_of_one_layer() -> None:
    n = net()
    x = n.input(6, 4, 5)
    parts = [n.add(Slice((i, 0, 0), (i + 2, 4, 5)), x) for i in (0, 2, 4)]
    made = legal(n.build(n.saturated_sum(*parts)))
    layer, = made.network.layers
    assert (layer.operands, layer.sources, layer.in_channels) == (3, (-1,), 2)
    assert (made.blocks[0].words, made.blocks[0].gap, made.blocks[0].width) == (3, 2, 2)
    n = net()
    x = n.input(4, 4, 6)
    parts = [n.max_pool(n.add(Slice((i, 0, 0), (i + 2, 4, 6)), x)) for i in (2, 0)]
    assert len(legal(n.build(n.saturated_sum(*parts))).network.layers) == 3, "in another order they are copied"
