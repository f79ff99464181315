"""Faults in the RTL: each mutant is built and run, must end with a non-zero exit code, and the place is named."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from systolic_support import WIDE, emitted

from bittrue.ir import Graph, GraphBuilder, IntArray, IntType, Rounding
from bittrue.ir.ops import Conv, Requant
from bittrue.targets.base import FILES, MANIFEST, SIMULATION
from bittrue.targets.systolic import TARGET, toolchain
from bittrue.targets.systolic.simulate import TOP

ARRAY = {"rows": 3, "cols": 2, **WIDE}

MUTANTS = {
    "ties go down instead of to even": ("output_stage", "half & (rest | quotient[0])", "half & rest"),
    "outputs wrap instead of saturate": ("output_stage", "rounded > 64'(hi) ? 64'(hi) : rounded", "rounded"),
    "activations without sign": ("systolic_array", "{act_signed & act[r][ACT_BITS-1], act[r]}", "{1'b0, act[r]}"),
    "rows in reverse order": ("systolic_array", "= weight_column[r];", "= weight_column[ROWS-1-r];"),
    "no input skew": ("systolic_array", "assign act_wire[r][0] = skewed[r];", "assign act_wire[r][0] = extended[r];"),
    "psums of the neighbouring address": ("systolic_core", ".read_addr(map_data)", ".read_addr(map_data ^ 1)"),
}
MORE_MUTANTS = {
    "half up never rounds up": ("output_stage", "HALF_UP:   up = half;", "HALF_UP:   up = 1'b0;"),
    "ties go towards zero instead of away": ("output_stage", "(rest | ~sloped[63])", "(rest | sloped[63])"),
    "no leaky slope": ("output_stage", "scaled * 64'(slope_multiplier)", "scaled"),
    "psums without sign": ("accumulator", "ACC_BITS'(signed'(psum[c]))", "ACC_BITS'(psum[c])"),
    "bias in every tile": ("accumulator", "first_tile ? bias[c] : kept[c]", "bias[c]"),
    "one cycle too many": ("systolic_core", "FLUSH      = 2 + OUT_DELAY", "FLUSH      = 3 + OUT_DELAY"),
    "floor rounds up": ("output_stage", "FLOOR:     up = 1'b0;", "FLOOR:     up = half;"),
    "slope without its shift": ("output_stage", "shift + 6'(slope_shift)", "shift"),
    "offset is left out": ("output_stage", " + 64'(offset)", ""),
    "logical instead of arithmetic shift": ("output_stage", "sloped >>> steps", "$signed($unsigned(sloped) >> steps)"),
    "lower clamp is left out": ("output_stage", "rounded < 64'(lo) ? 64'(lo) : ", ""),
    "weights without sign": ("pe", "PSUM_BITS'(weight)", "PSUM_BITS'(unsigned'(weight))"),
    "products of eight bits": ("pe", "PSUM_BITS'(act_in) * PSUM_BITS'(weight)",
                               "PSUM_BITS'(signed'(8'(act_in * weight)))"),
    "columns in reverse order": ("sequencer", "weight_addr <= weight_addr + 1'b1;",
                                 "weight_addr <= weight_addr ^ ADDR_BITS'(1);"),
    "deskew in the wrong direction": ("systolic_array", ".REVERSE(1'b1)", ".REVERSE(1'b0)"),
    "skew too short": ("skew", "REVERSE ? LANES - 1 - i : i;", "REVERSE ? LANES - 1 - i : i / 2;"),
    "drain too short": ("systolic_core", ".DRAIN(PSUM_DELAY)", ".DRAIN(PSUM_DELAY - 2)"),
    "psums written one too far": ("systolic_core", ".write_addr(psum_addr)", ".write_addr(psum_addr + 1'b1)"),
    "kernel positions of the old output": ("sequencer", "map_first    <= kij == '0;", "map_first    <= out == '0;"),
    "accumulators are not kept": ("accumulator", "first_tile ? bias[c] : kept[c]", "first_tile ? bias[c] : '0"),
    "accumulators of ten bits": ("accumulator", "base + ACC_BITS'(signed'(psum[c]))",
                                 "ACC_BITS'(signed'(10'(base + ACC_BITS'(signed'(psum[c])))))"),
}


def mutant_graph() -> tuple[Graph, dict[str, IntArray]]:
    """Every rounding mode on ties, leaky and linear slopes, both kinds of activations, several tiles, saturation."""
    builder = GraphBuilder("mutants")
    shape, pads, rng = (7, 4, 5), (1, 0, 0, 1), np.random.default_rng(0)
    inputs = {builder.input(f"x_{kind}5", shape, f"{kind}5"): rng.integers(low, low + 32, (1, *shape))
              for kind, low in (("i", -16), ("u", 0))}
    weights = builder.constant("w", rng.integers(-16, 16, (5, 7, 2, 3)), "i5")
    none = builder.constant("none", np.zeros((21, 7, 2, 3)), "i2")
    ramp = builder.constant("ramp", range(-10, 11), "i5")
    halves = [builder.constant(name, [value], "i2") for name, value in (("m1", 1), ("o1", 0), ("s1", 1))]
    scales = [builder.constant(f"{name}5", values, "i12") for name, values in
              (("m", [3, 7, 13, -5, 9]), ("o", [99, -500, 1000, 7, -1]), ("s", [7, 8, 9, 7, 6]))]
    outputs = []
    for i, rounding in enumerate(Rounding):
        conv = builder.add(f"conv{i}", Conv((1, 2), pads), list(inputs)[i % 2], weights)
        outputs.append(builder.add(f"q{i}", Requant(IntType(4, True), -7, 6, rounding, *((1, 0), (13, 8))[i // 2]),
                                   conv, *scales))
        conv = builder.add(f"conv_ties{i}", Conv((1, 2), pads), "x_u5", none, ramp)
        outputs.append(builder.add(f"q_ties{i}", Requant(IntType(4, True), -7, 7, rounding), conv, *halves))
    return builder.build(*outputs), inputs


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph, inputs = mutant_graph()
    return emitted(graph, inputs, tmp_path_factory.mktemp("sound") / "p", with_model=True, **ARRAY)


@pytest.fixture(scope="module")
def quick_builds(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Mutants are built without optimization, and not into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(toolchain, "CXX_FLAGS", tuple("-O0" if f == "-O1" else f for f in toolchain.CXX_FLAGS))
        yield


def mutated(sound: Path, folder: Path, *changes: tuple[str, str, str]) -> Path:
    project = Path(shutil.copytree(sound, folder / "p", copy_function=shutil.copyfile))
    for module, before, after in changes:
        path = project / "rtl" / f"{module}.sv"
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, after))
    return project


def assert_caught(project: Path) -> None:
    """By the hashes, by the contents, and by what it computes."""
    by_hash, by_content = (TARGET.verify(project, (check,)) for check in (MANIFEST, FILES))
    assert ".sv" in by_hash.problems[0].where
    assert ".sv, line" in by_content.problems[0].where
    report = TARGET.verify(project, (SIMULATION,))
    assert report.differences > 0
    assert report.first is not None
    assert report.first.layer.startswith("conv")
    assert {"image", "otile", "itile"} <= set(report.first.place)
    assert re.fullmatch(r"[01]+", report.first.expected)
    assert report.first.expected != report.first.got
    assert {problem.code for problem in report.problems} == {"BT5113", "BT5115"}


def test_the_unchanged_rtl_is_exact(sound: Path, quick_builds: None) -> None:
    report = TARGET.verify(sound)
    assert report.differences == 0
    assert report.compared > 5000


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_caught(sound: Path, tmp_path: Path, quick_builds: None, name: str) -> None:
    assert_caught(mutated(sound, tmp_path, MUTANTS[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE_MUTANTS)
def test_more_mutants_are_caught(sound: Path, tmp_path: Path, quick_builds: None, name: str) -> None:
    assert_caught(mutated(sound, tmp_path, MORE_MUTANTS[name]))


def test_the_program_itself_fails_and_names_the_place(sound: Path, tmp_path: Path, quick_builds: None) -> None:
    project = mutated(sound, tmp_path, MORE_MUTANTS["psums without sign"])
    graph, _ = mutant_graph()
    sources = {path.name: path.read_bytes() for path in (project / "rtl").glob("*.sv")}
    program = toolchain.build(sources, TOP, TARGET.plan(graph, ARRAY).geometry.parameters())
    done = subprocess.run([program, f"+project={project}", f"+results={tmp_path}"], capture_output=True, text=True)
    assert done.returncode not in (0, None)
    assert re.search(r"^MISMATCH kind=acc layer=00_conv0 image=0 otile=0 itile=\d+ kij=- position=\d+ column=\d "
                     r"expected=[01]{32} got=[01]{32} file=layers/\S+$", done.stdout, re.MULTILINE)


def test_a_test_bench_that_does_not_compare_is_not_believed(sound: Path, tmp_path: Path, quick_builds: None) -> None:
    """The oracle's values are compared apart from the test bench."""
    wrapping = MUTANTS["outputs wrap instead of saturate"]
    project = mutated(sound, tmp_path, ("tb", "        mismatches++;\n", ""), wrapping)
    report = TARGET.verify(project, (SIMULATION,))
    assert {problem.code for problem in report.problems} == {"BT5115"}
    assert report.first is not None
    assert report.first.kind == "out"
    assert {"channel", "row", "column"} <= set(report.first.place)


def test_a_core_that_hangs_is_stopped(sound: Path, tmp_path: Path, quick_builds: None) -> None:
    change = ("sequencer", "FLUSH_OUTPUTS: if (state_ends) state <= IDLE;", "FLUSH_OUTPUTS: ;")
    project = mutated(sound, tmp_path, change)
    report = TARGET.verify(project, (SIMULATION,))
    assert [problem.code for problem in report.problems] == ["BT5123"]
    assert "does not finish" in report.problems[0].why


def test_rtl_that_is_no_verilog_is_named(sound: Path, tmp_path: Path) -> None:
    project = mutated(sound, tmp_path, ("pe", "    logic signed [WEIGHT_BITS-1:0] weight;\n", "    lugic weight;\n"))
    report = TARGET.verify(project, (SIMULATION,))
    assert [problem.code for problem in report.problems] == ["BT5122"]
    assert report.problems[0].where.startswith("rtl/pe.sv, line ")
