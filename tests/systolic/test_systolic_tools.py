"""Verilator and the compiler: lint, the cache, what is missing; projects without what they need."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from systolic_support import emitted, linear_graph, small_network

from bittrue.errors import BadInput, ToolMissing
from bittrue.targets.base import FILES, MANIFEST, SIMULATION
from bittrue.targets.systolic import TARGET, toolchain

RTL = sorted(Path(str(files("bittrue.targets.systolic"))).joinpath("rtl").glob("*.sv"))
COUNTER = {"tb.sv": b"""module tb #(parameter int N = 1);
  initial begin
    $display("N=%0d", N);
    $finish;
  end
endmodule
"""}


@pytest.mark.parametrize("top", ["systolic_core", "tb"])
@pytest.mark.parametrize("parameters", [
    {}, {"OVERLAPPED": 0}, {"SUBWORD": 1}, {"SUBWORD": 1, "OVERLAPPED": 0, "ROWS": 3, "COLS": 7, "LOAD_LANES": 2},
    {"ROWS": 1, "COLS": 1, "ACT_BITS": 1, "WEIGHT_BITS": 1, "PSUM_BITS": 2},
    {"ROWS": 16, "COLS": 3, "LOAD_LANES": 3, "ACT_DEPTH": 5000},
    {"ACT_BITS": 16, "WEIGHT_BITS": 16, "PSUM_BITS": 48, "ACC_BITS": 48, "MUL_BITS": 48, "OUT_BITS": 32},
], ids=str)
def test_rtl_is_free_of_warnings(top: str, parameters: dict[str, int]) -> None:
    sources = [path for path in RTL if top == "tb" or path.stem != "tb"]
    assert len(sources) >= 16
    assert toolchain.lint(sources, top, parameters) == ""


def test_lint_does_complain(tmp_path: Path) -> None:
    source = tmp_path / "m.sv"
    source.write_text("module m (input logic [3:0] a, output logic [2:0] b);\n  assign b = a;\nendmodule\n")
    assert "WIDTH" in toolchain.lint([source], "m", {})


def test_one_module_per_file() -> None:
    for path in RTL:
        lines = path.read_text().splitlines()
        assert [line.split()[1].strip(";") for line in lines if line.startswith(("module ", "package "))] == [path.stem]
        assert lines[0].startswith("// ")


@pytest.mark.slow
def test_programs_are_built_once_and_completely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(toolchain, "CXX_FLAGS", tuple("-O0" if f == "-O1" else f for f in toolchain.CXX_FLAGS))
    first = toolchain.build(COUNTER, "tb", {"N": 3})
    built = first.stat().st_mtime_ns
    assert toolchain.build(COUNTER, "tb", {"N": 3}) == first
    assert first.stat().st_mtime_ns == built
    assert toolchain.build(COUNTER, "tb", {"N": 4}) != first
    folders = sorted((tmp_path / "bittrue" / "verilator").iterdir())
    assert len(folders) == 3  # two programs and the run-time library
    assert not any(folder.name.startswith(".new") for folder in folders)
    assert [path.name for path in first.parent.iterdir()] == ["simulation"]


def test_refused_sources_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BadInput, match="BT5122") as caught:
        toolchain.build({"tb.sv": b"module tb;\n  wrong wrong wrong\nendmodule\n"}, "tb", {})
    assert caught.value.diagnostics[0].where.startswith("rtl/tb.sv, line ")
    assert list((tmp_path / "bittrue" / "verilator").iterdir()) == []


def test_missing_verilator_is_a_diagnostic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, inputs = small_network()
    project = emitted(graph, inputs, tmp_path / "p")
    monkeypatch.setattr(toolchain, "find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match=r"BT5120.*not installed") as caught:
        TARGET.verify(project, graph=graph)
    assert caught.value.exit_code == 4
    assert "pip install" in caught.value.diagnostics[0].fix
    assert TARGET.verify(project, (MANIFEST, FILES), graph).differences == 0


def test_missing_compiler_is_a_diagnostic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, inputs = small_network()
    project = emitted(graph, inputs, tmp_path / "p")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolMissing, match="BT5121"):
        TARGET.simulate(project, graph)


def test_a_compiler_that_does_not_work_is_a_diagnostic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(ToolMissing, match="BT5121"):
        toolchain.build(COUNTER, "tb", {"N": 1})


def test_a_project_without_model_needs_the_graph(tmp_path: Path) -> None:
    graph, inputs = linear_graph()
    project = emitted(graph, inputs, tmp_path / "p")
    for check in (FILES, SIMULATION):
        with pytest.raises(BadInput, match="BT5009"):
            TARGET.verify(project, (check,))
    assert TARGET.verify(project, (MANIFEST,)).differences == 0


def test_what_is_no_project_and_what_is_no_check(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="BT5005"):
        TARGET.verify(tmp_path)
    with pytest.raises(BadInput, match="BT5116"):
        TARGET.verify(tmp_path, ("everything",))
    with pytest.raises(BadInput, match="BT5010"):
        TARGET.simulate(tmp_path)


def test_another_graph_than_the_projects_is_noticed(tmp_path: Path) -> None:
    graph, inputs = small_network()
    project = emitted(graph, inputs, tmp_path / "p")
    other, _ = linear_graph()
    report = TARGET.verify(project, (FILES,), other)
    assert report.differences > 0


def test_the_report_as_json(tmp_path: Path) -> None:
    graph, inputs = small_network()
    report = TARGET.verify(emitted(graph, inputs, tmp_path / "p", with_model=True)).to_json()
    assert report["differences"] == 0
    assert set(report["checks"]) == {"manifest", "files", "simulation"}
    assert [layer["name"] for layer in report["layers"]] == ["conv", "head"]
    assert report["compared"] > sum(sum(layer["compared"].values()) for layer in report["layers"])
