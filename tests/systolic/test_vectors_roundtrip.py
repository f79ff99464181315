"""Any layer, any array, any layout: what is written is read back, adds up, and is the same every time."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from systolic_support import LayerSpec, layer_specs, layers_graph, linear_graph, small_network

from bittrue.engine.oracle import Oracle
from bittrue.errors import BadInput
from bittrue.ir import Graph, IntArray, IntType
from bittrue.targets.project import read_manifest
from bittrue.targets.systolic.layers import layer_constants
from bittrue.targets.systolic.vectors import (
    KINDS,
    Choice,
    Place,
    Template,
    Vectors,
    plan_vectors,
    read_vectors,
    write_vectors,
)
from bittrue.targets.systolic.vectors.shape import vector_layers
from bittrue.targets.systolic.vectors.template import parse_template
from bittrue.targets.systolic.vectors.write import NAME

SHARED = {"lanes": st.sampled_from(("high-first", "low-first")), "separator": st.sampled_from(("", " ", "_")),
          "header": st.sampled_from(([], ["# {layer} {first} {second} {last}", "# {line0}"]))}


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """Any kinds in their names, the rest in any order in the file."""
    tables: dict[str, Any] = {"folder": "{layer}"}
    for kind in KINDS.values():
        named = draw(st.lists(st.sampled_from(kind.dims), unique=True))
        tables[kind.name] = {
            "file": "_".join([kind.name, *(f"{dim}{{{dim}:02d}}" for dim in named)]) + ".txt",
            "lines": draw(st.permutations(kind.order)), **{key: draw(values) for key, values in SHARED.items()}}
    return parse_template("drawn", tables)


def write_and_read(graph: Graph, inputs: dict[str, IntArray], choice: Choice) -> Vectors:
    with TemporaryDirectory() as folder:
        samples = len(next(iter(inputs.values())))
        write_vectors(graph, inputs, plan_vectors(graph, samples, choice), Path(folder) / "v")
        return read_vectors(Path(folder) / "v")


def require_consistent(graph: Graph, inputs: dict[str, IntArray], vectors: Vectors) -> None:
    """Activations, weights and accumulators are the graph's; partial sums add up by the addresses that are read."""
    trace = Oracle(graph).run(inputs)
    for layer in vector_layers(graph):
        blocks = vectors.layers[layer.name]
        padded = layer.padded_input(trace[layer.source])
        sums = layer.channel_major(trace[layer.name])
        for image in range(len(padded)):
            tiles = {place.ic: block for place, block in blocks["activation"].items() if place.image == image}
            got = np.concatenate([tiles[ic] for ic in sorted(tiles)], axis=1)  # type: ignore[type-var]
            np.testing.assert_array_equal(got[:, :padded.shape[1]], padded[image].T)
            for place, block in blocks["acc_out"].items():
                if place.image == image:
                    np.testing.assert_array_equal(block, gathered(blocks, image, place.oc or 0))
                    own = sums[image, (place.oc or 0) * block.shape[1]:][:block.shape[1]]
                    np.testing.assert_array_equal(block[:, :len(own)], own.T)
        assert ("out" in blocks) == (layer.requant is not None)
        weights = layer_constants(graph, layer).weights
        place, tile = next(iter(blocks["weight"].items()))
        start = (place.oc or 0) * len(tile), (place.ic or 0) * tile.shape[1]
        own = weights[start[0]:start[0] + len(tile), start[1]:start[1] + tile.shape[1], place.kij]
        np.testing.assert_array_equal(tile[:own.shape[0], :own.shape[1]], own)


def gathered(blocks: dict[str, dict[Place, IntArray]], image: int, oc: int) -> IntArray:
    """Accumulators from what the files hold alone: bias, partial sums, addresses."""
    stage = next(block for place, block in blocks["stage"].items() if place.oc == oc)
    total = stage[:, 0] + 0
    tiles = {(place.ic, place.kij): block for place, block in blocks["psum"].items()
             if (place.image, place.oc) == (image, oc)}
    kijs = range(1 + max(kij or 0 for _, kij in tiles))
    address = np.concatenate([blocks["acc"][Place(kij=kij)] for kij in kijs], axis=1)
    for ic in {ic for ic, _ in tiles}:
        memory = np.concatenate([tiles[ic, kij] for kij in kijs])
        total = total + memory[address].sum(axis=1)
    return total


