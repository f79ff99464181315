"""From descriptions and weights to networks and placements: defaults, references, sizes, shifts, order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from bittrue.errors import BadInput
from bittrue.targets.max7800x.ai8x import Built, LayerWeights, Options, build_network
from bittrue.targets.max7800x.network import (
    BUFFER,
    INPUT,
    Activation,
    Eltwise,
    Layer,
    Operator,
    Pool,
    RollingBuffer,
)
from bittrue.targets.max7800x.placement import BufferPlacement, Fifo, LayerPlacement

from .ai8x_files import GOOD, parsed, problems

HEAD = "arch: a\ndataset: d\n"


def ones(*shape: int, **more: Any) -> LayerWeights:
    """Weights that are all 1."""
    return LayerWeights(np.ones(shape, dtype=np.int64), **more)


def built(layers: str, weights: Mapping[int, LayerWeights] | None = None, shape: tuple[int, ...] | None = (2, 10, 6),
          device: str = "MAX78002", head: str = HEAD, **options: Any) -> Built:
    """A network from layers in YAML's flow form, one a line."""
    text = head + "layers:\n" + "".join(f"  - {{{line.strip()}}}\n" for line in layers.strip().splitlines())
    description, found = parsed(text)
    assert not found.items, found.items
    return build_network(description, weights or {}, device, shape, Options(**options))


def only(layers: str, weights: LayerWeights | None = None, **more: Any) -> Layer:
    """The first layer of such a network."""
    return built(layers, {} if weights is None else {0: weights}, **more).network.layers[0]


def codes(layers: str, weights: Mapping[int, LayerWeights] | None = None, **more: Any) -> list[tuple[str, int]]:
    """Codes and lines of what such a network is refused for; the first layer is in line 4."""
    with pytest.raises(BadInput) as caught:
        built(layers, weights, **more)
    return problems(caught.value)


def test_the_small_network() -> None:
    description, _ = parsed(GOOD)
    rng = np.random.default_rng(3)
    kernels = {0: (4, 2, 3, 3), 1: (4, 4, 1, 1), 4: (3, 40)}
    weights = {i: LayerWeights(rng.integers(-8, 8, shape), bits=4 if i == 4 else 8, output_shift=-i)
               for i, shape in kernels.items()}
    network = build_network(description, weights).network
    assert (network.name, network.in_channels, network.in_dim, network.outputs) == ("tinynet", 2, (10, 6), (4,))
    stem, left, right, total, head = network.layers
    assert [layer.name for layer in network.layers] == ["stem", "left", "right", "sum", "head"]
    assert (stem.sources, stem.kernel, stem.pad, stem.out_dim, stem.activation) == (
        (INPUT,), (3, 3), (1, 1), (10, 6), Activation.RELU)
    assert left.pool == Pool(False, (2, 3), (2, 2))
    assert (left.pooled_dim, left.out_dim, left.out_channels) == ((5, 2), (5, 2), 4)
    assert (right.sources, right.pool, right.operator) == ((0,), Pool(True, (2, 3), (2, 2)), Operator.PASSTHROUGH)
    assert (total.sources, total.eltwise, total.operands, total.in_channels) == ((1, 2), Eltwise.ADD, 2, 4)
    assert (head.operator, head.flatten, head.inputs, head.out_dim, head.output_width) == (
        Operator.LINEAR, True, 40, (1, 1), 32)
    assert [layer.shift for layer in network.layers] == [0, -1, 0, 0, -4 + 8 - 4]
    assert head.weights is not None
    assert (head.weights.bits, head.weights.values.shape) == (4, (3, 40))
    assert np.array_equal(head.weights.values, weights[4].values)


def test_the_small_network_s_placement() -> None:
    description, _ = parsed(GOOD)
    weights = {0: ones(4, 2, 3, 3), 1: ones(4, 4, 1, 1), 4: ones(3, 40)}
    placed = build_network(description, weights, options=Options(fifo=Fifo.STANDARD, overlap_data=True)).placement
    assert placed.layers == (
        LayerPlacement(0x3, 0xF, 0, 0x2000), LayerPlacement(0xF, 0xF0, 0x2000, 0, write_gap=1),
        LayerPlacement(0xF, 0xF0, 0x2000, 4, write_gap=1), LayerPlacement(0xF0, 0xF0, 0, 0x1000),
        LayerPlacement(0xF0, 0x7, 0x1000, 0))
    assert (placed.chw, placed.fifo, placed.overlap_data, placed.buffer) == (False, Fifo.STANDARD, True, None)


