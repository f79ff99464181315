"""Writing descriptions and checkpoints: the text, and that reading gives the same network back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittrue.errors import BadInput, Unsupported
from bittrue.ir import IntArray
from bittrue.targets.max7800x.ai8x import (
    Built,
    LayerWeights,
    Options,
    build_network,
    import_ai8x,
    layer_weights,
    save_checkpoint,
    write_description,
)
from bittrue.targets.max7800x.ai8x.write import options
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
from bittrue.targets.max7800x.placement import BufferPlacement, Fifo, LayerPlacement, Placement, in_passes, out_passes

from .ai8x_files import GOOD, files, parsed


def same(first: Network, second: Network) -> None:
    """Assert that two networks are equal, numbers of layers aside."""
    for a, b in zip(first.layers, second.layers, strict=True):
        for field in fields(Layer):
            if field.name not in ("weights", "sequence"):
                assert getattr(a, field.name) == getattr(b, field.name), (a.name, field.name)
        assert (a.weights is None) == (b.weights is None)
        if a.weights is not None and b.weights is not None:
            assert np.array_equal(a.weights.values, b.weights.values)
            assert (a.weights.bits, a.weights.binary) == (b.weights.bits, b.weights.binary)
            assert (a.weights.bias is None) == (b.weights.bias is None)
            assert a.weights.bias is None or b.weights.bias is None or np.array_equal(a.weights.bias, b.weights.bias)
    for field in fields(Network):
        if field.name != "layers":
            assert getattr(first, field.name) == getattr(second, field.name), field.name


def reread(network: Network, placement: Placement) -> Built:
    """What is read from what is written, without files."""
    description, found = parsed(write_description(network, placement, network.name, "shapes"))
    assert not found.items, found.items
    chosen = Options(placement.fifo, placement.overlap_data, network.round_average, network.simple_1b)
    shape = (network.in_channels, *network.in_dim[:1 if network.one_dimensional else 2])
    return build_network(description, layer_weights(network), "MAX78002", shape, chosen)


def placed(network: Network, **more: object) -> Placement:
    """Some placement with the right number of processors."""
    layers = tuple(LayerPlacement((1 << in_passes(layer).width) - 1, (1 << out_passes(layer).width) - 1, 8 * i, 4 * i)
                   for i, layer in enumerate(network.layers))
    return replace(Placement(layers), **more)  # type: ignore[arg-type]


def test_the_text(tmp_path: Path) -> None:
    made = import_ai8x(*files(tmp_path), "MAX78000", options=Options(fifo=Fifo.STANDARD, round_average=True))
    text = write_description(made.network, made.placement, "tinynet", "my shapes")
    assert text.splitlines()[:37] == """\
---
# Input: 2x10x6
# Loader options: --fifo --avg-pool-rounding
arch: tinynet
dataset: "my shapes"

