"""`bittrue systolic vectors` and `bittrue systolic view` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from course_flow import course_network, write_course
from systolic_support import small_network
from typer.testing import CliRunner, Result

from bittrue.cli import app
from bittrue.ir.onnx import save
from bittrue.targets.systolic.vectors.kinds import STAGE_FIELDS


def run(*words: str | Path) -> Result:
    result = CliRunner().invoke(app, ["systolic", *(str(word) for word in words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, its samples, and the vectors of both in `v`."""
    graph, inputs = small_network()
    save(graph, tmp_path / "model.onnx")
    np.save(tmp_path / "x.npy", inputs["x"])
    monkeypatch.chdir(tmp_path)
    assert run("vectors", "model.onnx", "-i", "x.npy", "-o", "v", "--rows", "2", "--cols", "4").exit_code == 0
    return tmp_path


PSUM = "v/layers/00_conv/image0/psum_itile0_otile1.txt"


@pytest.mark.parametrize("name", ["vectors", "view"])
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = run(name, "--help")
    assert "Example" in result.output
    assert f"bittrue systolic {name}" in result.output


def test_write_and_check(work: Path) -> None:
    told = json.loads(run("vectors", "model.onnx", "-i", "x.npy", "-o", "w", "--like", "course", "--layer", "conv",
                          "--image", "1", "--otile", "0", "--json").stdout)
    texts = {path.relative_to("w").as_posix() for path in Path("w").rglob("*.txt")}
    assert set(told["files"]) == {"vectors.json", *texts}
    assert all(name.startswith("00_conv/image1/") for name in told["files"] if name.endswith(".txt"))
    for folder in ("v", "w"):  # layers, samples, template and size of the array are taken from the folder
        result = run("vectors", "model.onnx", "-i", "x.npy", "--check", folder)
        assert result.exit_code == 0
        assert " 0 differences, 0 of " in result.output
    result = run("vectors", "model.onnx", "-n", "2", "--check", "v", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["differences"] > 0
    assert told["wrong"][0]["first"]["place"]["image"] == 0


def test_a_certificate_that_does_not_hold_is_refused(work: Path) -> None:
    Path("model.cert.json").write_text("{}")
    result = run("vectors", "model.onnx", "-o", "w")
    assert (result.exit_code, Path("w").exists()) == (1, False)
    assert "BT311" in result.output


def test_check_of_files_that_another_flow_wrote(tmp_path: Path) -> None:
    graph, inputs = course_network()
    save(graph, tmp_path / "model.onnx")
    np.save(tmp_path / "x.npy", inputs["x"])
    command = ("vectors", tmp_path / "model.onnx", "-i", tmp_path / "x.npy", "--like", "course", "--rows", "4",
               "--cols", "4", "--check")
    assert run(*command, write_course(tmp_path / "good", graph, inputs)).exit_code == 0
    result = run(*command, write_course(tmp_path / "bad", graph, inputs, mistake="transposed"))
    assert result.exit_code == 1
    assert "BT5139 00_conv/image0/weight_itile0_otile0_kij0.txt, line 4, field row" in result.output
    assert "layer conv, weight, otile 0, itile 0, kij 0, column 0, out_channel 0, in_channel" in result.output
    assert "fix: every tile is transposed" in result.output
    assert "and 62 more files (--json lists all)" in result.output


def test_view_tells_what_lines_and_fields_mean(work: Path) -> None:
    shown = run("view", PSUM, "--lines", "9:11").output.splitlines()
    assert shown[0] == f"{PSUM}: psum, 180 lines of 4 fields i16 (vectors.json)"
    assert shown[1].split() == ["line", "kij", "time", "y", "x", "col3", "col2", "col1", "col0"]
    assert [line.split()[:5] for line in shown[2:]] == [["9", "0", "5", "1", "0"], ["10", "0", "6", "1", "1"],
                                                       ["11", "0", "7", "1", "2"]]
    told = json.loads(run("view", PSUM, "--json", "--lines", "34:").stdout)
    assert (told["kind"], told["types"], told["fields"]) == ("psum", ["i16"], ["col3", "col2", "col1", "col0"])
    assert len(told["lines"]) == 150
    assert {key: told["lines"][0][key] for key in ("line", "kij", "time")} == {"line": 34, "kij": 1, "time": 0}
    text = Path(PSUM).read_text().splitlines()[33]
    numbers = [int(text[i:i + 16], 2) for i in range(0, 64, 16)]
    assert told["lines"][0]["values"] == [n - (n >> 15 << 16) for n in numbers]


def test_view_of_the_other_kinds(work: Path) -> None:
    shown = run("view", "v/layers/00_conv/stage_otile0.txt").output.splitlines()
    assert shown[1].split() == ["line", "col", *STAGE_FIELDS]
    assert shown[2].split()[6:] == ["13", "8", "1", "-8", "7"]
    shown = run("view", "v/layers/00_conv/weight_itile0_otile0_kij0.txt").output.splitlines()
    assert shown[1].split() == ["line", "col", "row1", "row0"]
    shown = run("view", "v/layers/00_conv/acc.txt", "--lines", "4").output.splitlines()
    assert shown[1].split() == ["line", "out", "kij", "y", "x", "address"]
    assert len(shown) == 3


def test_view_of_a_file_without_its_folder(work: Path) -> None:
    """Kind, width and lanes come from name and comment lines; the sign is assumed unless it is said."""
    Path("alone").mkdir()
    for path in (PSUM, "v/layers/00_conv/image0/activation_tile0.txt", "v/layers/00_conv/acc.txt"):
        Path("alone", Path(path).name).write_bytes(Path(path).read_bytes())
    shown = run("view", "alone/psum_itile0_otile1.txt").output.splitlines()
    assert shown[0].endswith("psum, 180 lines of 4 fields i16 (template bittrue, sign assumed)")
    assert run("view", "alone/activation_tile0.txt").output.splitlines()[0].endswith(
        "activation, 30 lines of 2 fields u4 (template bittrue, sign assumed)")
    assert "2 fields i4 (template bittrue)" in run("view", "alone/activation_tile0.txt", "--signed").output
    assert "1 fields u11" in run("view", "alone/acc.txt").output
    run("vectors", "model.onnx", "-o", "w", "--like", "course", "--layer", "conv", "-n", "1", "--rows", "2")
    course = Path("alone/psum.txt")
    course.write_bytes(Path("w/00_conv/image0/psum.txt").read_bytes())
    assert "8 fields i16 (template course, sign assumed)" in run("view", course).output
    course.rename("alone/other.mem")
    shown = run("view", "alone/other.mem", "--bits", "16", "--signed").output
    assert "unknown, 360 lines of 8 fields i16 (options)" in shown


def test_view_prints_long_files_in_part(work: Path) -> None:
    Path("long.mem").write_text("0101\n" * 1234)
    shown = run("view", "long.mem", "--bits", "2", "--unsigned").output.splitlines()
    assert shown[0] == "long.mem: unknown, 1234 lines of 2 fields u2 (options)"
    assert shown[1].split() == ["line", "field1", "field0"]
    assert shown[-1] == "... 234 more; --lines A:B shows them"
    assert len(shown) == 1003


BAD: dict[str, tuple[tuple[str, ...], int, str]] = {
    "neither folder": (("vectors", "model.onnx"), 2, "BT6002"),
    "both folders": (("vectors", "model.onnx", "-o", "a", "--check", "b"), 2, "BT6002"),
    "two templates": (("vectors", "model.onnx", "-o", "a", "--like", "course", "--template", "t.toml"), 2, "BT6002"),
    "no template": (("vectors", "model.onnx", "-o", "a", "--template", "t.toml"), 2, "BT5130"),
    "unknown template": (("vectors", "model.onnx", "-o", "a", "--like", "curse"), 2, "BT5131"),
    "unknown layer": (("vectors", "model.onnx", "-o", "a", "--layer", "fc"), 2, "use one of conv, head"),
    "unknown sample": (("vectors", "model.onnx", "-o", "a", "-n", "2", "--image", "2"), 2, "BT5132"),
    "no array": (("vectors", "model.onnx", "-o", "a", "--rows", "0"), 2, "BT5133"),
    "activations too wide": (("vectors", "model.onnx", "-o", "a", "--like", "course-2bit"), 2, "BT5111"),
    "no folder to check": (("vectors", "model.onnx", "--check", "a"), 2, "BT5138"),
    "no model": (("vectors", "x.npy", "-o", "a"), 2, "BT1102"),
    "no file": (("view", "a.txt"), 2, "BT5137"),
    "width unknown": (("view", "x.mem"), 2, "--bits N"),
    "width wrong": (("view", "x.mem", "--bits", "5"), 2, "not a multiple of 5 bits"),
    "malformed": (("view", "odd.mem", "--bits", "4"), 2, "BT5110"),
    "no lines": (("view", "x.mem", "--bits", "4", "--lines", "3-4"), 2, "BT6002"),
    "empty range": (("view", "x.mem", "--bits", "4", "--lines", ""), 2, "BT6002"),
    "empty file": (("view", "empty.mem", "--bits", "4"), 2, "BT5137"),
    "stages alone": (("view", "stage_otile0.txt"), 2, "vectors.json"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_can_be_typed_wrong_is_a_diagnostic(case: str, work: Path) -> None:
    Path("x.mem").write_text("01010101\n")
    Path("odd.mem").write_text("01010101\n0101x101\n")
    Path("empty.mem").write_text("")
    Path("stage_otile0.txt").write_text("01\n")
    words, code, text = BAD[case]
    before = set(work.rglob("*"))
    result = run(*words)
    assert result.exit_code == code
    assert text in " ".join(result.output.split())
    assert "fix:" in result.output
    assert set(work.rglob("*")) == before, "something half-written was left behind"