@pytest.mark.parametrize(("line", "shape", "kernel", "pad", "stride", "out"), [
    ("op: conv2d", (3, 2, 3, 3), (3, 3), (1, 1), (1, 1), (10, 6)),
    ("op: conv2d, kernel_size: 1x1, pad: 0", (3, 2, 1, 1), (1, 1), (0, 0), (1, 1), (10, 6)),
    ("op: conv2d, pad: 2, stride: 3, groups: 2", (4, 1, 3, 3), (3, 3), (2, 2), (3, 3), (4, 3)),
    ("op: convtranspose2d", (3, 2, 3, 3), (3, 3), (1, 1), (2, 2), (20, 12)),
    ("op: linear", (3, 2), (1, 1), (0, 0), (1, 1), (10, 6)),
])
def test_defaults_of_operations(line: str, shape: tuple[int, ...], kernel: tuple[int, int], pad: tuple[int, int],
                                stride: tuple[int, int], out: tuple[int, int]) -> None:
    layer = only(f"processors: 3, output_processors: {(1 << shape[0]) - 1}, {line}", ones(*shape))
    assert (layer.kernel, layer.pad, layer.stride, layer.out_dim) == (kernel, pad, stride, out)
    assert layer.activation is Activation.NONE


def test_a_flattening_1x1_convolution_is_a_linear_layer() -> None:
    layer = only("processors: 3, kernel_size: 1x1, pad: 0, flatten: true", ones(1, 120, 1, 1))
    assert (layer.operator, layer.flatten, layer.inputs, layer.out_dim) == (Operator.LINEAR, True, 120, (1, 1))
    assert layer.weights is not None
    assert layer.weights.values.shape == (1, 120)


def test_no_operation_is_conv2d() -> None:
    assert only("processors: 3", ones(1, 2, 3, 3)).operator is Operator.CONV2D


def test_conv1d_has_one_dimension() -> None:
    keys = "op: conv1d, max_pool: 2, pool_stride: 2, dilation: 2, kernel_size: 3, stride: 2, pad: 2"
    layer = only(f"processors: 3, {keys}", ones(1, 2, 3), shape=(2, 21))
    assert layer.pool == Pool(False, (2, 1), (2, 1), (1, 1))
    assert (layer.kernel, layer.pad, layer.stride, layer.dilation) == ((3, 1), (2, 0), (2, 1), (2, 1))
    assert (layer.in_dim, layer.pooled_dim, layer.out_dim) == ((21, 1), (10, 1), (5, 1))  # (10 + 4 - 5) // 2 + 1
    assert only("processors: 3, op: conv1d", ones(1, 2, 9), shape=(2, 21)).out_dim == (21 - 9 + 2 + 1, 1)


def test_a_layer_without_padding_does_not_change_the_others() -> None:
    network = built("processors: 3, op: conv1d, kernel_size: 1\nprocessors: 1, in_dim: [4, 6], op: conv2d",
                    {0: ones(1, 2, 1), 1: ones(1, 1, 3, 3)}, shape=(2, 22)).network
    assert network.layers[1].pad == (1, 1)


def test_one_dimensional_data_are_pooled_along_rows() -> None:
    layer = only("processors: 3, op: none, max_pool: 3, pool_stride: 2", shape=(2, 21))
    assert (layer.pool, layer.out_dim) == (Pool(False, (3, 1), (2, 1)), (10, 1))


@pytest.mark.parametrize(("keys", "weights", "shift", "bits", "binary"), [
    ("", {}, 0, 8, False),
    ("", {"bits": 4, "output_shift": -2}, 2, 4, False),
    ("quantization: 2", {"bits": 8}, 6, 2, False),
    ("quantization: 4, output_shift: 3", {"output_shift": -2}, 7, 4, False),
    ("quantization: binary, output_shift: -1", {}, 6, 1, True),
    ("", {"bits": 1}, 7, 1, True),
    ("", {"bits": 2}, 6, 2, False),
])
def test_shifts_and_bits(keys: str, weights: dict[str, Any], shift: int, bits: int, binary: bool) -> None:
    layer = only(f"processors: 3, {keys}", ones(1, 2, 3, 3, **weights))
    assert layer.weights is not None
    assert (layer.shift, layer.weights.bits, layer.weights.binary) == (shift, bits, binary)


