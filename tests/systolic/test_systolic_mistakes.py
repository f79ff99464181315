"""Seven mistakes that flows of this kind make, each with the test that shows it is not made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from systolic_support import LayerSpec, emitted, layer_specs, layers_graph, small_network

from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput, Unsupported
from bittrue.ir import Graph, GraphBuilder, IntArray, IntType, Rounding
from bittrue.ir.ops import Conv
from bittrue.targets.systolic import TARGET
from bittrue.targets.systolic.emit import formats
from bittrue.targets.systolic.formats import lanes


def data_lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def fields(line: str, bits: int, signed: bool = True) -> list[int]:
    """Values of a line in text order, by Python's own parsing."""
    raw = [int(line[i:i + bits], 2) for i in range(0, len(line), bits)]
    return [v - (1 << bits) if signed and v >> (bits - 1) else v for v in raw]


def one_conv(weights: IntArray, act: str, image: tuple[int, int],
             **attributes: object) -> tuple[Graph, dict[str, IntArray]]:
    builder = GraphBuilder("one")
    x = builder.input("x", (weights.shape[1], *image), act)
    conv = builder.add("conv", Conv(**attributes), x, builder.constant("w", weights, "i4"))  # type: ignore[arg-type]
    tensor = IntType.parse(act)
    shape = (1, weights.shape[1], *image)
    return builder.build(conv), {"x": np.random.default_rng(0).integers(tensor.min, tensor.max + 1, shape)}


def test_1_field_width_is_that_of_the_activations(tmp_path: Path) -> None:
    """Two-bit activations are 0..3 in two-bit fields, never 0, 5, 10, 15 in fields that they overflow."""
    graph, inputs = one_conv(np.ones((2, 8, 1, 1), np.int64), "u2", (3, 5))
    project = emitted(graph, inputs, tmp_path / "p")
    lines = data_lines(project / "layers/00_conv/image0/activation_tile0.txt")
    assert [fields(line, 2, signed=False)[::-1] for line in lines] == inputs["x"][0].reshape(8, 15).T.tolist()
    with pytest.raises(BadInput, match="BT5111"):
        lanes("time", "row", 8, IntType(2, False)).write(np.array([[0, 5, 10, 15, 0, 0, 0, 0]]), "activation.txt")
    with pytest.raises(Unsupported, match="BT5103"):
        TARGET.plan(graph, {"act_bits": 1})


def test_2_tiles_are_numbered_apart_for_inputs_and_outputs(tmp_path: Path) -> None:
    """Three input and two output tiles: every weight file holds its own tile."""
    weights = np.random.default_rng(1).integers(-8, 8, (9, 20, 2, 1))
    graph, inputs = one_conv(weights, "u4", (4, 3))
    project = emitted(graph, inputs, tmp_path / "p")
    padded = np.zeros((16, 24, 2), np.int64)
    padded[:9, :20] = weights[..., 0]
    names = {f"weight_itile{ic}_otile{oc}_kij{kij}.txt" for ic in range(3) for oc in range(2) for kij in range(2)}
    assert {path.name for path in project.glob("layers/00_conv/weight_*")} == names
    for ic, oc, kij in np.ndindex(3, 2, 2):
        lines = data_lines(project / f"layers/00_conv/weight_itile{ic}_otile{oc}_kij{kij}.txt")
        tile = padded[8 * oc:8 * oc + 8, 8 * ic:8 * ic + 8, kij]
        assert [fields(line, 4)[::-1] for line in lines] == tile.tolist()


def test_3_and_4_psums_and_outputs_are_padded_with_zeros_and_are_integers(tmp_path: Path) -> None:
    """No blank in any field, and the outputs are the oracle's integers."""
    graph, inputs = small_network()
    project = emitted(graph, inputs, tmp_path / "p")
    for path in project.glob("layers/*/image*/*.txt"):
        assert set("".join(data_lines(path))) <= {"0", "1"}
    outputs = Oracle(graph).run(inputs)["act"].reshape(2, 5, -1)
    for image in range(2):
        lines = data_lines(project / f"layers/00_conv/image{image}/out_otile0.txt")
        assert [fields(line, 16)[::-1][:5] for line in lines] == outputs[image].T.tolist()
    assert (outputs < 0).any()