layers:
  # Layer 0 (stem): 2x10x6 -> 4x10x6, 72 weights of 8 bits
  - name: stem
    processors: 0x0000.0000.0000.0003
    output_processors: 0x0000.0000.0000.000f
    data_format: HWC
    in_channels: 2
    in_dim: [10, 6]
    in_offset: 0x0000
    out_offset: 0x2000
    operation: Conv2d
    kernel_size: 3x3
    pad: 1
    activate: ReLU
  # Layer 1 (left): 4x10x6 -> 4x5x2, 16 weights of 8 bits
  - name: left
    processors: 0x0000.0000.0000.000f
    output_processors: 0x0000.0000.0000.00f0
    in_offset: 0x2000
    out_offset: 0x0000
    write_gap: 1
    max_pool: [2, 3]
    pool_stride: 2
    operation: Conv2d
    kernel_size: 1x1
    pad: 0
    activate: None
  # Layer 2 (right): 4x10x6 -> 4x5x2
  - name: right
    processors: 0x0000.0000.0000.000f
    output_processors: 0x0000.0000.0000.00f0""".splitlines()
    assert "    in_sequences: [left, right]\n" in text
    assert "output: true" not in text
    assert text == write_description(made.network, made.placement, "tinynet", "my shapes")


def test_files_there_and_back(tmp_path: Path) -> None:
    made = import_ai8x(*files(tmp_path), "MAX78000")
    config, path = tmp_path / "new.yaml", tmp_path / "new.pth.tar"
    config.write_text(write_description(made.network, made.placement, "tinynet", "shapes"), encoding="utf-8")
    save_checkpoint(made.network, path, "tinynet", epoch=7)
    again = import_ai8x(config, path, "MAX78000")
    same(made.network, again.network)
    assert made.placement == again.placement


def test_a_checkpoint_that_cannot_be_written(tmp_path: Path) -> None:
    made = import_ai8x(*files(tmp_path), "MAX78000")
    with pytest.raises(BadInput) as caught:
        save_checkpoint(made.network, tmp_path / "nowhere" / "net.pth.tar", "tinynet")
    assert [item.code for item in caught.value.diagnostics] == ["BT5241"]


def values(*shape: int, low: int = -2, high: int = 1) -> IntArray:
    """Weights from a fixed seed."""
    return np.random.default_rng(sum(shape)).integers(low, high + 1, shape)


def every_kind() -> Network:
    """A network with everything that a description can say about computing images; sizes by hand."""
    shared = Weights(values(4, 4, 3, 3), 2)
    ones = np.where(values(4, 1, 3, 3) < 0, -1, 1)
    square = {"kernel": (3, 3), "pad": (1, 1)}
    layers = (
        Layer("stem", Operator.CONV2D, (INPUT,), 2, (9, 7), channel_skip=1, shift=-3, activation=Activation.ABS,
              **square, weights=Weights(values(4, 2, 3, 3, low=-128, high=127), 8, bias=values(4, low=-128, high=127))),
        # 9 - 5 + 4 and 7 - 3 + 4 rows and columns, every second one
        Layer("Depth Wise", Operator.CONV2D, (0,), 4, (9, 7), kernel=(3, 3), pad=(2, 2), stride=(2, 2), groups=4,
              dilation=(2, 1), weights=Weights(ones, 1, binary=True), shift=6),
        Layer("up", Operator.CONVTRANSPOSE2D, (1,), 4, (5, 5), stride=(2, 2), output_pad=(1, 1), weights=shared,
              shift=9, **square),
        Layer("on", Operator.CONV2D, (2,), 4, (10, 10), weights=shared, shift=9, **square),
        Layer("off", Operator.CONV2D, (2,), 4, (10, 10), weights=shared, shift=4, pool=Pool(True, (1, 1)), **square),
        # 4 rows are left; windows of 3 rows, and of 2 columns with one between them
        Layer("123", Operator.PASSTHROUGH, (3, 4, 2), 4, (4, 10), eltwise=Eltwise.XOR, operands=3, pool_first=False,
              pool=Pool(False, (3, 2), (2, 2), (1, 2)), crop=(3, 3)),
        Layer("both", Operator.CONV2D, (5, 5), 4, (1, 4), eltwise=Eltwise.SUB, operands=2,
              weights=Weights(np.zeros((4, 4, 1, 1), dtype=np.int64), 8)),
        Layer("yes", Operator.CONV2D, (6,), 4, (1, 4), bypass=True, bypass_channels=6, shift=5),
        Layer("joined", Operator.PASSTHROUGH, (7, 5), 10, (2, 2)),
        Layer("pixels", Operator.PASSTHROUGH, (2, 6), 4, (8, 13), spatial_join=True),  # 100 + 4 pixels
        Layer("flat", Operator.LINEAR, (9,), 4, (8, 13), flatten=True, weights=Weights(values(3, 416), 4), shift=7,
              output_width=32))
    return Network("all", 3, (9, 7), layers, (5, 10), simple_1b=True, round_average=True)


def one_dimensional() -> Network:
    """The same for 1-D data."""
    layers = (
        Layer("a", Operator.CONV1D, (INPUT,), 3, (21, 1), pool=Pool(True, (2, 1), (2, 1)), kernel=(5, 1), pad=(2, 0),
              dilation=(2, 1), weights=Weights(values(4, 3, 5), 8), shift=1),  # 10 + 4 - 9 + 1
        Layer("b", Operator.PASSTHROUGH, (0,), 4, (6, 1), pool=Pool(False, (3, 1), (3, 1))),
        Layer("c", Operator.CONV1D, (1,), 4, (2, 1), kernel=(1, 1), stride=(2, 1), weights=Weights(values(2, 4, 1), 8)),
        Layer("d", Operator.CONV2D, (0,), 4, (3, 2), kernel=(3, 3), pad=(1, 1), weights=Weights(values(2, 4, 3, 3), 8)))
    return Network("flat", 3, (21, 1), layers, (2, 3), one_dimensional=True)


def rolling() -> Network:
    """The same with a rolling buffer."""
    layers = (
        Layer("shift", Operator.PASSTHROUGH, (BUFFER,), 4, (14, 1), buffer_shift=1),
        Layer("insert", Operator.CONV2D, (INPUT,), 2, (3, 3), kernel=(3, 3), buffer_insert=1,
              weights=Weights(values(4, 2, 3, 3), 8)),
        Layer("read", Operator.CONV1D, (BUFFER,), 4, (15, 1), kernel=(3, 1), weights=Weights(values(2, 4, 3), 8)))
    return Network("roll", 2, (3, 3), layers, (2,), buffer=RollingBuffer("Frames", 4, (15, 1)))


@pytest.mark.parametrize("make", [every_kind, one_dimensional, rolling])
def test_there_and_back(make: Callable[[], Network]) -> None:
    network = make()
    placement = placed(network, chw=True, fifo=Fifo.FAST, overlap_data=True,
                       buffer=BufferPlacement(0xF0, 0x7FC4) if network.buffer else None)
    again = reread(network, placement)
    same(network, again.network)
    assert placement == again.placement
    assert again.notes == ()


def test_layers_share_weights_when_their_shifts_are_equal() -> None:
    network = every_kind()
    assert sorted(layer_weights(network)) == [0, 1, 2, 4, 6, 10]
    text = write_description(network, placed(network), "all", "x")
    assert text.count("weight_source") == 1
    assert "    weight_source: up\n" in text
    again = reread(network, placed(network)).network.layers
    assert again[2].weights is again[3].weights
    assert again[2].weights is not again[4].weights


def test_there_and_back_by_way_of_files(tmp_path: Path) -> None:
    network = every_kind()
    placement = placed(network)
    (tmp_path / "n.yaml").write_text(write_description(network, placement, "all", "x"), encoding="utf-8")
    save_checkpoint(network, tmp_path / "n.pth.tar", "all")
    again = import_ai8x(tmp_path / "n.yaml", tmp_path / "n.pth.tar", "MAX78002", shape=(3, 9, 7),
                        options=Options(round_average=True, simple_1b=True))
    same(network, again.network)
    assert placement == again.placement


def test_names_that_mean_something_else_are_changed_or_quoted() -> None:
    network = every_kind()
    network = replace(network, layers=(replace(network.layers[0], name="Input"), replace(network.layers[1], name=""),
                                       *network.layers[2:9], replace(network.layers[9], name="UP"), network.layers[10]))
    text = write_description(network, placed(network), "all", "no")
    names = [line.partition("name: ")[2] for line in text.splitlines() if "- name: " in line]
    assert names == ["Input_", "layer", "up", '"on"', '"off"', '"123"', "both", '"yes"', "joined", "UP_", "flat"]
    assert 'dataset: "no"' in text
    description, found = parsed(text)
    assert not found.items
    assert [layer.name for layer in description.layers] == [name.strip('"') for name in names]


def test_what_cannot_be_written() -> None:
    network = every_kind()
    layers = (replace(network.layers[0], pad=(1, 2)), *network.layers[1:2],
              replace(network.layers[2], output_pad=(0, 1)), *network.layers[3:])
    with pytest.raises(Unsupported) as caught:
        write_description(replace(network, layers=layers), placed(network), "all", "x")
    assert [(item.code, item.where) for item in caught.value.diagnostics] == [("BT5240", "stem"), ("BT5240", "up")]


PLACEMENTS = st.builds(
    LayerPlacement, processors=st.just(0), output_processors=st.just(0), in_offset=st.integers(0, 1 << 17),
    out_offset=st.integers(0, 1 << 17), write_gap=st.integers(0, 7), read_gap=st.integers(0, 7),
    streaming=st.booleans(),
    bias_groups=st.none() | st.sets(st.integers(0, 3), min_size=1).map(lambda groups: tuple(sorted(groups))),
    read_ahead=st.booleans(), tram_calc=st.none() | st.booleans(), calc_x4=st.booleans())


@st.composite
def maps(draw: st.DrawFn, count: int) -> int:
    """A processor map with a number of processors."""
    return sum(1 << p for p in draw(st.sets(st.integers(0, 63), min_size=count, max_size=count)))


@settings(max_examples=25)
@given(st.data(), st.sampled_from(Fifo), st.booleans(), st.booleans())
def test_every_placement_comes_back(data: st.DataObject, fifo: Fifo, overlap: bool, chw: bool) -> None:
    description, _ = parsed(GOOD)
    kernels = {0: values(4, 2, 3, 3), 1: values(4, 4, 1, 1), 4: values(3, 40)}
    network = build_network(description, {i: LayerWeights(kernel) for i, kernel in kernels.items()}).network
    layers = tuple(replace(data.draw(PLACEMENTS), processors=data.draw(maps(in_passes(layer).width)),
                           output_processors=data.draw(maps(out_passes(layer).width))) for layer in network.layers)
    placement = Placement(layers, chw, fifo, overlap)
    assert reread(network, placement).placement == placement


def test_the_peer_s_options() -> None:
    network, layers = every_kind(), placed(every_kind()).layers
    assert options(network, Placement(layers, fifo=Fifo.QUAD, overlap_data=True)) == (
        "--fast-fifo-quad", "--overlap-data", "--avg-pool-rounding", "--simple1b")
    assert options(rolling(), placed(rolling())) == ()