def test_bypass() -> None:
    layer = only("processors: 3, output_processors: 7, bypass: true, out_channels: 3")
    assert (layer.weights, layer.bypass, layer.shift, layer.out_channels, layer.weight_bits) == (None, True, 7, 3, 0)
    assert only("processors: 3, output_processors: 3, bypass: true, output_shift: 4").shift == 4


def test_the_last_map_is_packed_and_the_global_one_wins() -> None:
    assert built("processors: 3", {0: ones(70, 2, 3, 3)}).placement.layers[0].output_processors == (1 << 36) - 1
    head = f"{HEAD}output_map: 0xff00\n"
    assert built("processors: 3", {0: ones(8, 2, 3, 3)}, head=head).placement.layers[0].output_processors == 0xFF00


def test_several_passes_take_multiples_of_four_processors() -> None:
    assert codes("processors: 0x7ffffffff", {0: ones(1, 70, 3, 3)}, shape=(70, 4, 5)) == [("BT5213", 4)]
    built("processors: 0xfffffffff", {0: ones(1, 70, 3, 3)}, shape=(70, 4, 5))


def test_order_follows_next_sequence() -> None:
    layers = """processors: 0xf0, sequence: 2, next_sequence: 7, in_offset: 16
                processors: 3, sequence: 5, next_sequence: 2, out_offset: 8, name: first
                processors: 0xf00, sequence: 7, next_sequence: stop, in_sequences: [first]
                processors: 1, sequence: 9"""
    weights = {5: ones(4, 2, 3, 3), 2: ones(4, 4, 3, 3), 7: ones(1, 4, 3, 3), 9: ones(1, 1, 3, 3)}
    made = built(layers, weights, start_layer=5)
    assert [layer.sequence for layer in made.network.layers] == [5, 2, 7]
    assert [layer.sources for layer in made.network.layers] == [(INPUT,), (0,), (0,)]
    assert [p.output_processors for p in made.placement.layers] == [0xF0, 0xF00, 1]
    assert [p.in_offset for p in made.placement.layers] == [0, 16, 0]
    assert made.notes == ("net.yaml:7, layer 9: it never runs, and is left out",)


def test_expected_results_of_conditional_networks() -> None:
    layers = """processors: 3, name: a, snoop_sequence: 2, simulated_sequence: c
                processors: 1, name: b
                processors: 1, name: c, in_offset: 4"""
    made = built(layers, dict.fromkeys(range(3), ones(1, 2, 3, 3)) | {1: ones(1, 1, 3, 3), 2: ones(1, 1, 3, 3)})
    assert [layer.name for layer in made.network.layers] == ["a", "c"]
    assert codes(layers, {0: ones(1, 2, 3, 3)}, device="MAX78000") == [("BT5210", 4), ("BT5210", 4)]


def test_outputs() -> None:
    layers = "processors: 3, output: true\nprocessors: 1\nprocessors: 1"
    made = built(layers, {0: ones(1, 2, 3, 3), 1: ones(1, 1, 3, 3), 2: ones(1, 1, 3, 3)})
    assert made.network.outputs == (0, 2)
    assert made.notes == ("net.yaml:6, layer 2: the last layer is an output too",)


def test_channels_are_joined_in_order() -> None:
    layers = """processors: 3, output_processors: 1, name: a
                processors: 3, output_processors: 6, in_sequences: input, name: b
                processors: 0x1f, in_sequences: [b, -1, a], op: none, output_processors: 0x1f"""
    network = built(layers, {0: ones(1, 2, 3, 3), 1: ones(2, 2, 3, 3)}).network
    assert (network.layers[2].sources, network.layers[2].in_channels) == ((1, INPUT, 0), 5)


def test_pixels_are_joined_when_in_dim_holds_them_all() -> None:
    layers = """processors: 3, output_processors: 3, op: none
                processors: 3, output_processors: 3, op: none, max_pool: 2, pool_stride: 2
                processors: 3, output_processors: 3, op: none, in_sequences: [0, 1], in_dim: [25, 3]"""
    layer = built(layers).network.layers[2]
    assert (layer.spatial_join, layer.in_channels, layer.in_dim) == (True, 2, (25, 3))  # 10 x 6 and 5 x 3 pixels


