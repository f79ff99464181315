"""The integer graph of a network computes what hand-written loops over hardware layers compute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bittrue.engine.oracle import Oracle
from bittrue.ir import IntArray
from bittrue.targets.max7800x.network import (
    BUFFER,
    INPUT,
    Activation,
    Eltwise,
    Layer,
    Network,
    Operator,
    Pool,
    RollingBuffer,
    Weights,
)
from bittrue.targets.max7800x.to_graph import to_graph

from .nets import eltwise_layer, network, random_layer, random_pool
from .reference import run, run_layer


def check(net: Network, rng: np.random.Generator) -> None:
    """Every layer's tensor of the graph equals the reference, on random data with the extreme values."""
    made = to_graph(net)
    shape = made.graph.types["input"].shape
    x = rng.integers(-128, 128, (2, *shape))
    x[rng.random(x.shape) < 0.2] = -128
    trace = Oracle(made.graph).run({"input": x})
    for sample in range(2):
        image = x[sample].reshape(net.in_channels, *net.in_dim).tolist()
        for layer, name, expected in zip(net.layers, made.tensors, run(net, image), strict=True):
            got: IntArray = trace[name][sample]
            assert got.reshape(-1).tolist() == [v for c in expected for r in c for v in r], layer


@pytest.mark.parametrize("operator", list(Operator))
@pytest.mark.parametrize("seed", range(12))
def test_every_operator_with_random_pooling(operator: Operator, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = operator is Operator.CONV1D
    dim = (29, 1) if one else (7, 10)
    pool = random_pool(rng, one, dilate=True) if operator is not Operator.LINEAR else Pool()
    size = Layer("x", Operator.PASSTHROUGH, (), 3, dim, pool=pool).pooled_dim
    layer = replace(random_layer(rng, operator, 3, size), in_dim=dim, pool=pool)
    check(network([layer], 3, dim, one_dimensional=one, round_average=bool(seed % 2)), rng)


@pytest.mark.parametrize("operands", [2, 3, 16])
@pytest.mark.parametrize("seed", range(8))
def test_elementwise_operations_of_the_parts_of_an_input(operands: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pool = random_pool(rng, False)
    layer = eltwise_layer(rng, operands, 2, (5, 7), pool=pool, pool_first=seed % 2 == 0,
                          output_width=32 if seed % 4 == 2 else 8)
    check(network([layer], 2 * operands, (5, 7), round_average=seed % 3 == 0), rng)


@pytest.mark.parametrize("seed", range(8))
def test_a_residual_network_with_concatenation_and_flattening(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dim = (6, 5)
    first = replace(random_layer(rng, Operator.CONV2D, 3, dim, kernel=(3, 3), pad=(1, 1), activation=Activation.NONE,
                                 weights=Weights(rng.integers(-128, 128, (4, 3, 3, 3)), 8)), name="a")
    second = replace(first, name="b", sources=(0,), in_channels=4, activation=Activation.RELU,
                     weights=Weights(rng.integers(-8, 8, (4, 4, 3, 3)), 4, bias=rng.integers(-128, 128, 4)))
    residual = Layer("c", Operator.CONV2D, (0, 1), 4, dim, eltwise=Eltwise.ADD, operands=2, pool=Pool(False, (2, 2),
                     (2, 2)), pool_first=False, weights=Weights(rng.integers(-2, 2, (5, 4, 1, 1)), 2), shift=2)
    pooled = Layer("d", Operator.PASSTHROUGH, (1,), 4, dim, pool=Pool(True, (2, 2), (2, 2)))
    joined = Layer("e", Operator.LINEAR, (3, 2), 9, (3, 2), flatten=True, output_width=32,
                   weights=Weights(rng.integers(-128, 128, (7, 54)), 8, bias=rng.integers(-128, 128, 7)))
    check(network([first, second, residual, pooled, joined], 3, dim), rng)


def test_depthwise_and_depthwise_transposed_convolutions() -> None:
    rng = np.random.default_rng(1)
    weights = Weights(rng.integers(-128, 128, (5, 1, 3, 3)), 8, bias=rng.integers(-128, 128, 5))
    layer = Layer("dw", Operator.CONV2D, (-1,), 5, (4, 6), kernel=(3, 3), pad=(1, 1), groups=5, shift=-1,
                  weights=weights)
    check(network([layer], 5, (4, 6)), rng)
    transposed = replace(layer, operator=Operator.CONVTRANSPOSE2D, stride=(2, 2), output_pad=(1, 1))
    check(network([transposed], 5, (4, 6)), rng)


def test_pixels_joined_behind_one_another_and_cropped_rows() -> None:
    rng = np.random.default_rng(2)
    a = Layer("a", Operator.PASSTHROUGH, (-1,), 2, (6, 4), pool=Pool(False, (2, 2), (2, 2)))
    b = Layer("b", Operator.PASSTHROUGH, (-1,), 2, (6, 4), pool=Pool(True, (3, 2), (2, 2)))
    joined = Layer("c", Operator.PASSTHROUGH, (0, 1), 2, (5, 2), spatial_join=True, pool=Pool(False, (2, 1), (1, 1)))
    check(network([a, b, joined], 2, (6, 4)), rng)
    made = to_graph(network([Layer("crop", Operator.PASSTHROUGH, (-1,), 2, (3, 4), crop=(1, 2))], 2, (6, 4)))
    x = rng.integers(-128, 128, (1, 2, 6, 4))
    assert np.array_equal(Oracle(made.graph).run({"input": x})[made.tensors[0]], x[:, :, 1:4])


def test_shifts_beyond_the_fraction_multiply() -> None:
    weights = Weights(np.array([[3, -2]]), 4)
    layer = Layer("up", Operator.LINEAR, (-1,), 2, (1, 1), weights=weights, shift=10)
    made = to_graph(network([layer], 2, (1, 1), one_dimensional=False))
    x = np.array([[[[5]], [[1]]], [[[-2]], [[100]]]])
    assert Oracle(made.graph).run({"input": x})["up"].reshape(-1).tolist() == [104, -128]


def test_a_rolling_buffer_is_an_input_and_an_output() -> None:
    rng = np.random.default_rng(3)
    shift = Layer("shift", Operator.PASSTHROUGH, (BUFFER,), 2, (3, 1), buffer_shift=1)
    row = Layer("row", Operator.CONV2D, (INPUT,), 3, (1, 1), buffer_insert=1,
                weights=Weights(rng.integers(-128, 128, (2, 3, 1, 1)), 8))
    read = Layer("read", Operator.CONV1D, (BUFFER,), 2, (4, 1), kernel=(3, 1), output_width=32,
                 weights=Weights(rng.integers(-128, 128, (5, 2, 3)), 8))
    net = Network("net", 3, (1, 1), (shift, row, read), (2,), buffer=RollingBuffer("past", 2, (4, 1)))
    made = to_graph(net)
    x, past = rng.integers(-128, 128, (1, 3, 1, 1)), rng.integers(-128, 128, (1, 2, 4))
    trace = Oracle(made.graph).run({"input": x, "past": past})
    new = run_layer(row, [x[0].tolist()], False)
    now = [[*past[0][c][1:].tolist(), new[c][0][0]] for c in range(2)]
    assert trace[made.graph.outputs[-1]][0].tolist() == now
    expected = run_layer(read, [[[[v] for v in channel] for channel in now]], False)
    assert trace["read"][0].tolist() == [[v for r in c for v in r] for c in expected]


def test_channels_are_skipped_and_kernels_bypassed() -> None:
    rng = np.random.default_rng(4)
    skipped = Layer("skipped", Operator.PASSTHROUGH, (INPUT,), 3, (2, 5), channel_skip=1)
    bypass = Layer("bypass", Operator.CONV2D, (0,), 3, (2, 5), bypass=True, bypass_channels=4, shift=7)
    made = to_graph(network([skipped, bypass], 6, (2, 5)))
    x = rng.integers(-50, 50, (1, 6, 2, 5))
    total = np.clip(x[0, 1:4].sum(0), -128, 127)
    assert np.array_equal(Oracle(made.graph).run({"input": x})["bypass"][0], np.stack([total] * 4))
