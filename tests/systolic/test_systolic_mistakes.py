"""Seven mistakes that flows of this kind make: a plain flow makes each of them, and the check names it.

`course_flow.Flow` writes the files value by value; without a mistake they are what bittrue writes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from course_flow import course_network, write_course
from hypothesis import given, settings
from systolic_support import LayerSpec, layer_specs, layers_graph, small_network

from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput
from bittrue.ir import Graph, IntArray
from bittrue.targets.systolic.vectors import (
    Choice,
    Place,
    VectorReport,
    built_in,
    check_vectors,
    plan_vectors,
    read_vectors,
    write_vectors,
)
from bittrue.targets.systolic.vectors.formats import lanes
from bittrue.targets.systolic.vectors.shape import vector_layers


def checked(folder: Path, flavour: str, mistake: str) -> VectorReport:
    """The check of what the plain flow writes."""
    graph, inputs = course_network()
    plan = plan_vectors(graph, 2, Choice(built_in(flavour), rows=4, cols=4))
    return check_vectors(graph, inputs, plan, write_course(folder, graph, inputs, flavour, mistake))


def wrong_kinds(report: VectorReport) -> set[str]:
    return {file.kind for file in report.wrong}


def written(graph: Graph, inputs: dict[str, IntArray], folder: Path, **choice: object) -> Path:
    samples = len(next(iter(inputs.values())))
    write_vectors(graph, inputs, plan_vectors(graph, samples, Choice(**choice)), folder)  # type: ignore[arg-type]
    return folder


@pytest.mark.parametrize("flavour", ["course", "course-2bit"])
def test_a_flow_without_mistakes_writes_the_same_values(flavour: str, tmp_path: Path) -> None:
    report = checked(tmp_path, flavour, "")
    assert report.wrong == ()
    assert report.compared > 10_000


@pytest.mark.parametrize("flavour", ["course", "course-2bit"])
def test_1_integers_of_another_bit_width(flavour: str, tmp_path: Path) -> None:
    """0, 5, 10, 15 instead of 0..3; in two-bit fields their last digits are lost, so 0, 2, 2, 3."""
    report = checked(tmp_path, flavour, "bit width")
    assert wrong_kinds(report) == {"activation", "psum"}
    shown = "1 is 5, 2 is 10, 3 is 15" if flavour == "course" else "1 is 2"
    assert all(shown in (file.cause or "") for file in report.wrong if file.kind == "activation")
    assert all("scale of another bit width" in (file.cause or "") for file in report.wrong)


def test_1_our_fields_are_as_wide_as_the_tensor_and_refuse_what_does_not_fit(tmp_path: Path) -> None:
    graph, inputs = course_network()
    folder = written(graph, inputs, tmp_path / "v", rows=4)
    lines = (folder / "layers/00_conv/image0/activation_tile0.txt").read_text().splitlines()[3:]
    assert {len(line) for line in lines} == {4 * 2}
    with pytest.raises(BadInput, match="BT5111"):
        lanes("time", "row", 4, read_vectors(folder).plan.layers[0].types["activation"]).write(
            np.array([[0, 5, 10, 15]]), "activation.txt")


def test_2_weight_tiles_numbered_with_the_wrong_count(tmp_path: Path) -> None:
    """otile * (number of otiles) + itile: with 3 and 2 tiles, slot 2 is used twice."""
    report = checked(tmp_path, "course", "tile numbers")
    assert wrong_kinds(report) == {"weight"}
    assert {file.path.rpartition("/")[2][:22] for file in report.wrong} == {"weight_itile0_otile1_k"}
    assert report.wrong[0].cause == "where otile 1, itile 0, kij 0 must stand, there is otile 0, itile 2, kij 0; " \
        "a tile's number is otile * (number of itiles) + itile"


def test_3_blanks_instead_of_zeros(tmp_path: Path) -> None:
    report = checked(tmp_path, "course", "blanks")
    assert wrong_kinds(report) == {"psum"}
    problem = report.wrong[0].problem
    assert problem is not None
    assert (problem.code, problem.fix) == ("BT5110", "pad with zeros, not blanks")
    assert problem.where.endswith("00_conv/image0/psum.txt, line 4, field col3")


def test_4_outputs_rounded_after_dequantization(tmp_path: Path) -> None:
    report = checked(tmp_path, "course", "floats")
    assert wrong_kinds(report) == {"out"}
    assert all("rounded after dequantization" in (file.cause or "") for file in report.wrong)


def test_4_our_outputs_are_the_integers_of_the_oracle(tmp_path: Path) -> None:
    graph, inputs = small_network()
    vectors = read_vectors(written(graph, inputs, tmp_path / "v"))
    outputs = Oracle(graph).run(inputs)["act"].reshape(2, 5, -1)
    assert (outputs < 0).any()
    for image in range(2):
        got = vectors.layers["conv"]["out"][Place(image=image, oc=0)]
        assert got[:, :5].tolist() == outputs[image].T.tolist()


def test_5_addresses_that_count_output_positions(tmp_path: Path) -> None:
    report = checked(tmp_path, "course", "output addresses")
    assert wrong_kinds(report) == {"acc"}
    assert all("stored per padded position" in (file.cause or "") for file in report.wrong)


@settings(deadline=None, max_examples=60)
@given(layer_specs())
def test_5_our_addresses_are_those_of_the_padded_layout(spec: LayerSpec) -> None:
    """Gathering the partial sums by the address list gives the convolution, for any geometry."""
    graph, inputs = layers_graph([spec], samples=1)
    layer = vector_layers(graph)[0]
    x = layer.padded_input(inputs["x0"])[0]
    weights = graph.constants["w0"].values.reshape(layer.groups, spec.channels[1] // layer.groups, -1, layer.n_kij)
    groups = x.reshape(layer.groups, -1, layer.n_nij)
    psums = np.einsum("gock,gcn->gokn", weights, groups).reshape(spec.channels[1], -1)
    gathered = psums[:, layer.addresses()].sum(axis=2)
    bias = graph.constants["b0"].values[:, np.newaxis] if spec.bias else 0
    np.testing.assert_array_equal(gathered + bias, layer.channel_major(Oracle(graph).run(inputs)["conv0"])[0])


def test_6_square_images_one_tile_one_sample_no_psums(tmp_path: Path) -> None:
    report = checked(tmp_path, "course", "square")
    missing = {file.path for file in report.wrong if file.problem is not None and file.problem.code == "BT5138"}
    assert {path for path in missing if "image0" in path} == {
        "00_conv/image0/activation_tile1.txt", "00_conv/image0/activation_tile2.txt", "00_conv/image0/psum.txt",
        *(f"00_conv/image0/weight_itile{ic}_otile{oc}_kij{kij}.txt"
          for ic in range(3) for oc in range(2) for kij in range(6) if (ic, oc) != (0, 0))}
    assert sum("image1" in path for path in missing) == sum("image1" in file.path for file in report.files)
    reasons = {file.kind: file.cause or str(file.problem) for file in report.wrong if file.path not in missing}
    assert set(reasons) == {"acc", "out"}
    assert "takes" in reasons["acc"] or "for a square" in reasons["acc"]
    assert "20 lines of data, not 40" in reasons["out"]


def test_6_our_files_are_of_every_tile_layer_and_sample(tmp_path: Path) -> None:
    """Non-square images and kernels, unequal tile counts: all files are there, and nothing else."""
    graph, inputs = small_network()
    folder = written(graph, inputs, tmp_path / "v", rows=2, cols=4)
    tiles = {"00_conv": (2, 2, 6), "01_head": (3, 1, 1)}  # input tiles, output tiles, kernel positions
    wanted = set()
    for name, (ics, ocs, kijs) in tiles.items():
        layer = f"layers/{name}"
        wanted |= {f"{layer}/acc.txt"} | {f"{layer}/stage_otile{oc}.txt" for oc in range(ocs)}
        wanted |= {f"{layer}/weight_itile{ic}_otile{oc}_kij{k}.txt"
                   for ic in range(ics) for oc in range(ocs) for k in range(kijs)}
        for image in ("image0", "image1"):
            wanted |= {f"{layer}/{image}/activation_tile{ic}.txt" for ic in range(ics)}
            wanted |= {f"{layer}/{image}/psum_itile{ic}_otile{oc}.txt" for ic in range(ics) for oc in range(ocs)}
            wanted |= {f"{layer}/{image}/acc_out_otile{oc}.txt" for oc in range(ocs)}
            wanted |= {f"{layer}/{image}/out_otile{oc}.txt" for oc in range(ocs) if name == "00_conv"}
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.txt")} == wanted


def test_7_weight_tiles_transposed(tmp_path: Path) -> None:
    report = checked(tmp_path, "course", "transposed")
    assert wrong_kinds(report) == {"weight"}
    assert len(report.wrong) == 2 * 36
    assert all("transposed" in (file.cause or "") for file in report.wrong[:16])


def test_7_a_weight_line_of_ours_is_a_column_of_the_array(tmp_path: Path) -> None:
    """Line = output channel, field = input channel, the highest leftmost, as the comment lines say."""
    graph, inputs = course_network()
    folder = written(graph, inputs, tmp_path / "v", rows=4, cols=4)
    text = (folder / "layers/00_conv/weight_itile1_otile0_kij4.txt").read_text().splitlines()
    assert text[0] == "#col0row3[msb-lsb],col0row2[msb-lsb],col0row1[msb-lsb],col0row0[msb-lsb]#"
    tile = graph.constants["w"].values[:4, 4:8, 1, 1]
    assert text[3:] == ["".join(format(int(w) & 15, "04b") for w in channel[::-1]) for channel in tile]