@pytest.mark.parametrize(("last", "wanted"), [
    ("processors: 3, in_dim: [25, 3], in_crop: [1, 0]", [("BT5212", 6)]),
    ("processors: 3, in_dim: [15, 5], in_sequences: [wide, 1]", [("BT5212", 6)]),
])
def test_pixels_that_cannot_be_joined(last: str, wanted: list[tuple[str, int]]) -> None:
    layers = f"""processors: 3, output_processors: {3 if "crop" in last else 7}, name: wide
                 processors: 3, output_processors: 3, op: none, in_sequences: input, max_pool: 2, pool_stride: 2
                 op: none, {last}{"" if "in_sequences" in last else ", in_sequences: [0, 1]"}"""
    assert codes(layers, {0: ones(2 if "crop" in last else 3, 2, 3, 3)}) == wanted


def test_crops_and_skipped_channels() -> None:
    layer = only("processors: 1, in_channels: 1, in_channel_skip: 1, in_crop: [3, 2], op: none")
    assert (layer.in_channels, layer.channel_skip, layer.crop, layer.in_dim) == (1, 1, (3, 2), (5, 6))
    assert only("processors: 1, in_channel_skip: 1", ones(1, 1, 3, 3)).in_channels == 1


def test_surplus_channels_only_when_allowed() -> None:
    assert codes("processors: 1", {0: ones(1, 1, 3, 3)}) == [("BT5212", 4)]
    assert built("processors: 1", {0: ones(1, 1, 3, 3)}, drop_channels=True).network.in_channels == 2


def test_operands_of_the_input() -> None:
    layer = only("processors: 1, op: sub, pool_first: false, max_pool: 2, operands: 2")
    assert (layer.operands, layer.in_channels, layer.eltwise, layer.pool_first) == (2, 1, Eltwise.SUB, False)
    assert only("processors: 1, eltwise: xor", ones(1, 1, 3, 3)).operands == 2


def test_shared_weights_are_one_object() -> None:
    layers = """processors: 3, name: a, output_processors: 3, quantization: 4
                processors: 3, weight_source: a, output_processors: 3, output_shift: 5
                processors: 3, weight_source: 0, output_processors: 3"""
    network = built(layers, {0: ones(2, 2, 3, 3, output_shift=1)}).network
    first, second, third = network.layers
    assert first.weights is second.weights
    assert first.weights is third.weights
    assert [layer.shift for layer in network.layers] == [5, 9, 5]


def test_a_rolling_buffer() -> None:
    head = f"{HEAD}data_buffer:\n  - {{name: Roll, processors: 0xf0, dim: 15, channels: 4, offset: 0x7fc4}}\n"
    layers = """processors: 0xf0, output_processors: 0xf0, in_sequences: roll, in_dim: 14, in_channels: 4, \
                in_offset: 4, out_offset: 0, op: none, buffer_shift: 1
                processors: 3, output_processors: 0xf0, in_sequences: input, buffer_insert: 1, out_offset: 56, pad: 0
                processors: 0xf0, in_sequences: roll, in_dim: 15, in_channels: 4, in_offset: 0, out_offset: 0, \
                op: conv1d, kernel_size: 3, pad: 0"""
    made = built(layers, {1: ones(4, 2, 3, 3), 2: ones(1, 4, 3)}, shape=(2, 3, 3), head=head)
    assert made.network.buffer == RollingBuffer("Roll", 4, (15, 1))
    assert made.placement.buffer == BufferPlacement(0xF0, 0x7FC4)
    shift, insert, read = made.network.layers
    assert (shift.sources, shift.buffer_shift, shift.in_dim) == ((BUFFER,), 1, (14, 1))
    assert (insert.sources, insert.buffer_insert) == ((INPUT,), 1)
    assert (read.sources, read.out_dim) == ((BUFFER,), (13, 1))


@pytest.mark.parametrize(("dataset", "keys", "weights", "shape"), [
    ("CIFAR-10", "processors: 7", ones(1, 3, 3, 3), (3, (32, 32))),
    ("mnist", "processors: 1", ones(1, 1, 3, 3), (1, (28, 28))),
    ("KWS_20", "processors: 0xffffffffffffffff, op: conv1d", ones(1, 128, 9), (128, (128, 1))),
    ("mnist", "processors: 3, in_dim: [7, 5], in_crop: [1, 2]", ones(1, 2, 3, 3), (2, (10, 5))),
    ("unknown", "processors: 3, in_dim: [7, 5], op: linear, flatten: true", ones(4, 70), (2, (7, 5))),
    ("unknown", "processors: 3, in_dim: [7, 5], op: linear, flatten: true, in_channels: 70", ones(4, 70), (2, (7, 5))),
    ("unknown", "processors: 3, in_dim: [7, 5], op: add, in_channels: 2", None, (4, (7, 5))),
])
def test_the_input_s_shape(dataset: str, keys: str, weights: LayerWeights | None, shape: tuple[Any, ...]) -> None:
    network = built(keys, {} if weights is None else {0: weights}, None, head=f"arch: a\ndataset: {dataset}\n").network
    assert (network.in_channels, network.in_dim) == shape
    assert network.one_dimensional == (dataset == "KWS_20")


