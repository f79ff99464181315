"""Comparing a folder with the model: the first difference with its place, counts, causes, damaged files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from systolic_support import small_network

from bittrue.errors import BadInput
from bittrue.ir import IntArray
from bittrue.targets.systolic.vectors import (
    Choice,
    VectorFile,
    VectorPlan,
    VectorReport,
    check_vectors,
    plan_vectors,
    read_vectors,
    recorded_choice,
    write_vectors,
)
from bittrue.targets.systolic.vectors.read import read_lines

ARRAY = Choice(rows=2, cols=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    graph, inputs = small_network()
    write_vectors(graph, inputs, plan_vectors(graph, 2, ARRAY), tmp_path / "v")
    return tmp_path / "v"


def plan() -> VectorPlan:
    return plan_vectors(small_network()[0], 2, ARRAY)


def check(folder: Path) -> VectorReport:
    graph, inputs = small_network()
    return check_vectors(graph, inputs, plan(), folder)


def file_of(path: str) -> VectorFile:
    return next(file for file in plan().files if file.path == f"layers/{path}")


def rewrite(folder: Path, path: str, change: Callable[[VectorFile, IntArray], IntArray]) -> None:
    """Change the lines (line, field) of a file of the folder."""
    file = file_of(path)
    values = change(file, read_lines(file, folder).copy())
    (folder / file.path).write_bytes(file.text.write(values, path))


def test_what_bittrue_writes_is_exact(folder: Path) -> None:
    report = check(folder)
    assert (report.wrong, report.differences) == ((), 0)
    assert report.compared == sum(file.lines * len(file.text.fields) for file in plan().files)
    assert set(report.by_kind()) == {"activation", "weight", "psum", "acc_out", "out", "stage", "acc"}


PLACES: dict[str, tuple[str, int, int, dict[str, int]]] = {
    # line and field of the change; the padded image is 6 x 5, the outputs are 5 x 2
    "psum": ("00_conv/image1/psum_itile1_otile0.txt", 4 * 30 + 13, 1,
             {"image": 1, "otile": 0, "itile": 1, "kij": 4, "padded_row": 2, "padded_column": 3, "out_channel": 2}),
    "weight": ("00_conv/weight_itile1_otile0_kij5.txt", 3, 1,
               {"otile": 0, "itile": 1, "kij": 5, "column": 3, "out_channel": 3, "in_channel": 2}),
    "activation": ("01_head/image0/activation_tile2.txt", 7, 1,
                   {"image": 0, "itile": 2, "padded_row": 3, "padded_column": 1, "in_channel": 4}),
    "out": ("00_conv/image0/out_otile1.txt", 9, 3,
            {"image": 0, "otile": 1, "out_row": 4, "out_column": 1, "out_channel": 4}),
    "acc_out": ("00_conv/image0/acc_out_otile0.txt", 2, 0,
                {"image": 0, "otile": 0, "out_row": 1, "out_column": 0, "out_channel": 3}),
    "acc": ("00_conv/acc.txt", 6 * 3 + 5, 0, {"kij": 5, "out_row": 1, "out_column": 1}),
    "stage": ("00_conv/stage_otile0.txt", 1, 7, {"otile": 0, "column": 1, "out_channel": 1}),
}


@pytest.mark.parametrize("kind", PLACES)
def test_the_first_difference_is_located(kind: str, folder: Path) -> None:
    path, line, field, place = PLACES[kind]

    def change(_: VectorFile, values: IntArray) -> IntArray:
        values[line, field] ^= 1
        return values

    before = int(read_lines(file_of(path), folder)[line, field])
    rewrite(folder, path, change)
    report = check(folder)
    assert [(file.path, file.kind, file.differences) for file in report.wrong] == [(f"layers/{path}", kind, 1)]
    first = report.wrong[0].first
    assert first is not None
    assert (dict(first.place), first.expected, first.found) == (place, before, before ^ 1)
    assert (first.line, first.field) == (4 + line, file_of(path).text.fields[field].name)
    assert report.wrong[0].cause is None
    assert report.by_kind()[kind][1::2] == (1, 1)


def reordered(*lines: str) -> Callable[[VectorFile, IntArray], IntArray]:
    return lambda file, values: replace(file, style=replace(file.style, lines=lines)).to_lines(file.to_blocks(values))


def columns_first(file: VectorFile, values: IntArray) -> IntArray:
    return file.to_lines([block.reshape(6, 5, -1).swapaxes(0, 1).reshape(30, -1) for block in file.to_blocks(values)])


CAUSES: dict[str, tuple[str, Callable[[VectorFile, IntArray], IntArray], str]] = {
    "fields turned round": ("00_conv/image0/psum_itile0_otile0.txt", lambda _, v: v[:, ::-1], "opposite order"),
    "positions major": ("00_conv/image0/psum_itile0_otile0.txt", reordered("nij", "kij"), "in the order nij, kij"),
    "columns first": ("00_conv/image0/activation_tile0.txt", columns_first, "along its rows"),
    "kernel major": ("00_conv/acc.txt", reordered("kij", "out"), "in the order kij, out"),
    "signs dropped": ("00_conv/image0/psum_itile0_otile0.txt", lambda _, v: np.maximum(v, 0), "replaced by another"),
    "one value": ("00_conv/image0/psum_itile0_otile0.txt", lambda _, v: v + (np.arange(4) == 2), ""),
}


@pytest.mark.parametrize("case", CAUSES)
def test_a_mistake_that_explains_the_whole_file_is_named(case: str, folder: Path) -> None:
    path, change, cause = CAUSES[case]
    rewrite(folder, path, change)
    wrong = check(folder).wrong
    assert len(wrong) == 1
    assert (wrong[0].cause is None) == (cause == "")
    assert cause in (wrong[0].cause or "")
    assert wrong[0].problem is not None
    assert wrong[0].problem.code == "BT5139"


def test_the_tile_that_stands_in_the_place_of_another_is_named(folder: Path) -> None:
    psums = [folder / f"layers/00_conv/image{image}/psum_itile0_otile0.txt" for image in (0, 1)]
    psums[0].write_bytes(psums[1].read_bytes())
    cause = check(folder).wrong[0].cause
    assert cause is not None
    here, there = (f"image {image}, otile 0, itile 0, kij 0" for image in (0, 1))
    assert cause.startswith(f"where {here} must stand, there is {there}")


def test_missing_and_malformed_files_are_wrong_and_the_rest_is_compared(folder: Path) -> None:
    (folder / "layers/00_conv/acc.txt").unlink()
    out = folder / "layers/00_conv/image0/out_otile0.txt"
    out.write_bytes(out.read_bytes()[:-1])
    report = check(folder)
    assert [file.problem.code for file in report.wrong if file.problem] == ["BT5110", "BT5138"]
    assert report.differences == 0
    assert report.to_json()["wrong_files"] == 2
    with pytest.raises(BadInput, match="BT5138"):
        check(folder / "nowhere")


def test_other_samples_differ_in_what_depends_on_them(folder: Path) -> None:
    graph, inputs = small_network()
    report = check_vectors(graph, {"x": inputs["x"][::-1]}, plan(), folder)
    assert {file.kind for file in report.wrong} == {"activation", "psum", "acc_out", "out"}
    assert all("--input" in file.problem.fix or "image 1" in file.problem.fix for file in report.wrong
               if file.problem and file.kind == "activation")


def test_a_folder_says_how_it_was_written(folder: Path, tmp_path: Path) -> None:
    graph, inputs = small_network()
    choice = recorded_choice(folder)
    assert choice is not None
    assert plan_vectors(graph, 2, choice) == read_vectors(folder).plan == plan()
    some = replace(ARRAY, layers=("head",), images=(1,), itiles=(0, 2))
    write_vectors(graph, inputs, plan_vectors(graph, 2, some), tmp_path / "some")
    again = recorded_choice(tmp_path / "some")
    assert plan_vectors(graph, 2, again) == plan_vectors(graph, 2, some)
    assert recorded_choice(tmp_path) is None