def test_4_leaky_slope_is_the_same_integer_function_in_graph_and_hardware(tmp_path: Path) -> None:
    """LeakyReLU(0.05) as 13/256 inside the one rounding; many negative accumulators, no difference."""
    spec = LayerSpec((8, 8), (9, 7), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, IntType(4, True), IntType(4, True), False,
                     Rounding.HALF_EVEN, (13, 8), IntType(8, True), True, 5)
    graph, inputs = layers_graph([spec])
    report = TARGET.verify(emitted(graph, inputs, tmp_path / "p", act_bits=8, weight_bits=8, psum_bits=24), graph=graph)
    assert report.differences == 0
    trace = Oracle(graph).run(inputs)
    assert (trace["conv0"] < 0).mean() > 0.2
    assert np.unique(trace["requant0"]).size > 10


@settings(deadline=None, max_examples=60)
@given(layer_specs())
def test_5_addresses_are_those_of_the_padded_layout(spec: LayerSpec) -> None:
    """Gathering the partial sums by the address list gives the convolution, for any geometry."""
    graph, inputs = layers_graph([spec], samples=1)
    layer = TARGET.plan(graph).layers[0].layer
    x = layer.padded_input(inputs["x0"])[0]
    weights = graph.constants["w0"].values.reshape(layer.groups, spec.channels[1] // layer.groups, -1, layer.n_kij)
    groups = x.reshape(layer.groups, -1, layer.n_nij)
    psums = np.einsum("gock,gcn->gokn", weights, groups).reshape(spec.channels[1], -1)
    gathered = psums[:, layer.addresses()].sum(axis=2)
    bias = graph.constants["b0"].values[:, np.newaxis] if spec.bias else 0
    np.testing.assert_array_equal(gathered + bias, layer.channel_major(Oracle(graph).run(inputs)["conv0"])[0])


def test_5_the_address_list_of_a_4x4_image() -> None:
    """36 padded positions, not 16 output positions: the second kernel position starts at 36."""
    graph, _ = one_conv(np.ones((1, 1, 3, 3), np.int64), "u4", (4, 4), pads=(1, 1, 1, 1))
    addresses = TARGET.plan(graph).layers[0].layer.addresses()
    assert addresses[0].tolist() == [36 * (3 * ky + kx) + 6 * ky + kx for ky in range(3) for kx in range(3)]
    assert addresses[5, 0] == 6 + 1
    assert addresses.max() == 36 * 9 - 1
    assert formats(TARGET.plan(graph)).address.width == 11


def test_6_every_tile_of_every_layer_and_sample_is_written(tmp_path: Path) -> None:
    """Non-square images and kernels, unequal tile counts: all files are there, and nothing else."""
    graph, inputs = small_network()
    project = emitted(graph, inputs, tmp_path / "p", rows=2, cols=4)
    tiles = {"00_conv": (2, 2, 6), "01_head": (3, 1, 1)}  # input tiles, output tiles, kernel positions
    wanted = set()
    for layer, (inputs_, outputs, kernel) in tiles.items():
        folder = f"layers/{layer}"
        wanted |= {f"{folder}/acc.txt"} | {f"{folder}/stage_otile{oc}.txt" for oc in range(outputs)}
        wanted |= {f"{folder}/weight_itile{ic}_otile{oc}_kij{k}.txt"
                   for ic in range(inputs_) for oc in range(outputs) for k in range(kernel)}
        for image in ("image0", "image1"):
            wanted |= {f"{folder}/{image}/activation_tile{ic}.txt" for ic in range(inputs_)}
            wanted |= {f"{folder}/{image}/psum_itile{ic}_otile{oc}.txt"
                       for ic in range(inputs_) for oc in range(outputs)}
            wanted |= {f"{folder}/{image}/acc_out_otile{oc}.txt" for oc in range(outputs)}
            wanted |= {f"{folder}/{image}/out_otile{oc}.txt" for oc in range(outputs) if layer == "00_conv"}
    assert {str(path.relative_to(project)) for path in project.glob("layers/**/*.txt")} == wanted


def test_7_a_weight_line_is_a_column_of_the_array(tmp_path: Path) -> None:
    """The header says column = line, row = field. With input and output channels exchanged the layer is another one."""
    weights = np.arange(-8, 8).reshape(4, 4, 1, 1)
    graph, inputs = one_conv(weights, "u4", (2, 3))
    project = emitted(graph, inputs, tmp_path / "p", rows=4, cols=4)
    text = (project / "layers/00_conv/weight_itile0_otile0_kij0.txt").read_text().splitlines()
    assert text[0] == "#col0row3[msb-lsb],col0row2[msb-lsb],col0row1[msb-lsb],col0row0[msb-lsb]#"
    assert text[1] == "#col1row3[msb-lsb],col1row2[msb-lsb],col1row1[msb-lsb],col1row0[msb-lsb]#"
    assert text[2].startswith("#")
    assert [fields(line, 4)[::-1] for line in text[3:]] == weights[..., 0, 0].tolist()  # line = output channel