@pytest.mark.parametrize(("layers", "wanted"), [
    ("processors: 3", [("BT5211", 4)]),
    ("processors: 3, in_dim: [3, 4], op: none", [("BT5211", 4)]),
])
def test_no_shape(layers: str, wanted: list[tuple[str, int]]) -> None:
    assert codes(layers, {0: ones(1, 2, 3, 3)}, shape=None) == wanted


@pytest.mark.parametrize(("layers", "weights", "wanted"), [
    ("processors: 3, op: none\nprocessors: 3, in_sequences: [0, 9], op: none", {}, [("BT5208", 5)]),
    ("processors: 3, op: none, in_sequences: later\nprocessors: 3, op: none, name: later", {}, [("BT5208", 4)]),
    ("processors: 3, op: none\nprocessors: 3, op: none, next_sequence: 0", {}, [("BT5209", 5)]),
    ("processors: 3, op: none, next_sequence: x\nprocessors: 3, op: none", {}, [("BT5208", 4)]),
    ("processors: 3, op: none\nprocessors: 3, op: add", {}, [("BT5212", 5)]),
    ("processors: 3, op: add, operands: 4", {}, [("BT5212", 4)]),
    ("processors: 3, op: none\nprocessors: 3, in_sequences: [0, -1], op: none, in_dim: [5, 12]", {},
     [("BT5213", 5)]),
    ("processors: 3, op: none, max_pool: 2\nprocessors: 3, in_sequences: [0, -1], op: none", {}, [("BT5212", 5)]),
    ("processors: 3, op: none, in_dim: [10, 7]", {}, [("BT5212", 4)]),
    ("processors: 3, op: none, in_crop: [5, 5]", {}, [("BT5212", 4)]),
    ("processors: 3, op: none, in_channels: 3", {}, [("BT5212", 4)]),
    ("processors: 3, op: none, out_channels: 3", {}, [("BT5212", 4)]),
    ("processors: 3, op: none, max_pool: [11, 2]", {}, [("BT5214", 4)]),
    ("processors: 7, op: none", {}, [("BT5213", 4)]),
    ("processors: 3, output_processors: 7, op: none", {}, [("BT5213", 4)]),
    ("processors: 3, op: none\nprocessors: 3, op: none, data_format: CHW", {}, [("BT5206", 5)]),
    ("processors: 3, kernel_size: 1x1", {0: ones(1, 2, 3, 3)}, [("BT5228", 4)]),
    ("processors: 3", {0: ones(1, 3, 3, 3)}, [("BT5212", 4)]),
    ("processors: 3, groups: 2", {0: ones(3, 1, 3, 3)}, [("BT5212", 4)]),
    ("processors: 3, quantization: 1", {0: ones(1, 2, 3, 3)}, [("BT5229", 4)]),
    ("processors: 3, quantization: binary", {0: LayerWeights(np.arange(18).reshape(1, 2, 3, 3))}, [("BT5229", 4)]),
    ("processors: 3", {0: ones(1, 2, 3, 3, bias=np.array([1, 2]))}, [("BT5230", 4)]),
    ("processors: 3", {0: ones(1, 2, 3, 3, bias=np.array([128]))}, [("BT5230", 4)]),
    ("processors: 3, in_channels: 7, op: linear, flatten: true", {0: ones(1, 120)}, [("BT5212", 4)]),
])
def test_what_does_not_fit(layers: str, weights: dict[int, LayerWeights], wanted: list[tuple[str, int]]) -> None:
    assert codes(layers, weights) == wanted


def test_no_such_device_and_no_such_start() -> None:
    with pytest.raises(BadInput) as caught:
        built("processors: 3, op: none", device="MAX99", start_layer=4)
    assert [item.code for item in caught.value.diagnostics] == ["BT5217", "BT5217"]