@settings(deadline=None, max_examples=60)
@given(layer_specs(), templates(), st.integers(1, 9), st.integers(1, 9))
def test_what_is_written_is_read_back(spec: LayerSpec, template: Template, rows: int, cols: int) -> None:
    graph, inputs = layers_graph([spec])
    require_consistent(graph, inputs, write_and_read(graph, inputs, Choice(template, rows, cols)))


@pytest.mark.parametrize("example", [small_network, linear_graph, lambda: linear_graph((2, 3))])
def test_networks_and_linear_layers(example: Any) -> None:
    graph, inputs = example()
    require_consistent(graph, inputs, write_and_read(graph, inputs, Choice(rows=3, cols=4)))


def test_the_same_input_gives_the_same_bytes_and_their_hashes(tmp_path: Path) -> None:
    graph, inputs = small_network()
    plan = plan_vectors(graph, 2)
    manifests = [write_vectors(graph, inputs, plan, tmp_path / name) for name in "ab"]
    assert manifests[0] == manifests[1] == read_manifest(tmp_path / "a", NAME)
    assert (tmp_path / "a/manifest.json").read_bytes() == (tmp_path / "b/manifest.json").read_bytes()
    texts = list((tmp_path / "a").rglob("*.txt"))
    assert sum(path.stat().st_size for path in texts) == plan.size
    assert set(manifests[0].files) == {file.path for file in plan.files} | {"vectors.json"}


def test_a_choice_of_layers_samples_and_tiles_writes_only_those(tmp_path: Path) -> None:
    graph, inputs = small_network()
    choice = Choice(rows=2, cols=4, layers=("conv",), images=(1,), itiles=(1,), otiles=(0,))
    write_vectors(graph, inputs, plan_vectors(graph, 2, choice), tmp_path / "some")
    write_vectors(graph, inputs, plan_vectors(graph, 2, Choice(rows=2, cols=4)), tmp_path / "all")
    some = {p.relative_to(tmp_path / "some").as_posix(): p.read_bytes() for p in (tmp_path / "some").rglob("*.txt")}
    assert {Path(name).name for name in some} == {
        "activation_tile1.txt", "psum_itile1_otile0.txt", "acc_out_otile0.txt", "out_otile0.txt", "stage_otile0.txt",
        "acc.txt", *(f"weight_itile1_otile0_kij{kij}.txt" for kij in range(6))}
    assert all((tmp_path / "all" / name).read_bytes() == data for name, data in some.items())
    assert {path.split("/")[2] for path in some if "image" in path} == {"image1"}


def test_unconnected_tiles_of_a_depthwise_layer_have_no_files() -> None:
    spec = LayerSpec((6, 6), (3, 4), (2, 1), (1, 1), (0, 0, 0, 0), (1, 1), 6, IntType(4, True),
                     IntType(4, True), False, None, (1, 0), IntType(4, True), False, 4)
    graph, inputs = layers_graph([spec])
    weight = write_and_read(graph, inputs, Choice(rows=2, cols=2)).layers["conv0"]["weight"]
    assert {(place.oc, place.ic) for place in weight} == {(0, 0), (1, 1), (2, 2)}


def test_nothing_is_written_when_a_value_does_not_fit(tmp_path: Path) -> None:
    """One problem per kind of file and layer, and no folder."""
    graph, inputs = small_network()
    template = parse_template("narrow", {"like": "bittrue", "psum": {"bits": 3}, "weight": {"signed": False}})
    with pytest.raises(BadInput) as caught:
        write_vectors(graph, inputs, plan_vectors(graph, 2, Choice(template)), tmp_path / "v")
    assert [d.code for d in caught.value.diagnostics] == ["BT5111"] * 4
    assert {d.where.split(",")[0].split("/")[1] for d in caught.value.diagnostics} == {"00_conv", "01_head"}
    assert all("field" in d.where for d in caught.value.diagnostics)
    assert list(tmp_path.iterdir()) == []


