"""Templates: what one may declare, and everything that can be declared wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from systolic_support import small_network

from bittrue.errors import BadInput
from bittrue.targets.systolic.vectors import BUILT_IN, Choice, built_in, plan_vectors, read_template, write_vectors
from bittrue.targets.systolic.vectors.template import parse_template

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OWN = """
like = "course"
folder = ""
separator = "_"
header = ["// {layer}: {line0}"]

[activation]
file = "x_{ic:02d}_{image:03d}.mem"
lanes = "low-first"
bits = 6
header = []

[psum]
file = "p.mem"
lines = ["image", "nij", "kij", "oc", "ic"]
min_bits = 20
bits = 24

[weight]
file = "w.mem"
lines = ["col", "kij", "oc", "ic"]

[out]
write = false
"""


def text_of(folder: Path, name: str) -> list[str]:
    return (folder / name).read_text().splitlines()


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    graph, inputs = small_network()
    choice = Choice(read_template(tmp_path / "own.toml"), rows=2, cols=4, layers=("conv",))
    write_vectors(graph, inputs, plan_vectors(graph, 2, choice), tmp_path / "v")
    assert {path.name for path in (tmp_path / "v").iterdir()} == {
        *(f"x_{ic:02d}_{image:03d}.mem" for ic in range(2) for image in range(2)), "p.mem", "w.mem", "acc.txt",
        "vectors.json", "manifest.json"}
    pixel = inputs["x"][1, :2, 0, 0]  # one row of padding, five columns: position 5 is the first pixel
    assert text_of(tmp_path / "v", "x_00_001.mem")[5] == f"{pixel[0]:06b}_{pixel[1]:06b}"
    psums = text_of(tmp_path / "v", "p.mem")
    assert psums[0] == "// 00_conv: time0col3[msb-lsb],time0col2[msb-lsb],time0col1[msb-lsb],time0col0[msb-lsb]"
    assert len(psums) == 1 + 2 * 30 * 6 * 2 * 2
    assert all(len(line) == 4 * 24 + 3 for line in psums[1:])
    weights = text_of(tmp_path / "v", "w.mem")[1:]
    w = graph.constants["w"].values
    digits = [format(int(v) & 15, "04b") for v in (w[4, 1, 0, 1], w[4, 0, 0, 1])]
    assert weights[0 * 24 + 1 * 4 + 1 * 2 + 0] == "_".join(digits)  # column 0, kij 1, otile 1, itile 0


def test_the_example_of_the_documentation_is_a_template() -> None:
    page = (Path(__file__).parents[2] / "docs/vectors.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    template = parse_template("docs", tomllib.loads(example))
    assert set(template.styles) == {"activation", "weight", "psum", "out"}
    plan = plan_vectors(small_network()[0], 2, Choice(template))
    assert {"00_conv/x_001_00.mem", "00_conv/psum_0.mem", "00_conv/out.txt"} <= {file.path for file in plan.files}


def test_built_in_templates_survive_their_own_record() -> None:
    for name in BUILT_IN:
        template = built_in(name)
        assert parse_template(name, template.source) == template


def test_widths_come_from_the_tensors_unless_the_template_fixes_them() -> None:
    graph, _ = small_network()
    def bits(template: str) -> dict[str, int]:
        plan = plan_vectors(graph, 1, Choice(built_in(template), layers=("conv",)))
        return {file.kind.name: file.text.fields[-1].elem.bits for file in plan.files if file.kind.lane}
    assert bits("bittrue") == {"activation": 4, "weight": 4, "psum": 16, "acc_out": 32, "out": 16, "acc": 11}
    assert bits("course-2bit") == {"activation": 2, "weight": 4, "psum": 16, "out": 16}


WRONG: dict[str, tuple[str, str, str]] = {
    "unknown kind": ("[psums]\nfile = 'p.txt'", "psums", "neither a kind"),
    "kind is no table": ("psum = 3", "psum", "neither a kind"),
    "nothing declared": ("folder = 'x'", "template", "declares no kind"),
    "no name": ("[psum]\nbits = 3", "[psum] file", "has no name"),
    "unknown entry": ("[psum]\nfile = 'p{image}{oc}{ic}{kij}.txt'\nwidth = 3", "[psum] width", "no such entry"),
    "no bits": ("[acc]\nfile = 'a.txt'\nbits = 0", "[acc] bits", "1 to 63"),
    "bits is true": ("[acc]\nfile = 'a.txt'\nbits = true", "[acc] bits", "1 to 63"),
    "other lanes": ("[out]\nfile = 'o.txt'\nlanes = 'big'", "[out] lanes", "'high-first' or 'low-first'"),
    "separator of digits": ("separator = '0'\n[out]\nfile = 'o.txt'", "[out] separator", "without 0 and 1"),
    "separator of lines": ("[out]\nfile = 'o.txt'\nseparator = \"\\n\"", "[out] separator", "printable"),
    "header is a text": ("[out]\nfile = 'o.txt'\nheader = '#'", "[out] header", "a list of lines"),
    "header of two lines": ("[out]\nfile = 'o.txt'\nheader = [\"a\\nb\"]", "[out] header", "a list of lines"),
    "unknown placeholder": ("[out]\nfile = 'o.txt'\nheader = ['{image}']", "[out] header", "{image} is unknown"),
    "open brace": ("[out]\nfile = 'o.txt'\nheader = ['{layer']", "[out] header", "brace"),
    "attribute": ("[out]\nfile = 'o.txt'\nheader = ['{layer.x}']", "[out] header", "unknown"),
    "name is a number": ("[out]\nfile = 3", "[out] file", "not a file name"),
    "absolute": ("[out]\nfile = '/tmp/o.txt'", "[out] file", "plain relative path"),
    "parent": ("folder = '..'\n[out]\nfile = 'o.txt'", "[out] file", "plain relative path"),
    "blank": ("[out]\nfile = 'o o.txt'", "[out] file", "plain relative path"),
    "folder is a number": ("folder = 3\n[out]\nfile = 'o.txt'", "folder", "no text"),
    "foreign dimension": ("[out]\nfile = 'o_{ic}.txt'", "[out] file", "does not vary over ic"),
    "digits of a layer": ("[out]\nfile = '{layer:02d}.txt'", "[out] file", "write {layer}"),
    "order without tile": ("[out]\nfile = 'o.txt'\nlines = ['out']", "[out] lines", "image, oc, out"),
    "order twice": ("[acc]\nfile = 'a.txt'\nlines = ['kij', 'kij', 'out']", "[acc] lines", "once each"),
    "order of numbers": ("[acc]\nfile = 'a.txt'\nlines = [1]", "[acc] lines", "a list of texts"),
    "bits of stages": ("[stage]\nfile = 's.txt'\nbits = 3", "[stage] bits", "nine fields"),
    "unknown base": ("like = 'curse'", "template 'curse'", "there is no such template"),
    "base is a number": ("like = 3", "template '3'", "there is no such template"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_entry_is_named(case: str) -> None:
    text, where, why = WRONG[case]
    with pytest.raises(BadInput, match="BT5131") as caught:
        parse_template("own.toml", tomllib.loads(text))
    assert any(where in d.where and why in d.why for d in caught.value.diagnostics), caught.value


def test_all_wrong_entries_are_named_at_once() -> None:
    table: dict[str, Any] = {"like": "course", "psum": {"bits": 99, "lanes": "up"}, "acc": {"file": "../a"}, "extra": 1}
    with pytest.raises(BadInput) as caught:
        parse_template("own.toml", table)
    assert len(caught.value.diagnostics) == 4


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"[psum", "no TOML"), (b"\xff\xfe", "no TOML")])
def test_a_file_that_is_no_template(content: bytes | None, why: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "own.toml").write_bytes(content)
    with pytest.raises(BadInput, match="BT5130") as caught:
        read_template(tmp_path / "own.toml")
    assert why in caught.value.diagnostics[0].why