def test_more_than_two_gigabytes_need_a_yes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, inputs = small_network()
    plan = plan_vectors(graph, 2)
    monkeypatch.setattr("bittrue.targets.systolic.vectors.write.MOST_BYTES", plan.size - 1)
    with pytest.raises(BadInput, match="BT5135") as caught:
        write_vectors(graph, inputs, plan, tmp_path / "v")
    assert "--layer" in caught.value.diagnostics[0].fix
    assert not (tmp_path / "v").exists()
    write_vectors(graph, inputs, plan, tmp_path / "v", any_size=True)
    assert (tmp_path / "v").is_dir()


def test_a_folder_that_is_something_else_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.v").write_text("module mine; endmodule\n")
    graph, inputs = small_network()
    with pytest.raises(BadInput, match="BT5004"):
        write_vectors(graph, inputs, plan_vectors(graph, 2), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.v"]


@pytest.mark.parametrize(("choice", "code", "why"), [
    ({"layers": ("conv", "fc")}, "BT5132", "use one of conv, head"),
    ({"images": (0, 2)}, "BT5132", "there are 2"),
    ({"itiles": (1,)}, "BT5132", "--itile 0 to 0"),
    ({"otiles": (-1,)}, "BT5132", "--otile"),
    ({"rows": 0}, "BT5133", "1 to 256 rows"),
    ({"cols": 257}, "BT5133", "1 to 256 cols"),
])
def test_a_choice_that_is_not_there_is_named(choice: dict[str, Any], code: str, why: str) -> None:
    with pytest.raises(BadInput, match=code) as caught:
        plan_vectors(small_network()[0], 2, Choice(**choice))
    assert why in str(caught.value)


def test_files_of_two_layers_with_one_name_are_refused() -> None:
    template = parse_template("flat", {"like": "course", "folder": ""})
    with pytest.raises(BadInput, match="BT5134") as caught:
        plan_vectors(small_network()[0], 2, Choice(template))
    assert "--layer" in caught.value.diagnostics[0].fix
    plan = plan_vectors(small_network()[0], 1, Choice(template, layers=("conv",)))
    assert {file.path for file in plan.files} >= {"psum.txt", "acc.txt", "activation_tile0.txt"}


BROKEN: dict[str, Any] = {
    "no JSON": lambda record: "{",
    "a list": lambda record: [],
    "no layers": lambda record: {**record, "layers": None},
    "another format": lambda record: {**record, "format": 2},
    "no rows": lambda record: {**record, "rows": 0},
    "rows is a text": lambda record: {**record, "rows": "8"},
    "a wrong template": lambda record: {**record, "template": {"name": "x", "tables": {"psum": {"file": "/etc"}}}},
    "a foreign folder": lambda record: {**record, "layers": [{**record["layers"][0], "folder": "../.."}]},
    "a type is missing": lambda record: {**record, "layers": [{**record["layers"][0], "types": {"psum": "i9"}}]},
    "a wrong type": lambda record: {**record, "layers": [{**record["layers"][0], "types": {"psum": "f9"}}]},
    "three sizes": lambda record: {**record, "layers": [{**record["layers"][0], "padded": [1, 2, 3]}]},
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_damaged_record_is_a_diagnostic(case: str, tmp_path: Path) -> None:
    graph, inputs = small_network()
    write_vectors(graph, inputs, plan_vectors(graph, 2), tmp_path / "v")
    path = tmp_path / "v/vectors.json"
    changed = BROKEN[case](json.loads(path.read_bytes()))
    path.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    with pytest.raises(BadInput, match="BT5136"):
        read_vectors(tmp_path / "v")


def test_missing_and_malformed_files_are_all_named(tmp_path: Path) -> None:
    graph, inputs = small_network()
    write_vectors(graph, inputs, plan_vectors(graph, 2), tmp_path / "v")
    layer = tmp_path / "v/layers/01_head"
    (layer / "image0/psum_itile0_otile0.txt").unlink()
    acc = layer / "acc.txt"
    acc.write_bytes(acc.read_bytes().replace(b"\n0", b"\nO", 1))
    with pytest.raises(BadInput) as caught:
        read_vectors(tmp_path / "v")
    assert [d.code for d in caught.value.diagnostics] == ["BT5138", "BT5110"]
    assert caught.value.diagnostics[1].where.endswith("acc.txt, line 4, field address")
    with pytest.raises(BadInput, match="BT5136"):
        read_vectors(tmp_path)
